// SPDX-License-Identifier: Apache-2.0
#include "gst/statistics.h"

#include <algorithm>
#include <cmath>

namespace flashvsr {

namespace {

using Lock = std::lock_guard<std::mutex>;

GstStructure* structure_of(const FlashvsrMemoryEstimate& memory) {
    return gst_structure_new(
        "memory-estimate", "weights", G_TYPE_UINT64, memory.weights, "kv-cache", G_TYPE_UINT64,
        memory.kv_cache, "state", G_TYPE_UINT64, memory.state, "frames", G_TYPE_UINT64,
        memory.frames, "activations", G_TYPE_UINT64, memory.activations, "reserve", G_TYPE_UINT64,
        memory.reserve, "host", G_TYPE_UINT64, memory.host, "free", G_TYPE_UINT64, memory.free,
        "changes", G_TYPE_STRING, memory.changes, nullptr);
}

template <typename T>
void append(std::deque<T>* values, T value, size_t limit) {
    values->push_back(value);
    if (values->size() > limit) values->pop_front();
}

}  // namespace

void Statistics::reset() {
    const Lock lock(mutex_);
    frames_ = {};
    chunks_ = stream_chunks_ = device_bytes_ = 0;
    memory_.reset();
    inside_ = 0;
    chunk_times_.clear();
    output_times_.clear();
}

void Statistics::count_in() {
    const Lock lock(mutex_);
    frames_.in++;
}

void Statistics::count_out() {
    const Lock lock(mutex_);
    frames_.out++;
    append(&output_times_, g_get_monotonic_time(), kOutputTimes);
}

void Statistics::count_dropped(int frames) {
    const Lock lock(mutex_);
    frames_.dropped += frames;
}

void Statistics::count_replaced(int frames) {
    const Lock lock(mutex_);
    frames_.replaced += frames;
}

Statistics::Frames Statistics::frames() const {
    const Lock lock(mutex_);
    return frames_;
}

void Statistics::set_inside(int frames) {
    const Lock lock(mutex_);
    inside_ = frames;
}

void Statistics::note_engine(const FlashvsrStreamStats& stats) {
    const Lock lock(mutex_);
    if (stats.chunks > stream_chunks_) {
        append(&chunk_times_, static_cast<GstClockTime>(stats.last_chunk_ms * GST_MSECOND),
               kChunkTimes);
    }
    stream_chunks_ = stats.chunks;
    device_bytes_ = stats.device_bytes;
}

void Statistics::begin_stream(const FlashvsrMemoryEstimate& memory, const std::string& kernels) {
    const Lock lock(mutex_);
    memory_ = memory;
    kernels_ = kernels;
    chunks_ += stream_chunks_;
    stream_chunks_ = 0;
}

// The smallest time that this share of the newest chunks did not exceed.
GstClockTime Statistics::percentile(double share) const {
    if (chunk_times_.empty()) return 0;
    std::vector<GstClockTime> sorted(chunk_times_.begin(), chunk_times_.end());
    std::sort(sorted.begin(), sorted.end());
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

double Statistics::frames_per_second() const {
    if (output_times_.size() < 2) return 0.0;
    const gint64 span = output_times_.back() - output_times_.front();
    return span > 0 ? static_cast<double>(output_times_.size() - 1) * G_USEC_PER_SEC /
                          static_cast<double>(span)
                    : 0.0;
}

GstStructure* Statistics::to_structure(int waiting) const {
    const Lock lock(mutex_);
    GstStructure* stats = gst_structure_new(
        "application/x-flashvsr-stats", "in", G_TYPE_UINT64, frames_.in, "out", G_TYPE_UINT64,
        frames_.out, "dropped", G_TYPE_UINT64, frames_.dropped, "replaced", G_TYPE_UINT64,
        frames_.replaced, "queue-depth", G_TYPE_INT, inside_ + waiting, "chunks", G_TYPE_UINT64,
        chunks_ + stream_chunks_, "chunk-time", GST_TYPE_CLOCK_TIME,
        chunk_times_.empty() ? 0 : chunk_times_.back(), "chunk-time-p50", GST_TYPE_CLOCK_TIME,
        percentile(0.50), "chunk-time-p99", GST_TYPE_CLOCK_TIME, percentile(0.99), "fps",
        G_TYPE_DOUBLE, frames_per_second(), "device-memory", G_TYPE_UINT64, device_bytes_,
        "kernels", G_TYPE_STRING, kernels_.c_str(), nullptr);
    if (memory_) {
        GstStructure* estimate = structure_of(*memory_);
        gst_structure_set(stats, "memory-estimate", GST_TYPE_STRUCTURE, estimate, nullptr);
        gst_structure_free(estimate);
    }
    return stats;
}

}  // namespace flashvsr
