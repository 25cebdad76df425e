// SPDX-License-Identifier: Apache-2.0
// Every CUDA kernel against its reference on the CPU, on random inputs, run to run equal.
#include <memory>
#include <utility>
#include <vector>

#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "kernels/matmul.h"
#include "kernels/noise.h"
#include "kernels/norm.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

bool operator==(Float16 a, Float16 b) { return a.bits == b.bits; }
bool operator==(BFloat16 a, BFloat16 b) { return a.bits == b.bits; }

namespace {

class CudaTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_gpu()) GTEST_SKIP() << "no GPU";
    }
};

template <typename T>
class TypedCudaTest : public CudaTest {};
using ElementTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(TypedCudaTest, ElementTypes);

// ---- block lists

TEST_F(CudaTest, BlockListEqualsItsReference) {
    for (const int columns : {1, 31, 32, 33, 264, 1000}) {
        const int rows = 37;
        const RandomLists lists = random_lists(rows, columns, 0.4, columns);
        std::vector<uint8_t> mask(size_t(rows) * columns, 0);
        for (int row = 0; row < rows; ++row) {
            for (int i = 0; i < lists.count[row]; ++i) {
                mask[size_t(row) * columns + lists.index[size_t(row) * columns + i]] = 1;
            }
        }
        DeviceArray<uint8_t> device_mask(mask);
        DeviceArray<int32_t> count(rows), index(size_t(rows) * columns);
        BlockList params;
        params.mask = reinterpret_cast<const bool*>(device_mask.get());
        params.block_count = count.get();
        params.block_index = index.get();
        params.rows = rows;
        params.columns = columns;
        block_list_cuda(params, nullptr);
        ASSERT_EQ(count.download(), lists.count);
        const auto result = index.download();
        for (int row = 0; row < rows; ++row) {
            for (int i = 0; i < columns; ++i) {
                const size_t at = size_t(row) * columns + i;
                ASSERT_EQ(result[at], i < lists.count[row] ? lists.index[at] : -1);
            }
        }
    }
}

// ---- linear layers

struct MatmulShape {
    int rows, in, out;
    MatmulEpilogue epilogue;
};
constexpr MatmulShape kMatmulShapes[] = {{1, 16, 16, MatmulEpilogue::kBias},
                                         {77, 256, 64, MatmulEpilogue::kBias},
                                         {128, 512, 768, MatmulEpilogue::kGelu},
                                         {131, 768, 256, MatmulEpilogue::kAdd}};

// A matrix on the GPU, aligned no better than matmul_cuda asks for.
template <typename T>
class BarelyAligned {
  public:
    explicit BarelyAligned(std::vector<T> values) : array_(pad(std::move(values))) {}
    T* get() const { return array_.get() + kPadding; }
    std::vector<T> download() const {
        const std::vector<T> all = array_.download();
        return {all.begin() + kPadding, all.end()};
    }

  private:
    static constexpr size_t kPadding = kMatmulAlignment / sizeof(T);
    static std::vector<T> pad(std::vector<T> values) {
        values.insert(values.begin(), kPadding, T{});
        return values;
    }

    DeviceArray<T> array_;
};

// X: of x and weight; B: of bias; Y: of y. The sum's order tips a rounding now and then, and what
// is added to y is rounded once more.
template <typename X, typename B, typename Y>
void expect_matmul_like_reference(const MatmulShape& shape, double tolerance) {
    constexpr bool kSmallIn = sizeof(X) == 1, kSmallOut = sizeof(Y) == 1;
    const float scales[] = {1.0f / 8, 1.0f / 64, 16.0f};
    const DeviceArray<float> device_scales[] = {DeviceArray<float>(std::vector<float>{scales[0]}),
                                                DeviceArray<float>(std::vector<float>{scales[1]}),
                                                DeviceArray<float>(std::vector<float>{scales[2]})};
    const auto x = to_type<X>(random_normal(size_t(shape.rows) * shape.in, 1, kSmallIn ? 8 : 1));
    const auto weight = to_type<X>(
        random_normal(size_t(shape.out) * shape.in, 2, (kSmallIn ? 64 : 1) / std::sqrt(shape.in)));
    const auto bias = to_type<B>(random_normal(shape.out, 3));
    const size_t size = size_t(shape.rows) * shape.out;
    std::vector<Y> expected = shape.epilogue == MatmulEpilogue::kAdd
                                  ? to_type<Y>(random_normal(size, 4))
                                  : poisoned<Y>(size);
    const BarelyAligned<X> device_x(x), device_weight(weight);
    const BarelyAligned<B> device_bias(bias);
    const BarelyAligned<Y> y(expected);
    Matmul params;
    params.rows = shape.rows;
    params.in = shape.in;
    params.out = shape.out;
    params.epilogue = shape.epilogue;
    params.type = element_type_of<B>();
    auto use = [&](const void* x, const void* weight, const void* bias, void* y) {
        params.x = x;
        params.weight = weight;
        params.bias = bias;
        params.y = y;
    };
    auto use_scales = [&](const float* x, const float* weight, const float* y) {
        params.x_scale = kSmallIn ? x : nullptr;
        params.weight_scale = kSmallIn ? weight : nullptr;
        params.y_scale = kSmallOut ? y : nullptr;
    };
    use(device_x.get(), device_weight.get(), device_bias.get(), y.get());
    use_scales(device_scales[0].get(), device_scales[1].get(), device_scales[2].get());
    matmul_cuda(params, nullptr);
    use(x.data(), weight.data(), bias.data(), expected.data());
    use_scales(&scales[0], &scales[1], &scales[2]);
    matmul_cpu(params);
    if (shape.epilogue == MatmulEpilogue::kAdd) tolerance = 4e-3;
    EXPECT_LT(relative_l2(to_floats(y.download()), to_floats(expected)), tolerance)
        << shape.rows << " rows, " << shape.in << " to " << shape.out;
}

