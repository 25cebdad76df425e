#include "gst/bypass.h"

namespace flashvsr {

PlainResize::PlainResize(const GstVideoInfo& in, const GstVideoInfo& out) {
    GstStructure* config = gst_structure_new(
        "config", GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
        GST_VIDEO_RESAMPLER_METHOD_CUBIC, GST_VIDEO_CONVERTER_OPT_CHROMA_RESAMPLER_METHOD,
        GST_TYPE_VIDEO_RESAMPLER_METHOD, GST_VIDEO_RESAMPLER_METHOD_CUBIC, nullptr);
    GstVideoInfo from = in;
    GstVideoInfo to = out;
    converter_.reset(gst_video_converter_new(&from, &to, config));
}

void PlainResize::run(const GstVideoFrame* in, GstVideoFrame* out) const {
    gst_video_converter_frame(converter_.get(), in, out);
}

bool needs_video_meta(GstBuffer* buffer, const GstVideoInfo& info) {
    const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
    if (!meta) return false;
    for (guint plane = 0; plane < meta->n_planes; plane++) {
        if (meta->stride[plane] != GST_VIDEO_INFO_PLANE_STRIDE(&info, plane) ||
            meta->offset[plane] != GST_VIDEO_INFO_PLANE_OFFSET(&info, plane)) {
            return true;
        }
    }
    return false;
}

}  // namespace flashvsr
