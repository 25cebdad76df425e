// Every CUDA kernel against its twin on the CPU, on random inputs, run to run equal.
#include <memory>

#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "kernels/matmul.h"
#include "kernels/noise.h"
#include "kernels/norm.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/pictures.h"
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
// -----------------------------------------------------------------------------------

TEST_F(CudaTest, BlockListEqualsItsTwin) {
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
// ---------------------------------------------------------------------------------

struct MatmulShape {
    int rows, in, out;
    MatmulEpilogue epilogue;
};
constexpr MatmulShape kMatmulShapes[] = {{1, 16, 16, MatmulEpilogue::kBias},
                                         {77, 256, 64, MatmulEpilogue::kBias},
                                         {128, 512, 768, MatmulEpilogue::kGelu},
                                         {131, 768, 256, MatmulEpilogue::kAdd}};

// X: of x and weight; B: of bias; Y: of y. The sum's order tips a rounding now and then, and what
// is added to y is rounded once more.
template <typename X, typename B, typename Y>
void expect_matmul_like_twin(const MatmulShape& shape, double tolerance) {
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
    DeviceArray<X> device_x(x), device_weight(weight);
    DeviceArray<B> device_bias(bias);
    DeviceArray<Y> y(expected);
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

TYPED_TEST(TypedCudaTest, MatmulEqualsItsTwin) {
    using T = TypeParam;
    if constexpr (sizeof(T) == 2) {
        for (const MatmulShape& shape : kMatmulShapes) {
            expect_matmul_like_twin<T, T, T>(shape, 1e-3);
            expect_matmul_like_twin<Float8E4M3, T, T>(shape, 2e-3);
            if (shape.epilogue != MatmulEpilogue::kAdd)
                expect_matmul_like_twin<Float8E4M3, T, Float8E4M3>(shape, 1e-2);
        }
    }
}

// ---- norms and noise
// ---------------------------------------------------------------------------------

// A statistic that differs in its last bit tips a rounding now and then.
template <typename T>
constexpr double kNormTolerance = sizeof(T) == 4 ? 1e-6 : 5e-4;

TYPED_TEST(TypedCudaTest, LayerNormEqualsItsTwin) {
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

TYPED_TEST(TypedCudaTest, RmsNormRopeEqualsItsTwin) {
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

TYPED_TEST(TypedCudaTest, NoiseEqualsItsTwinToTheLastBit) {
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

// ---- frames
// --------------------------------------------------------------------------------------------

// The same picture with its planes on the device.
struct DevicePicture {
    Picture picture;
    std::vector<DeviceArray<uint8_t>> planes;
};

DevicePicture upload(const OwnedPicture& owned) {
    DevicePicture result{owned.picture, {}};
    for (int i = 0; i < 3; ++i) {
        if (owned.plane[i].empty()) continue;
        result.planes.emplace_back(owned.plane[i]);
        result.picture.plane[i] = result.planes.back().get();
    }
    return result;
}

struct Size {
    int width, height;
};
constexpr Size kSizes[] = {{1, 1}, {2, 3}, {67, 45}, {128, 64}};

TEST_F(CudaTest, PictureToRgbEqualsItsTwin) {
    for (const NamedLayout& layout : kLayouts) {
        for (const NamedCoding& coding : kCodings) {
            for (const Size& size : kSizes) {
                OwnedPicture in =
                    make_picture(picture_like(layout, coding.yuv, size.width, size.height));
                fill_random(in, 1);
                const size_t area = size_t(size.width) * size.height;
                auto rgb = poisoned<float>(3 * area), alpha = poisoned<float>(area);
                picture_to_rgb_cpu(in.picture, rgb.data(), alpha.data());
                DeviceArray<float> device_rgb(3 * area), device_alpha(area);
                const DevicePicture device_in = upload(in);
                picture_to_rgb_cuda(device_in.picture, device_rgb.get(), device_alpha.get(),
                                    nullptr);
                ASSERT_LT(largest_difference(device_rgb.download(), rgb), 2e-6)
                    << layout.name << ", " << coding.name;
                ASSERT_EQ(device_alpha.download(), alpha) << layout.name;
            }
        }
    }
}

TYPED_TEST(TypedCudaTest, RgbToPictureEqualsItsTwin) {
    using T = TypeParam;
    for (const NamedLayout& layout : kLayouts) {
        for (const NamedCoding& coding : kCodings) {
            for (const Size& size : kSizes) {
                const int64_t row = size.width + 3, plane = row * (size.height + 2);
                const auto rgb = to_type<T>(random_uniform(3 * plane, 1, -1.2f, 1.2f));
                const auto alpha = random_uniform(size.width * size.height, 2, -0.1f, 1.1f);
                const Picture like = picture_like(layout, coding.yuv, size.width, size.height);
                OwnedPicture expected = make_picture(like);
                const OwnedPicture blank = make_picture(like);
                const DevicePicture out = upload(blank);
                rgb_to_picture_cpu({rgb.data(), row, plane, alpha.data(), element_type_of<T>()},
                                   expected.picture);
                DeviceArray<T> device_rgb(rgb);
                DeviceArray<float> device_alpha(alpha);
                rgb_to_picture_cuda(
                    {device_rgb.get(), row, plane, device_alpha.get(), element_type_of<T>()},
                    out.picture, nullptr);
                // One level apart where a sum lies on the border between two.
                for (size_t i = 0; i < out.planes.size(); ++i) {
                    const auto bytes = out.planes[i].download();
                    int apart = 0;
                    for (size_t j = 0; j < bytes.size(); ++j) {
                        const int difference = std::abs(bytes[j] - expected.plane[i][j]);
                        ASSERT_LE(difference, 1) << layout.name << ", " << coding.name;
                        apart += difference;
                    }
                    EXPECT_LE(apart, static_cast<int>(bytes.size() / 500));
                }
            }
        }
    }
}

TYPED_TEST(TypedCudaTest, ResizeEqualsItsTwin) {
    using T = TypeParam;
    struct Case {
        Size in, out, padded;
    };
    for (const Case& c : {Case{{45, 33}, {180, 132}, {256, 256}}, Case{{7, 5}, {3, 64}, {3, 65}},
                          Case{{300, 70}, {33, 31}, {40, 31}}, Case{{1, 1}, {9, 2}, {9, 2}}}) {
        const ResizeTaps rows = bicubic_taps(c.in.height, c.out.height);
        const ResizeTaps columns = bicubic_taps(c.in.width, c.out.width);
        Resize params;
        params.planes = 4;
        params.rows = view(rows);
        params.columns = view(columns);
        params.padded_height = c.padded.height;
        params.padded_width = c.padded.width;
        params.type = element_type_of<T>();
        const auto in = random_uniform(4 * c.in.width * c.in.height, 1, 0.0f, 1.0f);
        const size_t scratch_size = size_t(4) * c.in.height * c.out.width;
        auto scratch = poisoned<float>(scratch_size);
        auto expected = poisoned<T>(size_t(4) * c.padded.width * c.padded.height);
        params.in = in.data();
        params.scratch = scratch.data();
        params.out = expected.data();
        resize_cpu(params);

        DeviceArray<float> device_in(in), device_scratch(scratch_size);
        DeviceArray<T> out(expected.size());
        DeviceArray<int32_t> row_first(rows.first), column_first(columns.first);
        DeviceArray<float> row_weight(rows.weight), column_weight(columns.weight);
        params.rows.first = row_first.get();
        params.rows.weight = row_weight.get();
        params.columns.first = column_first.get();
        params.columns.weight = column_weight.get();
        params.in = device_in.get();
        params.scratch = device_scratch.get();
        params.out = out.get();
        resize_cuda(params, nullptr);
        EXPECT_LT(relative_l2(to_floats(out.download()), to_floats(expected)), kNormTolerance<T>);
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
