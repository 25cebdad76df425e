#include "gst/scene_cut.h"

#include <algorithm>
#include <cmath>

namespace flashvsr {

namespace {

constexpr double kLeastDifference = 20.0; /* of 255: less is no cut, however still it was before */
constexpr double kTimesUsual = 4.0;
constexpr double kMemory = 0.8;    /* share of the past in what is usual */
constexpr int kShortestScene = 8;  /* frames: a flash of light is no scene */
constexpr int kSamplesPerCell = 6; /* in each direction */

/* What reads a sample as one of 8 bits. */
auto eight_bits(const GstVideoFormatInfo* format, guint component) {
    const guint depth = GST_VIDEO_FORMAT_INFO_DEPTH(format, component);
    const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(format, component) + depth - 8;
    return [depth, shift](const guint8* sample) {
        return depth > 8 ? GST_READ_UINT16_LE(sample) >> shift : *sample;
    };
}

}  // namespace

bool SceneCut::begins_at(const GstVideoFrame* frame) {
    const Cells cells = cells_of(frame);
    double difference = 0.0;
    for (size_t i = 0; i < cells.size(); i++) difference += std::abs(cells[i] - previous_[i]);
    difference /= static_cast<double>(cells.size());
    previous_ = cells;
    const bool first = frames_++ == 0;
    if (first) return false;
    const bool cut = frames_ > kShortestScene && difference > kLeastDifference &&
                     difference > kTimesUsual * usual_;
    if (cut) {
        frames_ = 1;
        usual_ = 0.0;
    } else {
        usual_ = kMemory * usual_ + (1.0 - kMemory) * difference;
    }
    return cut;
}

void SceneCut::restart() {
    frames_ = 0;
    usual_ = 0.0;
}

/* Luma, or green. */
SceneCut::Cells SceneCut::cells_of(const GstVideoFrame* frame) {
    const guint component = GST_VIDEO_INFO_IS_RGB(&frame->info) ? GST_VIDEO_COMP_G : 0;
    const int width = GST_VIDEO_FRAME_COMP_WIDTH(frame, component);
    const int height = GST_VIDEO_FRAME_COMP_HEIGHT(frame, component);
    const int stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, component);
    const int step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, component);
    const auto* data = static_cast<const guint8*>(GST_VIDEO_FRAME_COMP_DATA(frame, component));
    const auto brightness = eight_bits(frame->info.finfo, component);

    constexpr int kSamples = kSamplesPerCell * kSamplesPerCell;
    Cells cells = {};
    for (int y = 0; y < kRows * kSamplesPerCell; y++) {
        const gssize row = gssize{y} * height / (kRows * kSamplesPerCell) * stride;
        for (int x = 0; x < kColumns * kSamplesPerCell; x++) {
            const gssize column = gssize{x} * width / (kColumns * kSamplesPerCell) * step;
            cells[size_t(y / kSamplesPerCell) * kColumns + x / kSamplesPerCell] +=
                static_cast<float>(brightness(data + row + column)) / kSamples;
        }
    }
    return cells;
}

}  // namespace flashvsr
