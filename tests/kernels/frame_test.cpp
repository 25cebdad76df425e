// SPDX-License-Identifier: Apache-2.0
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
std::vector<int> yuv_of(const YuvCoding& yuv, const Format& format, float red, float green,
                        float blue) {
    std::vector<float> rgb;
    for (const float value : {red, green, blue}) rgb.insert(rgb.end(), 16, value);
    const OwnedPicture out = make_picture(format, yuv, 4, 4);
    model_to_picture_cpu(source_of(rgb, out));
    std::vector<int> samples;
    for (int c = 0; c < 3; ++c) {
        if (has_component(out, c)) samples.push_back(get_sample(out, c, 0, 0));
    }
    return samples;
}

TEST(Frame, KnownColoursHaveTheirCodes) {
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            const int unit = 1 << (format.bits - 8), largest = (1 << format.bits) - 1;
            const int low = coding.yuv.limited_range ? 16 * unit : 0;
            const int high = coding.yuv.limited_range ? 235 * unit : largest;
            std::vector<int> black = {low, 128 * unit, 128 * unit};
            std::vector<int> white = {high, 128 * unit, 128 * unit};
            if (format.rgb) black.assign(3, low), white.assign(3, high);
            if (format.component[1].step == 0) black.resize(1), white.resize(1);
            EXPECT_EQ(yuv_of(coding.yuv, format, 0, 0, 0), black) << text_of(format, coding);
            EXPECT_EQ(yuv_of(coding.yuv, format, 1, 1, 1), white) << text_of(format, coding);
        }
    }
    const YuvCoding bt601 = kCodings[0].yuv, jpeg = kCodings[1].yuv, bt709 = kCodings[2].yuv,
                    bt2020 = kCodings[4].yuv;
    const Format eight = format_of(FLASHVSR_FORMAT_I420),
                 ten = format_of(FLASHVSR_FORMAT_P010_10LE),
                 twelve = format_of(FLASHVSR_FORMAT_Y444_12LE),
                 grey = format_of(FLASHVSR_FORMAT_GRAY8);
    EXPECT_EQ(yuv_of(bt601, eight, 1, 0, 0), (std::vector<int>{81, 90, 240}));
    EXPECT_EQ(yuv_of(bt601, eight, 0, 1, 0), (std::vector<int>{145, 54, 34}));
    EXPECT_EQ(yuv_of(bt709, eight, 1, 0, 0), (std::vector<int>{63, 102, 240}));
    EXPECT_EQ(yuv_of(bt709, eight, 0, 0, 1), (std::vector<int>{32, 240, 118}));
    EXPECT_EQ(yuv_of(bt2020, eight, 1, 0, 0), (std::vector<int>{74, 97, 240}));
    EXPECT_EQ(yuv_of(jpeg, eight, 1, 0, 0), (std::vector<int>{76, 85, 255}));
    EXPECT_EQ(yuv_of(jpeg, grey, 1, 0, 0), (std::vector<int>{76}));
    EXPECT_EQ(yuv_of(bt2020, ten, 1, 0, 0), (std::vector<int>{294, 387, 960}));
    EXPECT_EQ(yuv_of(bt709, ten, 0, 0, 1), (std::vector<int>{127, 960, 471}));
    EXPECT_EQ(yuv_of(bt2020, twelve, 1, 0, 0), (std::vector<int>{1177, 1548, 3840}));
}

// ---- against the definition, in double precision

// Weights of the samples that a position between them depends on.
struct Lerp {
    int first, second;
    double weight;  // of the second
};
Lerp lerp_at(double position, int samples) {
    const int below = static_cast<int>(std::floor(position));
    const auto inside = [samples](int i) { return std::min(std::max(i, 0), samples - 1); };
    return {inside(below), inside(below + 1), position - below};
}

// A component at a pixel, as a number of samples.
double component_at(const OwnedPicture& in, int component, int x, int y) {
    const bool chroma = component == 1 || component == 2;
    const YuvCoding& yuv = in.picture.yuv;
    const Lerp column =
        lerp_at(chroma && in.format.sub_x ? (x - yuv.chroma_x) / 2 : x, columns_of(in, component));
    const Lerp row =
        lerp_at(chroma && in.format.sub_y ? (y - yuv.chroma_y) / 2 : y, rows_of(in, component));
    const auto blend = [&](int j) {
        return get_sample(in, component, column.first, j) * (1 - column.weight) +
               get_sample(in, component, column.second, j) * column.weight;
    };
    return blend(row.first) * (1 - row.weight) + blend(row.second) * row.weight;
}

