// SPDX-License-Identifier: Apache-2.0
#include "gst/engine_error.h"

namespace flashvsr {

namespace {

// What takes memory: the output's size first of all, then the past that attention looks back at.
constexpr char kMemoryAdvice[] =
    " To need less, set a smaller scale, kv-ratio or number of streams on the device, or a 16-bit "
    "precision.";

struct DomainAndCode {
    GQuark domain;
    gint code;
};

DomainAndCode domain_and_code(FlashvsrStatus status) {
    switch (status) {
        case FLASHVSR_NOT_FOUND: return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND};
        case FLASHVSR_READ_FAILED: return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ};
        case FLASHVSR_NO_MEMORY: return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT};
        case FLASHVSR_BAD_FORMAT: return {GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT};
        case FLASHVSR_BAD_SETTINGS: return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS};
        default: return {GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_FAILED};
    }
}

}  // namespace

void post_engine_error(GstElement* element, const FlashvsrError& error) {
    const DomainAndCode where = domain_and_code(error.status);
    const char* advice = error.status == FLASHVSR_NO_MEMORY ? kMemoryAdvice : "";
    gst_element_message_full(element, GST_MESSAGE_ERROR, where.domain, where.code,
                             g_strconcat(error.message, advice, nullptr),
                             g_strdup_printf("engine status %d", error.status), __FILE__,
                             GST_FUNCTION, __LINE__);
}

}  // namespace flashvsr
