// SPDX-License-Identifier: Apache-2.0
// Which formats there are, and which is chosen.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "core/formats.h"
#include "tests/gst/test_element.h"

namespace {

using flashvsr::Format;
using flashvsr::kFormats;

std::string name_of(const Format& format) { return std::string(format.name); }

// GStreamer counts the second of Cb and Cr in a plane of both in samples, all others in bytes.
bool paired(const GstVideoFormatInfo* info, guint component) {
    return component > 0 && component < 3 && GST_VIDEO_FORMAT_INFO_N_PLANES(info) == 2;
}

TEST(Formats, AreLaidOutAsGStreamerHasThem) {
    for (const Format& format : kFormats) {
        SCOPED_TRACE(format.name);
        const GstVideoFormatInfo* info =
            gst_video_format_get_info(gst_video_format_from_string(name_of(format).c_str()));
        ASSERT_NE(info, nullptr);
        ASSERT_NE(GST_VIDEO_FORMAT_INFO_FORMAT(info), GST_VIDEO_FORMAT_UNKNOWN);
        EXPECT_EQ(format.planes, static_cast<int>(GST_VIDEO_FORMAT_INFO_N_PLANES(info)));
        EXPECT_EQ(format.rgb, GST_VIDEO_FORMAT_INFO_IS_RGB(info));
        EXPECT_EQ(format.has_alpha, GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info));
        EXPECT_EQ(format.bits > 8, GST_VIDEO_FORMAT_INFO_IS_LE(info)) << "bytes of a sample";
        for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(info); c++) {
            const Format::Component& place = format.component[c];
            const int bytes = format.sample_bytes();
            EXPECT_EQ(place.plane, static_cast<int>(GST_VIDEO_FORMAT_INFO_PLANE(info, c)));
            EXPECT_EQ(place.first * bytes, info->poffset[c] * (paired(info, c) ? bytes : 1));
            EXPECT_EQ(place.step * bytes, GST_VIDEO_FORMAT_INFO_PSTRIDE(info, c));
            EXPECT_EQ(format.bits, static_cast<int>(GST_VIDEO_FORMAT_INFO_DEPTH(info, c)));
            EXPECT_EQ(format.shift, static_cast<int>(GST_VIDEO_FORMAT_INFO_SHIFT(info, c)));
            const bool chroma = !format.rgb && (c == 1 || c == 2);
            EXPECT_EQ(chroma ? format.sub_x : 0,
                      static_cast<int>(GST_VIDEO_FORMAT_INFO_W_SUB(info, c)));
            EXPECT_EQ(chroma ? format.sub_y : 0,
                      static_cast<int>(GST_VIDEO_FORMAT_INFO_H_SUB(info, c)));
        }
    }
}

// The formats of the sink pad in one kind of memory.
std::set<std::string> taken(const char* feature) {
    TestElement element;
    GstCaps* caps = gst_pad_query_caps(GST_PAD_PEER(element.harness()->srcpad), nullptr);
    std::set<std::string> names;
    for (guint i = 0; i < gst_caps_get_size(caps); i++) {
        const GstCapsFeatures* features = gst_caps_get_features(caps, i);
        if (!gst_caps_features_contains(features, feature)) continue;
        const GValue* list = gst_structure_get_value(gst_caps_get_structure(caps, i), "format");
        for (guint k = 0; k < gst_value_list_get_size(list); k++) {
            names.insert(g_value_get_string(gst_value_list_get_value(list, k)));
        }
    }
    gst_caps_unref(caps);
    return names;
}

// docs/element.md has a table: a row for each number of bits, a column for each size of chroma;
// what is bold is taken in CUDA memory as well.
TEST(Formats, AreThoseOfTheReference) {
    std::ifstream file(FLASHVSR_SOURCE "/docs/element.md");
    const std::regex row("\\| (\\d+) bits \\|(.*)\\|");
    const std::regex entry("(\\*\\*)?`(\\w+)`");
    std::map<std::string, std::pair<int, int>> documented;  // bits, column
    std::set<std::string> bold;
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (!std::regex_match(line, match, row)) continue;
        std::istringstream cells(match[2]);
        int column = 0;
        for (std::string cell; std::getline(cells, cell, '|'); column++) {
            for (std::sregex_iterator it(cell.begin(), cell.end(), entry), end; it != end; ++it) {
                documented[(*it)[2]] = {std::stoi(match[1]), column};
                if ((*it)[1].matched) bold.insert((*it)[2]);
            }
        }
    }
    std::map<std::string, std::pair<int, int>> known;
    for (const Format& format : kFormats) {
        const bool grey = format.component[1].step == 0;
        known[name_of(format)] = {format.bits, format.rgb ? 3
                                               : grey     ? 4
                                                          : 2 - format.sub_x - format.sub_y};
    }
    EXPECT_EQ(documented, known);
    std::set<std::string> names;
    for (const auto& format : known) names.insert(format.first);
    EXPECT_EQ(taken("memory:SystemMemory"), names);
    const std::set<std::string> in_cuda = taken("memory:CUDAMemory");
    EXPECT_EQ(in_cuda, in_cuda.empty() ? in_cuda : bold);
}

