// SPDX-License-Identifier: Apache-2.0
// What the element turns which caps into.
#include <gtest/gtest.h>

#include "tests/gst/test_element.h"

namespace {

// "WxH" of the output for an input, with downstream's caps in between; behind it the pixel aspect
// ratio where that is not 1/1.
std::string output_size(const std::string& input, const std::string& downstream = "video/x-raw",
                        const std::string& scale = "2") {
    TestElement element("scale=" + scale);
    gst_harness_set_sink_caps_str(element.harness(), downstream.c_str());
    element.set_caps(input);
    const std::string aspect = element.output_field("pixel-aspect-ratio");
    return element.output_field("width") + "x" + element.output_field("height") +
           (aspect == "1/1" || aspect == "absent" ? "" : " " + aspect);
}

TEST(Caps, OutputIsTheInputTimesScaleRounded) {
    EXPECT_EQ(output_size(video_caps(33, 17), "video/x-raw", "1.5"), "50x26");
    EXPECT_EQ(output_size(video_caps(1, 1), "video/x-raw", "1"), "1x1");
    EXPECT_EQ(output_size(video_caps(640, 360), "video/x-raw", "8"), "5120x2880");
}

TEST(Caps, SizeThatDownstreamFixesWins) {
    EXPECT_EQ(output_size(video_caps(32, 16), "video/x-raw,width=100,height=50"), "100x50");
    EXPECT_EQ(output_size(video_caps(32, 16), "video/x-raw,width=96"), "96x48");
    EXPECT_EQ(output_size(video_caps(32, 16), "video/x-raw,height=20"), "40x20");
}

TEST(Caps, WhereTheSizeIsLimitedThePictureKeepsItsProportions) {
    const auto limited = [](const std::string& width, const std::string& height) {
        return output_size(video_caps(192, 108), "video/x-raw,width=" + width + ",height=" + height,
                           "4");
    };
    EXPECT_EQ(limited("[1,400]", "[1,400]"), "400x225");
    EXPECT_EQ(limited("[1,4096]", "[1,225]"), "400x225");
    EXPECT_EQ(limited("[1000,2000]", "[1,2000]"), "1000x563");  // larger, if it must be
    EXPECT_EQ(limited("[16,400,16]", "[16,400,16]"), "400x224");
    EXPECT_EQ(limited("{640,1280,1920}", "{360,720,1080}"), "640x360");
    EXPECT_EQ(limited("{[1,100],320,400}", "[1,240]"), "400x225");
    EXPECT_EQ(limited("320", "[1,400]"), "320x180");
    EXPECT_EQ(
        output_size(video_caps(1920, 1080), "video/x-raw,width=[1,4096],height=[1,4096]", "4"),
        "4096x2304");
    EXPECT_EQ(
        output_size(video_caps(1080, 1920), "video/x-raw,width=[1,4096],height=[1,4096]", "4"),
        "2304x4096");
}

TEST(Caps, WhereNoSizeIsInProportionThePixelAspectRatioKeepsIt) {
    const std::string input = video_caps(192, 108);
    EXPECT_EQ(output_size(input, "video/x-raw,width=400,height=400"), "400x400 16/9");
    EXPECT_EQ(output_size(input, "video/x-raw,width=400,height=[1,200]"), "400x200 8/9");
    EXPECT_EQ(output_size(input, "video/x-raw,width=400,height=224"), "400x224");  // a hair off
    EXPECT_EQ(output_size(input, "video/x-raw,width=400,height=400,pixel-aspect-ratio=1/1"),
              "400x400");

    const std::string wide = video_caps(720, 576, "format=I420,pixel-aspect-ratio=16/11");
    EXPECT_EQ(output_size(wide, "video/x-raw"), "1440x1152 16/11");
    EXPECT_EQ(output_size(wide, "video/x-raw,width=720"), "720x576 16/11");
    EXPECT_EQ(output_size(wide, "video/x-raw,pixel-aspect-ratio=1/1"), "2095x1152");
}

TEST(Caps, ColourDescriptionStaysWhenThePictureGrows) {
    TestElement unsaid;
    unsaid.set_caps(video_caps(352, 288));
    EXPECT_EQ(unsaid.output_field("colorimetry"), "bt601");
    EXPECT_EQ(unsaid.output_field("chroma-site"), "jpeg");

    TestElement said;
    said.set_caps(video_caps(352, 288, "format=I420,colorimetry=1:3:5:1,chroma-site=dv"));
    EXPECT_EQ(said.output_field("colorimetry"), "1:3:5:1");
    EXPECT_EQ(said.output_field("chroma-site"), "dv");

    TestElement large;
    large.set_caps(video_caps(1280, 720));
    EXPECT_EQ(large.output_field("colorimetry"), "bt709");
    EXPECT_EQ(large.output_field("chroma-site"), "mpeg2");
}

TEST(Caps, DownstreamIsToldTheColourDescriptionBeforeItChooses) {
    TestElement element;
    element.set_caps(video_caps(352, 288));
    GstCaps* offered = gst_pad_peer_query_caps(element.harness()->sinkpad, nullptr);
    EXPECT_STREQ(gst_structure_get_string(gst_caps_get_structure(offered, 0), "colorimetry"),
                 "bt601");
    gst_caps_unref(offered);
}

TEST(Caps, ColourDescriptionFollowsTheFormat) {
    TestElement to_rgb;
    gst_harness_set_sink_caps_str(to_rgb.harness(), "video/x-raw,format=RGB");
    to_rgb.set_caps(video_caps(352, 288, "format=I420,colorimetry=bt601,chroma-site=jpeg"));
    EXPECT_EQ(to_rgb.output_field("colorimetry"), "sRGB");
    EXPECT_EQ(to_rgb.output_field("chroma-site"), "absent");

    TestElement to_yuv;
    gst_harness_set_sink_caps_str(to_yuv.harness(), "video/x-raw,format=I420");
    to_yuv.set_caps(video_caps(1280, 720, "format=RGB"));
    EXPECT_EQ(to_yuv.output_field("colorimetry"), "bt709");
    EXPECT_EQ(to_yuv.output_field("chroma-site"), "mpeg2");

    TestElement asked;
    gst_harness_set_sink_caps_str(asked.harness(), "video/x-raw,format=NV12,colorimetry=bt709");
    asked.set_caps(video_caps(352, 288, "format=I420,colorimetry=bt601"));
    EXPECT_EQ(asked.output_field("colorimetry"), "bt709");
}

TEST(Caps, AspectAndFrameRateStay) {
    TestElement element;
    element.set_caps(
        "video/x-raw,format=I420,width=8,height=8,framerate=30000/1001,pixel-aspect-ratio=16/11");
    EXPECT_EQ(element.output_field("framerate"), "30000/1001");
    EXPECT_EQ(element.output_field("pixel-aspect-ratio"), "16/11");

    TestElement variable;
    variable.set_caps("video/x-raw,format=I420,width=8,height=8,framerate=0/1");
    EXPECT_EQ(variable.output_field("framerate"), "0/1");
}

bool accepts(const std::string& caps_string) {
    TestElement element;
    GstCaps* caps = gst_caps_from_string(caps_string.c_str());
    const bool accepted = gst_pad_peer_query_accept_caps(element.harness()->srcpad, caps);
    gst_caps_unref(caps);
    return accepted;
}

TEST(Caps, InterlacedIsRefused) {
    EXPECT_TRUE(accepts(video_caps(8, 8, "format=I420,interlace-mode=progressive")));
    EXPECT_TRUE(accepts(video_caps(8, 8)));
    EXPECT_FALSE(accepts(video_caps(8, 8, "format=I420,interlace-mode=interleaved")));
    EXPECT_FALSE(accepts(video_caps(8, 8, "format=I420,interlace-mode=mixed")));
}

TEST(Caps, MemoryThatItCannotReadIsRefused) {
    EXPECT_FALSE(accepts("video/x-raw(memory:DMABuf),format=NV12,width=8,height=8,framerate=25/1"));
    EXPECT_FALSE(
        accepts("video/x-raw(memory:GLMemory),format=RGBA,width=8,height=8,framerate=25/1"));
}

TEST(Caps, CudaMemoryIsTakenAndLeftToWhoeverWantsSystemMemory) {
    const std::string cuda =
        "video/x-raw(memory:CUDAMemory),format=NV12,width=8,height=8,framerate=25/1";
    TestElement element;
    GstCaps* known = gst_pad_query_caps(GST_PAD_PEER(element.harness()->srcpad), nullptr);
    gchar* text = gst_caps_to_string(known);
    const bool built_in = g_strstr_len(text, -1, "CUDAMemory") != nullptr;
    g_free(text);
    gst_caps_unref(known);
    EXPECT_EQ(accepts(cuda), built_in);
    if (!built_in) return;
    gst_harness_set_sink_caps_str(element.harness(), "video/x-raw");
    element.set_caps(cuda);
    EXPECT_EQ(element.output_field("format"), "NV12");
    EXPECT_EQ(element.output_field("width"), "16");
}

TEST(Caps, UpstreamMayOfferAnySizeWhateverDownstreamFixes) {
    TestElement element;
    gst_harness_set_sink_caps_str(element.harness(), "video/x-raw,width=100,height=50");
    GstCaps* caps = gst_pad_peer_query_caps(element.harness()->srcpad, nullptr);
    GstCaps* wanted = gst_caps_from_string(video_caps(7, 9, "format=BGRx").c_str());
    EXPECT_TRUE(gst_caps_can_intersect(caps, wanted));
    gst_caps_unref(caps);
    gst_caps_unref(wanted);
}

TEST(Caps, NewCapsLetTheOldFramesOutFirst) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 3);
    element.set_caps(video_caps(6, 4));  // equal: nothing happens
    element.push_frames(3, 1);
    EXPECT_EQ(element.frames_out(), 0);
    element.set_caps(video_caps(8, 4));
    element.push_frames(4, 1);
    element.push_event(gst_event_new_eos());
    const std::vector<std::string> expected = {"caps 12x8", "frame 0",   "frame 1", "frame 2",
                                               "frame 3",   "caps 16x8", "frame 4", "eos"};
    EXPECT_EQ(element.log_of_caps_and_frames(), expected);
}

