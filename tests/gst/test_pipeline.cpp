// SPDX-License-Identifier: Apache-2.0
#include "tests/gst/test_pipeline.h"

#include <gtest/gtest.h>

#include <mutex>

namespace {

// Held by handlers of on_buffers(); orders what they wrote before what a test reads.
std::mutex handler_mutex;

}  // namespace

std::string name_of(GQuark domain, int code) {
    return std::string(g_quark_to_string(domain)) + "/" + std::to_string(code);
}

void read_error(GstMessage* message, Outcome* outcome) {
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    outcome->error = name_of(error->domain, error->code);
    outcome->message = error->message;
    g_error_free(error);
}

TestPipeline::TestPipeline(const std::string& line)
    : pipeline_(gst_parse_launch(line.c_str(), nullptr)), bus_(gst_element_get_bus(pipeline_)) {}

TestPipeline::~TestPipeline() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    for (GstElement* element : elements_) gst_object_unref(element);
    gst_object_unref(bus_);
    gst_object_unref(pipeline_);
}

GstElement* TestPipeline::element(const char* name) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(pipeline_), name);
    EXPECT_NE(element, nullptr) << name;
    elements_.push_back(element);
    return element;
}

Outcome TestPipeline::wait() {
    Outcome outcome;
    for (;;) {
        GstMessage* message = gst_bus_timed_pop_filtered(
            bus_, 600 * GST_SECOND,
            static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS | GST_MESSAGE_WARNING |
                                        GST_MESSAGE_LATENCY));
        if (!message) {
            outcome.error = "nothing happened";
            break;
        }
        const GstMessageType type = GST_MESSAGE_TYPE(message);
        if (type == GST_MESSAGE_WARNING) outcome.warned = true;
        if (type == GST_MESSAGE_LATENCY) gst_bin_recalculate_latency(GST_BIN(pipeline_));
        if (type == GST_MESSAGE_ERROR) read_error(message, &outcome);
        gst_message_unref(message);
        if (type == GST_MESSAGE_ERROR || type == GST_MESSAGE_EOS) break;
    }
    const std::lock_guard<std::mutex> lock(handler_mutex);
    return outcome;
}

Child::Child(const std::string& command) {
    gchar* out = nullptr;
    gchar* err = nullptr;
    const gint64 start = g_get_monotonic_time();
    g_spawn_command_line_sync(command.c_str(), &out, &err, &status, nullptr);
    seconds = static_cast<double>(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
    if (out) output = out;
    if (err) errors = err;
    g_free(out);
    g_free(err);
}

void on_buffers(GstElement* element, void (*handler)(GstBuffer*, gpointer), gpointer data) {
    struct Call {
        void (*handler)(GstBuffer*, gpointer);
        gpointer data;
    };
    GstPad* pad = gst_element_get_static_pad(element, "sink");
    gst_pad_add_probe(
        pad, GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo* info, gpointer data) {
            const std::lock_guard<std::mutex> lock(handler_mutex);
            const auto* call = static_cast<Call*>(data);
            call->handler(GST_PAD_PROBE_INFO_BUFFER(info), call->data);
            return GST_PAD_PROBE_OK;
        },
        new Call{handler, data}, [](gpointer call) { delete static_cast<Call*>(call); });
    gst_object_unref(pad);
}
