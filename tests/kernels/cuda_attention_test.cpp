// SPDX-License-Identifier: Apache-2.0
// The CUDA attention kernels against their reference on the CPU, on random inputs, run to run
// equal.
#include "kernels/attention_e4m3.h"
#include "kernels/block_sparse_attention.h"
#include "tests/kernels/attention_values.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

using Kernel = void (*)(const BlockSparseAttention&, CudaStream);

struct Shape {
    int heads, query_windows, key_windows;
    double density;
    float scale;           // of the queries: large ones make one key win
    bool opposed = false;  // every score is negative, most of them far below zero
};
constexpr Shape kShapes[] = {
    {1, 1, 1, 1.0, 1.0f},   // one list, perhaps empty
    {1, 2, 3, 0.5, 1.0f},   // some of a few
    {3, 5, 7, 0.5, 1.0f},   // odd counts
    {2, 9, 40, 0.3, 4.0f},  // lists longer than a warp reads at once
    {17, 2, 2, 0.5, 1.0f},  // many heads
    {1, 3, 9, 0.5, 2.0f, true},
};

// Relative L2 against the reference fed the same rounded inputs. In fp8 both round each weight to
// four bits, but relative to different maxima.
template <typename T>
constexpr double kTolerance = 1e-5;
template <>
constexpr double kTolerance<Float16> = 1e-3;
template <>
constexpr double kTolerance<BFloat16> = 5e-3;
template <>
constexpr double kTolerance<Float8E4M3> = 6e-2;

template <typename T>
std::vector<T> tokens(int windows, const Shape& shape, unsigned seed, float scale) {
    auto values = random_normal(size_t(windows) * kWindowTokens * shape.heads * kHeadDim, seed);
    for (float& value : values) {
        value = scale * (shape.opposed && seed != 3 ? std::abs(value) : value);
    }
    return to_type<T>(values);
}

template <typename T, typename Out>
void expect_reference(Kernel kernel, const Shape& shape) {
    const auto q = tokens<T>(shape.query_windows, shape, 1, shape.scale);
    const auto k = tokens<T>(shape.key_windows, shape, 2, shape.opposed ? -1.0f : 1.0f);
    const auto v = stored_values(tokens<T>(shape.key_windows, shape, 3, 1.0f), shape.heads);
    const RandomLists lists =
        random_lists(shape.heads * shape.query_windows, shape.key_windows, shape.density, 4);
    BlockSparseAttention params;
    params.heads = shape.heads;
    params.query_windows = shape.query_windows;
    params.key_windows = shape.key_windows;
    params.type = element_type_of<T>();
    params.out_type = element_type_of<Out>();
    params.q_scale = 0.5f;  // of fp8
    params.k_scale = 1.5f;
    params.v_scale = 0.25f;

    DeviceArray<T> device_q(q), device_k(k), device_v(v);
    DeviceArray<Out> out(q.size()), again(q.size());
    DeviceArray<int32_t> count(lists.count), index(lists.index), order(lists.count.size());
    params.q = device_q.get();
    params.k = device_k.get();
    params.v = device_v.get();
    params.block_count = count.get();
    params.block_index = index.get();
    params.out = out.get();
    kernel(params, nullptr);
    params.out = again.get();
    params.order = order.get();
    kernel(params, nullptr);
    const auto result = to_floats(out.download());
    ASSERT_EQ(result, to_floats(again.download())) << "with an order";

    std::vector<Out> expected = poisoned<Out>(q.size());
    params.q = q.data();
    params.k = k.data();
    params.v = v.data();
    params.out = expected.data();
    params.block_count = lists.count.data();
    params.block_index = lists.index.data();
    block_sparse_attention_cpu(params);
    bool all_empty = true;
    const size_t row = size_t(shape.heads) * kHeadDim;
    for (size_t i = 0; i < result.size(); ++i) {
        const size_t list = i % row / kHeadDim * shape.query_windows + i / row / kWindowTokens;
        if (lists.count[list] > 0) {
            all_empty = false;
        } else {
            ASSERT_EQ(result[i], 0.0f);
        }
    }
    if (!all_empty) {
        EXPECT_LT(relative_l2(result, to_floats(expected)), kTolerance<T>)
            << shape.heads << " heads, " << shape.query_windows << " by " << shape.key_windows;
    }
}

template <typename T, typename Out = T>
void expect_reference(Kernel kernel) {
    for (const Shape& shape : kShapes) expect_reference<T, Out>(kernel, shape);
}

TEST(CudaAttention, EqualsItsReference) {
    if (!have_gpu()) GTEST_SKIP() << "no GPU";
    expect_reference<float>(block_sparse_attention_cuda);
    expect_reference<Float16>(block_sparse_attention_cuda);
    expect_reference<BFloat16>(block_sparse_attention_cuda);
}

TEST(CudaAttention, EqualsItsReferenceOnOlderCards) {
    if (!have_gpu()) GTEST_SKIP() << "no GPU";
    expect_reference<Float16>(block_sparse_attention_sm80);
    expect_reference<BFloat16>(block_sparse_attention_sm80);
}

TEST(CudaAttention, EqualsItsReferenceInFp8) {
    if (!have_gpu() || !current_cuda_device().e4m3) GTEST_SKIP() << "no GPU that has e4m3";
    for (const Kernel kernel : {block_sparse_attention_cuda, block_sparse_attention_sm80}) {
        expect_reference<Float8E4M3, Float16>(kernel);
        expect_reference<Float8E4M3, BFloat16>(kernel);
    }
}

TEST(CudaAttention, StoresE4m3AsItsReferenceDoes) {
    if (!have_gpu()) GTEST_SKIP() << "no GPU";
    constexpr int kWindows = 3, kHeads = 5, kSize = kWindows * kWindowTokens * kHeads * kHeadDim;
    const auto values = to_type<BFloat16>(random_normal(size_t{3} * kSize, 1));
    const DeviceArray<BFloat16> in(values);
    DeviceArray<Float8E4M3> out(size_t{3} * kSize);
    auto expected = poisoned<Float8E4M3>(size_t{3} * kSize);
    AttentionE4m3 params;
    params.q_scale = 0.003f;  // the largest are beyond what e4m3 holds
    params.k_scale = 0.02f;
    params.v_scale = 0.04f;
    params.windows = kWindows;
    params.heads = kHeads;
    const auto run = [&](const BFloat16* from, Float8E4M3* to, bool device) {
        params.q = from;
        params.k = from + kSize;
        params.v = from + 2 * kSize;
        params.q_e4m3 = to;
        params.k_e4m3 = to + kSize;
        params.v_e4m3 = to + 2 * kSize;
        device ? attention_e4m3_cuda(params, nullptr) : attention_e4m3_cpu(params);
    };
    run(in.get(), out.get(), true);
    run(values.data(), expected.data(), false);
    EXPECT_EQ(to_floats(out.download()), to_floats(expected));
}

}  // namespace
}  // namespace flashvsr::kernels