struct Levels {
    explicit Levels(const OwnedPicture& picture)
        : largest((1 << picture.format.bits) - 1), unit(1 << (picture.format.bits - 8)) {
        const bool limited = picture.picture.yuv.limited_range;
        low = limited ? 16 * unit : 0;
        range = limited ? 219 * unit : largest;
        chroma_range = limited ? 224 * unit : largest;
    }
    double largest, unit, low, range, chroma_range;
};

double clipped(double value) { return std::min(std::max(value, 0.0), 1.0); }

// R, G, B and alpha of a pixel.
std::array<double, 4> colour_at(const OwnedPicture& in, int x, int y) {
    const Levels levels(in);
    const auto at = [&](int c) { return (component_at(in, c, x, y) - levels.low) / levels.range; };
    std::array<double, 4> colour = {at(0), at(0), at(0), 1};
    if (in.format.rgb) colour = {at(0), at(1), at(2), 1};
    if (!in.format.rgb && has_component(in, 1)) {
        const double kr = in.picture.yuv.kr, kb = in.picture.yuv.kb, kg = 1 - kr - kb;
        const auto chroma = [&](int c) {
            return (component_at(in, c, x, y) - 128 * levels.unit) / levels.chroma_range;
        };
        colour[0] = at(0) + 2 * (1 - kr) * chroma(2);
        colour[2] = at(0) + 2 * (1 - kb) * chroma(1);
        colour[1] = (at(0) - kr * colour[0] - kb * colour[2]) / kg;
    }
    if (in.format.has_alpha) colour[3] = component_at(in, 3, x, y) / levels.largest;
    for (double& value : colour) value = clipped(value);
    return colour;
}

TEST(Frame, EveryFormatIsReadAsItsDefinitionSays) {
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            OwnedPicture in = make_picture(format, coding.yuv, kWidth, kHeight);
            fill_random(in, 1);
            auto rgb = poisoned<float>(3 * kArea), alpha = poisoned<float>(kArea);
            picture_to_rgb_cpu(in.picture, rgb.data(), alpha.data());
            for (int i = 0; i < kArea; ++i) {
                const auto expected = colour_at(in, i % kWidth, i / kWidth);
                for (int c = 0; c < 3; ++c) {
                    ASSERT_NEAR(rgb[c * kArea + i], expected[c], 2e-6)
                        << text_of(format, coding) << ", component " << c << " at " << i;
                }
                ASSERT_NEAR(alpha[i], expected[3], 1e-7) << format.name;
            }
        }
    }
}

// What a component's sample is, not rounded, of a picture [3, height, width].
double sample_of(const OwnedPicture& out, const std::vector<float>& rgb, int component, int x,
                 int y) {
    const Levels levels(out);
    const int width = out.picture.width, height = out.picture.height;
    const auto pixel = [&](int c, int column, int row) {
        column = std::min(std::max(column, 0), width - 1);
        row = std::min(std::max(row, 0), height - 1);
        return double{rgb[(size_t(c) * height + row) * width + column]};
    };
    if (out.format.rgb) return pixel(component, x, y) * levels.range + levels.low;
    const double kr = out.picture.yuv.kr, kb = out.picture.yuv.kb;
    const auto luma = [&](double r, double g, double b) {
        return kr * r + (1 - kr - kb) * g + kb * b;
    };
    if (component == 0) {
        return luma(pixel(0, x, y), pixel(1, x, y), pixel(2, x, y)) * levels.range + levels.low;
    }
    // What the pixels on either side of the sample, and on it, count for.
    const auto weights = [](int sub, float site) -> std::array<double, 3> {
        if (!sub) return {0, 1, 0};
        if (site == 0.0f) return {0.25, 0.5, 0.25};
        return {0, 0.5, 0.5};
    };
    const auto across = weights(out.format.sub_x, out.picture.yuv.chroma_x);
    const auto down = weights(out.format.sub_y, out.picture.yuv.chroma_y);
    double mean[3] = {};
    for (int c = 0; c < 3; ++c) {
        for (int j = 0; j < 9; ++j) {
            mean[c] +=
                across[j % 3] * down[j / 3] *
                pixel(c, (x << out.format.sub_x) + j % 3 - 1, (y << out.format.sub_y) + j / 3 - 1);
        }
    }
    const double from = luma(mean[0], mean[1], mean[2]);
    const double part =
        component == 1 ? (mean[2] - from) / (2 - 2 * kb) : (mean[0] - from) / (2 - 2 * kr);
    return std::min(part * levels.chroma_range + 128 * levels.unit, levels.largest);
}

