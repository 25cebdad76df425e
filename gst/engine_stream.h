// SPDX-License-Identifier: Apache-2.0
// One video in the engine.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/flashvsr.h"
#include "gst/frame_map.h"
#include "gst/properties.h"

namespace flashvsr {

// How often frames go into the engine.
struct Pace {
    // Times that each one does: 1, 2 or 4. The last of its pictures is taken: the decoder's memory
    // goes forward, so that the first one has the most of the frame before in it.
    int repeats = 1;
    // Times more that the first one does, at every start; nobody sees those pictures. The engine
    // makes one latent of its first frame and then one of four frames each. So that all times that
    // a frame goes in are in one latent, this is one more than a multiple of 4 if `repeats` is more
    // than 1.
    int lead_in = 0;

    // Frame periods that a frame of the first chunk waits for others, at most.
    constexpr int first_wait() const {
        return (FLASHVSR_FIRST_CHUNK_INPUT - lead_in) / repeats - 1;
    }
    // The same of later chunks.
    constexpr int later_wait() const {
        constexpr int kLookAhead = FLASHVSR_FIRST_CHUNK_INPUT - FLASHVSR_FIRST_CHUNK_OUTPUT;
        return (FLASHVSR_CHUNK + kLookAhead) / repeats - 1;
    }
    // Frames that a chunk takes and gives, but for the first.
    constexpr int chunk_frames() const { return FLASHVSR_CHUNK / repeats; }
};

// `fast`: with so many frames in front of the first one that no frame of the first chunk waits for
// longer than those of later chunks do.
constexpr Pace make_pace(int repeats, bool fast) {
    if (fast) return {repeats, FLASHVSR_FIRST_CHUNK_OUTPUT - FLASHVSR_CHUNK};
    return {repeats, repeats > 1 ? 1 : 0};
}

// Whether an engine computes on a CUDA device.
bool is_on_cuda(const FlashvsrApi* api, const FlashvsrEngine* engine);
// "attention=wgmma, ...": see FlashvsrEngineInfo.
std::string kernels_of(const FlashvsrApi* api, const FlashvsrEngine* engine);

// A stream for frames of these layouts as the properties ask for it. `on_cuda`: where the engine
// computes.
FlashvsrStreamConfig stream_config(const FrameLayout& in, const FrameLayout& out, bool on_cuda,
                                   const Properties& properties);

// Owns a stream of the engine. Errors are filled in where a function returns false; the stream has
// then to be reset or closed. Not thread-safe.
class EngineStream {
  public:
    bool open(const FlashvsrApi* api, FlashvsrEngine* engine, const FlashvsrStreamConfig& config,
              const Pace& pace, FlashvsrError* error);
    void close() { stream_.reset(); }
    bool is_open() const { return stream_ != nullptr; }
    // True if a chunk is computed after the push that completes it, so that frames of the next one
    // are better brought before the results are taken.
    bool asynchronous() const { return asynchronous_; }

    bool push(const FlashvsrFrame& frame, FlashvsrError* error);
    // Frames that take() would give now.
    int ready() const;
    // The next upscaled frame.
    bool take(FlashvsrFrame* frame, FlashvsrError* error);
    // Every frame that was pushed becomes ready; the next push starts afresh.
    bool drain(FlashvsrError* error);
    // Forgets every frame inside; where the engine fails to, the stream is closed.
    bool reset(FlashvsrError* error);
    // From the next chunk on.
    bool configure(const FlashvsrSettings& settings, FlashvsrError* error);

    FlashvsrStreamStats stats() const;
    // What the stream was estimated to take.
    FlashvsrMemoryEstimate memory() const;
    // Whether the next frame begins a chunk.
    bool between_chunks() const { return fresh_ || pushes_since_chunk_ == 0; }
    // Whether what take() gave last is of a first chunk.
    bool in_first_chunk() const {
        return taken_ * pace_.repeats + pace_.lead_in <= FLASHVSR_FIRST_CHUNK_OUTPUT;
    }
    // After the first take() of a chunk, once, if nothing came between it and the push that has
    // completed the chunk: the time from the one to the other.
    std::optional<GstClockTime> new_chunk_time() { return std::exchange(chunk_time_, {}); }

  private:
    struct Close {
        const FlashvsrApi* api;
        void operator()(FlashvsrStream* stream) const { api->stream_close(stream); }
    };

    bool push_once(const FlashvsrFrame& frame, FlashvsrError* error);
    bool drop(int pictures, FlashvsrError* error);
    bool drop_lead_in(FlashvsrError* error);

    const FlashvsrApi* api_ = nullptr;
    std::unique_ptr<FlashvsrStream, Close> stream_{nullptr, Close{nullptr}};
    FlashvsrSettings settings_ = FLASHVSR_SETTINGS_INIT;
    bool asynchronous_ = false;
    Pace pace_;
    bool fresh_ = true;  // the next frame is the first
    int pushes_since_chunk_ = 0;
    int taken_ = 0;                       // frames since the start
    int unseen_ = 0;                      // frames of the lead-in that have not come out yet
    std::optional<gint64> completed_at_;  // the newest chunk; monotonic, in microseconds
    std::optional<GstClockTime> chunk_time_;
};

}  // namespace flashvsr
