// SPDX-License-Identifier: Apache-2.0
// Frame conversion on the GPU against its references on the CPU.
#include "kernels/color_stats.h"
#include "kernels/frame.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/pictures.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class CudaFrameTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_gpu()) GTEST_SKIP() << "no GPU";
    }
};
using ElementTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(CudaFrameTest, ElementTypes);

template <typename T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

struct Size {
    int width, height;
};
constexpr Size kSizes[] = {{1, 1}, {2, 3}, {67, 45}, {128, 64}};

// The same picture with its planes on the device.
struct DevicePicture {
    Picture picture;
    std::vector<DeviceArray<uint8_t>> planes;
};

DevicePicture upload(const OwnedPicture& owned) {
    DevicePicture result{owned.picture, {}};
    void* plane[4] = {};
    for (int i = 0; i < owned.format.planes; ++i) {
        result.planes.emplace_back(owned.plane[i]);
        plane[i] = result.planes.back().get();
    }
    const Picture laid_out = lay_out(owned.format, plane, owned.stride);
    std::copy(laid_out.component, laid_out.component + 4, result.picture.component);
    return result;
}

// ---- input

struct DeviceTaps {
    explicit DeviceTaps(const ResizeTaps& taps)
        : first(taps.first),
          weight(taps.weight),
          view{taps.in, taps.out, taps.count, first.get(), weight.get()} {}
    DeviceArray<int32_t> first;
    DeviceArray<float> weight;
    ResizeTapsView view;
};

// From `in` to `out` inside `padded`, with alpha where the format has it.
template <typename T>
void compare_input(const Format& format, const YuvCoding& yuv, Size in, Size out, Size padded) {
    OwnedPicture source = make_picture(format, yuv, in.width, in.height);
    fill_random(source, 1);
    const ResizeTaps rows = bicubic_taps(in.height, out.height);
    const ResizeTaps columns = bicubic_taps(in.width, out.width);
    const bool has_alpha = format.has_alpha;
    auto rgb = poisoned<T>(size_t(3) * padded.width * padded.height);
    auto alpha = poisoned<float>(size_t(out.width) * out.height);
    PictureToModel params;
    params.picture = source.picture;
    params.rows = view(rows);
    params.columns = view(columns);
    params.rgb = rgb.data();
    params.alpha = has_alpha ? alpha.data() : nullptr;
    params.padded_height = padded.height;
    params.padded_width = padded.width;
    params.type = element_type_of<T>();
    picture_to_model_cpu(params);

    const DevicePicture device_source = upload(source);
    const DeviceTaps device_rows(rows), device_columns(columns);
    DeviceArray<T> device_rgb(rgb.size());
    DeviceArray<float> device_alpha(alpha.size());
    params.picture = device_source.picture;
    params.rows = device_rows.view;
    params.columns = device_columns.view;
    params.rgb = device_rgb.get();
    params.alpha = has_alpha ? device_alpha.get() : nullptr;
    picture_to_model_cuda(params, nullptr);
    EXPECT_TRUE(same_bits(device_rgb.download(), rgb));
    EXPECT_TRUE(!has_alpha || same_bits(device_alpha.download(), alpha));
}

TYPED_TEST(CudaFrameTest, InputEqualsItsReferenceToTheLastBitInEveryFormat) {
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            for (const Size& size : kSizes) {
                SCOPED_TRACE(text_of(format, coding) + ", " + std::to_string(size.width));
                const Size out = {size.width * 3 / 2 + 1, size.height * 4};
                compare_input<TypeParam>(format, coding.yuv, size, out,
                                         {out.width + 5, out.height + 2});
            }
        }
    }
}

TYPED_TEST(CudaFrameTest, InputEqualsItsReferenceToTheLastBitAtAnyRatio) {
    struct Case {
        Size in, out, padded;
    };
    for (const Case& c :
         {Case{{45, 33}, {180, 132}, {256, 256}}, Case{{160, 90}, {160, 90}, {256, 128}},
          Case{{7, 5}, {3, 64}, {3, 65}}, Case{{300, 70}, {33, 31}, {40, 31}},
          Case{{1, 1}, {9, 2}, {9, 2}}, Case{{5, 1000}, {20, 1}, {128, 128}},
          Case{{1000, 5}, {2, 20}, {128, 128}}}) {
        for (const auto format : {FLASHVSR_FORMAT_RGBA, FLASHVSR_FORMAT_NV12}) {
            SCOPED_TRACE(std::string(format_of(format).name) + ", " + std::to_string(c.in.width));
            compare_input<TypeParam>(format_of(format), kCodings[2].yuv, c.in, c.out, c.padded);
        }
    }
}

// ---- output

struct Planes {
    int64_t row, plane;
};

