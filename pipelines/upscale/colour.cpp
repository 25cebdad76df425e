// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/colour.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cmath>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

// Units of the caps and of the codecs' own messages.
constexpr int kChromaticity = 50000;
constexpr int kLuminance = 10000;

AVChromaLocation chroma_location(GstVideoChromaSite site) {
    switch (site) {
        case GST_VIDEO_CHROMA_SITE_MPEG2: return AVCHROMA_LOC_LEFT;
        case GST_VIDEO_CHROMA_SITE_JPEG: return AVCHROMA_LOC_CENTER;
        case GST_VIDEO_CHROMA_SITE_COSITED: return AVCHROMA_LOC_TOPLEFT;
        default: return AVCHROMA_LOC_UNSPECIFIED;
    }
}

bool has_small_chroma(AVPixelFormat format) {
    const AVPixFmtDescriptor* pixel = av_pix_fmt_desc_get(format);
    return pixel->log2_chroma_w && pixel->log2_chroma_h;
}

AVMasteringDisplayMetadata display_of(const GstVideoMasteringDisplayInfo& info) {
    AVMasteringDisplayMetadata display{};
    for (int i = 0; i < 3; ++i) {  // red, green, blue in both
        display.display_primaries[i][0] = {info.display_primaries[i].x, kChromaticity};
        display.display_primaries[i][1] = {info.display_primaries[i].y, kChromaticity};
    }
    display.white_point[0] = {info.white_point.x, kChromaticity};
    display.white_point[1] = {info.white_point.y, kChromaticity};
    display.max_luminance = {static_cast<int>(info.max_display_mastering_luminance), kLuminance};
    display.min_luminance = {static_cast<int>(info.min_display_mastering_luminance), kLuminance};
    display.has_primaries = display.has_luminance = 1;
    return display;
}

guint in_units(AVRational value, int units) {
    return static_cast<guint>(std::lround(av_q2d(value) * units));
}

std::string units(AVRational value, int unit) {
    return std::to_string(av_rescale(value.num, unit, value.den ? value.den : 1));
}

std::string point(const AVRational (&xy)[2]) {
    return "(" + units(xy[0], kChromaticity) + "," + units(xy[1], kChromaticity) + ")";
}

template <typename Data>
void fill(Data* target, const Data& data) {
    if (!target) throw Failure(ExitCode::kFailed, "out of memory");
    *target = data;
}

}  // namespace

Colour colour_of(const GstVideoInfo& info) {
    const GstVideoColorimetry& from = info.colorimetry;
    Colour colour;
    colour.range = from.range == GST_VIDEO_COLOR_RANGE_0_255 || GST_VIDEO_INFO_IS_RGB(&info)
                       ? AVCOL_RANGE_JPEG
                       : AVCOL_RANGE_MPEG;
    colour.matrix = GST_VIDEO_INFO_IS_RGB(&info)
                        ? AVCOL_SPC_RGB
                        : static_cast<AVColorSpace>(gst_video_color_matrix_to_iso(from.matrix));
    colour.primaries =
        static_cast<AVColorPrimaries>(gst_video_color_primaries_to_iso(from.primaries));
    colour.transfer = static_cast<AVColorTransferCharacteristic>(
        gst_video_transfer_function_to_iso(from.transfer));
    colour.chroma = chroma_location(info.chroma_site);
    return colour;
}

void set_colour(const Colour& colour, AVCodecContext* codec) {
    codec->color_range = colour.range;
    codec->colorspace = colour.matrix;
    codec->color_primaries = colour.primaries;
    codec->color_trc = colour.transfer;
    codec->chroma_sample_location = colour.chroma;
}

void set_colour(const Colour& colour, AVFrame* frame) {
    frame->color_range = colour.range;
    frame->colorspace = colour.matrix;
    frame->color_primaries = colour.primaries;
    frame->color_trc = colour.transfer;
    frame->chroma_location = colour.chroma;
}

GstVideoChromaSite chroma_site(const AVFrame* frame) {
    switch (frame->chroma_location) {
        case AVCHROMA_LOC_LEFT: return GST_VIDEO_CHROMA_SITE_MPEG2;
        case AVCHROMA_LOC_CENTER: return GST_VIDEO_CHROMA_SITE_JPEG;
        case AVCHROMA_LOC_TOPLEFT: return GST_VIDEO_CHROMA_SITE_COSITED;
        default: return GST_VIDEO_CHROMA_SITE_UNKNOWN;
    }
}

