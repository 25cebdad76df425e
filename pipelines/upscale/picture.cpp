// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/picture.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <cstring>

#include "pipelines/upscale/colour.h"
#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

struct FormatPair {
    AVPixelFormat libav;
    GstVideoFormat gst;
};

// The same bytes under both names.
constexpr FormatPair kPairs[] = {
    {AV_PIX_FMT_YUV420P, GST_VIDEO_FORMAT_I420},
    {AV_PIX_FMT_NV12, GST_VIDEO_FORMAT_NV12},
    {AV_PIX_FMT_P010LE, GST_VIDEO_FORMAT_P010_10LE},
    {AV_PIX_FMT_P016LE, GST_VIDEO_FORMAT_P016_LE},
    {AV_PIX_FMT_YUV422P, GST_VIDEO_FORMAT_Y42B},
    {AV_PIX_FMT_YUV444P, GST_VIDEO_FORMAT_Y444},
    {AV_PIX_FMT_YUV411P, GST_VIDEO_FORMAT_Y41B},
    {AV_PIX_FMT_YUV420P10LE, GST_VIDEO_FORMAT_I420_10LE},
    {AV_PIX_FMT_YUV422P10LE, GST_VIDEO_FORMAT_I422_10LE},
    {AV_PIX_FMT_YUV444P10LE, GST_VIDEO_FORMAT_Y444_10LE},
    {AV_PIX_FMT_YUV420P12LE, GST_VIDEO_FORMAT_I420_12LE},
    {AV_PIX_FMT_YUV422P12LE, GST_VIDEO_FORMAT_I422_12LE},
    {AV_PIX_FMT_YUV444P12LE, GST_VIDEO_FORMAT_Y444_12LE},
    {AV_PIX_FMT_YUV444P16LE, GST_VIDEO_FORMAT_Y444_16LE},
    {AV_PIX_FMT_YUVA420P, GST_VIDEO_FORMAT_A420},
    {AV_PIX_FMT_YUVA420P10LE, GST_VIDEO_FORMAT_A420_10LE},
    {AV_PIX_FMT_YUVA422P10LE, GST_VIDEO_FORMAT_A422_10LE},
    {AV_PIX_FMT_YUVA444P10LE, GST_VIDEO_FORMAT_A444_10LE},
    {AV_PIX_FMT_Y210LE, GST_VIDEO_FORMAT_Y210},
    {AV_PIX_FMT_AYUV64LE, GST_VIDEO_FORMAT_AYUV64},
    {AV_PIX_FMT_GRAY8, GST_VIDEO_FORMAT_GRAY8},
    {AV_PIX_FMT_GRAY16LE, GST_VIDEO_FORMAT_GRAY16_LE},
    {AV_PIX_FMT_RGB24, GST_VIDEO_FORMAT_RGB},
    {AV_PIX_FMT_BGR24, GST_VIDEO_FORMAT_BGR},
    {AV_PIX_FMT_RGBA, GST_VIDEO_FORMAT_RGBA},
    {AV_PIX_FMT_BGRA, GST_VIDEO_FORMAT_BGRA},
    {AV_PIX_FMT_RGB0, GST_VIDEO_FORMAT_RGBx},
    {AV_PIX_FMT_BGR0, GST_VIDEO_FORMAT_BGRx},
    {AV_PIX_FMT_RGBA64LE, GST_VIDEO_FORMAT_RGBA64_LE},
    {AV_PIX_FMT_BGRA64LE, GST_VIDEO_FORMAT_BGRA64_LE},
    {AV_PIX_FMT_GBRP, GST_VIDEO_FORMAT_GBR},
    {AV_PIX_FMT_GBRP10LE, GST_VIDEO_FORMAT_GBR_10LE},
    {AV_PIX_FMT_GBRP12LE, GST_VIDEO_FORMAT_GBR_12LE},
    {AV_PIX_FMT_GBRAP, GST_VIDEO_FORMAT_GBRA},
    {AV_PIX_FMT_GBRAP10LE, GST_VIDEO_FORMAT_GBRA_10LE},
    {AV_PIX_FMT_GBRAP12LE, GST_VIDEO_FORMAT_GBRA_12LE},
};

GstVideoFormat gst_format(AVPixelFormat format) {
    for (const FormatPair& pair : kPairs) {
        if (pair.libav == format) return pair.gst;
    }
    return GST_VIDEO_FORMAT_UNKNOWN;
}

const AVPixFmtDescriptor& description_of(AVPixelFormat format) {
    const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
    if (!description) throw Failure(ExitCode::kInput, "a picture in a form that is not known");
    return *description;
}

