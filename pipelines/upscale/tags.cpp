// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/tags.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <glib.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/head_trial.h"
#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

const char* value_of(const AVDictionary* tags, const std::string& key) {
    const AVDictionaryEntry* tag = av_dict_get(tags, key.c_str(), nullptr, 0);
    return tag ? tag->value : nullptr;
}

void for_each(const AVDictionary* tags,
              const std::function<void(const std::string& key, const std::string& value)>& use) {
    const AVDictionaryEntry* tag = nullptr;
    while ((tag = av_dict_get(tags, "", tag, AV_DICT_IGNORE_SUFFIX))) use(tag->key, tag->value);
}

// ---- What a muxer keeps ----------------------------------------------------------------------

// Track of a file that is tried.
struct StandIn {
    const AVStream* like;
    std::string language;  // in place of its own; empty: its own
};

void add_stand_in(AVFormatContext* file, const StandIn& track) {
    AVStream* stream = avformat_new_stream(file, nullptr);
    if (!stream) throw Failure(ExitCode::kFailed, "out of memory");
    stream->codecpar->codec_type = AVMEDIA_TYPE_AUDIO;  // which needs no more to be said than this
    stream->codecpar->codec_id = AV_CODEC_ID_MP3;
    stream->codecpar->sample_rate = 48000;
    av_channel_layout_default(&stream->codecpar->ch_layout, 2);
    stream->disposition = track.like->disposition & ~AV_DISPOSITION_ATTACHED_PIC;
    av_dict_copy(&stream->metadata, track.like->metadata, 0);
    if (!track.language.empty()) {
        av_dict_set(&stream->metadata, "language", track.language.c_str(), 0);
    }
}

// The head of an mp4 or mov file with the tags of `like` and these tracks, as it is read; null:
// the muxer refuses them.
InputFile read_back(const AVFormatContext* like, const std::vector<StandIn>& tracks,
                    bool keys = false) {
    const TrialFile file = make_trial(like->oformat);
    for (const StandIn& track : tracks) add_stand_in(file.get(), track);
    av_dict_copy(&file->metadata, like->metadata, 0);
    return head_as_read(file.get(), keys);
}

// Whether the container has fields for some tags, and no others.
bool has_fields(const AVFormatContext* output) {
    const std::string format = output->oformat->name;
    return format == "mp4" || format == "mov";
}

// "title" of "title-eng", which mp4's reader makes beside it; else empty.
std::string without_language(const std::string& key) {
    constexpr size_t kSuffix = 4;
    const bool has = key.size() > kSuffix && key[key.size() - kSuffix] == '-';
    return has ? key.substr(0, key.size() - kSuffix) : "";
}

// Keys whose values are not there. Of a long value it may be that half is.
std::vector<std::string> lost_tags(const AVDictionary* tags, const AVDictionary* kept) {
    constexpr size_t kLong = 255;
    std::vector<std::string> lost;
    for_each(tags, [&](const std::string& key, const std::string& value) {
        const char* found = value_of(kept, key);
        if (!found) found = value_of(kept, without_language(key));
        if (!found || (value.size() > kLong && value != found)) lost.push_back(key);
    });
    return lost;
}

// ---- Languages -------------------------------------------------------------------------------

// ISO 639-2 has two codes for these. QuickTime knows one of each, and some others by names of its
// own.
constexpr const char* kSpellings[][2] = {
    {"alb", "sqi"}, {"arm", "hye"}, {"baq", "eus"}, {"bur", "mya"}, {"chi", "zho"},
    {"cze", "ces"}, {"dut", "nld"}, {"fre", "fra"}, {"geo", "kat"}, {"ger", "deu"},
    {"gre", "ell"}, {"ice", "isl"}, {"mac", "mkd"}, {"mao", "mri"}, {"may", "msa"},
    {"per", "fas"}, {"rum", "ron"}, {"slo", "slk"}, {"tib", "bod"}, {"wel", "cym"},
};
constexpr const char* kQuickTimeNames[][2] = {
    {"swe", "sve"}, {"hrv", "hr "}, {"fao", "fo "}, {"srp", "sr "}, {"pan", "pa "},
};

