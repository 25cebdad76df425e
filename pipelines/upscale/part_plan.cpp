// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/part_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/filter.h"
#include "pipelines/upscale/report.h"
#include "pipelines/upscale/video_reader.h"

namespace upscale {

namespace {

constexpr size_t kChunk = 8;     // frames; chunks of a quicker start are a half or a quarter
constexpr size_t kStartUp = 24;  // frames of the start-up chunk before it falls into step
constexpr size_t kRunOut = 12;   // frames: the rest of a chunk, and those that are owed then

// Where frames are, and whether they can be gone to.
struct FrameIndex {
    std::vector<GstClockTime> times;  // rising
    bool seekable = true;
};

FrameIndex index_images(const Source& source, const Media& media) {
    FrameIndex index;
    for (size_t i = 0; i < source.images().size(); ++i) {
        index.times.push_back(gst_util_uint64_scale(i, media.fps_d * GST_SECOND, media.fps_n));
    }
    return index;
}

// By the packets: one is one frame, or two fields that stay together.
FrameIndex index_file(const Source& source, const Media& media) {
    const std::unique_ptr<Demuxer> demuxer = open_demuxer(source, nullptr);
    const AVStream* video = demuxer->video();
    const int64_t period = av_rescale(kSecond, media.fps_d, std::max(media.fps_n, 1));
    FrameIndex index;
    index.seekable = !demuxer->may_jump() || media.read.steady;
    int64_t next = 0;  // where a packet without a time is taken to be
    const Packet packet = make_packet();
    for (; demuxer->read(packet.get()); av_packet_unref(packet.get())) {
        if (packet->stream_index != video->index || packet->flags & AV_PKT_FLAG_DISCARD) continue;
        const bool timed = video->start_time != AV_NOPTS_VALUE;
        const int64_t said = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
        const int64_t time = timed && said != AV_NOPTS_VALUE ? said : next;
        next = time + period;
        if (time >= 0) index.times.push_back(static_cast<GstClockTime>(time));
    }
    std::sort(index.times.begin(), index.times.end());
    index.times.erase(std::unique(index.times.begin(), index.times.end()), index.times.end());
    return index;
}

FrameIndex index_frames(const Source& source, const Media& media, const Window& window) {
    FrameIndex index = source.kind() == Source::Kind::kImages ? index_images(source, media)
                                                              : index_file(source, media);
    auto& times = index.times;
    times.erase(std::lower_bound(times.begin(), times.end(), window.end), times.end());
    times.erase(times.begin(), std::lower_bound(times.begin(), times.end(), window.start));
    return index;
}

// The frames of a time and around it, each with whether a scene begins there.
class CutFinder {
  public:
    // The beginning of a scene that is nearest to `time` among frames no farther away than
    // `reach`; nothing: there is none.
    static std::optional<GstClockTime> find(const Source& source, ReadPlan plan, GstClockTime time,
                                            GstClockTime reach) {
        plan.begin = static_cast<int64_t>(time - std::min(time, reach));
        CutFinder finder(time, reach);
        Report unheard([](const std::string&) {}, false);
        try {
            VideoReader reader(source, plan, nullptr, &unheard);
            while (Frame frame = reader.next()) {
                if (static_cast<GstClockTime>(frame->pts) > time + reach) break;
                finder.take(std::move(frame));
            }
        } catch (const Failure&) {  // it is met again where the part is made
        }
        finder.pull();
        return finder.found_;
    }

  private:
    CutFinder(GstClockTime time, GstClockTime reach) : time_(time), reach_(reach) {}

    void take(Frame frame) {
        if (filter_ && !filter_->takes(frame.get())) filter_.reset();
        if (!filter_) {
            filter_ = std::make_unique<Filter>("scale=160:90:flags=area,scdet", frame.get());
        }
        filter_->push(std::move(frame));
        pull();
    }

    void pull() {
        while (const Frame frame = filter_ ? filter_->pull() : nullptr) {
            const auto time = static_cast<GstClockTime>(frame->pts);
            const bool begins = av_dict_get(frame->metadata, "lavfi.scd.time", nullptr, 0);
            if (!begins || distance(time) > reach_) continue;
            if (!found_ || distance(time) < distance(*found_)) found_ = time;
        }
    }

    GstClockTime distance(GstClockTime time) const {
        return std::max(time, time_) - std::min(time, time_);
    }

    const GstClockTime time_, reach_;
    std::optional<GstClockTime> found_;
    std::unique_ptr<Filter> filter_;
};

// How far from a border a cut may be.
GstClockTime reach_of(GstClockTime length) {
    constexpr GstClockTime kFarthest = 4 * GST_SECOND, kShare = 8;
    return std::min(kFarthest, length / kShare);
}

// Frames after which the model is as it would be had it seen all before: the start-up chunk, and
// as many as attention looks back.
size_t warm_up(const Options& options) {
    constexpr double kSlices = 3, kMost = 64;  // of the element
    const auto typed = options.settings.find("kv-ratio");
    const double slices =
        typed == options.settings.end() ? kSlices : std::atof(typed->second.c_str());
    return kStartUp + kChunk * static_cast<size_t>(std::ceil(std::clamp(slices, 2.0, kMost)));
}

// A time between a frame and the one before it.
GstClockTime before(const std::vector<GstClockTime>& times, size_t frame) {
    return times[frame] - (times[frame] - times[frame - 1]) / 2;
}

}  // namespace

std::vector<PartSpan> plan_parts(const Options& options, const Source& source, const Media& media) {
    const FrameIndex index = index_frames(source, media, options.window);
    const std::vector<GstClockTime>& times = index.times;
    const auto length = static_cast<GstClockTime>(options.part * GST_SECOND);
    const auto frame_at = [&times](GstClockTime time) -> size_t {
        return std::lower_bound(times.begin(), times.end(), time) - times.begin();
    };
    std::vector<PartSpan> parts(1);
    size_t first = 0, scene = 0;  // frames: the part's, and that of the last one at a cut
    parts.back().window.start = options.window.start;
    for (GstClockTime border = options.window.start + length;
         !times.empty() && border <= times.back(); border += length) {
        PartSpan part;
        size_t frame = frame_at(border);
        const std::optional<GstClockTime> cut =
            index.seekable ? CutFinder::find(source, media.read, border, reach_of(length))
                           : std::nullopt;
        if (cut && frame_at(*cut) > first && frame_at(*cut) < times.size()) {
            part.at_cut = true;
            scene = frame = frame_at(*cut);
        }
        if (frame <= first) continue;  // a gap in the video
        part.window.start = before(times, frame);
        if (!part.at_cut) {
            const size_t back = std::min(frame - scene, warm_up(options));
            const size_t warm = frame - back - (frame - back - scene) % kChunk;
            part.lead_in =
                part.window.start - (warm == 0 ? options.window.start : before(times, warm));
            parts.back().run_out = kRunOut;
        }
        parts.back().window.end = part.window.start;
        parts.back().frames = frame - first;
        first = frame;
        parts.push_back(part);
    }
    parts.back().window.end = options.window.end;
    parts.back().frames = times.size() - first;
    return parts;
}

}  // namespace upscale