TEST(Caps, OfAnotherRateOrColourStartAfresh) {
    TestElement element;
    const auto frame_out = [&element](int i) { return "frame " + std::to_string(i); };
    element.set_caps(video_caps(6, 4, "format=I420,colorimetry=bt601"));
    element.push_frames(0, 2);
    element.set_caps(video_caps(6, 4, "format=I420,colorimetry=bt709"));
    element.push_frames(2, 1);
    EXPECT_EQ(element.output_field("colorimetry"), "bt709");
    element.set_caps(
        "video/x-raw,format=I420,width=6,height=4,framerate=30000/1001,colorimetry=bt709");
    element.push_frames(3, 1);
    EXPECT_EQ(element.output_field("framerate"), "30000/1001");
    element.push_event(gst_event_new_eos());
    const std::vector<std::string> expected = {"caps 12x8",  frame_out(0), frame_out(1),
                                               "caps 12x8",  frame_out(2), "caps 12x8",
                                               frame_out(3), "eos"};
    EXPECT_EQ(element.log_of_caps_and_frames(), expected);
}

TEST(Caps, DownstreamMayAskForAnotherSizeWhilePlaying) {
    TestElement element;
    element.set_caps(video_caps(6, 4));
    element.push_frames(0, 2);
    gst_harness_set_sink_caps_str(element.harness(), "video/x-raw,width=60,height=40");
    gst_pad_push_event(element.harness()->sinkpad, gst_event_new_reconfigure());
    element.push_frames(2, 1);
    element.push_event(gst_event_new_eos());
    const std::vector<std::string> expected = {"caps 12x8",  "frame 0", "frame 1",
                                               "caps 60x40", "frame 2", "eos"};
    EXPECT_EQ(element.log_of_caps_and_frames(), expected);
}

}  // namespace
