// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/convert.h"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <cstring>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/picture.h"
#include "pipelines/upscale/pixels.h"

namespace upscale {

namespace {

[[noreturn]] void fail(const char* what) { throw Failure(ExitCode::kFailed, what); }

void unmap(void* mapped, uint8_t*) {
    auto* frame = static_cast<GstVideoFrame*>(mapped);
    gst_video_frame_unmap(frame);
    delete frame;
}

// Rows and columns of the picture in a plane, and bytes of a column.
struct PlaneShape {
    int width, height, step;
};

PlaneShape plane_shape(AVPixelFormat format, int plane, int width, int height) {
    const AVPixFmtDescriptor* pixel = av_pix_fmt_desc_get(format);
    const bool chroma = (plane == 1 || plane == 2) && !(pixel->flags & AV_PIX_FMT_FLAG_RGB);
    PlaneShape shape{width, height, 1};
    if (chroma) {
        shape.width = AV_CEIL_RSHIFT(width, pixel->log2_chroma_w);
        shape.height = AV_CEIL_RSHIFT(height, pixel->log2_chroma_h);
    }
    for (int i = 0; i < pixel->nb_components; ++i) {
        if (pixel->comp[i].plane == plane) shape.step = pixel->comp[i].step;
    }
    return shape;
}

// Repeats the last column and row of the picture up to the size of the frame.
void extend(AVFrame* frame, int width, int height) {
    const auto format = static_cast<AVPixelFormat>(frame->format);
    for (int plane = 0; plane < av_pix_fmt_count_planes(format); ++plane) {
        const PlaneShape picture = plane_shape(format, plane, width, height);
        const PlaneShape whole = plane_shape(format, plane, frame->width, frame->height);
        const auto row = [&](int y) {
            return frame->data[plane] + static_cast<ptrdiff_t>(y) * frame->linesize[plane];
        };
        for (int y = 0; y < picture.height; ++y) {
            for (int x = picture.width; x < whole.width; ++x) {
                std::memcpy(row(y) + x * whole.step, row(y) + (x - 1) * whole.step, whole.step);
            }
        }
        for (int y = picture.height; y < whole.height; ++y) {
            std::memcpy(row(y), row(y - 1), static_cast<size_t>(whole.width) * whole.step);
        }
    }
}

bool same_meaning(const Colour& a, const Colour& b) {
    return a.range == b.range && a.matrix == b.matrix;
}

SwsContext* make_scaler(AVPixelFormat source, const Colour& from, int from_width, int from_height,
                        const Coding& to, int width, int height) {
    const bool full = from.range == AVCOL_RANGE_JPEG;
    const bool full_wanted = to.colour.range == AVCOL_RANGE_JPEG;
    SwsContext* scaler = sws_alloc_context();
    if (!scaler) fail("out of memory");
    const std::pair<const char*, int> options[] = {
        {"srcw", from_width},
        {"srch", from_height},
        {"src_format", source},
        {"src_range", full},
        {"dstw", width},
        {"dsth", height},
        {"dst_format", to.format},
        {"dst_range", full_wanted},
        {"sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP},
    };
    for (const auto& [name, value] : options) av_opt_set_int(scaler, name, value, 0);
    if (sws_init_context(scaler, nullptr, nullptr) < 0) {
        sws_freeContext(scaler);
        fail("the frames cannot be converted for the encoder");
    }
    // It counts matrices as the standard does; that of RGB is not looked at.
    sws_setColorspaceDetails(scaler, sws_getCoefficients(from.matrix), full,
                             sws_getCoefficients(to.colour.matrix), full_wanted, 0, 1 << 16,
                             1 << 16);
    return scaler;
}

}  // namespace

FrameConverter::FrameConverter(const GstVideoInfo& from, const Coding& to, int width, int height)
    : from_(from),
      to_(to),
      width_(width),
      height_(height),
      source_(libav_format(GST_VIDEO_INFO_FORMAT(&from))) {
    if (source_ == AV_PIX_FMT_NONE) {
        throw Failure(ExitCode::kFailed, std::string("frames in the format ") +
                                             GST_VIDEO_INFO_NAME(&from) + " cannot be written");
    }
    const Colour colour = colour_of(from);
    const bool as_it_is = source_ == to.format && same_meaning(colour, to.colour) &&
                          GST_VIDEO_INFO_WIDTH(&from) == to.width &&
                          GST_VIDEO_INFO_HEIGHT(&from) == to.height;
    if (as_it_is) return;
    scaler_ = make_scaler(source_, colour, GST_VIDEO_INFO_WIDTH(&from),
                          GST_VIDEO_INFO_HEIGHT(&from), to, width, height);
}

FrameConverter::~FrameConverter() { sws_freeContext(scaler_); }

// The buffer's own planes, which it holds until the frame is freed.
Frame FrameConverter::wrap(GstBuffer* buffer) const {
    Frame frame = make_frame();
    auto mapped = std::make_unique<GstVideoFrame>();
    if (!gst_video_frame_map(mapped.get(), &from_, buffer, GST_MAP_READ)) {
        fail("a frame cannot be read");
    }
    AVBufferRef* owner =
        av_buffer_create(static_cast<uint8_t*>(mapped->data[0]), GST_VIDEO_INFO_SIZE(&mapped->info),
                         unmap, mapped.get(), AV_BUFFER_FLAG_READONLY);
    if (!owner) {
        gst_video_frame_unmap(mapped.get());
        fail("out of memory");
    }
    const GstVideoFrame* planes = mapped.release();
    frame->buf[0] = owner;
    frame->format = source_;
    frame->width = GST_VIDEO_INFO_WIDTH(&from_);
    frame->height = GST_VIDEO_INFO_HEIGHT(&from_);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(planes); ++plane) {
        frame->data[plane] = static_cast<uint8_t*>(planes->data[plane]);
        frame->linesize[plane] = GST_VIDEO_FRAME_PLANE_STRIDE(planes, plane);
    }
    return frame;
}

Frame FrameConverter::convert(GstBuffer* buffer) const {
    Frame source = wrap(buffer);
    if (!scaler_) {
        set_colour(to_.colour, source.get());
        return source;
    }
    Frame frame = make_frame();
    frame->format = to_.format;
    frame->width = to_.width;
    frame->height = to_.height;
    if (av_frame_get_buffer(frame.get(), 0) < 0) fail("out of memory");
    sws_scale(scaler_, source->data, source->linesize, 0, source->height, frame->data,
              frame->linesize);
    if (width_ != to_.width || height_ != to_.height) extend(frame.get(), width_, height_);
    set_colour(to_.colour, frame.get());
    return frame;
}

bool FrameConverter::drops_alpha() const { return has_alpha(source_) && !has_alpha(to_.format); }

bool FrameConverter::is_transparent(GstBuffer* buffer) const {
    return upscale::is_transparent(wrap(buffer).get(), true);
}

}  // namespace upscale
