// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels between the q and k projections and attention, against their references on the
// CPU.
#include "kernels/attention_e4m3.h"
#include "kernels/norm.h"
#include "kernels/qk_prepare.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/draft_mask_case.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class CudaMaskTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_gpu()) GTEST_SKIP() << "no GPU";
    }
};
using Types = testing::Types<Float16, BFloat16>;
TYPED_TEST_SUITE(CudaMaskTest, Types);

template <typename T>
std::vector<uint16_t> bits_of(const std::vector<T>& values) {
    std::vector<uint16_t> bits;
    for (const T value : values) bits.push_back(value.bits);
    return bits;
}

// ---- q and k

template <typename T>
struct QkCase {
    QkCase(int windows, int dim, int stride)
        : windows(windows),
          dim(dim),
          stride(stride),
          qkv(to_type<T>(random_normal(rows() * stride, 1, 3.0f))),
          norm_q(to_type<T>(random_uniform(dim, 2, 0.5f, 1.5f))),
          norm_k(to_type<T>(random_uniform(dim, 3, 0.5f, 1.5f))),
          cos_sin(random_uniform(rows() * kHeadDim, 4, -1.0f, 1.0f)) {}

    size_t rows() const { return size_t(windows) * kWindowTokens; }

    int windows, dim, stride;
    std::vector<T> qkv, norm_q, norm_k;
    std::vector<float> cos_sin;
};

TYPED_TEST(CudaMaskTest, QkPrepareEqualsRmsNormRopeToTheLastBitAndItsReferencesMeans) {
    using T = TypeParam;
    for (const auto& c : {QkCase<T>(1, 128, 256), QkCase<T>(3, 384, 768), QkCase<T>(2, 768, 1544),
                          QkCase<T>(5, 1536, 4608), QkCase<T>(1, 2048, 4096)}) {
        DeviceArray<T> qkv(c.qkv), norm_q(c.norm_q), norm_k(c.norm_k);
        DeviceArray<float> cos_sin(c.cos_sin);
        DeviceArray<T> q(c.rows() * c.dim), k(c.rows() * c.dim), alone(c.rows() * c.dim);
        DeviceArray<T> q_mean(size_t(c.windows) * c.dim), k_mean(size_t(c.windows) * c.dim);
        QkPrepare params;
        params.qk = qkv.get();
        params.row_stride = c.stride;
        params.norm_q = norm_q.get();
        params.norm_k = norm_k.get();
        params.cos_sin = cos_sin.get();
        params.q = q.get();
        params.k = k.get();
        params.q_mean = q_mean.get();
        params.k_mean = k_mean.get();
        params.windows = c.windows;
        params.dim = c.dim;
        params.type = element_type_of<T>();
        qk_prepare_cuda(params, nullptr);

        auto reference_q = poisoned<T>(c.rows() * c.dim), reference_k = reference_q;
        auto reference_q_mean = poisoned<T>(size_t(c.windows) * c.dim),
             reference_k_mean = reference_q_mean;
        params.qk = c.qkv.data();
        params.norm_q = c.norm_q.data();
        params.norm_k = c.norm_k.data();
        params.cos_sin = c.cos_sin.data();
        params.q = reference_q.data();
        params.k = reference_k.data();
        params.q_mean = reference_q_mean.data();
        params.k_mean = reference_k_mean.data();
        qk_prepare_cpu(params);
        EXPECT_LT(relative_l2(to_floats(q_mean.download()), to_floats(reference_q_mean)), 2e-3);
        EXPECT_LT(relative_l2(to_floats(k_mean.download()), to_floats(reference_k_mean)), 2e-3);

        for (const bool is_k : {false, true}) {
            for (size_t row = 0; row < c.rows(); ++row) {
                RmsNormRope norm;
                norm.x = qkv.get() + row * c.stride + is_k * c.dim;
                norm.weight = is_k ? norm_k.get() : norm_q.get();
                norm.cos_sin = cos_sin.get() + row * kHeadDim;
                norm.y = alone.get() + row * c.dim;
                norm.rows = 1;
                norm.dim = c.dim;
                norm.type = element_type_of<T>();
                rms_norm_rope_cuda(norm, nullptr);
            }
            const auto result = (is_k ? k : q).download();
            EXPECT_EQ(bits_of(result), bits_of(alone.download())) << c.windows << " x " << c.dim;
            EXPECT_LT(relative_l2(to_floats(result), to_floats(is_k ? reference_k : reference_q)),
                      5e-4);
        }
    }
}

