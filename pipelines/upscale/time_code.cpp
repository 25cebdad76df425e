// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/time_code.h"

extern "C" {
#include <libavutil/timecode.h>
}

#include <cstring>
#include <string>
#include <vector>

#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

constexpr char kTag[] = "timecode";

std::string find_time_code(const AVFormatContext* input, const AVStream* video) {
    std::vector<const AVDictionary*> places = {video->metadata, input->metadata};
    for (unsigned i = 0; i < input->nb_streams; ++i) {
        const AVStream* stream = input->streams[i];
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_DATA) continue;
        places.push_back(stream->metadata);
    }
    for (const AVDictionary* tags : places) {
        const AVDictionaryEntry* code = av_dict_get(tags, kTag, nullptr, 0);
        if (code) return code->value;
    }
    return {};
}

// The code of the frame at `start`, where `code` is that of the first; `rate` is that of what is
// written. Empty: the code is none of this rate.
std::string moved(const std::string& code, AVRational rate, int64_t start, bool double_rate) {
    const int factor = double_rate ? 2 : 1;
    const AVRational old_rate = {rate.num, rate.den * factor};
    AVTimecode first{}, now{};
    if (av_timecode_init_from_string(&first, old_rate, code.c_str(), nullptr) < 0) return {};
    const int64_t frame =
        first.start + av_rescale_q_rnd(start, kNanoseconds, av_inv_q(old_rate), AV_ROUND_UP);
    if (av_timecode_init(&now, rate, static_cast<int>(first.flags),
                         static_cast<int>(frame * factor), nullptr) < 0) {
        return {};
    }
    char text[AV_TIMECODE_STR_SIZE] = "";
    return av_timecode_make_string(&now, text, 0);
}

}  // namespace

void copy_time_code(const AVFormatContext* input, const AVStream* video, int64_t start,
                    bool double_rate, AVFormatContext* output, Report* report) {
    const std::string code = find_time_code(input, video);
    if (code.empty()) return;
    AVStream* to = output->streams[0];
    const std::string format = output->oformat->name;
    const bool as_track = format == "mp4" || format == "mov";
    std::string result = moved(code, to->avg_frame_rate, start, double_rate);
    // As a tag it may be anything, as a track it is counted.
    if (result.empty() && start <= 0 && !as_track) result = code;
    const char* value = result.empty() ? nullptr : result.c_str();
    av_dict_set(&to->metadata, kTag, value, 0);
    if (av_dict_get(output->metadata, kTag, nullptr, 0)) {
        av_dict_set(&output->metadata, kTag, as_track ? nullptr : value, 0);
    }
    if (result.empty()) {
        report->loss("timecode", "the time code " + printable(code) +
                                     " is left out: it cannot be counted at this frame rate");
    }
}

}  // namespace upscale
