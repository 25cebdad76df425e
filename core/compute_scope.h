// The thread-local settings under which a stream computes.
#pragma once

#include <c10/core/GradMode.h>

#include <optional>

#include "models/placement.h"

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDAGuard.h>
#endif

namespace flashvsr {

// Where a stream's work is queued: a CUDA stream of its own, or nothing on the CPU.
class ComputeQueue {
  public:
    explicit ComputeQueue(const at::Device& device) {
#ifdef FLASHVSR_CUDA
        if (device.is_cuda())
            stream_ = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
#endif
        (void)device;
    }

  private:
    friend class ComputeScope;
#ifdef FLASHVSR_CUDA
    std::optional<c10::cuda::CUDAStream> stream_;
#endif
};

// While it lives, the calling thread computes on the queue and without gradients.
class ComputeScope {
  public:
    explicit ComputeScope(const ComputeQueue& queue) {
#ifdef FLASHVSR_CUDA
        if (queue.stream_) guard_.emplace(*queue.stream_);
#endif
        (void)queue;
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
