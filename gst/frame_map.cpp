// SPDX-License-Identifier: Apache-2.0
#include "gst/frame_map.h"

#include <gst/video/gstvideometa.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "gst/cuda_memory.h"

namespace flashvsr {

namespace {

#define NAME(name, ...) #name,
constexpr const char* kNames[] = {FLASHVSR_FORMATS(NAME)};
#undef NAME

// What gst_cuda_allocator_alloc() of 1.22 knows; it aborts the process at any other.
constexpr const char* kInCudaMemory[] = {
    "I420",      "YV12",      "NV12", "NV21",      "P010_10LE", "P016_LE", "I420_10LE", "Y42B",
    "I422_10LE", "I422_12LE", "Y444", "Y444_16LE", "RGB",       "BGR",     "RGBA",      "BGRA",
    "ARGB",      "ABGR",      "RGBx", "BGRx",      "GBR",       "GBRA"};

template <size_t kCount>
std::string list_of(const char* const (&names)[kCount]) {
    std::string list;
    for (const char* name : names) list += (list.empty() ? "{ " : ", ") + std::string(name);
    return list + " }";
}

// FLASHVSR_FORMAT_NONE where the engine has no such format.
FlashvsrFormat engine_format(GstVideoFormat format) {
    static const auto formats = [] {
        std::array<GstVideoFormat, std::size(kNames)> known = {};
        std::transform(std::begin(kNames), std::end(kNames), known.begin(),
                       gst_video_format_from_string);
        return known;
    }();
    const auto* found = std::find(formats.begin(), formats.end(), format);
    if (found == formats.end()) return FLASHVSR_FORMAT_NONE;
    return static_cast<FlashvsrFormat>(FLASHVSR_FORMAT_NONE + 1 + (found - formats.begin()));
}

// Matrices without an entry of their own go to the nearest: FCC is 601 but for the third digit,
// SMPTE 240M likewise 709.
FlashvsrMatrix engine_matrix(const GstVideoInfo& info) {
    if (GST_VIDEO_INFO_IS_RGB(&info)) return FLASHVSR_MATRIX_RGB;
    switch (info.colorimetry.matrix) {
        case GST_VIDEO_COLOR_MATRIX_BT2020: return FLASHVSR_MATRIX_BT2020;
        case GST_VIDEO_COLOR_MATRIX_BT709:
        case GST_VIDEO_COLOR_MATRIX_SMPTE240M: return FLASHVSR_MATRIX_BT709;
        default: return FLASHVSR_MATRIX_BT601;
    }
}

FlashvsrRange engine_range(const GstVideoInfo& info) {
    switch (info.colorimetry.range) {
        case GST_VIDEO_COLOR_RANGE_0_255: return FLASHVSR_RANGE_FULL;
        case GST_VIDEO_COLOR_RANGE_16_235: return FLASHVSR_RANGE_LIMITED;
        default: return GST_VIDEO_INFO_IS_YUV(&info) ? FLASHVSR_RANGE_LIMITED : FLASHVSR_RANGE_FULL;
    }
}

FlashvsrChromaSite engine_chroma_site(const GstVideoInfo& info) {
    const GstVideoChromaSite site = info.chroma_site;
    const bool on_row = site & GST_VIDEO_CHROMA_SITE_V_COSITED;
    if (site & GST_VIDEO_CHROMA_SITE_NONE) return FLASHVSR_CHROMA_CENTER;
    if (on_row && !(site & GST_VIDEO_CHROMA_SITE_H_COSITED)) return FLASHVSR_CHROMA_TOP;
    return on_row ? FLASHVSR_CHROMA_TOP_LEFT : FLASHVSR_CHROMA_LEFT;
}

}  // namespace

std::string format_list(bool in_cuda_memory) {
    return in_cuda_memory ? list_of(kInCudaMemory) : list_of(kNames);
}

FlashvsrFrameInfo frame_info(const GstVideoInfo& info) {
    FlashvsrFrameInfo result = {};
    result.format = engine_format(GST_VIDEO_INFO_FORMAT(&info));
    result.width = GST_VIDEO_INFO_WIDTH(&info);
    result.height = GST_VIDEO_INFO_HEIGHT(&info);
    result.matrix = engine_matrix(info);
    result.range = engine_range(info);
    result.chroma_site = engine_chroma_site(info);
    return result;
}

bool layout_from_caps(const GstCaps* caps, FrameLayout* layout) {
    layout->cuda = has_cuda_memory(caps, 0);
    return gst_video_info_from_caps(&layout->info, caps) &&
           engine_format(GST_VIDEO_INFO_FORMAT(&layout->info)) != FLASHVSR_FORMAT_NONE &&
           !GST_VIDEO_INFO_IS_INTERLACED(&layout->info);
}

MappedFrame::MappedFrame(GstBuffer* buffer, const GstVideoInfo& info, int flags)
    : info_(info),
      on_device_(flags & kMapCuda),
      mapped_(gst_video_frame_map(&video_, &info_, buffer, static_cast<GstMapFlags>(flags))),
      ok_(mapped_) {
    if (!mapped_) return;
    const GstVideoCropMeta* crop = gst_buffer_get_video_crop_meta(buffer);
    ok_ = move_to(crop ? crop->x : 0, crop ? crop->y : 0);
}

// Makes `video_` the part of itself that begins at (x, y) and has the size of `info_`. A
// GstVideoMeta may describe another picture than the caps do: false if it has no such part.
bool MappedFrame::move_to(guint x, guint y) {
    const guint width = GST_VIDEO_INFO_WIDTH(&info_);
    const guint height = GST_VIDEO_INFO_HEIGHT(&info_);
    if (GST_VIDEO_FRAME_FORMAT(&video_) != GST_VIDEO_INFO_FORMAT(&info_) ||
        GST_VIDEO_FRAME_WIDTH(&video_) < static_cast<gint>(x + width) ||
        GST_VIDEO_FRAME_HEIGHT(&video_) < static_cast<gint>(y + height)) {
        return false;
    }
    const GstVideoFormatInfo* format = info_.finfo;
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info_); plane++) {
        gint component[GST_VIDEO_MAX_COMPONENTS];
        gst_video_format_info_component(format, plane, component);
        const guint column = x >> GST_VIDEO_FORMAT_INFO_W_SUB(format, component[0]);
        const guint row = y >> GST_VIDEO_FORMAT_INFO_H_SUB(format, component[0]);
        video_.data[plane] =
            static_cast<guint8*>(video_.data[plane]) +
            static_cast<gssize>(row) * GST_VIDEO_FRAME_PLANE_STRIDE(&video_, plane) +
            static_cast<gssize>(column) * GST_VIDEO_FORMAT_INFO_PSTRIDE(format, component[0]);
    }
    video_.info.width = info_.width;
    video_.info.height = info_.height;
    return true;
}

MappedFrame::~MappedFrame() {
    if (mapped_) gst_video_frame_unmap(&video_);
}

FlashvsrFrame MappedFrame::engine_frame() const {
    FlashvsrFrame frame = {};
    frame.info = frame_info(info_);
    frame.info.memory = on_device_ ? FLASHVSR_MEMORY_CUDA : FLASHVSR_MEMORY_HOST;
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES(&info_); plane++) {
        frame.plane[plane] = GST_VIDEO_FRAME_PLANE_DATA(&video_, plane);
        frame.stride[plane] = GST_VIDEO_FRAME_PLANE_STRIDE(&video_, plane);
    }
    return frame;
}

}  // namespace flashvsr