std::string other_name(const std::string& language, const char* const (&pair)[2]) {
    return language == pair[0] ? pair[1] : language == pair[1] ? pair[0] : "";
}

std::vector<std::string> spellings(const std::string& language) {
    std::vector<std::string> names = {language};
    for (const auto& pair : kSpellings) names.push_back(other_name(language, pair));
    for (const auto& pair : kQuickTimeNames) names.push_back(other_name(language, pair));
    names.erase(std::remove(names.begin(), names.end(), ""), names.end());
    return names;
}

// QuickTime's own name means nothing elsewhere.
void use_standard_name(AVStream* stream) {
    const char* language = value_of(stream->metadata, "language");
    for (const auto& pair : kQuickTimeNames) {
        if (!language || std::string(pair[1]) != language) continue;
        av_dict_set(&stream->metadata, "language", pair[0], 0);
        return;
    }
}

// The first of its spellings that came back; null: none did.
const char* kept_spelling(const AVStream* stream, const std::vector<StandIn>& trials,
                          const AVFormatContext* found) {
    for (unsigned i = 0; found && i < trials.size() && i < found->nb_streams; ++i) {
        const char* language = value_of(found->streams[i]->metadata, "language");
        if (trials[i].like == stream && language && trials[i].language == language) {
            return trials[i].language.c_str();
        }
    }
    return nullptr;
}

void fit_languages(AVFormatContext* output, Report* report) {
    std::vector<AVStream*> streams;
    std::vector<StandIn> trials;
    for (unsigned i = 0; i < output->nb_streams; ++i) {
        use_standard_name(output->streams[i]);
        const char* language = value_of(output->streams[i]->metadata, "language");
        if (!language || !has_fields(output) || !std::strcmp(language, "und")) continue;
        streams.push_back(output->streams[i]);
        for (const std::string& name : spellings(language)) {
            trials.push_back({output->streams[i], name});
        }
    }
    const InputFile found = trials.empty() ? nullptr : read_back(output, trials);
    for (AVStream* stream : streams) {
        const std::string language = value_of(stream->metadata, "language");
        const char* kept = kept_spelling(stream, trials, found.get());
        av_dict_set(&stream->metadata, "language", kept, 0);
        if (kept) continue;
        report->loss("tags", "the language " + printable(language) + " of " + track_name(stream) +
                                 " of the output is not said: " + output->oformat->name +
                                 " does not hold it");
    }
}

// ---- Tags ------------------------------------------------------------------------------------

void report_lost(const std::vector<std::string>& keys, const std::string& whose, const char* format,
                 Report* report) {
    std::string list;
    for (const std::string& key : keys) list += (list.empty() ? "" : ", ") + printable(key);
    if (list.empty()) return;
    report->loss("tags", std::string(keys.size() == 1 ? "the tag " : "the tags ") + list + whose +
                             (keys.size() == 1 ? " is" : " are") + " left out: " + format +
                             " does not hold " + (keys.size() == 1 ? "it" : "them"));
}

void remove_tags(const std::vector<std::string>& keys, AVDictionary** tags) {
    for (const std::string& key : keys) av_dict_set(tags, key.c_str(), nullptr, 0);
}

// Keys such as "com.apple.quicktime.model" come from a list of any keys, which can be written in
// place of the usual fields; there is no cover picture then.
bool wants_key_list(const AVFormatContext* output) {
    bool wants = false;
    for_each(output->metadata, [&](const std::string& key, const std::string&) {
        wants = wants || key.rfind("com.", 0) == 0;
    });
    for (unsigned i = 0; i < output->nb_streams; ++i) {
        if (output->streams[i]->disposition & AV_DISPOSITION_ATTACHED_PIC) return false;
    }
    return wants;
}

