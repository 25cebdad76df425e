// Samples to colour and back on the CPU.
#include "kernels/frame.h"

#include "tests/kernels/pictures.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWidth = 17, kHeight = 11, kArea = kWidth * kHeight;

// The colour planes in the model's range, as rgb_to_picture takes them.
std::vector<float> to_model_range(const std::vector<float>& rgb) {
    std::vector<float> result(rgb.size());
    std::transform(rgb.begin(), rgb.end(), result.begin(), [](float x) { return x * 2 - 1; });
    return result;
}

RgbToPicture source_of(const std::vector<float>& rgb, int width, int height) {
    RgbToPicture source;
    source.rgb = rgb.data();
    source.row_stride = width;
    source.plane_stride = int64_t{width} * height;
    return source;
}

// What writing one colour everywhere gives in the first samples: Y, Cb, Cr.
std::vector<int> yuv_of(const YuvCoding& yuv, float red, float green, float blue) {
    std::vector<float> rgb;
    for (const float value : {red, green, blue}) rgb.insert(rgb.end(), 16, value * 2 - 1);
    OwnedPicture out = make_picture(picture_like({"I420", Picture::Kind::kI420, {}}, yuv, 4, 4));
    rgb_to_picture_cpu(source_of(rgb, 4, 4), out.picture);
    return {out.plane[0][0], out.plane[1][0], out.plane[2][0]};
}

TEST(Frame, KnownColoursHaveTheirCodes) {
    const YuvCoding bt601 = kCodings[0].yuv, jpeg = kCodings[1].yuv, bt709 = kCodings[2].yuv,
                    bt2020 = kCodings[3].yuv;
    for (const NamedCoding& coding : kCodings) {
        const bool limited = coding.yuv.limited_range;
        EXPECT_EQ(yuv_of(coding.yuv, 1, 1, 1), (std::vector<int>{limited ? 235 : 255, 128, 128}));
        EXPECT_EQ(yuv_of(coding.yuv, 0, 0, 0), (std::vector<int>{limited ? 16 : 0, 128, 128}));
    }
    EXPECT_EQ(yuv_of(bt601, 1, 0, 0), (std::vector<int>{81, 90, 240}));
    EXPECT_EQ(yuv_of(bt601, 0, 1, 0), (std::vector<int>{145, 54, 34}));
    EXPECT_EQ(yuv_of(bt709, 1, 0, 0), (std::vector<int>{63, 102, 240}));
    EXPECT_EQ(yuv_of(bt709, 0, 0, 1), (std::vector<int>{32, 240, 118}));
    EXPECT_EQ(yuv_of(bt2020, 1, 0, 0), (std::vector<int>{74, 97, 240}));
    EXPECT_EQ(yuv_of(jpeg, 1, 0, 0), (std::vector<int>{76, 85, 255}));
}

TEST(Frame, PackedFormatsComeBackByteForByte) {
    for (const NamedLayout& layout : kLayouts) {
        if (layout.kind != Picture::Kind::kPacked) continue;
        OwnedPicture in = make_picture(picture_like(layout, {}, kWidth, kHeight));
        fill_random(in, 1);
        auto rgb = poisoned<float>(3 * kArea), alpha = poisoned<float>(kArea);
        picture_to_rgb_cpu(in.picture, rgb.data(), alpha.data());
        const int green = in.plane[0][2 * layout.packed.pixel_bytes + layout.packed.green];
        EXPECT_FLOAT_EQ(rgb[kArea + 2], green / 255.0f);
        const auto model_rgb = to_model_range(rgb);
        RgbToPicture source = source_of(model_rgb, kWidth, kHeight);
        source.alpha = alpha.data();
        OwnedPicture out = make_picture(in.picture);
        rgb_to_picture_cpu(source, out.picture);

        const int fourth = 6 - layout.packed.red - layout.packed.green - layout.packed.blue;
        for (size_t i = 0; i < out.plane[0].size(); ++i) {
            const int column = static_cast<int>(i % out.picture.stride[0]);
            const bool unused =
                layout.packed.pixel_bytes == 4 && layout.packed.alpha < 0 && column % 4 == fourth;
            const int expected = column >= out.plane_width[0] ? 0xCD
                                 : unused                     ? 255
                                                              : in.plane[0][i];
            ASSERT_EQ(out.plane[0][i], expected) << layout.name << " at " << i;
        }
    }
}

TEST(Frame, AlphaIsOpaqueWhereThePictureHasNone) {
    for (const NamedLayout& layout : kLayouts) {
        if (layout.packed.alpha >= 0) continue;
        OwnedPicture in = make_picture(picture_like(layout, {}, kWidth, kHeight));
        fill_random(in, 1);
        auto rgb = poisoned<float>(3 * kArea), alpha = poisoned<float>(kArea);
        picture_to_rgb_cpu(in.picture, rgb.data(), alpha.data());
        EXPECT_EQ(alpha, std::vector<float>(kArea, 1.0f)) << layout.name;
    }
}

TEST(Frame, ValuesOutsideTheRangeAreClippedAndNanIsBlack) {
    const std::vector<float> rgb = {-7.0f, NAN, 7.0f, 1.0f, -1.0f, 0.0f};  // two pixels
    OwnedPicture out = make_picture(picture_like(kLayouts[0], {}, 2, 1), 0);
    rgb_to_picture_cpu(source_of(rgb, 2, 1), out.picture);
    EXPECT_EQ(out.plane[0], (std::vector<uint8_t>{0, 255, 0, 0, 255, 128}));
}

