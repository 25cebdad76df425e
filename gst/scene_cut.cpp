// SPDX-License-Identifier: Apache-2.0
#include "gst/scene_cut.h"

#include <algorithm>
#include <cmath>

namespace flashvsr {

namespace {

constexpr double kMinDifference = 20.0;  // of 255: less is no cut, however still it was before
constexpr double kTimesUsual = 4.0;
constexpr double kMemory = 0.8;     // share of the past in what is usual
constexpr int kShortestScene = 8;   // frames: a flash of light is no scene
constexpr int kSamplesPerCell = 6;  // in each direction

// Luma, or green.
guint brightest(const GstVideoInfo& info) {
    return GST_VIDEO_INFO_IS_RGB(&info) ? GST_VIDEO_COMP_G : 0;
}

// What reads a sample as one of 8 bits.
auto eight_bits(const GstVideoFormatInfo* format, guint component) {
    const guint depth = GST_VIDEO_FORMAT_INFO_DEPTH(format, component);
    const guint shift = GST_VIDEO_FORMAT_INFO_SHIFT(format, component) + depth - 8;
    return [depth, shift](const guint8* sample) {
        return depth > 8 ? GST_READ_UINT16_LE(sample) >> shift : *sample;
    };
}

}  // namespace

SceneCut::Rows SceneCut::rows_of(const GstVideoInfo& info) {
    const guint component = brightest(info);
    const int height = GST_VIDEO_INFO_HEIGHT(&info);
    const int step = std::max(1, height / (kRows * kSamplesPerCell));
    return {GST_VIDEO_INFO_COMP_PLANE(&info, component), step, (height - 1) / step + 1,
            GST_VIDEO_INFO_WIDTH(&info) * GST_VIDEO_INFO_COMP_PSTRIDE(&info, component)};
}

bool SceneCut::begins_at(const GstVideoInfo& info, const guint8* rows, gssize stride) {
    const Cells cells = cells_of(info, rows, stride);
    double difference = 0.0;
    for (size_t i = 0; i < cells.size(); i++) difference += std::abs(cells[i] - previous_[i]);
    difference /= static_cast<double>(cells.size());
    previous_ = cells;
    const bool first = frames_++ == 0;
    if (first) return false;
    const bool cut = frames_ > kShortestScene && difference > kMinDifference &&
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

SceneCut::Cells SceneCut::cells_of(const GstVideoInfo& info, const guint8* rows, gssize stride) {
    const guint component = brightest(info);
    const int width = GST_VIDEO_INFO_WIDTH(&info);
    const int height = GST_VIDEO_INFO_HEIGHT(&info);
    const int row_step = rows_of(info).step;
    const int step = GST_VIDEO_INFO_COMP_PSTRIDE(&info, component);
    const guint8* data = rows + GST_VIDEO_INFO_COMP_POFFSET(&info, component);
    const auto brightness = eight_bits(info.finfo, component);

    constexpr int kSamples = kSamplesPerCell * kSamplesPerCell;
    Cells cells = {};
    for (int y = 0; y < kRows * kSamplesPerCell; y++) {
        const gssize row = gssize{y} * height / (kRows * kSamplesPerCell) / row_step * stride;
        for (int x = 0; x < kColumns * kSamplesPerCell; x++) {
            const gssize column = gssize{x} * width / (kColumns * kSamplesPerCell) * step;
            cells[size_t(y / kSamplesPerCell) * kColumns + x / kSamplesPerCell] +=
                static_cast<float>(brightness(data + row + column)) / kSamples;
        }
    }
    return cells;
}

}  // namespace flashvsr
