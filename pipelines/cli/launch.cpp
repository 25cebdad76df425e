// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/launch.h"

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/redact.h"

namespace pipelines {

GstElement* launch(const std::string& line) {
    GError* error = nullptr;
    GstElement* pipeline =
        gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!pipeline) {
        const std::string message = redacted(error->message);
        g_error_free(error);
        throw Failure(ExitCode::kMissing,
                      message + " (GST_PLUGIN_PATH names folders with more plugins)");
    }
    return pipeline;
}

GstElement* named(GstElement* bin, const char* name) {
    GstElement* element = gst_bin_get_by_name(GST_BIN(bin), name);
    if (element) gst_object_unref(element);
    return element;
}

void load_model(GstElement* pipeline) {
    GstBus* bus = gst_element_get_bus(pipeline);
    gst_element_set_state(pipeline, GST_STATE_PAUSED);
    std::string error;
    for (bool loaded = false; !loaded && error.empty();) {
        GstMessage* message = gst_bus_timed_pop_filtered(
            bus, GST_CLOCK_TIME_NONE,
            static_cast<GstMessageType>(GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR));
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
            error = text_of(message);
        } else {
            GstProgressType type = GST_PROGRESS_TYPE_START;
            gst_message_parse_progress(message, &type, nullptr, nullptr);
            loaded = type == GST_PROGRESS_TYPE_COMPLETE;
        }
        gst_message_unref(message);
    }
    gst_object_unref(bus);
    if (!error.empty()) throw Failure(ExitCode::kFailed, error);
}

std::string text_of(GstMessage* message) {
    GError* error = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, nullptr);
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING) {
        gst_message_parse_warning(message, &error, nullptr);
    } else {
        gst_message_parse_info(message, &error, nullptr);
    }
    const std::string text = redacted(error->message);
    g_error_free(error);
    return text;
}

}  // namespace pipelines
