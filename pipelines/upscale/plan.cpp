// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/plan.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/launch_line.h"
#include "pipelines/upscale/pixels.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

int rounded_up(int side, int log2) { return AV_CEIL_RSHIFT(side, log2) << log2; }

// As it will be, but for colour and times, which no encoder refuses.
Coding expected_coding(const Encoder& encoder, const VideoPlan& plan, int width, int height) {
    Coding coding;
    coding.format = coded_format(plan, encoder, AV_PIX_FMT_YUV420P);
    coding.width = width;
    coding.height = height;
    coding.crf = plan.crf;
    coded_size(encoder, coding.format, &coding.width, &coding.height);
    return coding;
}

[[noreturn]] void refuse(const Encoder& encoder, const std::string& why) {
    if (encoder.hardware) throw Failure(ExitCode::kMissing, "--encoder: " + why);
    throw Failure(ExitCode::kUsage, why + "; another --codec may do");
}

// The encoders that have the format.
std::vector<const Encoder*> having(const std::string& name, std::vector<const Encoder*> list) {
    if (name == "auto") return list;
    std::vector<AVPixelFormat> known;
    std::string allowed = "auto";
    std::vector<const Encoder*> found;
    for (const Encoder* encoder : list) {
        if (find_pixel_format(*encoder, name) != AV_PIX_FMT_NONE) found.push_back(encoder);
        for (const AVPixelFormat format : encoder->formats()) {
            const bool again = std::any_of(known.begin(), known.end(),
                                           [&](auto one) { return same_samples(one, format); });
            if (again) continue;
            known.push_back(format);
            allowed += ", " + pixel_format_name(format);
        }
    }
    if (!found.empty()) return found;
    throw Failure(ExitCode::kUsage, "--pixel-format is '" + name + "': allowed for " +
                                        list.front()->codec + " are " + allowed);
}

// Throws Failure where it is not able.
void try_out(const Encoder& encoder, const Coding& coding) {
    if (encoder.least_side == 0) {
        open_encoder(encoder, coding);
    } else if (std::min(coding.width, coding.height) < encoder.least_side) {
        throw Failure(ExitCode::kFailed, std::string(encoder.name) + ": no side is smaller than " +
                                             std::to_string(encoder.least_side));
    }
}

// The first that opens; says so where that is another kind than was asked for.
const Encoder* first_able(const std::vector<const Encoder*>& candidates, VideoPlan* plan, int width,
                          int height) {
    if (width == 0) return candidates.front();
    std::string why, hardware;
    for (const Encoder* encoder : candidates) {
        try {
            try_out(*encoder, expected_coding(*encoder, *plan, width, height));
        } catch (const Failure& failure) {
            why += (why.empty() ? "" : "; ") + std::string(failure.what());
            if (encoder->hardware) hardware = why;
            continue;
        }
        if (!encoder->hardware && !hardware.empty()) {
            plan->notes.push_back("no hardware encoder is able (" + hardware + "); " +
                                  encoder->name + " encodes in software");
        }
        return encoder;
    }
    refuse(*candidates.front(), why);
}

void note_size(const Encoder& encoder, const Coding& coding, int width, int height,
               VideoPlan* plan) {
    if (coding.width == width && coding.height == height) return;
    plan->notes.push_back(size_text(width, height) + " is written as " +
                          size_text(coding.width, coding.height) + ": " + encoder.codec + " in " +
                          pixel_format_name(coding.format) +
                          " has even sides; the last column or row is repeated");
}

}  // namespace

AVPixelFormat coded_format(const VideoPlan& plan, const Encoder& encoder, AVPixelFormat comes) {
    if (plan.pixel_format != "auto") return find_pixel_format(encoder, plan.pixel_format);
    return auto_pixel_format(encoder, plan.source == AV_PIX_FMT_NONE ? comes : plan.source);
}

void coded_size(const Encoder& encoder, AVPixelFormat format, int* width, int* height) {
    if (encoder.any_size || format == AV_PIX_FMT_NONE) return;
    const AVPixFmtDescriptor* pixel = av_pix_fmt_desc_get(format);
    *width = rounded_up(*width, pixel->log2_chroma_w);
    *height = rounded_up(*height, pixel->log2_chroma_h);
}

VideoPlan plan_video(const Options& options, const std::string& codec, const Media& media,
                     double scale) {
    VideoPlan plan;
    plan.pixel_format = options.pixel_format;
    plan.crf = options.crf >= 0 ? options.crf : static_cast<int>(26 - options.quality * 0.6);
    plan.source = media.pixel_format;
    plan.icc = media.icc;
    const auto candidates = having(plan.pixel_format, find_encoders(codec, options.encoder));
    const int width = scaled(media.width, scale), height = scaled(media.height, scale);
    plan.encoder = first_able(candidates, &plan, width, height);
    const Coding coding = expected_coding(*plan.encoder, plan, width, height);
    note_size(*plan.encoder, coding, width, height, &plan);
    if (plan.source != AV_PIX_FMT_NONE) plan.format = coding.format;
    // A comparison is put together of frames in any format.
    const std::string formats = !options.compare.empty() ? raw_format(coding.format)
                                : plan.source == AV_PIX_FMT_NONE
                                    ? raw_formats(plan.source, plan.source)
                                    : raw_formats(plan.source, coding.format);
    plan.raw_caps = "video/x-raw,format=" + formats;
    return plan;
}

}  // namespace upscale
