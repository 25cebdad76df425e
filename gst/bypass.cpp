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

namespace {

/* Bits below `shift` become 0. */
template <typename Sample>
void blend_rows(const GstVideoFrame* from, int share, GstVideoFrame* onto, guint plane, int bytes,
                int rows, guint shift) {
    for (int y = 0; y < rows; y++) {
        const auto row = [plane, y](const GstVideoFrame* frame) {
            return static_cast<guint8*>(GST_VIDEO_FRAME_PLANE_DATA(frame, plane)) +
                   static_cast<gssize>(y) * GST_VIDEO_FRAME_PLANE_STRIDE(frame, plane);
        };
        const auto* source = reinterpret_cast<const Sample*>(row(from));
        auto* target = reinterpret_cast<Sample*>(row(onto));
        for (int x = 0; x < bytes / static_cast<int>(sizeof(Sample)); x++) {
            const int mean = source[x] + ((target[x] - source[x]) * share + 128) / 256;
            target[x] = static_cast<Sample>(mean >> shift << shift);
        }
    }
}

}  // namespace

void blend_frames(const GstVideoFrame* from, double share, GstVideoFrame* onto) {
    const int weight = static_cast<int>(share * 256);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(onto); plane++) {
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(onto->info.finfo, plane, component);
        const int bytes = GST_VIDEO_FRAME_COMP_WIDTH(onto, component[0]) *
                          GST_VIDEO_FRAME_COMP_PSTRIDE(onto, component[0]);
        const int rows = GST_VIDEO_FRAME_COMP_HEIGHT(onto, component[0]);
        const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(onto->info.finfo, component[0]);
        if (GST_VIDEO_FRAME_COMP_DEPTH(onto, component[0]) > 8) {
            blend_rows<guint16>(from, weight, onto, plane, bytes, rows, shift);
        } else {
            blend_rows<guint8>(from, weight, onto, plane, bytes, rows, shift);
        }
    }
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
