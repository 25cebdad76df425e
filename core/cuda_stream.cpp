// SPDX-License-Identifier: Apache-2.0
#include "core/cuda_stream.h"

#ifdef FLASHVSR_CUDA
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/cuda_check.h"

namespace flashvsr {
namespace {

// Streams that were leased and came back. Never destroyed: at the end of the process CUDA may be
// gone before them.
struct Shelf {
    std::mutex mutex;
    std::map<std::pair<c10::DeviceIndex, bool>, std::vector<cudaStream_t>> free;
};

Shelf& shelf() {
    static auto* instance = new Shelf;
    return *instance;
}

cudaStream_t make_stream(const at::Device& device, bool urgent) {
    const c10::cuda::CUDAGuard guard(device);
    int least = 0, greatest = 0;
    FLASHVSR_CUDA_CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
    cudaStream_t stream = nullptr;
    FLASHVSR_CUDA_CHECK(
        cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, urgent ? greatest : least));
    return stream;
}

cudaStream_t take_stream(const at::Device& device, bool urgent) {
    {
        const std::lock_guard<std::mutex> lock(shelf().mutex);
        std::vector<cudaStream_t>& free = shelf().free[{device.index(), urgent}];
        if (!free.empty()) {
            const cudaStream_t stream = free.back();
            free.pop_back();
            return stream;
        }
    }
    return make_stream(device, urgent);
}

}  // namespace

std::shared_ptr<const c10::cuda::CUDAStream> lease_stream(const at::Device& device, bool urgent) {
    const cudaStream_t stream = take_stream(device, urgent);
    const auto give_back = [device, urgent](const c10::cuda::CUDAStream* leased) {
        {
            const std::lock_guard<std::mutex> lock(shelf().mutex);
            shelf().free[{device.index(), urgent}].push_back(leased->stream());
        }
        delete leased;
    };
    return {new c10::cuda::CUDAStream(c10::cuda::getStreamFromExternal(stream, device.index())),
            give_back};
}

}  // namespace flashvsr
#endif
