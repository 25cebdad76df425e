// SPDX-License-Identifier: Apache-2.0
// The element with the real engine and the micro model: what needs both.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/formats.h"
#include "tests/gst/test_element.h"
#include "tests/gst/test_pipeline.h"

namespace {

using flashvsr::Format;
using flashvsr::format_of;

// The micro model's prompt and weights fit one window: the output must be 128x128.
constexpr char kUpscale[] = "flashvsrupscale name=upscale scale=4 model-dir=" FLASHVSR_MICRO_MODEL;

class EnginePipeline : public testing::Test {
  protected:
    // Runs frames through the element to the end of the stream; the frames that came out. `in` and
    // `out` are fields of the caps on either side.
    std::vector<GstBuffer*> run(const std::string& in, int frames,
                                const std::string& properties = "", const std::string& out = "") {
        TestPipeline pipeline(
            "videotestsrc " + pattern_ + " num-buffers=" + std::to_string(frames) +
            " ! video/x-raw,width=32,height=32,framerate=25/1,format=" + in + " ! " + kUpscale +
            " " + properties + " ! video/x-raw" + out + " ! fakesink name=sink sync=false");
        on_buffers(
            pipeline.element("sink"),
            [](GstBuffer* buffer, gpointer out) {
                static_cast<std::vector<GstBuffer*>*>(out)->push_back(gst_buffer_ref(buffer));
            },
            &out_);
        const Outcome outcome = pipeline.run();
        EXPECT_EQ(outcome.error, "") << outcome.message;
        return std::exchange(out_, {});
    }

