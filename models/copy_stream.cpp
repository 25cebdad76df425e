// SPDX-License-Identifier: Apache-2.0
#include "models/copy_stream.h"

#include "models/error.h"

#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/accumulate.h>

#include "kernels/cuda_check.h"
#endif

namespace flashvsr {

#ifdef FLASHVSR_CUDA

struct CopyStream::Device {
    explicit Device(c10::DeviceIndex index) : index(index) {
        const c10::cuda::CUDAGuard guard(index);
        FLASHVSR_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
        FLASHVSR_CUDA_CHECK(cudaEventCreateWithFlags(&begun, cudaEventDisableTiming));
        FLASHVSR_CUDA_CHECK(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
    }
    ~Device() {
        if (done) cudaEventDestroy(done);
        if (begun) cudaEventDestroy(begun);
        if (stream) cudaStreamDestroy(stream);
    }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    cudaStream_t current() const { return c10::cuda::getCurrentCUDAStream(index).stream(); }

    c10::DeviceIndex index;
    // Not one of LibTorch's: those are shared, and work that another thread puts there must not get
    // into a capture.
    cudaStream_t stream = nullptr;
    cudaEvent_t begun = nullptr, done = nullptr;
};

CopyStream::CopyStream(const at::Device& device)
    : device_(device.is_cuda() ? std::make_unique<Device>(device.index()) : nullptr) {}

void CopyStream::copy(const std::vector<TensorCopy>& copies) {
    if (!device_) {
        for (const TensorCopy& copy : copies) copy.to.copy_(copy.from);
        return;
    }
    FLASHVSR_CUDA_CHECK(cudaEventRecord(device_->begun, device_->current()));
    FLASHVSR_CUDA_CHECK(cudaStreamWaitEvent(device_->stream, device_->begun));
    for (const TensorCopy& copy : copies)
        FLASHVSR_CUDA_CHECK(cudaMemcpyAsync(copy.to.mutable_data_ptr(), copy.from.const_data_ptr(),
                                            copy.from.nbytes(), cudaMemcpyDefault,
                                            device_->stream));
    FLASHVSR_CUDA_CHECK(cudaEventRecord(device_->done, device_->stream));
    pending_ = true;
}

void CopyStream::join() {
    if (!pending_) return;
    FLASHVSR_CUDA_CHECK(cudaStreamWaitEvent(device_->current(), device_->done));
    pending_ = false;
}

at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, const at::Device& device) {
    if (!device.is_cuda()) return at::empty(sizes, type);
    const size_t bytes =
        static_cast<size_t>(c10::multiply_integers(sizes)) * c10::elementSize(type);
    void* memory = nullptr;
    if (cudaHostAlloc(&memory, bytes, cudaHostAllocDefault) != cudaSuccess) {
        (void)cudaGetLastError();
        throw Error(Error::Kind::kNoMemory,
                    "the host has no " + std::to_string(bytes >> 20) +
                        " MiB of memory left for keys and values; keep them on the device "
                        "(kv-cache=int8), or use a smaller kv-ratio or scale");
    }
    const cudaStream_t stream = c10::cuda::getCurrentCUDAStream(device.index()).stream();
    const auto free_memory = [stream](void* pointer) {
        (void)cudaStreamSynchronize(stream);
        (void)cudaFreeHost(pointer);
    };
    return at::from_blob(memory, sizes, free_memory, at::TensorOptions(type));
}

void wait_for_device(const at::Device& device) {
    if (device.is_cuda()) c10::cuda::getCurrentCUDAStream(device.index()).synchronize();
}

#else

struct CopyStream::Device {};

CopyStream::CopyStream(const at::Device&) {}

void CopyStream::copy(const std::vector<TensorCopy>& copies) {
    for (const TensorCopy& copy : copies) copy.to.copy_(copy.from);
}

void CopyStream::join() {}

at::Tensor host_memory(at::IntArrayRef sizes, at::ScalarType type, const at::Device&) {
    return at::empty(sizes, type);
}

void wait_for_device(const at::Device&) {}

#endif

CopyStream::~CopyStream() = default;
CopyStream::CopyStream(CopyStream&&) noexcept = default;

void CopyStream::forget() { pending_ = false; }

}  // namespace flashvsr