bool is_rgb(AVPixelFormat format) {
    return av_pix_fmt_desc_get(format)->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL);
}

AVColorSpace matrix_for(int width, int height) {
    return width > 1024 || height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

Colour converted_colour(const Colour& from, AVPixelFormat source, AVPixelFormat target, int width,
                        int height, bool limited) {
    Colour colour = from;
    if (is_rgb(target)) {
        colour.matrix = AVCOL_SPC_RGB;
        colour.range = AVCOL_RANGE_JPEG;
        // As screens show such video; a picture's viewer would take it by the word.
        if (!is_rgb(source) && !colour.is_hdr()) colour.transfer = AVCOL_TRC_IEC61966_2_1;
    } else if (is_rgb(source)) {
        colour.matrix = matrix_for(width, height);
        colour.range = AVCOL_RANGE_MPEG;
    }
    if (is_rgb(source) && colour.transfer == AVCOL_TRC_UNSPECIFIED) {
        colour.transfer = AVCOL_TRC_IEC61966_2_1;  // as pictures are that say nothing
    }
    if (is_rgb(source) && colour.primaries == AVCOL_PRI_UNSPECIFIED) {
        colour.primaries = AVCOL_PRI_BT709;
    }
    if (limited) colour.range = AVCOL_RANGE_MPEG;
    if (!has_small_chroma(target)) {
        colour.chroma = AVCHROMA_LOC_UNSPECIFIED;
    } else if (!has_small_chroma(source)) {
        colour.chroma = AVCHROMA_LOC_LEFT;
    }
    return colour;
}

void copy_levels(const AVFrame* frame, GstCaps* caps) {
    const AVFrameSideData* data =
        av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    const auto* from = data ? reinterpret_cast<AVMasteringDisplayMetadata*>(data->data) : nullptr;
    if (from && from->has_primaries && from->has_luminance) {
        GstVideoMasteringDisplayInfo display{};
        for (int i = 0; i < 3; ++i) {
            display.display_primaries[i].x = in_units(from->display_primaries[i][0], kChromaticity);
            display.display_primaries[i].y = in_units(from->display_primaries[i][1], kChromaticity);
        }
        display.white_point.x = in_units(from->white_point[0], kChromaticity);
        display.white_point.y = in_units(from->white_point[1], kChromaticity);
        display.max_display_mastering_luminance = in_units(from->max_luminance, kLuminance);
        display.min_display_mastering_luminance = in_units(from->min_luminance, kLuminance);
        gst_video_mastering_display_info_add_to_caps(&display, caps);
    }
    data = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    if (data) {
        const auto* light = reinterpret_cast<AVContentLightMetadata*>(data->data);
        GstVideoContentLightLevel level{};
        level.max_content_light_level = light->MaxCLL;
        level.max_frame_average_light_level = light->MaxFALL;
        gst_video_content_light_level_add_to_caps(&level, caps);
    }
}

HdrLevels levels_of(const GstCaps* caps) {
    HdrLevels levels;
    GstVideoMasteringDisplayInfo display;
    if (gst_video_mastering_display_info_from_caps(&display, caps)) {
        levels.display = display_of(display);
    }
    GstVideoContentLightLevel light;
    if (gst_video_content_light_level_from_caps(&light, caps)) {
        levels.light = {light.max_content_light_level, light.max_frame_average_light_level};
    }
    return levels;
}

std::string display_text(const AVMasteringDisplayMetadata& display) {
    const auto& primaries = display.display_primaries;
    return "G" + point(primaries[1]) + "B" + point(primaries[2]) + "R" + point(primaries[0]) +
           "WP" + point(display.white_point) + "L(" + units(display.max_luminance, kLuminance) +
           "," + units(display.min_luminance, kLuminance) + ")";
}

std::string light_text(const AVContentLightMetadata& light) {
    return std::to_string(light.MaxCLL) + "," + std::to_string(light.MaxFALL);
}

void set_levels(const HdrLevels& levels, AVFrame* frame) {
    if (levels.display) {
        fill(av_mastering_display_metadata_create_side_data(frame), *levels.display);
    }
    if (levels.light) fill(av_content_light_metadata_create_side_data(frame), *levels.light);
}

}  // namespace upscale
