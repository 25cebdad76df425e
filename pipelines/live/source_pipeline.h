// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/app/app.h>

#include <atomic>
#include <string>

namespace pipelines {

// Where a live server's pictures and sound come from.
struct SourceOptions {
    // A URL (rtsp, srt, udp, http ...), a camera ("/dev/video0"), a file, which is played over and
    // over, or "test".
    std::string place;
    // Caps of the camera or the test picture ("video/x-raw,width=640,height=360,framerate=25/1");
    // empty: the camera's own choice, 320x180 at 25.
    std::string caps;
    // Without a picture for so long the source counts as lost; twice as long at the beginning.
    GstClockTime patience = 5 * GST_SECOND;
};

bool is_file(const SourceOptions& options);

// Throws Failure: kInput for a file or camera that is not there, kUsage for bad caps.
void check(const SourceOptions& options);

// The place without the secrets that a URL may hold.
std::string shown(const SourceOptions& options);

// One attempt to play a source:
//
//     uridecodebin ! deinterlace ! appsink    (raw video, in the decoder's own format)
//          sound ! appsink                    (coded as it is, else as Opus)
//
// The appsinks let everything out at its time and push it into appsrcs of the running pipeline.
class SourcePipeline {
  public:
    // Starts it. `sound` may be null.
    SourcePipeline(const SourceOptions& options, GstAppSrc* video, GstAppSrc* sound);
    ~SourcePipeline();
    SourcePipeline(const SourcePipeline&) = delete;
    SourcePipeline& operator=(const SourcePipeline&) = delete;

    GstElement* element() const { return pipeline_; }
    // Monotonic time of the newest frame and of the start, in microseconds; 0: no frame yet.
    gint64 last_frame() const { return last_frame_; }
    gint64 started() const { return started_; }
    // Frames for which the running pipeline had no room.
    guint64 skipped() const { return skipped_; }
    // What it plays: size, rate, sound.
    std::string describe() const;

  private:
    void link(GstPad* pad);
    void append(const char* line, GstPad* pad);
    void take_sinks(GstElement* bin);

    static void on_pad_added(GstElement*, GstPad* pad, gpointer self);
    static void on_source_setup(GstElement*, GstElement* source, gpointer);
    static GstFlowReturn on_frame(GstAppSink* sink, gpointer self);
    static GstFlowReturn on_sound(GstAppSink* sink, gpointer self);

    GstAppSrc* const video_;
    GstAppSrc* const sound_;
    const gint64 started_;
    GstElement* pipeline_;

    // Streaming threads write these.
    bool has_video_ = false, has_sound_ = false;  // the thread that adds pads
    std::atomic<gint64> last_frame_{0};
    std::atomic<guint64> skipped_{0};
    GstClockTime video_time_ = 0, sound_time_ = 0;  // of the newest, in the running pipeline
};

}  // namespace pipelines