    std::string pattern_ = "pattern=ball";
    std::vector<GstBuffer*> out_;
};

void release(const std::vector<GstBuffer*>& buffers) {
    for (GstBuffer* buffer : buffers) gst_buffer_unref(buffer);
}

std::vector<guint8> bytes_of(GstBuffer* buffer) {
    std::vector<guint8> bytes(gst_buffer_get_size(buffer));
    gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
    return bytes;
}

TEST_F(EnginePipeline, GivesAsManyFramesAsWentInWithTheirTimes) {
    for (const int count : {1, 25, 34}) {
        const std::vector<GstBuffer*> out = run("I420", count);
        ASSERT_EQ(out.size(), static_cast<size_t>(count));
        for (int i = 0; i < count; i++) {
            EXPECT_EQ(GST_BUFFER_PTS(out[i]), i * kPeriod);
            EXPECT_EQ(gst_buffer_get_size(out[i]), 128u * 128 * 3 / 2);
        }
        release(out);
    }
}

// Mean absolute difference of two pictures of a format, in steps of 8 bits.
double distance(GstBuffer* a, GstBuffer* b,
                const Format& format = format_of(FLASHVSR_FORMAT_I420)) {
    const std::vector<guint8> x = bytes_of(a);
    const std::vector<guint8> y = bytes_of(b);
    EXPECT_EQ(x.size(), y.size());
    double sum = 0;
    const bool wide = format.sample_bytes() == 2;
    for (size_t i = 0; i < x.size(); i += format.sample_bytes()) {
        const int high = wide ? x[i + 1] - y[i + 1] : 0;
        sum += std::abs(x[i] - y[i] + 256 * high);
    }
    return sum * format.sample_bytes() / static_cast<double>(x.size()) /
           (1 << (format.bits + format.shift - 8));
}

TEST_F(EnginePipeline, EveryKindOfFormatKeepsItsColours) {
    pattern_ = "pattern=solid-color foreground-color=0xff5080c0";
    for (const auto format : {FLASHVSR_FORMAT_I420, FLASHVSR_FORMAT_NV12, FLASHVSR_FORMAT_P010_10LE,
                              FLASHVSR_FORMAT_I422_10LE, FLASHVSR_FORMAT_Y444_12LE,
                              FLASHVSR_FORMAT_AYUV64, FLASHVSR_FORMAT_RGB, FLASHVSR_FORMAT_BGRA,
                              FLASHVSR_FORMAT_GBR_10LE, FLASHVSR_FORMAT_GRAY16_LE}) {
        const Format& layout = format_of(format);
        SCOPED_TRACE(layout.name);
        const std::string name(layout.name);
        const std::vector<GstBuffer*> model = run(name, 2);
        const std::vector<GstBuffer*> converted = run(name, 2, "enabled=false");
        ASSERT_EQ(model.size(), 2u);
        ASSERT_EQ(converted.size(), 2u);
        // GStreamer's resize and the engine agree on what the numbers mean: the colour fix leaves a
        // plain surface as it is.
        EXPECT_LT(distance(model[1], converted[1], layout), 1.0);
        release(model);
        release(converted);
    }
}

// Samples of grey that rise from column to column by `slope`, at four times the columns a quarter
// as much; the same of alpha the other way. In one plane of RGBA or of Y.
TEST_F(EnginePipeline, ARampKeepsItsStepsAndItsAlpha) {
    for (const auto& [name, components, slope] :
         {std::tuple("GRAY16_LE", 1, 2000), std::tuple("GBR_12LE", 1, 120),
          std::tuple("RGBA64_LE", 4, 2000), std::tuple("RGBA", 4, 8)}) {
        const bool wide = slope > 8;
        const int largest = 31 * slope;
        const std::string caps = std::string("format=") + name;
        TestElement element("scale=4 strength=0 device=cpu model-dir=" FLASHVSR_MICRO_MODEL);
        element.set_caps(video_caps(32, 32, caps));
        GstBuffer* frame = make_frame(video_caps(32, 32, caps), 0);
        for (int i = 0; i < static_cast<int>(gst_buffer_get_size(frame)) / (wide ? 2 : 1); i++) {
            const int grey = (i / components) % 32 * slope;
            const guint16 sample =
                GUINT16_TO_LE(components == 4 && i % 4 == 3 ? largest - grey : grey);
            gst_buffer_fill(frame, wide ? 2 * i : i, &sample, wide ? 2 : 1);
        }
        element.push(frame);
        element.push_event(gst_event_new_eos());
        GstBuffer* out = element.pull();
        ASSERT_NE(out, nullptr);
        const std::vector<guint8> bytes = bytes_of(out);
        gst_buffer_unref(out);
        for (int i = 64 * 128 * components; i < 65 * 128 * components; i++) {
            const int column = i / components % 128;
            if (column < 8 || column >= 120) continue;  // where the ramp ends
            const double grey = ((column + 0.5) / 4 - 0.5) * slope;
            const double expected = components == 4 && i % 4 == 3 ? largest - grey : grey;
            const int sample = wide ? bytes[2 * i] | bytes[2 * i + 1] << 8 : bytes[i];
            ASSERT_NEAR(sample, expected, 1.0) << name << " at " << i;
        }
    }
}

TEST_F(EnginePipeline, EqualSeedsGiveEqualPictures) {
    const std::vector<GstBuffer*> first = run("RGB", 2, "seed=7");
    const std::vector<GstBuffer*> again = run("RGB", 2, "seed=7");
    const std::vector<GstBuffer*> other = run("RGB", 2, "seed=8");
    EXPECT_EQ(bytes_of(first[0]), bytes_of(again[0]));
    EXPECT_NE(bytes_of(first[0]), bytes_of(other[0]));
    release(first);
    release(again);
    release(other);
}

TEST_F(EnginePipeline, EveryKindOfColourKeepsItsColours) {
    pattern_ = "pattern=solid-color foreground-color=0xff5080c0";
    const std::pair<std::string, std::string> cases[] = {
        {"I420,colorimetry=bt601", ",format=I420,colorimetry=bt709"},
        {"NV12,colorimetry=bt709", ",format=I420,colorimetry=bt601"},
        {"I420,colorimetry=1:4:0:0", ",format=RGB"},  // full range, 601
        {"NV12,colorimetry=bt2020", ",format=BGRx"},
        {"P010_10LE,colorimetry=bt709", ",format=NV12"},
        {"RGB", ",format=NV12,colorimetry=bt709"},
        {"BGRA", ",format=I420,colorimetry=1:3:5:1"},
    };
    for (const auto& [in, out] : cases) {
        const std::vector<GstBuffer*> model = run(in, 2, "", out);
        const std::vector<GstBuffer*> converted = run(in, 2, "enabled=false", out);
        ASSERT_EQ(model.size(), 2u);
        ASSERT_EQ(converted.size(), 2u);
        // GStreamer's fast paths are some steps off, by their short coefficients.
        EXPECT_LT(distance(model[1], converted[1]), 2.5) << in << " to" << out;
        release(model);
        release(converted);
    }
}

TEST_F(EnginePipeline, FourElementsLoadTheModelOnce) {
    std::string line;
    for (int i = 0; i < 4; i++) {
        line +=
            "videotestsrc num-buffers=30 ! video/x-raw,width=32,height=32 ! flashvsrupscale "
            "model-dir=" FLASHVSR_NANO_MODEL " ! fakesink sync=false ";
    }
    TestPipeline pipeline(line);
    // Only who really loads tells how far it is.
    static std::mutex mutex;
    static std::set<GstObject*> loaders;
    gst_bus_set_sync_handler(
        pipeline.bus(),
        [](GstBus*, GstMessage* message, gpointer) {
            GstProgressType type = GST_PROGRESS_TYPE_START;
            if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_PROGRESS) {
                gst_message_parse_progress(message, &type, nullptr, nullptr);
            }
            const std::lock_guard<std::mutex> lock(mutex);
            if (type == GST_PROGRESS_TYPE_CONTINUE) loaders.insert(GST_MESSAGE_SRC(message));
            return GST_BUS_PASS;
        },
        nullptr, nullptr);
    const Outcome outcome = pipeline.run();
    EXPECT_EQ(outcome.error, "") << outcome.message;
    EXPECT_EQ(loaders.size(), 1u);
}

