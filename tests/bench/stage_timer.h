// SPDX-License-Identifier: Apache-2.0
// Time per named stage, for benchmarks.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/placement.h"
#include "models/stage.h"

#ifdef FLASHVSR_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace flashvsr::testing {

// Listens from construction to destruction, on the constructing thread. On CUDA the times are the
// device's, between events on the current stream; stages may nest, and each counts in full.
class StageTimer : public Stage::Listener {
  public:
    explicit StageTimer(const at::Device& device) : device_(device) { Stage::listen(this); }
    ~StageTimer() override { Stage::listen(nullptr); }
    StageTimer(const StageTimer&) = delete;
    StageTimer& operator=(const StageTimer&) = delete;

    void begin(const char* name) override { open_.push_back({name, now(), {}}); }
    void end(const char*) override {
        open_.back().end = now();
        done_.push_back(std::move(open_.back()));
        open_.pop_back();
    }

    // Milliseconds per stage since the last call. Waits for the device.
    std::map<std::string, double> take() {
        std::map<std::string, double> sums;
        for (Span& span : done_) sums[span.name] += milliseconds(span);
        done_.clear();
        return sums;
    }

  private:
    struct Time {
        std::chrono::steady_clock::time_point host;
#ifdef FLASHVSR_CUDA
        std::shared_ptr<at::cuda::CUDAEvent> device;
#endif
    };
    struct Span {
        std::string name;
        Time begin, end;
    };

    Time now() const {
        Time time;
#ifdef FLASHVSR_CUDA
        if (device_.is_cuda()) {
            time.device = std::make_shared<at::cuda::CUDAEvent>(cudaEventDefault);
            time.device->record(c10::cuda::getCurrentCUDAStream(device_.index()));
            return time;
        }
#endif
        time.host = std::chrono::steady_clock::now();
        return time;
    }

    double milliseconds(const Span& span) const {
#ifdef FLASHVSR_CUDA
        if (device_.is_cuda()) {
            span.end.device->synchronize();
            return span.begin.device->elapsed_time(*span.end.device);
        }
#endif
        return std::chrono::duration<double, std::milli>(span.end.host - span.begin.host).count();
    }

    at::Device device_;
    std::vector<Span> open_;
    std::vector<Span> done_;
};

}  // namespace flashvsr::testing
