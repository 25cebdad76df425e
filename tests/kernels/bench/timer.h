// SPDX-License-Identifier: Apache-2.0
// Timing of kernels: CUDA events around ten launches, the median of many after a warm-up, inputs
// rotated. Short kernels are timed as graphs, which is how a stream runs them: without what a
// launch costs the host.
#pragma once

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "kernels/block_sparse_attention.h"
#include "kernels/noise.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {

// The full-size network's shapes.
inline constexpr int kWidth = 1408, kHeight = 768, kFrames = 8;
inline constexpr int kRows8 = kHeight / 8, kColumns8 = kWidth / 8;  // of latents
inline constexpr int kDim = 1536, kHeads = 12, kTokens = 2 * (kWidth / 16) * (kHeight / 16);
inline constexpr int kQueryWindows = kTokens / kWindowTokens, kKeyWindows = 4 * kQueryWindows;

class Timer {
  public:
    Timer() {
        FLASHVSR_CUDA_CHECK(cudaEventCreate(&begin_));
        FLASHVSR_CUDA_CHECK(cudaEventCreate(&end_));
    }
    ~Timer() {
        cudaEventDestroy(begin_);
        cudaEventDestroy(end_);
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Milliseconds of one body(i), i = 0, 1, ...
    double median(int repeats, const std::function<void(int)>& body) {
        constexpr int kLaunches = 10;
        for (int i = 0; i < kLaunches; ++i) body(i);
        std::vector<float> times;
        times.reserve(repeats);
        for (int i = 0; i < repeats; ++i) {
            FLASHVSR_CUDA_CHECK(cudaEventRecord(begin_));
            for (int j = 0; j < kLaunches; ++j) body(i * kLaunches + j);
            FLASHVSR_CUDA_CHECK(cudaEventRecord(end_));
            FLASHVSR_CUDA_CHECK(cudaEventSynchronize(end_));
            times.push_back(0);
            FLASHVSR_CUDA_CHECK(cudaEventElapsedTime(&times.back(), begin_, end_));
        }
        std::sort(times.begin(), times.end());
        return times[times.size() / 2] / kLaunches;
    }

    // The same, of ten bodies in a CUDA graph.
    double median_in_graph(int repeats, const std::function<void(int, CudaStream)>& body) {
        constexpr int kLaunches = 10;
        cudaStream_t stream;
        FLASHVSR_CUDA_CHECK(cudaStreamCreate(&stream));
        body(0, stream);
        cudaGraph_t graph;
        cudaGraphExec_t run;
        FLASHVSR_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for (int i = 0; i < kLaunches; ++i) body(i, stream);
        FLASHVSR_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
        FLASHVSR_CUDA_CHECK(cudaGraphInstantiate(&run, graph, 0));
        FLASHVSR_CUDA_CHECK(cudaDeviceSynchronize());
        const double milliseconds =
            median(repeats / 10, [&](int) { FLASHVSR_CUDA_CHECK(cudaGraphLaunch(run, nullptr)); });
        cudaGraphExecDestroy(run);
        cudaGraphDestroy(graph);
        cudaStreamDestroy(stream);
        return milliseconds / kLaunches;
    }

  private:
    cudaEvent_t begin_, end_;
};

// Only kernels that have this in their name are timed.
inline const char* g_only = "";
inline bool wanted(const std::string& name) { return name.find(g_only) != std::string::npos; }

inline void report_bytes(const std::string& name, double milliseconds, double bytes) {
    std::printf("%-44s %8.4f ms %8.0f GB/s\n", name.c_str(), milliseconds,
                bytes / milliseconds / 1e6);
}

template <typename T>
DeviceArray<T> random_device(int64_t count, uint64_t seed) {
    DeviceArray<T> out(count);
    noise_cuda({out.get(), count, seed, 0, element_type_of<T>()}, nullptr);
    return out;
}

template <typename T>
std::vector<DeviceArray<T>> random_devices(int arrays, int64_t count, uint64_t seed) {
    std::vector<DeviceArray<T>> result;
    result.reserve(arrays);
    for (int i = 0; i < arrays; ++i) result.push_back(random_device<T>(count, seed + i));
    return result;
}

// The kernels' families, a file each.
void bench_attention(Timer& timer);
void bench_norms(Timer& timer);
void bench_convolutions(Timer& timer);
void bench_frames(Timer& timer);

}  // namespace flashvsr::kernels
