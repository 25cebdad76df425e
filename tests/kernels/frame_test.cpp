// Samples to colour and back on the CPU.
#include "kernels/frame.h"

#include "tests/kernels/pictures.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWidth = 17, kHeight = 11, kArea = kWidth * kHeight;

// Colour in [0, 1], as the decoder gives it.
ModelToPicture source_of(const std::vector<float>& rgb, const OwnedPicture& out) {
    ModelToPicture params;
    params.picture = out.picture;
    params.decoded = {rgb.data(), int64_t{out.picture.width} * out.picture.height,
                      out.picture.width};
    return params;
}

// What writing one colour everywhere gives in the first samples: Y, Cb, Cr.
std::vector<int> yuv_of(const YuvCoding& yuv, Picture::Kind kind, float red, float green,
                        float blue) {
    std::vector<float> rgb;
    for (const float value : {red, green, blue}) rgb.insert(rgb.end(), 16, value);
    const OwnedPicture out = make_picture(picture_like({"", kind, {}}, yuv, 4, 4));
    model_to_picture_cpu(source_of(rgb, out));
    const bool planar = kind == Picture::Kind::kI420;
    return {get_sample(out, 0, 0, 0), get_sample(out, 1, 0, 0),
            planar ? get_sample(out, 2, 0, 0) : get_sample(out, 1, 1, 0)};
}

TEST(Frame, KnownColoursHaveTheirCodes) {
    const YuvCoding bt601 = kCodings[0].yuv, jpeg = kCodings[1].yuv, bt709 = kCodings[2].yuv,
                    bt2020 = kCodings[3].yuv;
    for (const NamedCoding& coding : kCodings) {
        const bool limited = coding.yuv.limited_range;
        for (const auto kind : {Picture::Kind::kI420, Picture::Kind::kNv12, Picture::Kind::kP010}) {
            const bool ten = kind == Picture::Kind::kP010;
            const int white = limited ? 235 * (ten ? 4 : 1) : ten ? 1023 : 255;
            const int black = limited ? 16 * (ten ? 4 : 1) : 0, grey = ten ? 512 : 128;
            EXPECT_EQ(yuv_of(coding.yuv, kind, 1, 1, 1), (std::vector<int>{white, grey, grey}));
            EXPECT_EQ(yuv_of(coding.yuv, kind, 0, 0, 0), (std::vector<int>{black, grey, grey}));
        }
    }
    const auto planar = Picture::Kind::kI420, ten_bit = Picture::Kind::kP010;
    EXPECT_EQ(yuv_of(bt601, planar, 1, 0, 0), (std::vector<int>{81, 90, 240}));
    EXPECT_EQ(yuv_of(bt601, planar, 0, 1, 0), (std::vector<int>{145, 54, 34}));
    EXPECT_EQ(yuv_of(bt709, planar, 1, 0, 0), (std::vector<int>{63, 102, 240}));
    EXPECT_EQ(yuv_of(bt709, planar, 0, 0, 1), (std::vector<int>{32, 240, 118}));
    EXPECT_EQ(yuv_of(bt2020, planar, 1, 0, 0), (std::vector<int>{74, 97, 240}));
    EXPECT_EQ(yuv_of(jpeg, planar, 1, 0, 0), (std::vector<int>{76, 85, 255}));
    EXPECT_EQ(yuv_of(bt2020, ten_bit, 1, 0, 0), (std::vector<int>{294, 387, 960}));
    EXPECT_EQ(yuv_of(bt709, ten_bit, 0, 0, 1), (std::vector<int>{127, 960, 471}));
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
        const OwnedPicture out = make_picture(in.picture);
        ModelToPicture params = source_of(rgb, out);
        params.alpha = alpha.data();
        model_to_picture_cpu(params);

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
    const std::vector<float> rgb = {-3.0f, NAN, 4.0f, 1.0f, 0.0f, 0.5f};  // two pixels
    const OwnedPicture out = make_picture(picture_like(kLayouts[0], {}, 2, 1), 0);
    model_to_picture_cpu(source_of(rgb, out));
    EXPECT_EQ(out.plane[0], (std::vector<uint8_t>{0, 255, 0, 0, 255, 128}));
}

const std::vector<NamedLayout> kYuvLayouts = {kLayouts[6], kLayouts[7], kLayouts[8]};

// A chroma ramp along one axis, written as samples at their sites; Cr and luma are grey.
OwnedPicture chroma_ramp(const NamedLayout& layout, const YuvCoding& yuv, bool vertical) {
    OwnedPicture owned = make_picture(picture_like(layout, yuv, kWidth, kHeight));
    const int unit = layout.kind == Picture::Kind::kP010 ? 4 : 1;
    for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) set_sample(owned, 0, x, y, 128 * unit);
    }
    const bool planar = layout.kind == Picture::Kind::kI420;
    for (int j = 0; j < (kHeight + 1) / 2; ++j) {
        for (int i = 0; i < (kWidth + 1) / 2; ++i) {
            const float at = vertical ? 2 * j + yuv.chroma_y : 2 * i + yuv.chroma_x;
            set_sample(owned, 1, planar ? i : 2 * i, j, static_cast<int>(80 + 6 * at) * unit);
            set_sample(owned, planar ? 2 : 1, planar ? i : 2 * i + 1, j, 128 * unit);
        }
    }
    return owned;
}