TEST(Frame, EveryFormatIsWrittenAsItsDefinitionSays) {
    const auto rgb = random_uniform(3 * kArea, 1, 0.0f, 1.0f);
    const auto alpha = random_uniform(kArea, 2, 0.0f, 1.0f);
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            const OwnedPicture out = make_picture(format, coding.yuv, kWidth, kHeight);
            ModelToPicture params = source_of(rgb, out);
            params.alpha = alpha.data();
            model_to_picture_cpu(params);
            const double rounding = 0.5 + Levels(out).largest * 1e-6;
            std::vector<uint8_t> untouched[4];
            for (int i = 0; i < 4; ++i) untouched[i].assign(out.plane[i].size(), 1);
            for_each_sample(out, [&](int c, int x, int y) {
                const double opacity = format.has_alpha ? alpha[y * kWidth + x] : 1.0;
                const double expected =
                    c == 3 ? opacity * Levels(out).largest : sample_of(out, rgb, c, x, y);
                ASSERT_NEAR(get_sample(out, c, x, y), expected, rounding)
                    << text_of(format, coding) << ", component " << c << " at " << x << ", " << y;
                uint8_t* mark = &untouched[format.component[c].plane][offset_of(out, c, x, y)];
                std::fill(mark, mark + format.sample_bytes(), 0);
            });
            for (int i = 0; i < 4; ++i) {
                for (size_t at = 0; at < untouched[i].size(); ++at) {
                    ASSERT_TRUE(!untouched[i][at] || out.plane[i][at] == 0xCD) << format.name;
                }
            }
        }
    }
}

TEST(Frame, BitsBelowThoseThatCountAreWrittenAsZero) {
    const OwnedPicture out =
        make_picture(format_of(FLASHVSR_FORMAT_P010_10LE), kCodings[0].yuv, 2, 2);
    model_to_picture_cpu(source_of(std::vector<float>(12, 0.3f), out));
    for (int plane = 0; plane < 2; ++plane) EXPECT_EQ(out.plane[plane][0] & 0x3F, 0);
}

TEST(Frame, ValuesOutsideTheRangeAreClippedAndNanIsBlack) {
    const std::vector<float> rgb = {-3.0f, NAN, 4.0f, 1.0f, 0.0f, 0.5f};  // two pixels
    const OwnedPicture out =
        make_picture(format_of(FLASHVSR_FORMAT_RGB), kCodings[1].yuv, 2, 1, Rows::kAligned);
    model_to_picture_cpu(source_of(rgb, out));
    const std::vector<uint8_t> first(out.plane[0].begin(), out.plane[0].begin() + 6);
    EXPECT_EQ(first, (std::vector<uint8_t>{0, 255, 0, 0, 255, 128}));
}

// ---- there and back

// Reads a picture at its own size and writes it again, as strength 0 does.
OwnedPicture there_and_back(const OwnedPicture& in) {
    const int width = in.picture.width, height = in.picture.height;
    const ResizeTaps rows = bicubic_taps(height, height), columns = bicubic_taps(width, width);
    auto model = poisoned<float>(size_t(3) * width * height);
    auto alpha = poisoned<float>(size_t(width) * height);
    PictureToModel read;
    read.picture = in.picture;
    read.rows = view(rows);
    read.columns = view(columns);
    read.rgb = model.data();
    read.alpha = in.format.has_alpha ? alpha.data() : nullptr;
    read.padded_height = height;
    read.padded_width = width;
    picture_to_model_cpu(read);

    OwnedPicture out = make_like(in);
    ModelToPicture write = source_of(model, out);
    write.reference = write.decoded;
    write.alpha = read.alpha;
    write.strength = 0.0f;
    model_to_picture_cpu(write);
    return out;
}

TEST(Frame, EveryFormatOfFullChromaComesBackWithinALevel) {
    for (const Format& format : kFormats) {
        if (format.sub_x) continue;
        for (const NamedCoding& coding : kCodings) {
            const auto rgb = random_uniform(3 * kArea, 1, 0.0f, 1.0f);
            const auto alpha = random_uniform(kArea, 2, 0.0f, 1.0f);
            const OwnedPicture in = make_picture(format, coding.yuv, kWidth, kHeight);
            ModelToPicture params = source_of(rgb, in);
            params.alpha = alpha.data();
            model_to_picture_cpu(params);
            const OwnedPicture out = there_and_back(in);
            const int allowed = format.rgb || !has_component(in, 1) ? 0 : 1;
            for_each_sample(in, [&](int c, int x, int y) {
                ASSERT_NEAR(get_sample(out, c, x, y), get_sample(in, c, x, y), allowed)
                    << text_of(format, coding) << ", component " << c << " at " << x << ", " << y;
            });
        }
    }
}

