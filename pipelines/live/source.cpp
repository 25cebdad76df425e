// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/source.h"

#include <algorithm>

#include "pipelines/cli/launch.h"
#include "pipelines/live/bridge.h"
#include "pipelines/live/guard.h"

namespace pipelines {

namespace {

constexpr guint kPulseMs = 250;
constexpr gint64 kSettleUs = G_USEC_PER_SEC;  // until then sound may be on its way
constexpr guint kFirstDelayMs = 500;
constexpr guint kLongestDelayMs = 30000;

std::string seconds(guint ms) {
    return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

}  // namespace

Source::Source(const SourceOptions& options, GstAppSrc* video, GstAppSrc* sound, Say say)
    : options_(options), video_(video), sound_(sound), say_(std::move(say)) {
    check(options_);
    prepare_entry(video_, 16);
    if (sound_) prepare_entry(sound_, 100);  // a second or two
}

Source::~Source() {
    stop();
    if (retry_) g_source_remove(retry_);
}

void Source::start() {
    attempt_ = std::make_unique<SourcePipeline>(options_, video_, sound_);
    GstBus* bus = gst_element_get_bus(attempt_->element());
    gst_bus_add_watch(bus, on_message, this);
    gst_object_unref(bus);
    pulse_ = g_timeout_add(kPulseMs, on_pulse, this);
}

void Source::stop() {
    if (!attempt_) return;
    skipped_ += attempt_->skipped();
    g_source_remove(pulse_);
    GstBus* bus = gst_element_get_bus(attempt_->element());
    gst_bus_remove_watch(bus);
    gst_object_unref(bus);
    attempt_.reset();
}

void Source::lose(const std::string& why, bool at_once) {
    failures_ = attempt_->last_frame() ? 0 : failures_ + 1;
    stop();
    guint delay = 0;
    if (!at_once) {
        ++losses_;
        up_ = said_ = false;
        delay = std::min(kFirstDelayMs << std::min(failures_, 10), kLongestDelayMs);
        say_(shown(options_) + ": " + why + "; again in " + seconds(delay));
    }
    retry_ = g_timeout_add(delay, on_retry, this);
}

void Source::check_pulse() {
    const gint64 newest = attempt_->last_frame();
    if (newest) up_ = true;
    if (up_ && !said_ && g_get_monotonic_time() - attempt_->started() > kSettleUs) {
        say_(shown(options_) + ": " + attempt_->describe());
        said_ = true;
    }
    const auto patience = static_cast<gint64>(options_.patience / GST_USECOND) * (newest ? 1 : 2);
    if (g_get_monotonic_time() - (newest ? newest : attempt_->started()) > patience) {
        lose("no picture for " + seconds(static_cast<guint>(patience / 1000)));
    }
}

void Source::handle(GstMessage* message) {
    switch (GST_MESSAGE_TYPE(message)) {
        case GST_MESSAGE_ERROR: lose(text_of(message)); break;
        case GST_MESSAGE_EOS:
            lose("it has ended", is_file(options_) && attempt_->last_frame());
            break;
        case GST_MESSAGE_LATENCY: gst_bin_recalculate_latency(GST_BIN(attempt_->element())); break;
        default: break;
    }
}

gboolean Source::on_message(GstBus*, GstMessage* message, gpointer self) {
    guarded("the source", [&] { static_cast<Source*>(self)->handle(message); });
    return G_SOURCE_CONTINUE;  // where the attempt is over, this watch is removed already
}

gboolean Source::on_pulse(gpointer self) {
    guarded("the source", [&] { static_cast<Source*>(self)->check_pulse(); });
    return G_SOURCE_CONTINUE;
}

gboolean Source::on_retry(gpointer self) {
    auto* source = static_cast<Source*>(self);
    source->retry_ = 0;
    const bool begun = guarded("the source", [&] { source->start(); });
    if (!begun && !source->retry_) source->retry_ = g_timeout_add(kLongestDelayMs, on_retry, self);
    return G_SOURCE_REMOVE;
}

}  // namespace pipelines
