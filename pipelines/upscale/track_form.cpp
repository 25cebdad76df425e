// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/track_form.h"

#include <cstring>
#include <memory>
#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/head_trial.h"
#include "pipelines/upscale/libav_complaints.h"
#include "pipelines/upscale/video_stream.h"

namespace upscale {

namespace {

bool is_matroska(const AVOutputFormat* format) { return !std::strcmp(format->name, "matroska"); }
bool is_mp4(const AVOutputFormat* format) { return !std::strcmp(format->name, "mp4"); }

bool is_quicktime(const AVOutputFormat* format) {
    return is_mp4(format) || !std::strcmp(format->name, "mov");
}

bool is_pcm(AVCodecID id) {
    const AVCodecDescriptor* codec = avcodec_descriptor_get(id);
    return codec && !std::strncmp(codec->name, "pcm_", 4);
}

// "image/png"; null: no type of file is known that holds this codec alone.
const char* mime_type(AVCodecID id) {
    const AVCodecDescriptor* codec = avcodec_descriptor_get(id);
    return codec && codec->mime_types ? codec->mime_types[0] : nullptr;
}

// mp4 has covers of few kinds, and no other attachments; its muxer leaves out others in silence.
bool has_place_for(const AVOutputFormat* format, const AVStream* track) {
    const AVCodecID id = track->codecpar->codec_id;
    if (is_cover(track)) {
        if (is_matroska(format)) return mime_type(id) && track->attached_pic.size > 0;
        return is_mp4(format) &&
               (id == AV_CODEC_ID_MJPEG || id == AV_CODEC_ID_PNG || id == AV_CODEC_ID_BMP);
    }
    // FFmpeg 6.1 and newer write it, of some kinds until writing fails; few players know it.
    if (is_mp4(format) && is_pcm(id)) return false;
    return track->codecpar->codec_type != AVMEDIA_TYPE_ATTACHMENT || is_matroska(format);
}

void set_if_missing(AVDictionary** tags, const char* key, const std::string& value) {
    av_dict_set(tags, key, value.c_str(), AV_DICT_DONT_OVERWRITE);
}

void attach(const AVStream* cover, AVStream* to) {
    AVCodecParameters* codec = to->codecpar;
    const AVPacket& picture = cover->attached_pic;
    av_freep(&codec->extradata);
    codec->extradata =
        static_cast<uint8_t*>(av_mallocz(picture.size + AV_INPUT_BUFFER_PADDING_SIZE));
    if (!codec->extradata) throw Failure(ExitCode::kFailed, "out of memory");
    std::memcpy(codec->extradata, picture.data, picture.size);
    codec->extradata_size = picture.size;
    codec->codec_type = AVMEDIA_TYPE_ATTACHMENT;
    to->disposition = 0;
    const char* name =
        codec->codec_id == AV_CODEC_ID_MJPEG ? "jpg" : avcodec_get_name(codec->codec_id);
    set_if_missing(&to->metadata, "filename", std::string("cover.") + name);
    set_if_missing(&to->metadata, "mimetype", mime_type(codec->codec_id));
}

TrialFile with_track(const AVOutputFormat* format, const AVStream* track) {
    TrialFile file = make_trial(format);
    AVStream* copy = avformat_new_stream(file.get(), nullptr);
    if (!copy) throw Failure(ExitCode::kFailed, "out of memory");
    copy_form(track, format, copy);
    return file;
}

struct FreeDecoder {
    void operator()(AVCodecContext* decoder) const { avcodec_free_context(&decoder); }
};

// Whether a decoder has all that it needs. True where there is none.
bool opens(const AVCodecParameters* codec) {
    const AVCodec* decoder = avcodec_find_decoder(codec->codec_id);
    if (!decoder) return true;
    const LibavComplaints unheard;
    const std::unique_ptr<AVCodecContext, FreeDecoder> context(avcodec_alloc_context3(decoder));
    return context && avcodec_parameters_to_context(context.get(), codec) >= 0 &&
           avcodec_open2(context.get(), decoder, nullptr) >= 0;
}

// One code stands for all layers of MPEG audio.
bool is_same(const AVCodecParameters* codec, const AVCodecParameters* found) {
    const bool mpeg = codec->codec_id == AV_CODEC_ID_MP2 && found->codec_id == AV_CODEC_ID_MP3;
    return (mpeg || codec->codec_id == found->codec_id) && (!opens(codec) || opens(found));
}

// Their muxers take a packet for a sample where one has less than a byte and a packet says nothing
// of its length.
bool counts_packets(const AVCodecParameters* codec) {
    const AVCodecID id = codec->codec_id;
    const int bits = av_get_bits_per_sample(id);
    const bool known = id == AV_CODEC_ID_ADPCM_MS || id == AV_CODEC_ID_ADPCM_IMA_WAV;
    return bits > 0 && bits < 8 && codec->frame_size <= 1 && !known;
}

}  // namespace

bool is_cover(const AVStream* track) { return track->disposition & AV_DISPOSITION_ATTACHED_PIC; }

void copy_form(const AVStream* from, const AVOutputFormat* format, AVStream* to) {
    if (avcodec_parameters_copy(to->codecpar, from->codecpar) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    keep_fitting_tag(format, to->codecpar);
    to->time_base = from->time_base;
    to->disposition = from->disposition;
    to->avg_frame_rate = from->avg_frame_rate;
    av_dict_copy(&to->metadata, from->metadata, 0);
    if (is_cover(from) && is_matroska(format)) attach(from, to);
}

// Has the muxer write the head of a file with this track alone: what it says about itself
// (avformat_query_codec) is not all that it asks for. mp4's and mov's write some codecs so that no
// reader knows them, or without what decoders need.
bool holds(const AVOutputFormat* format, const AVStream* track) {
    if (!has_place_for(format, track)) return false;
    if (!takes_tracks(with_track(format, track).get())) return false;
    const AVCodecParameters* codec = track->codecpar;
    if (is_quicktime(format) && counts_packets(codec)) return false;
    if (!is_quicktime(format) || codec->codec_type != AVMEDIA_TYPE_AUDIO) return true;
    const InputFile found = head_as_read(with_track(format, track).get());
    return !found || found->nb_streams == 0 || is_same(codec, found->streams[0]->codecpar);
}

}  // namespace upscale
