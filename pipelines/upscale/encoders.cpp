// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/encoders.h"

extern "C" {
#include <libavutil/hwcontext.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_complaints.h"

namespace upscale {

namespace {

void set(AVDictionary** options, const char* name, const std::string& value) {
    av_dict_set(options, name, value.c_str(), 0);
}

void set(AVDictionary** options, const char* name, int value) {
    av_dict_set_int(options, name, value, 0);
}

// vp9 and AV1 count to 63, x264 to 51.
int level_of_63(int crf) { return std::min(63, crf * 63 / 51 + 5); }

void configure_x264(const Coding& coding, AVCodecContext*, AVDictionary** options) {
    set(options, "crf", coding.crf);
    std::string more;
    if (coding.levels.display) more = "mastering-display=" + display_text(*coding.levels.display);
    if (coding.levels.light)
        more += (more.empty() ? "cll=" : ":cll=") + light_text(*coding.levels.light);
    if (!more.empty()) set(options, "x264-params", more);
}

void configure_x265(const Coding& coding, AVCodecContext*, AVDictionary** options) {
    set(options, "crf", coding.crf);
    std::string more = "log-level=none";
    if (coding.levels.display) more += ":master-display=" + display_text(*coding.levels.display);
    if (coding.levels.light) more += ":max-cll=" + light_text(*coding.levels.light);
    set(options, "x265-params", more);
}

void configure_vpx(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    context->bit_rate = 0;
    set(options, "crf", level_of_63(coding.crf));
    set(options, "cpu-used", 4);
    set(options, "row-mt", 1);
    const bool alpha = av_pix_fmt_desc_get(coding.format)->flags & AV_PIX_FMT_FLAG_ALPHA;
    if (alpha) set(options, "auto-alt-ref", 0);  // which transparent video does not have
}

void configure_svt(const Coding& coding, AVCodecContext*, AVDictionary** options) {
    set(options, "crf", level_of_63(coding.crf));
    set(options, "preset", 6);
}

void configure_aom(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    context->bit_rate = 0;
    set(options, "crf", level_of_63(coding.crf));
    set(options, "cpu-used", 6);
    set(options, "row-mt", 1);
}

void configure_rav1e(const Coding& coding, AVCodecContext*, AVDictionary** options) {
    set(options, "qp", coding.crf * 4);
    set(options, "speed", 6);
}

// Quality 7 to 10 is HQ, 4 to 6 the standard profile, below LT; the smallest for a crf over 26.
void configure_prores(const Coding& coding, AVCodecContext*, AVDictionary** options) {
    const int crf = coding.crf;
    std::string profile = crf <= 22 ? "hq" : crf <= 24 ? "standard" : crf <= 26 ? "lt" : "proxy";
    if (av_pix_fmt_desc_get(coding.format)->log2_chroma_w == 0) {
        profile = crf <= 10 ? "4444xq" : "4444";
    }
    set(options, "profile", profile);
    set(options, "vendor", "apl0");  // some editors refuse others
}

void configure_ffv1(const Coding&, AVCodecContext* context, AVDictionary** options) {
    context->level = 3;
    context->gop_size = 1;
    set(options, "slicecrc", 1);
}

void configure_png(const Coding&, AVCodecContext*, AVDictionary** options) {
    set(options, "pred", "mixed");
}

void configure_raw(const Coding&, AVCodecContext*, AVDictionary**) {}

void configure_nvenc(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    context->bit_rate = 0;
    set(options, "rc", "vbr");
    set(options, "cq", std::max(1, coding.crf));  // 0: it chooses
    set(options, "preset", "p6");
}

void configure_vaapi(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    set(options, "rc_mode", "CQP");
    context->global_quality = std::max(1, coding.crf);
}

// Its quality counts to 255.
void configure_vaapi_255(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    set(options, "rc_mode", "CQP");
    context->global_quality = std::max(1, coding.crf * 4);
}

void configure_qsv(const Coding& coding, AVCodecContext* context, AVDictionary** options) {
    context->global_quality = std::max(1, coding.crf);
    set(options, "preset", "slow");
}

// Knows bit rates only: 0.1 bit a pixel at 23, twice as many for 6 less.
void configure_v4l2(const Coding& coding, AVCodecContext* context, AVDictionary**) {
    const double rate = coding.rate.num > 0 ? av_q2d(coding.rate) : 25;
    const double pixels = static_cast<double>(coding.width) * coding.height * rate;
    context->bit_rate = std::llround(0.1 * pixels * std::exp2((23 - coding.crf) / 6.0));
}

std::vector<Encoder> software_encoders() {
    constexpr auto kHost = AV_HWDEVICE_TYPE_NONE;
    return {
        {"h264", "libx264", configure_x264},
        {"h265", "libx265", configure_x265},
        {"vp9", "libvpx-vp9", configure_vpx, false, kHost, {}, true},
        {"av1", "libsvtav1", configure_svt, false, kHost, {}, false, false, false, 64},
        {"av1", "libaom-av1", configure_aom, false, kHost, {}, true},
        {"av1", "librav1e", configure_rav1e, false, kHost, {}, true},
        {"prores", "prores_ks", configure_prores, false, kHost, {}, true, true, true},
        {"ffv1", "ffv1", configure_ffv1, false, kHost, {}, true, true},
        {"png", "png", configure_png, false, kHost, {}, true, true},
        {"raw",
         "wrapped_avframe",
         configure_raw,
         false,
         kHost,
         {AV_PIX_FMT_YUV420P,   AV_PIX_FMT_YUV422P,   AV_PIX_FMT_YUV444P,   AV_PIX_FMT_YUV420P9,
          AV_PIX_FMT_YUV422P9,  AV_PIX_FMT_YUV444P9,  AV_PIX_FMT_YUV420P10, AV_PIX_FMT_YUV422P10,
          AV_PIX_FMT_YUV444P10, AV_PIX_FMT_YUV420P12, AV_PIX_FMT_YUV422P12, AV_PIX_FMT_YUV444P12,
          AV_PIX_FMT_YUV420P14, AV_PIX_FMT_YUV422P14, AV_PIX_FMT_YUV444P14, AV_PIX_FMT_YUV420P16,
          AV_PIX_FMT_YUV422P16, AV_PIX_FMT_YUV444P16, AV_PIX_FMT_GRAY8,     AV_PIX_FMT_GRAY10,
          AV_PIX_FMT_GRAY12,    AV_PIX_FMT_GRAY16},
         true,
         true},
    };
}

std::vector<Encoder> hardware_encoders() {
    constexpr auto kHost = AV_HWDEVICE_TYPE_NONE;
    constexpr auto kVaapi = AV_HWDEVICE_TYPE_VAAPI;
    const std::vector<AVPixelFormat> k8 = {AV_PIX_FMT_NV12};
    const std::vector<AVPixelFormat> k10 = {AV_PIX_FMT_NV12, AV_PIX_FMT_P010};
    return {
        {"h264", "h264_nvenc", configure_nvenc, true, kHost, {AV_PIX_FMT_NV12, AV_PIX_FMT_YUV444P}},
        {"h265",
         "hevc_nvenc",
         configure_nvenc,
         true,
         kHost,
         {AV_PIX_FMT_NV12, AV_PIX_FMT_P010, AV_PIX_FMT_YUV444P}},
        {"av1", "av1_nvenc", configure_nvenc, true, kHost, k10},
        {"h264", "h264_qsv", configure_qsv, true, kHost, k8},
        {"h265", "hevc_qsv", configure_qsv, true, kHost, k10},
        {"vp9", "vp9_qsv", configure_qsv, true, kHost, k10},
        {"av1", "av1_qsv", configure_qsv, true, kHost, k10},
        {"h264", "h264_vaapi", configure_vaapi, true, kVaapi, k8},
        {"h265", "hevc_vaapi", configure_vaapi, true, kVaapi, k10},
        {"vp9", "vp9_vaapi", configure_vaapi_255, true, kVaapi, k10},
        {"av1", "av1_vaapi", configure_vaapi_255, true, kVaapi, k10},
        {"h264", "h264_v4l2m2m", configure_v4l2, true, kHost, k8},
        {"h265", "hevc_v4l2m2m", configure_v4l2, true, kHost, k8},
    };
}

[[noreturn]] void refuse(const Encoder& encoder, int status) {
    throw Failure(ExitCode::kFailed,
                  std::string(encoder.name) + ": " + LibavComplaints::say(status));
}

void describe(const Encoder& encoder, const Coding& coding, AVCodecContext* context) {
    context->width = coding.width;
    context->height = coding.height;
    context->pix_fmt = coding.format;
    context->sw_pix_fmt = coding.format;
    context->time_base = coding.time_base;
    context->framerate = coding.rate.num > 0 ? coding.rate : AVRational{25, 1};
    context->sample_aspect_ratio = coding.aspect;
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    context->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    context->thread_count = 0;  // as many as there are cores
    set_colour(coding.colour, context);
    if (encoder.hardware) context->max_b_frames = 0;
}

// Frames of the device's memory, which VideoEncoder fills.
int make_device_frames(const Encoder& encoder, const Coding& coding, AVCodecContext* context) {
    AVBufferRef* device = nullptr;
    int status = av_hwdevice_ctx_create(&device, encoder.device, nullptr, nullptr, 0);
    if (status < 0) return status;
    AVBufferRef* pool = av_hwframe_ctx_alloc(device);
    av_buffer_unref(&device);
    if (!pool) return AVERROR(ENOMEM);
    auto* frames = reinterpret_cast<AVHWFramesContext*>(pool->data);
    frames->format = AV_PIX_FMT_VAAPI;
    frames->sw_format = coding.format;
    frames->width = coding.width;
    frames->height = coding.height;
    frames->initial_pool_size = 32;
    status = av_hwframe_ctx_init(pool);
    context->hw_frames_ctx = pool;
    context->pix_fmt = frames->format;
    return status;
}

// Ends with NONE; null: it does not say.
const AVPixelFormat* all_formats(const AVCodec* codec) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
    const void* formats = nullptr;
    avcodec_get_supported_config(nullptr, codec, AV_CODEC_CONFIG_PIX_FORMAT, 0, &formats, nullptr);
    return static_cast<const AVPixelFormat*>(formats);
#else
    return codec->pix_fmts;
#endif
}

// "nvenc" of "h264_nvenc".
std::string kind_of(const Encoder& encoder) {
    const std::string name = encoder.name;
    return encoder.hardware ? name.substr(name.rfind('_') + 1) : "";
}

std::string names_for(const std::string& codec) {
    std::string text;
    for (const Encoder& encoder : encoders()) {
        if (codec == encoder.codec) text += std::string(", ") + encoder.name;
    }
    return text;
}

std::vector<const Encoder*> matching(const std::string& codec, const std::string& choice) {
    std::vector<const Encoder*> found;
    for (const Encoder& encoder : encoders()) {
        if (codec != encoder.codec) continue;
        const bool all = choice == "auto" || choice == "hardware";
        if (all || (choice == "software" && !encoder.hardware) || choice == encoder.name ||
            choice == kind_of(encoder)) {
            found.push_back(&encoder);
        }
    }
    if (choice == "hardware") {
        std::stable_partition(found.begin(), found.end(),
                              [](const Encoder* encoder) { return encoder->hardware; });
    }
    return found;
}

}  // namespace

std::vector<AVPixelFormat> Encoder::formats() const {
    if (!takes.empty()) return takes;
    std::vector<AVPixelFormat> list;
    for (const AVPixelFormat* format = all_formats(find()); format && *format != AV_PIX_FMT_NONE;
         ++format) {
        const bool old_full_range = std::string(av_get_pix_fmt_name(*format)).rfind("yuvj", 0) == 0;
        const auto flags = av_pix_fmt_desc_get(*format)->flags;
        constexpr auto kOther =
            AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM;
        if (!old_full_range && !(flags & kOther)) list.push_back(*format);
    }
    return list;
}

void CloseEncoder::operator()(AVCodecContext* context) const {
    // Closing SVT-AV1 before all packets have come waits for ever: one that is given up stays.
    if (avcodec_is_open(context) && context->codec->name == std::string("libsvtav1")) {
        AVPacket* packet = av_packet_alloc();
        const bool over = packet && avcodec_receive_packet(context, packet) == AVERROR_EOF;
        av_packet_free(&packet);
        if (!over) return;
    }
    avcodec_free_context(&context);
}

const std::vector<Encoder>& encoders() {
    static const std::vector<Encoder> list = [] {
        std::vector<Encoder> all = software_encoders();
        for (Encoder& encoder : hardware_encoders()) all.push_back(std::move(encoder));
        return all;
    }();
    return list;
}

std::vector<const Encoder*> find_encoders(const std::string& codec, const std::string& choice) {
    std::vector<const Encoder*> found = matching(codec, choice);
    if (found.empty()) {
        throw Failure(ExitCode::kUsage, "--encoder is '" + choice + "': allowed for " + codec +
                                            " are auto, software, hardware" + names_for(codec));
    }
    found.erase(std::remove_if(found.begin(), found.end(),
                               [](const Encoder* encoder) { return !encoder->find(); }),
                found.end());
    if (found.empty()) {
        throw Failure(ExitCode::kMissing, "this libavcodec has no encoder for " + codec +
                                              " (--encoder " + choice +
                                              "); Debian's is in the package libavcodec" +
                                              std::to_string(LIBAVCODEC_VERSION_MAJOR));
    }
    return found;
}

EncoderContext open_encoder(const Encoder& encoder, const Coding& coding) {
    g_setenv("SVT_LOG", "1", FALSE);  // no more than errors
    const LibavComplaints complaints;
    EncoderContext context(avcodec_alloc_context3(encoder.find()));
    if (!context) refuse(encoder, AVERROR(ENOMEM));
    describe(encoder, coding, context.get());
    AVDictionary* options = nullptr;
    encoder.configure(coding, context.get(), &options);
    int status = 0;
    if (encoder.device != AV_HWDEVICE_TYPE_NONE) {
        status = make_device_frames(encoder, coding, context.get());
    }
    if (status >= 0) status = avcodec_open2(context.get(), encoder.find(), &options);
    av_dict_free(&options);
    if (status < 0) refuse(encoder, status);
    return context;
}

}  // namespace upscale
