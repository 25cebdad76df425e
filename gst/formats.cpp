#include "gst/formats.h"

#include <algorithm>
#include <array>

namespace flashvsr {

namespace {

#define NAME(name, ...) #name,
constexpr const char* kNames[] = {FLASHVSR_FORMATS(NAME)};
#undef NAME

/* Of gst_cuda_allocator_alloc() of 1.22, which aborts the process at any other. */
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

}  // namespace

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

std::string format_list(bool in_cuda_memory) {
    return in_cuda_memory ? list_of(kInCudaMemory) : list_of(kNames);
}

int format_distance(const GstVideoFormatInfo* from, const GstVideoFormatInfo* to) {
    if (from == to) return 0;
    int distance = 1;
    const auto add = [&distance](int difference, int if_more, int if_less) {
        distance += difference > 0 ? difference * if_more : -difference * if_less;
    };
    const auto has_colour = [](const GstVideoFormatInfo* info) {
        return GST_VIDEO_FORMAT_INFO_IS_GRAY(info) ? 0 : 1;
    };
    const auto has_alpha = [](const GstVideoFormatInfo* info) {
        return GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info) ? 1 : 0;
    };
    add(has_colour(to) - has_colour(from), 64, 1 << 18);
    add(has_alpha(to) - has_alpha(from), 64, 1 << 17);
    add(GST_VIDEO_FORMAT_INFO_DEPTH(to, 0) - GST_VIDEO_FORMAT_INFO_DEPTH(from, 0), 2, 1 << 13);
    if (has_colour(from) && has_colour(to)) { /* more subsampling is a loss */
        add(GST_VIDEO_FORMAT_INFO_W_SUB(from, 1) - GST_VIDEO_FORMAT_INFO_W_SUB(to, 1), 24, 1 << 11);
        add(GST_VIDEO_FORMAT_INFO_H_SUB(from, 1) - GST_VIDEO_FORMAT_INFO_H_SUB(to, 1), 24, 1 << 10);
    }
    if (GST_VIDEO_FORMAT_INFO_IS_RGB(from) != GST_VIDEO_FORMAT_INFO_IS_RGB(to)) distance += 256;
    return distance;
}

}  // namespace flashvsr