// Ramps of grey and, the other way, of alpha.
GstBuffer* make_ramp() {
    constexpr guint kSize = 64;
    std::vector<guint16> samples;
    for (guint i = 0; i < kSize * kSize; i++) {
        const guint grey = i % kSize * 1040;
        for (const guint sample : {65535 - grey, grey, grey, grey}) {
            samples.push_back(static_cast<guint16>(sample));
        }
    }
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, samples.size() * 2, nullptr);
    gst_buffer_fill(buffer, 0, samples.data(), samples.size() * 2);
    return buffer;
}

// What of three ramps comes back from a format, with elements between the conversions.
std::vector<std::vector<guint8>> way_through(const Format& format, const std::string& elements) {
    const std::string converted = "videoconvert dither=none ! capsfilter caps=video/x-raw,format=";
    GstHarness* harness = gst_harness_new_parse(
        (converted + name_of(format) + " ! " + elements + converted + "ARGB64_LE").c_str());
    gst_harness_set_src_caps_str(harness, video_caps(64, 64, "format=ARGB64_LE").c_str());
    for (int i = 0; i < 3; i++) {
        GstBuffer* ramp = make_ramp();
        GST_BUFFER_PTS(ramp) = i * kPeriod;
        EXPECT_EQ(gst_harness_push(harness, ramp), GST_FLOW_OK);
    }
    gst_harness_push_event(harness, gst_event_new_eos());
    std::vector<std::vector<guint8>> frames;
    for (int i = 0; i < 3; i++) {
        GstBuffer* buffer = gst_harness_pull(harness);
        if (!buffer) break;
        frames.emplace_back(gst_buffer_get_size(buffer));
        gst_buffer_extract(buffer, 0, frames.back().data(), frames.back().size());
        gst_buffer_unref(buffer);
        // videoconvert makes alpha of what is x.
        for (size_t k = 0; k < frames.back().size() && !format.has_alpha; k += 8) {
            frames.back()[k] = frames.back()[k + 1] = 0xFF;
        }
    }
    gst_harness_teardown(harness);
    return frames;
}

// The stub engine gives back every sample at its own size.
TEST(Formats, LoseNothingBetweenTwoConversions) {
    const std::string element = "flashvsrupscale scale=1 model-dir=" + model_folder();
    for (const Format& format : kFormats) {
        SCOPED_TRACE(format.name);
        const auto expected = way_through(format, "");
        ASSERT_EQ(expected.size(), 3u);
        EXPECT_EQ(way_through(format, element + " ! "), expected);
        EXPECT_EQ(way_through(format, element + " enabled=false ! "), expected);
    }
}

// The output's format where downstream leaves a choice.
std::string chosen(const std::string& input, const std::string& choice) {
    TestElement element;
    gst_harness_set_sink_caps_str(element.harness(), ("video/x-raw,format=" + choice).c_str());
    element.set_caps(video_caps(4, 4, "format=" + input));
    return element.output_field("format");
}

TEST(Formats, TheOneThatLosesLeastIsChosen) {
    EXPECT_EQ(chosen("BGR", "{I420,BGR,RGBA}"), "BGR");
    EXPECT_EQ(chosen("NV12", "{RGB,NV12,I420}"), "NV12");
    EXPECT_EQ(chosen("RGBA", "{I420,RGB,BGRA}"), "BGRA");
    EXPECT_EQ(chosen("I420", "{Y444,P010_10LE,NV12,RGB}"), "NV12");
    EXPECT_EQ(chosen("I422_10LE", "{I420,P010_10LE,Y444,Y42B}"), "P010_10LE") << "bits first";
    EXPECT_EQ(chosen("I422_10LE", "{I420_10LE,Y444_10LE,I422_12LE}"), "I422_12LE");
    EXPECT_EQ(chosen("Y444_12LE", "{NV12,I420_10LE,Y444}"), "I420_10LE");
    EXPECT_EQ(chosen("GBR", "{I420,Y444,Y42B}"), "Y444");
    EXPECT_EQ(chosen("AYUV64", "{Y444_16LE,VUYA,RGBA64_LE}"), "RGBA64_LE") << "alpha before colour";
    EXPECT_EQ(chosen("GRAY8", "{RGB,I420,GRAY16_LE}"), "GRAY16_LE");
    EXPECT_EQ(chosen("GRAY16_LE", "{GRAY8,I420_12LE}"), "I420_12LE");
    EXPECT_EQ(chosen("I420", "{GRAY8,RGB}"), "RGB") << "colour before everything";
}

}  // namespace