TYPED_TEST(CudaMaskTest, QkPrepareStoresInE4m3WhatFp8AttentionReads) {
    using T = TypeParam;
    if (!have_gpu()) GTEST_SKIP() << "no GPU";
    const QkCase<T> c(3, 1536, 3072);
    const size_t size = c.rows() * c.dim;
    DeviceArray<T> qk(c.qkv), norm_q(c.norm_q), norm_k(c.norm_k), rows(2 * size);
    DeviceArray<T> means(size_t{4} * c.windows * c.dim);
    DeviceArray<float> cos_sin(c.cos_sin);
    DeviceArray<Float8E4M3> stored(2 * size), expected(3 * size);
    QkPrepare params;
    params.qk = qk.get();
    params.row_stride = c.stride;
    params.norm_q = norm_q.get();
    params.norm_k = norm_k.get();
    params.cos_sin = cos_sin.get();
    params.windows = c.windows;
    params.dim = c.dim;
    params.type = element_type_of<T>();
    auto run = [&](auto* to, T* means) {
        params.q = to;
        params.k = to + size;
        params.q_mean = means;
        params.k_mean = means + size_t(c.windows) * c.dim;
        qk_prepare_cuda(params, nullptr);
    };
    run(rows.get(), means.get());
    params.q_scale = 0.003f;  // the largest are beyond what e4m3 holds
    params.k_scale = 0.02f;
    run(stored.get(), means.get() + size_t{2} * c.windows * c.dim);

    const T* q = rows.get();
    Float8E4M3* to = expected.get();
    attention_e4m3_cuda({q, q + size, q, to, to + size, to + 2 * size, params.q_scale,
                         params.k_scale, 1.0f, c.windows, c.dim / kHeadDim, params.type},
                        nullptr);
    auto wanted = to_floats(expected.download());
    wanted.resize(2 * size);
    EXPECT_EQ(to_floats(stored.download()), wanted);
    const auto all = to_floats(means.download());
    EXPECT_TRUE(std::equal(all.begin(), all.begin() + all.size() / 2, all.begin() + all.size() / 2))
        << "the means depend on how the rows are stored";
}

// ---- draft mask

template <typename T>
DraftMaskResult draft_on_gpu(const DraftMaskShape& shape, const DraftMaskMeans<T>& means,
                             const std::vector<uint8_t>& local_mask, bool probe) {
    DeviceArray<T> q(means.q), k(means.k);
    DeviceArray<uint8_t> device_allowed(local_mask), mask(shape.pairs());
    DeviceArray<int32_t> count(size_t(shape.heads) * shape.queries()), index(shape.pairs());
    DeviceArray<float> weight(shape.pairs()), threshold(size_t(shape.heads) * shape.query_slices);
    DraftMask params = draft_mask_of(shape, element_type_of<T>());
    if (!probe) params.most_allowed = shape.range * shape.range;
    DeviceArray<uint8_t> workspace(draft_mask_workspace(params));
    params.q_mean = q.get();
    params.k_mean = k.get();
    params.local_mask = reinterpret_cast<const bool*>(device_allowed.get());
    params.block_count = count.get();
    params.block_index = index.get();
    params.workspace = workspace.get();
    if (probe) {
        params.weight = weight.get();
        params.threshold = threshold.get();
        params.mask = reinterpret_cast<bool*>(mask.get());
    }
    draft_mask_cuda(params, nullptr);
    DraftMaskResult result(shape);
    result.count = count.download();
    result.index = index.download();
    result.weight = weight.download();
    result.threshold = threshold.download();
    result.mask = mask.download();
    return result;
}

TYPED_TEST(CudaMaskTest, DraftMaskWeighsAsItsReferenceAndSelectsExactly) {
    using T = TypeParam;
    for (const DraftMaskShape& shape : kDraftMaskShapes) {
        const auto local_mask = local_windows(shape);
        // Random products may round to the other neighbour; integers are exact.
        for (const bool integers : {true, false}) {
            const auto means = integers ? integer_means<T>(shape, 5) : random_means<T>(shape, 7);
            const DraftMaskResult reference = draft_on_cpu(shape, means, local_mask);
            const DraftMaskResult result = draft_on_gpu(shape, means, local_mask, true);
            expect_exact_selection(shape, result);
            if (shape.range > 0) {
                EXPECT_LT(relative_l2(result.weight, reference.weight), integers ? 1e-6 : 2e-4)
                    << shape.name();
            }
            const DraftMaskResult lists = draft_on_gpu(shape, means, local_mask, false);
            EXPECT_EQ(lists.count, result.count) << shape.name();
            EXPECT_EQ(lists.index, result.index) << shape.name();
        }
    }
}

// More weights than shared memory holds unless only the local ones are kept: 17 x 30 windows, as of
// 2176 x 3840; and more queries than it holds: 56 x 56, of 7168 x 7168.
TYPED_TEST(CudaMaskTest, DraftMaskOfALargePictureSelectsExactly) {
    using T = TypeParam;
    for (const DraftMaskShape& shape :
         {DraftMaskShape{2, 17, 30, 1, 4, 11, 61199}, DraftMaskShape{1, 56, 56, 1, 1, 11, 99999}}) {
        ASSERT_GT(draft_mask_workspace(draft_mask_of(shape, element_type_of<T>())), 0u);
        const auto local_mask = local_windows(shape);
        const auto means = random_means<T>(shape, 9);
        const DraftMaskResult result = draft_on_gpu(shape, means, local_mask, true);
        expect_exact_selection(shape, result);
        const DraftMaskResult lists = draft_on_gpu(shape, means, local_mask, false);
        EXPECT_EQ(lists.count, result.count);
        EXPECT_EQ(lists.index, result.index);
    }
}

TYPED_TEST(CudaMaskTest, DraftMaskDropsTiesEvenIfNothingStays) {
    using T = TypeParam;
    const DraftMaskShape shape{2, 3, 3, 1, 3, 11, 20};
    const size_t dim = size_t(shape.heads) * kHeadDim;
    const DraftMaskMeans<T> means{to_type<T>(std::vector<float>(shape.queries() * dim, 1.0f)),
                                  to_type<T>(std::vector<float>(shape.keys() * dim, 1.0f))};
    const DraftMaskResult result = draft_on_gpu(shape, means, local_windows(shape), true);
    expect_exact_selection(shape, result);
    EXPECT_EQ(result.count, std::vector<int32_t>(result.count.size(), 0));
}

}  // namespace
}  // namespace flashvsr::kernels
