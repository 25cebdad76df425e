// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "pipelines/live/source.h"
#include "pipelines/webrtc/feed.h"
#include "pipelines/webrtc/options.h"
#include "pipelines/webrtc/time_code.h"
#include "pipelines/webrtc/viewer.h"

namespace webrtc {

// The pipeline that all viewers share: one source, one upscaler, two encoders.
//
//     source ! time code ! tee ! queue ! clocksync ! encoder ! feed of the input
//                          tee ! queue ! flashvsrupscale ! clocksync ! encoder ! feed of the
//                          output
//
// The upscaler lets go of 8 frames at once; clocksync hands each to the encoder at its time, and
// holds the input back as long, so that both show the same moment. Used on the main thread.
class Broadcast {
  public:
    // Builds it. `say` gets a line for a person when the source comes and goes. Throws Failure:
    // kInput for a source that is not there, kUsage for a bad setting, kMissing for an element
    // that is not installed.
    Broadcast(const Options& options, pipelines::Source::Say say);
    ~Broadcast();
    Broadcast(const Broadcast&) = delete;
    Broadcast& operator=(const Broadcast&) = delete;

    // Runs until the main loop ends. `on_end` gets the reason when it cannot go on.
    void play(std::function<void(const std::string&)> on_end);

    std::shared_ptr<Viewer> make_viewer(Viewer::Send send);

    // Sizes, counts of frames, times in ms, as the page shows them.
    nlohmann::json statistics() const;
    // What viewers may change while it runs, by name.
    nlohmann::json controls() const;
    // Throws Failure (kUsage) on a name that is no control, or a value that it does not take.
    void set_control(const std::string& name, const nlohmann::json& value);
    // That of the frame that enters now, in ms: what the time code counts in.
    double running_time() const;

  private:
    void start_playing();
    void begin_anew();
    void align_input();
    guint64 missed(guint64 taken) const;
    static GstPadProbeReturn on_first_frames(GstPad*, GstPadProbeInfo* info, gpointer self);
    static gboolean on_message(GstBus*, GstMessage* message, gpointer self);
    void handle(GstMessage* message);

    const Codec& codec_;
    const Network network_;
    GstElement* pipeline_;
    GstElement* upscaler_;  // the pipeline's, as the next three
    GstElement* waiting_;   // queue
    GstElement* input_pacing_;
    GstElement* output_pacing_;
    std::unique_ptr<pipelines::Source> source_;
    std::unique_ptr<TimeCode> time_code_;
    std::unique_ptr<Feed> input_feed_, output_feed_;
    std::function<void(const std::string&)> on_end_;
    std::atomic<bool> warm_{false};  // a chunk has been computed
    guint64 flushed_ = 0;            // frames that were thrown away then
    std::string state_ = "loading";  // "loading", "playing"
};

}  // namespace webrtc