// Ramps along one axis, written as samples at their sites.
OwnedPicture ramps(const Format& format, const YuvCoding& yuv, bool vertical) {
    OwnedPicture owned = make_picture(format, yuv, kWidth, kHeight);
    const int unit = 1 << (format.bits - 8);
    for_each_sample(owned, [&](int c, int x, int y) {
        const bool chroma = c == 1 || c == 2;
        const int sub = !chroma ? 0 : vertical ? format.sub_y : format.sub_x;
        const float site = vertical ? yuv.chroma_y : yuv.chroma_x;
        const float at = ((vertical ? y : x) << sub) + (sub ? site : 0.0f);
        const float slope[] = {2, 3, -2, 8}, level[] = {110, 100, 150, 20};
        set_sample(owned, c, x, y, static_cast<int>((level[c] + slope[c] * at) * unit));
    });
    return owned;
}

TEST(Frame, ChromaOfHalfSizeComesBackWithinALevel) {
    for (const Format& format : kFormats) {
        if (!format.sub_x) continue;
        for (const NamedCoding& coding : kCodings) {
            for (const bool vertical : {false, true}) {
                const OwnedPicture in = ramps(format, coding.yuv, vertical);
                const OwnedPicture out = there_and_back(in);
                for_each_sample(in, [&](int c, int x, int y) {
                    // A ramp does not go on outside the picture.
                    const int border = c == 1 || c == 2 ? 1 : 0;
                    if (std::min(x, y) < border || x >= columns_of(in, c) - border ||
                        y >= rows_of(in, c) - border) {
                        return;
                    }
                    ASSERT_NEAR(get_sample(out, c, x, y), get_sample(in, c, x, y), 1)
                        << text_of(format, coding) << ", component " << c << " at " << x << ", "
                        << y;
                });
            }
        }
    }
}

TEST(Frame, EveryLevelSurvivesTheWayThroughTheModelsRange) {
    constexpr int kRows = 4;
    for (const Format& format : kFormats) {
        for (const NamedCoding& coding : kCodings) {
            const int columns = std::min(1 << format.bits, 4096);
            const int step = (1 << format.bits) / columns;
            OwnedPicture in = make_picture(format, coding.yuv, columns, kRows);
            for_each_sample(in, [&](int c, int x, int y) {
                const bool chroma = !format.rgb && (c == 1 || c == 2);
                set_sample(in, c, x, y, chroma ? 1 << (format.bits - 1) : x * step + x % step);
            });
            const OwnedPicture out = there_and_back(in);
            const int unit = 1 << (format.bits - 8);
            const int low = coding.yuv.limited_range ? 16 * unit : 0;
            const int high = coding.yuv.limited_range ? 235 * unit : (1 << format.bits) - 1;
            for (int x = 0; x < columns; ++x) {
                ASSERT_EQ(get_sample(out, 0, x, 1),
                          std::min(std::max(get_sample(in, 0, x, 1), low), high))
                    << text_of(format, coding);
                if (format.rgb || !has_component(in, 1) || x >= columns_of(in, 1)) continue;
                ASSERT_EQ(get_sample(out, 1, x, 1), 128 * unit) << text_of(format, coding);
            }
        }
    }
}

// ---- the model's side

TEST(Frame, ColourIsFixedClippedAndBlended) {
    const std::vector<float> decoded = {0.1f, 0.6f, 0.9f, 0.3f, 0.5f, 0.2f};  // two pixels
    const std::vector<float> reference = {0.5f, -0.5f, 0.0f, 0.25f, -1.0f, 1.0f};
    const std::vector<float> affine = {1.5f, 0.1f, 3.0f, 0.5f, 0.5f, -0.25f};
    const OwnedPicture out = make_picture(format_of(FLASHVSR_FORMAT_RGB), kCodings[1].yuv, 2, 1);
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
    for (const Format& format : kFormats) {
        const OwnedPicture a = make_picture(format, {}, kWidth, kHeight);
        const OwnedPicture b = make_like(a);
        ModelToPicture params;
        params.picture = a.picture;
        params.decoded = {same.data(), 20 * 24, 24};
        model_to_picture_cpu(params);
        params.picture = b.picture;
        params.decoded.data = bf16.data();
        params.type = ElementType::kBFloat16;
        model_to_picture_cpu(params);
        for (int plane = 0; plane < 4; ++plane) EXPECT_EQ(a.plane[plane], b.plane[plane]);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