bool has_alpha(AVPixelFormat format) {
    const auto flags = description_of(format).flags;
    return flags & (AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL);
}

bool is_grey(AVPixelFormat format) {
    const AVPixFmtDescriptor& form = description_of(format);
    return form.nb_components <= 2 && !(form.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));
}

// Names of YUV that say "full range" besides the frame's own word for it.
AVPixelFormat plain(int format) {
    switch (format) {
        case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
        case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
        case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
        case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
        case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
        default: return static_cast<AVPixelFormat>(format);
    }
}

// Grey that says nothing is of full range, as libswscale and the formats of pictures have it.
bool is_full_range(const AVFrame* frame) {
    const auto format = static_cast<AVPixelFormat>(frame->format);
    if (plain(format) != format || is_rgb(format)) return true;
    if (frame->color_range == AVCOL_RANGE_UNSPECIFIED) return is_grey(format);
    return frame->color_range == AVCOL_RANGE_JPEG;
}

void set_range_and_colour(const AVFrame* frame, GstVideoInfo* info) {
    GstVideoColorimetry& colour = info->colorimetry;
    if (GST_VIDEO_INFO_IS_YUV(info)) {
        const auto matrix = gst_video_color_matrix_from_iso(frame->colorspace);
        const bool known =
            matrix != GST_VIDEO_COLOR_MATRIX_UNKNOWN && matrix != GST_VIDEO_COLOR_MATRIX_RGB;
        if (known) colour.matrix = matrix;
        colour.range =
            is_full_range(frame) ? GST_VIDEO_COLOR_RANGE_0_255 : GST_VIDEO_COLOR_RANGE_16_235;
    }
    const auto transfer = gst_video_transfer_function_from_iso(frame->color_trc);
    if (transfer != GST_VIDEO_TRANSFER_UNKNOWN) colour.transfer = transfer;
    const auto primaries = gst_video_color_primaries_from_iso(frame->color_primaries);
    if (primaries != GST_VIDEO_COLOR_PRIMARIES_UNKNOWN) colour.primaries = primaries;
}

// The matrix of the side that is YUV, as libswscale counts.
int matrix_between(const AVFrame* frame, const GstVideoInfo& info) {
    const bool known = frame->colorspace != AVCOL_SPC_UNSPECIFIED &&
                       frame->colorspace != AVCOL_SPC_RGB &&
                       frame->colorspace != AVCOL_SPC_RESERVED;
    if (known) return frame->colorspace;
    if (GST_VIDEO_INFO_IS_YUV(&info)) {
        return static_cast<int>(gst_video_color_matrix_to_iso(info.colorimetry.matrix));
    }
    constexpr int kLastOfOldTelevision = 576;  // lines
    return frame->height > kLastOfOldTelevision ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

// The matrix of the caps, which keep to the first frame.
int matrix_wanted(const AVFrame* frame, const GstVideoInfo& info) {
    const GstVideoColorMatrix comes = gst_video_color_matrix_from_iso(frame->colorspace);
    const bool known =
        comes != GST_VIDEO_COLOR_MATRIX_UNKNOWN && comes != GST_VIDEO_COLOR_MATRIX_RGB;
    if (!known || comes == info.colorimetry.matrix || !GST_VIDEO_INFO_IS_YUV(&info)) {
        return matrix_between(frame, info);
    }
    return static_cast<int>(gst_video_color_matrix_to_iso(info.colorimetry.matrix));
}

void add_captions(const AVFrame* frame, GstBuffer* buffer) {
    const AVFrameSideData* captions = av_frame_get_side_data(frame, AV_FRAME_DATA_A53_CC);
    if (captions && captions->size > 0) {
        gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA708_RAW, captions->data,
                                          captions->size);
    }
}

// Grey that has the samples of a format with colour, but for the colour.
bool becomes_coloured(AVPixelFormat format) {
    const AVPixFmtDescriptor& form = description_of(format);
    return is_grey(format) && form.nb_components == 1 && form.comp[0].depth >= 8 &&
           !(form.flags & (AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BITSTREAM));
}

AVPixelFormat with_colour(AVPixelFormat grey) {
    const int depth = description_of(grey).comp[0].depth;
    return depth <= 8    ? AV_PIX_FMT_YUV420P
           : depth <= 9  ? AV_PIX_FMT_YUV420P9LE
           : depth <= 10 ? AV_PIX_FMT_YUV420P10LE
           : depth <= 12 ? AV_PIX_FMT_YUV420P12LE
           : depth <= 14 ? AV_PIX_FMT_YUV420P14LE
                         : AV_PIX_FMT_YUV420P16LE;
}