// A chroma ramp along one axis, written as samples at their sites.
OwnedPicture chroma_ramp(const NamedLayout& layout, const YuvCoding& yuv, bool vertical) {
    OwnedPicture owned = make_picture(picture_like(layout, yuv, kWidth, kHeight));
    std::fill(owned.plane[0].begin(), owned.plane[0].end(), 128);
    const bool nv12 = layout.kind == Picture::Kind::kNv12;
    for (int j = 0; j < (kHeight + 1) / 2; ++j) {
        for (int i = 0; i < (kWidth + 1) / 2; ++i) {
            const float at = vertical ? 2 * j + yuv.chroma_y : 2 * i + yuv.chroma_x;
            const auto value = static_cast<uint8_t>(80 + 6 * at);
            const int step = nv12 ? 2 : 1;
            owned.plane[1][j * owned.picture.stride[1] + i * step] = value;
            if (nv12) {
                owned.plane[1][j * owned.picture.stride[1] + i * step + 1] = 128;
            } else {
                owned.plane[2][j * owned.picture.stride[2] + i] = 128;
            }
        }
    }
    return owned;
}

TEST(Frame, ChromaIsInterpolatedLinearlyAtItsSite) {
    for (const NamedCoding& coding : kCodings) {
        for (const NamedLayout& layout : {kLayouts[6], kLayouts[7]}) {
            for (const bool vertical : {false, true}) {
                const OwnedPicture in = chroma_ramp(layout, coding.yuv, vertical);
                auto rgb = poisoned<float>(3 * kArea);
                picture_to_rgb_cpu(in.picture, rgb.data(), nullptr);
                const float range = coding.yuv.limited_range ? 224.0f : 255.0f;
                const float luma = coding.yuv.limited_range ? 112.0f / 219.0f : 128.0f / 255.0f;
                for (int y = 1; y < kHeight - 1; ++y) {
                    for (int x = 1; x < kWidth - 1; ++x) {
                        const float blue = rgb[2 * kArea + y * kWidth + x];
                        const float cb = (blue - luma) / (2 - 2 * coding.yuv.kb);
                        ASSERT_NEAR(cb * range + 128, 80 + 6 * (vertical ? y : x), 1e-3f)
                            << coding.name << ", " << layout.name << " at " << x << ", " << y;
                    }
                }
            }
        }
    }
}

// The largest difference between the samples of two pictures, but for the outermost chroma, where a
// ramp does not go on. What lies beside the samples must be as it was.
int largest_difference(const OwnedPicture& a, const OwnedPicture& b) {
    int largest = 0;
    for (int plane = 0; plane < 3; ++plane) {
        const int border = plane > 0 ? 2 : 0;
        const int width = a.plane_width[plane], height = a.plane_height[plane];
        for (size_t i = 0; i < a.plane[plane].size(); ++i) {
            const int column = static_cast<int>(i) % a.picture.stride[plane];
            const int row = static_cast<int>(i) / a.picture.stride[plane];
            if (column >= width) {
                EXPECT_EQ(a.plane[plane][i], 0xCD);
            } else if (column >= border && column < width - border && row >= border &&
                       row < height - border) {
                largest = std::max(largest, std::abs(a.plane[plane][i] - b.plane[plane][i]));
            }
        }
    }
    return largest;
}

TEST(Frame, YuvComesBackWithinALevel) {
    for (const NamedCoding& coding : kCodings) {
        for (const NamedLayout& layout : {kLayouts[6], kLayouts[7]}) {
            for (const bool vertical : {false, true}) {
                const OwnedPicture in = chroma_ramp(layout, coding.yuv, vertical);
                auto rgb = poisoned<float>(3 * kArea);
                picture_to_rgb_cpu(in.picture, rgb.data(), nullptr);
                const auto model_rgb = to_model_range(rgb);
                OwnedPicture out = make_picture(in.picture);
                rgb_to_picture_cpu(source_of(model_rgb, kWidth, kHeight), out.picture);
                EXPECT_LE(largest_difference(out, in), 1) << coding.name << ", " << layout.name;
            }
        }
    }
}

TEST(Frame, ReadsACropOfTheModelsTypes) {
    const auto big = random_uniform(3 * 20 * 24, 5, -1.0f, 1.0f);
    const auto bf16 = to_type<BFloat16>(big);
    const auto same = to_floats(bf16);
    for (const NamedLayout& layout : kLayouts) {
        OwnedPicture a = make_picture(picture_like(layout, {}, kWidth, kHeight));
        OwnedPicture b = make_picture(a.picture);
        RgbToPicture source;
        source.row_stride = 24;
        source.plane_stride = 20 * 24;
        source.rgb = same.data();
        rgb_to_picture_cpu(source, a.picture);
        source.rgb = bf16.data();
        source.type = ElementType::kBFloat16;
        rgb_to_picture_cpu(source, b.picture);
        for (int plane = 0; plane < 3; ++plane) EXPECT_EQ(a.plane[plane], b.plane[plane]);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
