// SPDX-License-Identifier: Apache-2.0
// Memory on the GPU for tests: owned, checked, and poisoned until something is written.
#pragma once

#include <utility>
#include <vector>

#include "kernels/cuda_check.h"
#include "kernels/device.h"

namespace flashvsr::kernels {

template <typename T>
class DeviceArray {
  public:
    // Every byte 0xFF, which is NaN in each float type.
    explicit DeviceArray(size_t count) : count_(count) {
        FLASHVSR_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)));
        FLASHVSR_CUDA_CHECK(cudaMemset(data_, 0xFF, count * sizeof(T)));
    }
    explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
        FLASHVSR_CUDA_CHECK(
            cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
    }
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(DeviceArray&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    T* get() const { return data_; }
    // Waits for the device.
    std::vector<T> download() const {
        std::vector<T> values(count_);
        FLASHVSR_CUDA_CHECK(
            cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
        return values;
    }

  private:
    T* data_ = nullptr;
    size_t count_ = 0;
};

inline bool have_gpu() {
    int devices = 0;
    return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

// Whether kernels of compute capability 9.0a run.
inline bool have_sm90() { return have_gpu() && current_cuda_device().has_sm90_kernels(); }

}  // namespace flashvsr::kernels
