// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/live.h"

#include "pipelines/cli/launch.h"
#include "pipelines/live/bridge.h"

namespace rtsp {

namespace {

constexpr char kPictures[] =
    "appsrc name=video ! videoconvert ! flashvsrupscale name=upscaler ! "
    "appsink name=pictures caps=\"video/x-raw,format=(string){I420,NV12}\" ";

// The queue is as long as the upscaler's latency may be.
constexpr char kSound[] =
    "appsrc name=audio ! queue max-size-time=60000000000 max-size-bytes=0 max-size-buffers=0 ! "
    "appsink name=sound";

// After the first picture; a source without sound is served after that.
constexpr gint64 kSoundWaitUs = 2 * G_USEC_PER_SEC;

}  // namespace

Live::Live(const Options& options, pipelines::Source::Say say)
    : pipeline_(pipelines::launch(std::string(kPictures) + (options.sound ? kSound : ""))) {
    using pipelines::named;
    pipelines::use_shared_clock(pipeline_);
    try {
        options.upscaler.apply(named(pipeline_, "upscaler"));
        GstElement* audio = named(pipeline_, "audio");
        source_ = std::make_unique<pipelines::Source>(
            options.source, GST_APP_SRC(named(pipeline_, "video")),
            audio ? GST_APP_SRC(audio) : nullptr, std::move(say));
    } catch (...) {
        gst_object_unref(pipeline_);
        throw;
    }
    statistics_ = std::make_unique<pipelines::Statistics>(pipeline_, named(pipeline_, "upscaler"));
    pictures_ = std::make_shared<Outlet>(GST_APP_SINK(named(pipeline_, "pictures")),
                                         Outlet::Kind::kPictures);
    if (options.sound) {
        sound_ =
            std::make_shared<Outlet>(GST_APP_SINK(named(pipeline_, "sound")), Outlet::Kind::kSound);
    }
}

Live::~Live() {
    source_.reset();
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
}

void Live::load() { gst_element_set_state(pipeline_, GST_STATE_PAUSED); }

void Live::play() {
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    source_->start();
}

bool Live::ready() {
    const gint64 now = g_get_monotonic_time();
    if (!pictures_->begun()) {
        first_picture_ = now;
        return false;
    }
    if (warm_) return !sound_ || sound_->begun() || now - first_picture_ > kSoundWaitUs;
    warm_ = true;
    flush();
    return false;
}

// Throws away what is on its way, and what has come out.
void Live::flush() {
    const char* const entries[] = {"video", "audio"};
    for (const char* name : entries) {
        GstElement* entry = pipelines::named(pipeline_, name);
        if (entry) gst_element_send_event(entry, gst_event_new_flush_start());
    }
    pictures_->forget();
    if (sound_) sound_->forget();
    for (const char* name : entries) {
        GstElement* entry = pipelines::named(pipeline_, name);
        if (entry) gst_element_send_event(entry, gst_event_new_flush_stop(FALSE));
    }
}

}  // namespace rtsp
