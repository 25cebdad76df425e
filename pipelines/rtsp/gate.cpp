// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/gate.h"

#include <algorithm>
#include <string>

#include "pipelines/rtsp/connection.h"
#include "pipelines/rtsp/transport.h"

namespace rtsp {

namespace {

// Each has the library do, keep or say something that no viewer of this stream needs.
constexpr GstRTSPHeaderField kIgnored[] = {
    GST_RTSP_HDR_ACCEPT_RANGES, GST_RTSP_HDR_BLOCKSIZE,  GST_RTSP_HDR_KEYMGMT, GST_RTSP_HDR_RANGE,
    GST_RTSP_HDR_SCALE,         GST_RTSP_HDR_SEEK_STYLE, GST_RTSP_HDR_SPEED,
};

bool has_played(GstRTSPSession* session) {
    bool played = false;
    const auto look = [](GstRTSPSession*, GstRTSPSessionMedia* media, gpointer played) {
        const GstRTSPState state = gst_rtsp_session_media_get_rtsp_state(media);
        if (state == GST_RTSP_STATE_PLAYING) *static_cast<bool*>(played) = true;
        return GST_RTSP_FILTER_KEEP;
    };
    g_list_free(gst_rtsp_session_filter(session, look, &played));
    return played;
}

// The library would go on to send to the ports of before, for ever.
bool changes_what_plays(const GstRTSPContext& context) {
    return context.session && has_played(context.session);
}

GstRTSPStatusCode restrict_setup(GstRTSPContext* context, bool udp) {
    if (changes_what_plays(*context)) return GST_RTSP_STS_METHOD_NOT_VALID_IN_THIS_STATE;
    std::string offered;
    gchar* way = nullptr;
    for (int i = 0; gst_rtsp_message_get_header(context->request, GST_RTSP_HDR_TRANSPORT, &way,
                                                i) == GST_RTSP_OK;
         ++i) {
        offered += (i > 0 ? "," : "") + std::string(way);
    }
    const std::string usable = usable_transport(offered, udp);
    if (usable.empty()) return GST_RTSP_STS_UNSUPPORTED_TRANSPORT;
    gst_rtsp_message_remove_header(context->request, GST_RTSP_HDR_TRANSPORT, -1);
    gst_rtsp_message_add_header(context->request, GST_RTSP_HDR_TRANSPORT, usable.c_str());
    return GST_RTSP_STS_OK;
}

}  // namespace

bool forget_foreign_session(GstRTSPContext* context) {
    if (!context->session || connection_of(context->session) == connection_of(context->client)) {
        return false;
    }
    const auto is_it = [](GstRTSPClient*, GstRTSPSession* session, gpointer foreign) {
        return session == foreign ? GST_RTSP_FILTER_REMOVE : GST_RTSP_FILTER_KEEP;
    };
    g_list_free_full(gst_rtsp_client_session_filter(context->client, is_it, context->session),
                     g_object_unref);
    context->session = nullptr;
    return true;
}

GstRTSPStatusCode restrict_request(GstRTSPContext* context, bool udp) {
    for (const GstRTSPHeaderField field : kIgnored) {
        gst_rtsp_message_remove_header(context->request, field, -1);
    }
    switch (context->method) {
        case GST_RTSP_SETUP: return restrict_setup(context, udp);
        case GST_RTSP_ANNOUNCE:
        case GST_RTSP_RECORD: return GST_RTSP_STS_METHOD_NOT_ALLOWED;
        default: return GST_RTSP_STS_OK;
    }
}

}  // namespace rtsp
