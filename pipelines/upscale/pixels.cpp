// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/pixels.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <map>

#include "pipelines/upscale/picture.h"

namespace upscale {

namespace {

const AVPixFmtDescriptor* descriptor(AVPixelFormat format) { return av_pix_fmt_desc_get(format); }

// The nearest of a list that is not empty.
AVPixelFormat nearest(const std::vector<AVPixelFormat>& list, AVPixelFormat to) {
    AVPixelFormat best = AV_PIX_FMT_NONE;
    for (const AVPixelFormat format : list) {
        if (format == to) return format;
        best = av_find_best_pix_fmt_of_2(best, format, to, has_alpha(to), nullptr);
    }
    return best;
}

// What the picture becomes where players should show it.
AVPixelFormat playable(AVPixelFormat source) {
    const int bits = depth(source);
    if (has_alpha(source)) return bits <= 8 ? AV_PIX_FMT_YUVA420P : AV_PIX_FMT_YUVA420P10;
    return bits <= 8    ? AV_PIX_FMT_YUV420P
           : bits == 12 ? AV_PIX_FMT_YUV420P12
                        : AV_PIX_FMT_YUV420P10;
}

// `target`, or what leads to it where it is of the other kind.
AVPixelFormat carrier(bool rgb, AVPixelFormat target) {
    if (is_rgb(target) == rgb) return target;
    const int bits = depth(target);
    if (bits <= 8) return rgb ? AV_PIX_FMT_GBRP : AV_PIX_FMT_YUV444P;
    if (bits <= 10) return rgb ? AV_PIX_FMT_GBRP10 : AV_PIX_FMT_YUV444P10;
    if (bits <= 12) return rgb ? AV_PIX_FMT_GBRP12 : AV_PIX_FMT_YUV444P12;
    return rgb ? AV_PIX_FMT_GBRP16 : AV_PIX_FMT_YUV444P16;
}

}  // namespace

bool same_samples(AVPixelFormat a, AVPixelFormat b) {
    const AVPixFmtDescriptor *x = descriptor(a), *y = descriptor(b);
    constexpr auto kKind = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_ALPHA;
    return x->nb_components == y->nb_components && (x->flags & kKind) == (y->flags & kKind) &&
           x->log2_chroma_w == y->log2_chroma_w && x->log2_chroma_h == y->log2_chroma_h &&
           depth(a) == depth(b);
}

bool has_alpha(AVPixelFormat format) { return descriptor(format)->flags & AV_PIX_FMT_FLAG_ALPHA; }

int depth(AVPixelFormat format) { return descriptor(format)->comp[0].depth; }

std::string pixel_format_name(AVPixelFormat format) {
    std::string name = av_get_pix_fmt_name(format);
    const std::string order = name.size() > 2 ? name.substr(name.size() - 2) : "";
    if (depth(format) > 8 && (order == "le" || order == "be")) name.resize(name.size() - 2);
    return name;
}

AVPixelFormat find_pixel_format(const Encoder& encoder, const std::string& name) {
    const AVPixelFormat wanted = av_get_pix_fmt(name.c_str());
    if (wanted == AV_PIX_FMT_NONE) return wanted;
    const std::vector<AVPixelFormat> list = encoder.formats();
    if (std::count(list.begin(), list.end(), wanted)) return wanted;
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](auto format) { return same_samples(format, wanted); });
    return found == list.end() ? AV_PIX_FMT_NONE : *found;
}

AVPixelFormat auto_pixel_format(const Encoder& encoder, AVPixelFormat source) {
    std::vector<AVPixelFormat> list = encoder.formats();
    const bool alpha = has_alpha(source) &&
                       std::any_of(list.begin(), list.end(), [](auto f) { return has_alpha(f); });
    list.erase(std::remove_if(list.begin(), list.end(),
                              [alpha](AVPixelFormat format) { return has_alpha(format) != alpha; }),
               list.end());
    return nearest(list, encoder.keeps_chroma ? source : playable(source));
}

std::string raw_formats(AVPixelFormat source, AVPixelFormat target) {
    std::string all;
    std::vector<AVPixelFormat> fitting;
    std::map<AVPixelFormat, std::string> names;
    for (const GstVideoFormat format : element_formats()) {
        const AVPixelFormat pixels = libav_format(format);
        if (pixels == AV_PIX_FMT_NONE) continue;
        names[pixels] = gst_video_format_to_string(format);
        all += (all.empty() ? "{" : ",") + names[pixels];
        if (source == AV_PIX_FMT_NONE) continue;
        if (is_rgb(pixels) == is_rgb(source) && (!has_alpha(source) || has_alpha(pixels))) {
            fitting.push_back(pixels);
        }
    }
    if (fitting.empty()) return all + "}";
    return names[nearest(fitting, carrier(is_rgb(source), target))];
}

std::string raw_format(AVPixelFormat target) {
    guint count = 0;
    const GstVideoFormat* formats = gst_video_formats_raw(&count);
    std::vector<AVPixelFormat> known;
    std::map<AVPixelFormat, std::string> names;
    for (guint i = 0; i < count; ++i) {
        const AVPixelFormat pixels = libav_format(formats[i]);
        if (pixels == AV_PIX_FMT_NONE) continue;
        known.push_back(pixels);
        names[pixels] = gst_video_format_to_string(formats[i]);
    }
    return names[nearest(known, target)];
}

}  // namespace upscale