TYPED_TEST(TypedCudaTest, MatmulEqualsItsReference) {
    using T = TypeParam;
    if constexpr (sizeof(T) == 2) {
        for (const MatmulShape& shape : kMatmulShapes) {
            expect_matmul_like_reference<T, T, T>(shape, 1e-3);
            expect_matmul_like_reference<Float8E4M3, T, T>(shape, 2e-3);
            if (shape.epilogue != MatmulEpilogue::kAdd)
                expect_matmul_like_reference<Float8E4M3, T, Float8E4M3>(shape, 1e-2);
        }
    }
}

// ---- norms and noise

// A statistic that differs in its last bit tips a rounding now and then.
template <typename T>
constexpr double kNormTolerance = sizeof(T) == 4 ? 1e-6 : 5e-4;

TYPED_TEST(TypedCudaTest, LayerNormEqualsItsReference) {
    using T = TypeParam;
    for (const int dim : {8, 256, 264, 1536, 8192}) {
        const int rows = 19;
        const auto x = to_type<T>(random_normal(size_t(rows) * dim, 1, 3.0f));
        const auto scale = to_type<T>(random_uniform(dim, 2, 0.5f, 1.5f));
        const auto shift = to_type<T>(random_normal(dim, 3));
        DeviceArray<T> device_x(x), device_scale(scale), device_shift(shift);
        for (const auto rounding : {LayerNormRounding::kModulate, LayerNormRounding::kAffine,
                                    LayerNormRounding::kPlain}) {
            const bool plain = rounding == LayerNormRounding::kPlain;
            std::vector<T> expected = poisoned<T>(x.size());
            auto expected_e4m3 = poisoned<Float8E4M3>(x.size());
            DeviceArray<T> y(x.size());
            DeviceArray<Float8E4M3> y_e4m3(x.size());
            LayerNorm params;
            params.rows = rows;
            params.dim = dim;
            params.rounding = rounding;
            params.type = element_type_of<T>();
            params.x = x.data();
            params.scale = plain ? nullptr : scale.data();
            params.shift = plain ? nullptr : shift.data();
            params.y = expected.data();
            params.y_e4m3 = expected_e4m3.data();
            layer_norm_cpu(params);
            params.x = device_x.get();
            params.scale = plain ? nullptr : device_scale.get();
            params.shift = plain ? nullptr : device_shift.get();
            params.y = y.get();
            params.y_e4m3 = y_e4m3.get();
            layer_norm_cuda(params, nullptr);
            EXPECT_LT(relative_l2(to_floats(y.download()), to_floats(expected)), kNormTolerance<T>);
            EXPECT_LT(relative_l2(to_floats(y_e4m3.download()), to_floats(expected_e4m3)), 3e-3);
        }
    }
}

TYPED_TEST(TypedCudaTest, RmsNormRopeEqualsItsReference) {
    using T = TypeParam;
    for (const int dim : {128, 384, 1536, 8192}) {
        const int rows = 19;
        auto x = to_type<T>(random_normal(size_t(rows) * dim, 1, 3.0f));
        const auto weight = to_type<T>(random_uniform(dim, 2, 0.5f, 1.5f));
        const auto cos_sin = random_uniform(size_t(rows) * 128, 3, -1.0f, 1.0f);
        DeviceArray<T> device_weight(weight);
        DeviceArray<float> device_cos_sin(cos_sin);
        for (const bool rotate : {true, false}) {
            std::vector<T> expected = x;
            DeviceArray<T> y(x);
            RmsNormRope params;
            params.rows = rows;
            params.dim = dim;
            params.type = element_type_of<T>();
            params.x = params.y = expected.data();
            params.weight = weight.data();
            params.cos_sin = rotate ? cos_sin.data() : nullptr;
            rms_norm_rope_cpu(params);
            params.x = params.y = y.get();
            params.weight = device_weight.get();
            params.cos_sin = rotate ? device_cos_sin.get() : nullptr;
            rms_norm_rope_cuda(params, nullptr);
            EXPECT_LT(relative_l2(to_floats(y.download()), to_floats(expected)), kNormTolerance<T>);
        }
    }
}

TYPED_TEST(TypedCudaTest, NoiseEqualsItsReferenceToTheLastBit) {
    using T = TypeParam;
    for (const int64_t count : {1, 6, 400001}) {
        std::vector<T> expected = poisoned<T>(count);
        DeviceArray<T> out(count);
        Noise params{expected.data(), count, 0x123456789abcdefu, 77, element_type_of<T>()};
        noise_cpu(params);
        params.out = out.get();
        noise_cuda(params, nullptr);
        ASSERT_EQ(out.download(), expected);
    }
}

TEST_F(CudaTest, AFailedLaunchSaysWhatAndWhere) {
    BlockSparseAttention params;
    params.heads = 1;
    params.query_windows = -1;
    params.key_windows = 1;
    params.type = ElementType::kBFloat16;
    try {
        block_sparse_attention_sm80(params, nullptr);
        FAIL() << "launched";
    } catch (const CudaError& error) {
        EXPECT_NE(std::string(error.what()).find("block_sparse_attention_sm80.cu"),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
