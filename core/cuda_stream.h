// SPDX-License-Identifier: Apache-2.0
// Where a stream's work is queued, and the thread-local settings under which it computes.
#pragma once

#include <c10/core/GradMode.h>

#include <chrono>
#include <memory>
#include <optional>

#include "models/placement.h"

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace flashvsr {

class CudaEvent;

#ifdef FLASHVSR_CUDA
// A CUDA stream that nobody else has for as long as the result lives; kept for the next one then.
// LibTorch's own are 32 a device and shared beyond that, and work that another thread puts there
// must not get into a recording. `urgent` work goes first where both could start. Any thread.
std::shared_ptr<const c10::cuda::CUDAStream> lease_stream(const at::Device& device, bool urgent);
#endif

// A CUDA stream of its own, or nothing on the CPU, where work is done when it is asked for.
class CudaStream {
  public:
    // `urgent` work goes first where both could start.
    explicit CudaStream(const at::Device& device, bool urgent = false) {
#ifdef FLASHVSR_CUDA
        if (device.is_cuda()) stream_ = lease_stream(device, urgent);
#endif
        (void)device;
        (void)urgent;
    }

    // What is queued from now on starts after what `event` has recorded.
    void wait_for(CudaEvent& event) const;

  private:
    friend class ComputeScope;
    friend class CudaEvent;
#ifdef FLASHVSR_CUDA
    std::shared_ptr<const c10::cuda::CUDAStream> stream_;
#endif
};

// A place in a stream's work: the end of what had been queued when it was last recorded. Until it
// is, nothing waits for it.
class CudaEvent {
  public:
    void record(const CudaStream& stream) {
        time_ = std::chrono::steady_clock::now();
#ifdef FLASHVSR_CUDA
        if (stream.stream_) event_.record(*stream.stream_);
#endif
        (void)stream;
    }

    // Returns when the work is done; the thread sleeps meanwhile.
    void synchronize() const {
#ifdef FLASHVSR_CUDA
        event_.synchronize();
#endif
    }

    // The same where nobody can be told that the device has failed.
    void settle() const noexcept {
#ifdef FLASHVSR_CUDA
        if (event_.isCreated() && cudaEventSynchronize(event_.event()) != cudaSuccess)
            (void)cudaGetLastError();
#endif
    }

    bool query() const {
#ifdef FLASHVSR_CUDA
        return event_.query();
#else
        return true;
#endif
    }

    // Both recorded on one stream, and complete.
    double milliseconds_since(const CudaEvent& earlier) const {
#ifdef FLASHVSR_CUDA
        if (event_.isCreated()) return earlier.event_.elapsed_time(event_);
#endif
        return std::chrono::duration<double, std::milli>(time_ - earlier.time_).count();
    }

  private:
    friend class CudaStream;
    std::chrono::steady_clock::time_point time_;
#ifdef FLASHVSR_CUDA
    c10::cuda::CUDAEvent event_{cudaEventBlockingSync};
#endif
};

inline void CudaStream::wait_for(CudaEvent& event) const {
#ifdef FLASHVSR_CUDA
    if (stream_) event.event_.block(*stream_);
#endif
    (void)event;
}

// While it lives, the calling thread computes on the stream and without gradients.
class ComputeScope {
  public:
    explicit ComputeScope(const CudaStream& stream) {
#ifdef FLASHVSR_CUDA
        if (stream.stream_) guard_.emplace(*stream.stream_);
#endif
        (void)stream;
    }
    ComputeScope(const ComputeScope&) = delete;
    ComputeScope& operator=(const ComputeScope&) = delete;

  private:
    c10::NoGradGuard no_grad_;
#ifdef FLASHVSR_CUDA
    std::optional<c10::cuda::CUDAStreamGuard> guard_;
#endif
};

}  // namespace flashvsr