// Grey with colour planes that say "none", its samples as they are.
Frame coloured(const AVFrame* grey) {
    const auto grey_format = static_cast<AVPixelFormat>(grey->format);
    const AVPixelFormat format = with_colour(grey_format);
    const int depth = description_of(grey_format).comp[0].depth;
    Frame frame = make_frame();
    if (av_frame_copy_props(frame.get(), grey) < 0) throw Failure(ExitCode::kFailed, "no memory");
    frame->format = format;
    frame->width = grey->width;
    frame->height = grey->height;
    if (av_frame_get_buffer(frame.get(), 0) < 0) throw Failure(ExitCode::kFailed, "no memory");
    const int bytes = depth <= 8 ? 1 : 2;
    av_image_copy_plane(frame->data[0], frame->linesize[0], grey->data[0], grey->linesize[0],
                        grey->width * bytes, grey->height);
    for (const int plane : {1, 2}) {
        for (int y = 0; y < (grey->height + 1) / 2; ++y) {
            uint8_t* row = frame->data[plane] + int64_t{y} * frame->linesize[plane];
            const int width = (grey->width + 1) / 2;
            if (bytes == 1) {
                std::memset(row, 128, width);
            } else {
                std::fill_n(reinterpret_cast<uint16_t*>(row), width, 1 << (depth - 1));
            }
        }
    }
    frame->color_range = is_full_range(grey) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    return frame;
}

}  // namespace

bool is_transparent(const AVFrame* frame, bool rounded) {
    const AVPixFmtDescriptor& form = description_of(static_cast<AVPixelFormat>(frame->format));
    if (form.flags & AV_PIX_FMT_FLAG_PAL) {
        const auto* palette = reinterpret_cast<const uint32_t*>(frame->data[1]);
        return std::any_of(palette, palette + 256, [](uint32_t c) { return c >> 24 != 255; });
    }
    if (!(form.flags & AV_PIX_FMT_FLAG_ALPHA)) return false;
    const int alpha = form.nb_components - 1;
    const int most = (1 << form.comp[alpha].depth) - 1;
    const int opaque = rounded ? most - most / 128 : most;
    std::vector<uint16_t> row(frame->width);
    for (int y = 0; y < frame->height; ++y) {
        av_read_image_line(row.data(), const_cast<const uint8_t**>(frame->data), frame->linesize,
                           &form, 0, y, alpha, frame->width, 0);
        if (std::any_of(row.begin(), row.end(), [=](int a) { return a < opaque; })) return true;
    }
    return false;
}

AVPixelFormat libav_format(GstVideoFormat format) {
    for (const FormatPair& pair : kPairs) {
        if (pair.gst == format) return pair.libav;
    }
    return AV_PIX_FMT_NONE;
}

void FreeScaler::operator()(SwsContext* scaler) const { sws_freeContext(scaler); }

std::vector<GstVideoFormat> element_formats() {
    std::vector<GstVideoFormat> formats;
    GstElementFactory* factory = gst_element_factory_find("flashvsrupscale");
    if (!factory) return formats;
    for (const GList* item = gst_element_factory_get_static_pad_templates(factory); item;
         item = item->next) {
        auto* pad = static_cast<GstStaticPadTemplate*>(item->data);
        if (pad->direction != GST_PAD_SINK) continue;
        GstCaps* caps = gst_static_pad_template_get_caps(pad);
        const GValue* list = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
        for (guint i = 0; list && i < gst_value_list_get_size(list); ++i) {
            formats.push_back(gst_video_format_from_string(
                g_value_get_string(gst_value_list_get_value(list, i))));
        }
        gst_caps_unref(caps);
    }
    gst_object_unref(factory);
    return formats;
}

// libavutil's own reckoning of what is lost. Grey goes in as YUV, whose range is in the caps.
GstVideoFormat PictureConverter::choose(AVPixelFormat from) const {
    if (becomes_coloured(from)) from = with_colour(from);
    const auto accepts = [this](GstVideoFormat format) {
        return std::find(accepted_.begin(), accepted_.end(), format) != accepted_.end();
    };
    const GstVideoFormat same = gst_format(from);
    const bool drops = has_alpha(from) && !alpha_;
    if (accepts(same) && !drops && !is_grey(from)) return same;
    std::vector<AVPixelFormat> candidates;
    for (const GstVideoFormat format : accepted_) {
        const AVPixelFormat candidate = libav_format(format);
        if (candidate == AV_PIX_FMT_NONE || (drops && has_alpha(candidate))) continue;
        if (is_grey(candidate) || (is_grey(from) && is_rgb(candidate))) continue;
        candidates.push_back(candidate);
    }
    candidates.push_back(AV_PIX_FMT_NONE);
    int loss = 0;
    const AVPixelFormat best =
        avcodec_find_best_pix_fmt_of_list(candidates.data(), from, alpha_, &loss);
    return gst_format(best);
}

