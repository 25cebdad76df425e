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