// Waits for no more than the chunk under way: under two seconds where nothing else runs, which is
// printed, and not to be held against a busy machine.
TEST_F(EnginePipeline, StopsQuicklyAtAnyMoment) {
    gint64 longest = 0;
    for (int i = 0; i < 40; i++) {
        TestPipeline pipeline(
            "videotestsrc ! video/x-raw,format=I420,width=32,height=32 ! flashvsrupscale "
            "model-dir=" FLASHVSR_NANO_MODEL " ! fakesink");
        pipeline.set_state(GST_STATE_PLAYING);
        g_usleep(i * 7919 % 211 * 1000);  // in the load, the first chunk, or a later one
        const gint64 begin = g_get_monotonic_time();
        pipeline.set_state(GST_STATE_NULL);
        longest = MAX(longest, g_get_monotonic_time() - begin);
    }
    std::printf("longest of 40 stops: %.2f s\n", static_cast<double>(longest) / 1e6);
    EXPECT_LT(longest, 30 * G_USEC_PER_SEC);
}

Outcome run_model(const std::string& folder) {
    return TestPipeline(
               "videotestsrc num-buffers=1 ! video/x-raw,width=32,height=32 ! "
               "flashvsrupscale model-dir=" +
               folder + " ! fakesink")
        .run();
}

TEST_F(EnginePipeline, AModelThatIsNoneIsNamedInTheError) {
    const Outcome missing = run_model("/no/such/model");
    EXPECT_EQ(missing.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
    EXPECT_NE(missing.message.find("/no/such/model"), std::string::npos);

    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "flashvsr-bad-model";
    fs::remove_all(folder);
    fs::copy(FLASHVSR_MICRO_MODEL, folder);
    const fs::path file = folder / "TCDecoder.ckpt";
    fs::resize_file(file, fs::file_size(file) / 2);
    const Outcome cut = run_model(folder.string());
    EXPECT_EQ(cut.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ)) << cut.message;
    fs::copy_file(folder / "LQ_proj_in.ckpt", file, fs::copy_options::overwrite_existing);
    const Outcome other = run_model(folder.string());
    EXPECT_EQ(other.error, name_of(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT)) << other.message;
    EXPECT_NE(other.message.find("TCDecoder.ckpt"), std::string::npos) << other.message;
    fs::remove_all(folder);
}

TEST_F(EnginePipeline, TilesGiveAsManyFrames) {
    const std::vector<GstBuffer*> out =
        run("I420", 34, "tile-dit=true tile-vae=true tile-size=256 overlap=100",
            ",width=384,height=128");
    EXPECT_EQ(out.size(), 34u);
    release(out);
}