bool PictureConverter::prepare(const AVFrame* frame, AVRational rate, bool fixed) {
    const AVPixelFormat from = plain(frame->format);
    if (caps_ && fixed) return false;
    const GstVideoFormat format = choose(from);
    if (format == GST_VIDEO_FORMAT_UNKNOWN ||
        (gst_format(from) != format && !sws_isSupportedInput(from))) {
        throw Failure(ExitCode::kInput, std::string("pictures in the form ") +
                                            description_of(from).name + " cannot be read");
    }
    GstVideoInfo info;
    gst_video_info_init(&info);
    gst_video_info_set_format(&info, format, frame->width, frame->height);
    info.fps_n = rate.num;
    info.fps_d = rate.den;
    if (frame->sample_aspect_ratio.num > 0 && frame->sample_aspect_ratio.den > 0) {
        info.par_n = frame->sample_aspect_ratio.num;
        info.par_d = frame->sample_aspect_ratio.den;
    }
    set_range_and_colour(frame, &info);
    if (GST_VIDEO_INFO_IS_YUV(&info)) info.chroma_site = chroma_site(frame);
    GstCaps* caps = gst_video_info_to_caps(&info);
    copy_levels(frame, caps);
    const bool changed = !caps_ || !gst_caps_is_equal(caps, caps_.get());
    info_ = info;
    caps_.reset(caps);
    return changed;
}

bool PictureConverter::changes_light(const AVFrame* frame) {
    if (!light_) light_ = {frame->color_trc, frame->color_primaries};
    const auto& [transfer, primaries] = *light_;
    return (frame->color_trc != AVCOL_TRC_UNSPECIFIED && frame->color_trc != transfer) ||
           (frame->color_primaries != AVCOL_PRI_UNSPECIFIED && frame->color_primaries != primaries);
}

bool PictureConverter::loses_alpha(const AVFrame* frame) const {
    return !GST_VIDEO_INFO_HAS_ALPHA(&info_) && is_transparent(frame, false);
}

GstBuffer* PictureConverter::convert(const AVFrame* frame) {
    GstAllocationParams aligned{};
    gst_allocation_params_init(&aligned);
    aligned.align = 63;
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info_), &aligned);
    GstVideoFrame to;
    if (!buffer || !gst_video_frame_map(&to, &info_, buffer, GST_MAP_WRITE)) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    scale(frame, &to);
    gst_video_frame_unmap(&to);
    add_captions(frame, buffer);
    return buffer;
}

void PictureConverter::scale(const AVFrame* frame, GstVideoFrame* to) {
    uint8_t* planes[4] = {};
    int strides[4] = {};
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(to); ++i) {
        planes[i] = static_cast<uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(to, i));
        strides[i] = GST_VIDEO_FRAME_PLANE_STRIDE(to, i);
    }
    const AVPixelFormat target = libav_format(GST_VIDEO_INFO_FORMAT(&info_));
    Frame replaced;
    if (becomes_coloured(plain(frame->format))) {
        replaced = coloured(frame);
        frame = replaced.get();
    }
    const AVPixelFormat from = plain(frame->format);
    const bool full = is_full_range(frame);
    const bool full_wanted = info_.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255;
    const int matrix = matrix_between(frame, info_), wanted = matrix_wanted(frame, info_);
    const bool same_size = frame->width == GST_VIDEO_INFO_WIDTH(&info_) &&
                           frame->height == GST_VIDEO_INFO_HEIGHT(&info_);
    if (from == target && full == full_wanted && matrix == wanted && same_size) {
        av_image_copy(planes, strides, const_cast<const uint8_t**>(frame->data), frame->linesize,
                      from, frame->width, frame->height);
        return;
    }
    constexpr int kExact =
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
    // One that goes from matrix to matrix by way of RGB does not change its mind.
    if (changes_matrix_ != (matrix != wanted)) scaler_.reset();
    changes_matrix_ = matrix != wanted;
    scaler_.reset(sws_getCachedContext(scaler_.release(), frame->width, frame->height, from,
                                       GST_VIDEO_INFO_WIDTH(&info_), GST_VIDEO_INFO_HEIGHT(&info_),
                                       target, kExact, nullptr, nullptr, nullptr));
    if (!scaler_) throw Failure(ExitCode::kFailed, "out of memory");
    sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(matrix), full,
                             sws_getCoefficients(wanted), full_wanted, 0, 1 << 16, 1 << 16);
    sws_scale(scaler_.get(), frame->data, frame->linesize, 0, frame->height, planes, strides);
}

}  // namespace upscale