// `affine` and `strength` as they are; rows and planes padded by what keeps or breaks alignment.
template <typename T>
void compare_output(const OwnedPicture& blank, Planes strides, bool fixed, float strength) {
    const Picture& like = blank.picture;
    const size_t count = 3 * strides.plane;
    const auto decoded = to_type<T>(random_uniform(count, 1, -0.1f, 1.1f));
    const auto reference = to_type<T>(random_uniform(count, 2, -1.0f, 1.0f));
    const auto alpha = random_uniform(size_t(like.width) * like.height, 3, -0.1f, 1.1f);
    const std::vector<float> affine = {1.25f, 0.1f, 0.5f, -0.2f, 1.0f, 0.05f};
    const OwnedPicture expected = make_like(blank);
    ModelToPicture params;
    params.decoded = {decoded.data(), strides.plane, strides.row};
    params.reference = {reference.data(), strides.plane, strides.row};
    params.affine = fixed ? affine.data() : nullptr;
    params.strength = strength;
    params.alpha = alpha.data();
    params.type = element_type_of<T>();
    params.picture = expected.picture;
    model_to_picture_cpu(params);

    const DevicePicture out = upload(blank);
    const DeviceArray<T> device_decoded(decoded), device_reference(reference);
    const DeviceArray<float> device_affine(affine), device_alpha(alpha);
    params.decoded.data = device_decoded.get();
    params.reference.data = device_reference.get();
    params.affine = fixed ? device_affine.get() : nullptr;
    params.alpha = device_alpha.get();
    params.picture = out.picture;
    model_to_picture_cuda(params, nullptr);
    for (size_t i = 0; i < out.planes.size(); ++i) {
        EXPECT_TRUE(same_bits(out.planes[i].download(), expected.plane[i])) << "plane " << i;
    }
}

TYPED_TEST(CudaFrameTest, OutputEqualsItsReferenceToTheLastBitInEveryFormat) {
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            for (const Size& size : kSizes) {
                SCOPED_TRACE(text_of(format, coding) + ", " + std::to_string(size.width));
                const OwnedPicture blank =
                    make_picture(format, coding.yuv, size.width, size.height);
                const int64_t row = size.width + 3, plane = row * (size.height + 2);
                compare_output<TypeParam>(blank, {row, plane}, true, 0.7f);
            }
        }
    }
}

// Rows of samples and planes that begin at multiples of 16 bytes go another way.
TYPED_TEST(CudaFrameTest, OutputEqualsItsReferenceToTheLastBitWhereRowsAreAligned) {
    constexpr int kRow = 384, kHeight = 50;
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            for (const int width : {256, 352, 360 - 7}) {
                SCOPED_TRACE(text_of(format, coding) + ", " + std::to_string(width));
                const OwnedPicture blank =
                    make_picture(format, coding.yuv, width, kHeight - 1, Rows::kAligned);
                for (const float strength : {1.0f, 0.5f}) {
                    compare_output<TypeParam>(blank, {kRow, kRow * kHeight}, strength == 1.0f,
                                              strength);
                }
            }
        }
    }
}

// ---- statistics

TYPED_TEST(CudaFrameTest, ColourStatisticsEqualTheirReferenceAndThemselves) {
    using T = TypeParam;
    constexpr int kFrames = 3;
    struct Case {
        Size size;
        int64_t row, rows;
    };
    for (const Case& c : {Case{{1, 1}, 3, 2}, Case{{30, 17}, 31, 19}, Case{{350, 190}, 384, 256},
                          Case{{2500, 70}, 2560, 128}}) {
        const int64_t plane = c.row * c.rows;
        auto values = random_uniform(kFrames * 3 * plane, 1, 0.2f, 0.7f);
        for (int64_t i = 0; i < plane; ++i) values[i] = 0.75f + 0.01f * values[i];  // nearly flat
        for (int64_t i = plane; i < 2 * plane; ++i) values[i] = 0.25f;
        auto decoded = to_type<T>(values);
        const auto reference = to_type<T>(random_uniform(values.size(), 2, -1.0f, 0.8f));
        for (int64_t i = 0; i < static_cast<int64_t>(decoded.size()); ++i) {
            // The padding is not to be read, or at least not to count.
            if (i % c.row >= c.size.width) decoded[i] = round_to<T>(NAN);
        }
        auto expected = poisoned<float>(kFrames * 3 * 2);
        ColorStats params;
        params.decoded = {decoded.data(), plane, c.row};
        params.reference = {reference.data(), plane, c.row};
        params.frames = kFrames;
        params.height = c.size.height;
        params.width = c.size.width;
        params.affine = expected.data();
        params.type = element_type_of<T>();
        color_stats_cpu(params);

        const DeviceArray<T> device_decoded(decoded), device_reference(reference);
        DeviceArray<double> scratch(color_stats_scratch(kFrames));
        DeviceArray<float> affine(expected.size()), again(expected.size());
        params.decoded.data = device_decoded.get();
        params.reference.data = device_reference.get();
        params.scratch = scratch.get();
        params.affine = affine.get();
        color_stats_cuda(params, nullptr);
        params.affine = again.get();
        color_stats_cuda(params, nullptr);
        const auto result = affine.download();
        EXPECT_TRUE(same_bits(result, again.download()));
        for (size_t i = 0; i < result.size(); ++i) {
            const float gain = expected[i / 2 * 2];
            EXPECT_NEAR(result[i], expected[i], 1e-5f * (1 + gain)) << c.size.width << ", " << i;
        }
    }
}

}  // namespace
}  // namespace flashvsr::kernels