TEST(Frame, ChromaIsInterpolatedLinearlyAtItsSite) {
    for (const NamedCoding& coding : kCodings) {
        for (const NamedLayout& layout : kYuvLayouts) {
            for (const bool vertical : {false, true}) {
                const OwnedPicture in = chroma_ramp(layout, coding.yuv, vertical);
                auto rgb = poisoned<float>(3 * kArea);
                picture_to_rgb_cpu(in.picture, rgb.data(), nullptr);
                const bool ten = layout.kind == Picture::Kind::kP010;
                const float full = ten ? 1023.0f / 4 : 255.0f;
                const float range = coding.yuv.limited_range ? 224.0f : full;
                const float luma = coding.yuv.limited_range ? 112.0f / 219.0f : 128.0f / full;
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
        const int border = plane > 0 ? 2 : 0, size = sample_bytes(a.picture);
        const int width = a.plane_width[plane] / size, height = a.plane_height[plane];
        for (size_t i = 0; i < a.plane[plane].size(); ++i) {
            if (static_cast<int>(i) % a.picture.stride[plane] >= width * size) {
                EXPECT_EQ(a.plane[plane][i], 0xCD);
            }
        }
        for (int y = border; y < height - border; ++y) {
            for (int x = border; x < width - border; ++x) {
                const int difference = get_sample(a, plane, x, y) - get_sample(b, plane, x, y);
                largest = std::max(largest, std::abs(difference));
            }
        }
    }
    return largest;
}

TEST(Frame, YuvComesBackWithinALevel) {
    for (const NamedCoding& coding : kCodings) {
        for (const NamedLayout& layout : kYuvLayouts) {
            for (const bool vertical : {false, true}) {
                const OwnedPicture in = chroma_ramp(layout, coding.yuv, vertical);
                auto rgb = poisoned<float>(3 * kArea);
                picture_to_rgb_cpu(in.picture, rgb.data(), nullptr);
                const OwnedPicture out = make_picture(in.picture);
                model_to_picture_cpu(source_of(rgb, out));
                EXPECT_LE(largest_difference(out, in), 1) << coding.name << ", " << layout.name;
            }
        }
    }
}

TEST(Frame, TenBitsSurviveTheWayThroughTheModelsRange) {
    for (const NamedCoding& coding : kCodings) {
        constexpr int kLevels = 1024, kRows = 4;
        OwnedPicture in = make_picture(picture_like(kYuvLayouts[2], coding.yuv, kLevels, kRows));
        for (int y = 0; y < kRows; ++y) {
            for (int x = 0; x < kLevels; ++x) set_sample(in, 0, x, y, x);
        }
        for (int y = 0; y < kRows / 2; ++y) {
            for (int x = 0; x < kLevels; ++x) set_sample(in, 1, x, y, 512);
        }
        const ResizeTaps rows = bicubic_taps(kRows, kRows),
                         columns = bicubic_taps(kLevels, kLevels);
        auto model = poisoned<float>(3 * kLevels * kRows);
        PictureToModel read;
        read.picture = in.picture;
        read.rows = view(rows);
        read.columns = view(columns);
        read.rgb = model.data();
        read.padded_height = kRows;
        read.padded_width = kLevels;
        picture_to_model_cpu(read);

        // Strength 0: the resized input goes out.
        const OwnedPicture out = make_picture(in.picture);
        ModelToPicture write = source_of(model, out);
        write.reference = write.decoded;
        write.strength = 0.0f;
        model_to_picture_cpu(write);
        const int lowest = coding.yuv.limited_range ? 64 : 0;
        const int highest = coding.yuv.limited_range ? 940 : 1023;
        for (int x = 0; x < kLevels; ++x) {
            ASSERT_NEAR(get_sample(out, 0, x, 1), std::min(std::max(x, lowest), highest), 1)
                << coding.name;
            ASSERT_EQ(get_sample(out, 1, x, 1), 512) << coding.name;
        }
    }
}

TEST(Frame, ColourIsFixedClippedAndBlended) {
    const std::vector<float> decoded = {0.1f, 0.6f, 0.9f, 0.3f, 0.5f, 0.2f};  // two pixels
    const std::vector<float> reference = {0.5f, -0.5f, 0.0f, 0.25f, -1.0f, 1.0f};
    const std::vector<float> affine = {1.5f, 0.1f, 3.0f, 0.5f, 0.5f, -0.25f};
    const OwnedPicture out = make_picture(picture_like(kLayouts[0], {}, 2, 1), 0);
    ModelToPicture params = source_of(decoded, out);
    params.reference = {reference.data(), 2, 2};
    params.affine = affine.data();
    params.strength = 0.75f;
    model_to_picture_cpu(params);
    for (int i = 0; i < 6; ++i) {
        const int channel = i / 2, pixel = i % 2;
        const double x = (2.0 * decoded[i] - 1.0) * affine[2 * channel] + affine[2 * channel + 1];
        const double clipped = std::min(std::max(x, -1.0), 1.0);
        const double blended = 0.75 * clipped + 0.25 * reference[i];
        EXPECT_EQ(out.plane[0][pixel * 3 + channel], std::lround((blended + 1) / 2 * 255)) << i;
    }
}

TEST(Frame, ReadsACropOfTheModelsTypes) {
    const auto big = random_uniform(3 * 20 * 24, 5, 0.0f, 1.0f);
    const auto bf16 = to_type<BFloat16>(big);
    const auto same = to_floats(bf16);
    for (const NamedLayout& layout : kLayouts) {
        const OwnedPicture a = make_picture(picture_like(layout, {}, kWidth, kHeight));
        const OwnedPicture b = make_picture(a.picture);
        ModelToPicture params;
        params.picture = a.picture;
        params.decoded = {same.data(), 20 * 24, 24};
        model_to_picture_cpu(params);
        params.picture = b.picture;
        params.decoded.data = bf16.data();
        params.type = ElementType::kBFloat16;
        model_to_picture_cpu(params);
        for (int plane = 0; plane < 3; ++plane) EXPECT_EQ(a.plane[plane], b.plane[plane]);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