void fit_file_tags(AVFormatContext* output, Report* report) {
    const bool list = wants_key_list(output);
    const InputFile found = read_back(output, {{output->streams[0], ""}}, list);
    if (!found) return;
    if (list) av_opt_set(output->priv_data, "movflags", "+use_metadata_tags", 0);
    const std::vector<std::string> lost = lost_tags(output->metadata, found->metadata);
    remove_tags(lost, &output->metadata);
    report_lost(lost, "", output->oformat->name, report);
}

// "forced", "hearing_impaired", ... which the output's stream has and the one that was read has
// not. That a track is shown by default is another matter: muxers see to it that one of each kind
// is.
std::string lost_roles(const AVStream* stream, const AVStream* found) {
    std::string roles;
    const int lost = stream->disposition & ~found->disposition & ~AV_DISPOSITION_DEFAULT;
    for (unsigned bit = 1; bit != 0; bit <<= 1) {
        const char* name = lost & bit ? av_disposition_to_string(lost & bit) : nullptr;
        if (name) roles += (roles.empty() ? "" : ", ") + std::string(name);
    }
    return roles;
}

void fit_track_tags(AVFormatContext* output, AVStream* stream, const AVStream* found,
                    Report* report) {
    const std::string whose = " of " + track_name(stream) + " of the output";
    std::vector<std::string> lost = lost_tags(stream->metadata, found->metadata);
    const auto handled = [&](const std::string& key) {
        if (key == "title") {  // where such files have the name
            av_dict_set(&stream->metadata, "handler_name", value_of(stream->metadata, "title"), 0);
        }
        // The others have places of their own, or are about how the track was made.
        for (const char* known : {"title", "language", "timecode", "handler_name", "encoder"}) {
            if (!g_ascii_strcasecmp(key.c_str(), known)) return true;
        }
        return false;
    };
    lost.erase(std::remove_if(lost.begin(), lost.end(), handled), lost.end());
    remove_tags(lost, &stream->metadata);
    report_lost(lost, whose, output->oformat->name, report);
    const std::string roles = lost_roles(stream, found);
    if (roles.empty()) return;
    report->loss("tags", "that it is " + roles + " is not said" + whose + ": " +
                             output->oformat->name + " does not hold it");
}

void fit_all_track_tags(AVFormatContext* output, Report* report) {
    std::vector<StandIn> tracks;
    for (unsigned i = 0; i < output->nb_streams; ++i) tracks.push_back({output->streams[i], ""});
    const InputFile found = read_back(output, tracks);
    if (!found || found->nb_streams < output->nb_streams) return;
    for (unsigned i = 0; i < output->nb_streams; ++i) {
        AVStream* stream = output->streams[i];
        if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) continue;
        fit_track_tags(output, stream, found->streams[i], report);
    }
}

}  // namespace

void drop_stale_tags(AVDictionary** tags) {
    // What muxers write, statistics of Matroska's tools, the names of ASF's and MXF's own parts.
    static const std::regex stale(
        "vendor_id|major_brand|minor_version|compatible_brands|rotate|"
        "alpha_mode|_STATISTICS_.*|(BPS|DURATION|NUMBER_OF_BYTES|NUMBER_OF_FRAMES)(-.*)?|"
        "WMFSDK.*|DeviceConformanceTemplate|IsVBR|operational_pattern_ul|.*uid|.*_umid|"
        "product_.*|company_name|application_.*|toolkit_version.*|modification_date",
        std::regex::icase);
    std::vector<std::string> keys;
    for_each(*tags, [&](const std::string& key, const std::string&) {
        if (std::regex_match(key, stale)) keys.push_back(key);
    });
    remove_tags(keys, tags);
}

void fit_tags(AVFormatContext* output, Report* report) {
    fit_languages(output, report);
    if (!has_fields(output)) return;
    fit_file_tags(output, report);
    fit_all_track_tags(output, report);
}

}  // namespace upscale