TEST_F(EnginePipeline, AnOverlapTooLargeForTheTileIsAnError) {
    const Outcome outcome =
        run_model(std::string(FLASHVSR_MICRO_MODEL) + " tile-vae=true tile-size=200 overlap=200");
    EXPECT_EQ(outcome.error, name_of(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS));
    EXPECT_NE(outcome.message.find("tile-size to at least 384"), std::string::npos)
        << outcome.message;
}

TEST_F(EnginePipeline, ADecoderThatIsMissingIsNamedInTheError) {
    const std::string micro = FLASHVSR_MICRO_MODEL;
    for (const auto& [settings, named] : std::vector<std::pair<std::string, std::string>>{
             {" mode=full", "lacks Wan2.1_VAE.pth"},
             {" mode=full vae-path=/no/such/vae.pth", "/no/such/vae.pth"},
             {" vae-type=taew2.1", "lacks taew2_1.pth"}}) {
        const Outcome missing = run_model(micro + settings);
        EXPECT_EQ(missing.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
        EXPECT_NE(missing.message.find(named), std::string::npos) << missing.message;
    }
}

TEST_F(EnginePipeline, ADecoderOfTheOtherModeGivesAWarningAndTheModesOwn) {
    const std::string micro = FLASHVSR_MICRO_MODEL;
    const Outcome other = run_model(micro + " vae-type=wan2.1");
    EXPECT_EQ(other.error, "") << other.message;
    EXPECT_TRUE(other.warned);
    EXPECT_FALSE(run_model(micro + " vae-type=tcd").warned);
}

// What a frame of 256x256 from the small model does to memory, as `stats` has it.
struct MemoryRun {
    explicit MemoryRun(const std::string& properties) {
        TestPipeline pipeline(
            "videotestsrc num-buffers=1 ! video/x-raw,width=64,height=64 ! "
            "flashvsrupscale name=upscale scale=4 model-dir=" FLASHVSR_NANO_MODEL " " +
            properties + " ! fakesink");
        gst_bus_set_sync_handler(
            pipeline.bus(),
            [](GstBus*, GstMessage* message, gpointer informed) {
                if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_INFO) {
                    static_cast<std::atomic<bool>*>(informed)->store(true);
                }
                return GST_BUS_PASS;
            },
            &informed, nullptr);
        outcome = pipeline.run();
        GstStructure* stats = nullptr;
        g_object_get(pipeline.element("upscale"), "stats", &stats, nullptr);
        GstStructure* estimate = nullptr;
        if (gst_structure_get(stats, "memory-estimate", GST_TYPE_STRUCTURE, &estimate, nullptr)) {
            for (const char* part :
                 {"weights", "kv-cache", "state", "frames", "activations", "reserve"}) {
                guint64 bytes = 0;
                EXPECT_TRUE(gst_structure_get_uint64(estimate, part, &bytes)) << part;
                total += bytes;
            }
            changes = gst_structure_get_string(estimate, "changes");
            gst_structure_free(estimate);
        }
        gst_structure_free(stats);
    }

    Outcome outcome;
    std::atomic<bool> informed{false};
    guint64 total = 0;
    std::string changes;
};

TEST_F(EnginePipeline, AStreamThatDoesNotFitIsRefusedOrMadeToFit) {
    const MemoryRun whole("");
    EXPECT_EQ(whole.outcome.error, "") << whole.outcome.message;
    ASSERT_GT(whole.total, 1u << 20);
    const std::string limit = " memory-limit=" + std::to_string(whole.total >> 20);

    const MemoryRun refused(limit);
    EXPECT_EQ(refused.outcome.error, name_of(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT));
    EXPECT_NE(refused.outcome.message.find("kv-cache="), std::string::npos)
        << refused.outcome.message;

    const MemoryRun fitted("memory=auto" + limit);
    EXPECT_EQ(fitted.outcome.error, "") << fitted.outcome.message;
    EXPECT_LT(fitted.total, whole.total);
    EXPECT_NE(fitted.changes, "");
    EXPECT_TRUE(fitted.informed);
}

}  // namespace
