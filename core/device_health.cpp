// SPDX-License-Identifier: Apache-2.0
#include "core/device_health.h"

#ifdef FLASHVSR_CUDA
#include <cuda_runtime_api.h>

#include <map>
#include <mutex>

#include "kernels/cuda_error.h"
#endif

namespace flashvsr {

#ifdef FLASHVSR_CUDA
namespace {

struct Lost {
    std::mutex mutex;
    std::map<c10::DeviceIndex, std::string> devices;  // and what to say of each
};

Lost& lost() {
    static Lost instance;
    return instance;
}

// Whether it says no more than that another stream is being recorded, and is over when that is.
bool is_of_recording(cudaError_t error) {
    return error >= cudaErrorStreamCaptureUnsupported && error <= cudaErrorStreamCaptureWrongThread;
}

// A failure of one call is cleared by being asked for; what is left then is the context's.
cudaError_t lasting_error(c10::DeviceIndex index) {
    int current = 0;
    (void)cudaGetDevice(&current);
    (void)cudaSetDevice(index);
    (void)cudaGetLastError();
    (void)cudaDeviceSynchronize();
    (void)cudaGetLastError();
    const cudaError_t error = cudaDeviceSynchronize();
    (void)cudaSetDevice(current);
    return is_of_recording(error) ? cudaSuccess : error;
}

}  // namespace

bool is_working(const at::Device& device) {
    if (!device.is_cuda()) return true;
    (void)explain_failure(device, "");
    const std::lock_guard<std::mutex> lock(lost().mutex);
    return lost().devices.count(device.index()) == 0;
}

void expect_working(const at::Device& device) {
    if (!device.is_cuda()) return;
    const std::lock_guard<std::mutex> lock(lost().mutex);
    const auto found = lost().devices.find(device.index());
    if (found != lost().devices.end()) throw kernels::CudaError(found->second);
}

std::string explain_failure(const at::Device& device, const std::string& what) {
    if (!device.is_cuda()) return what;
    const cudaError_t error = lasting_error(device.index());
    if (error == cudaSuccess) return what;
    const std::lock_guard<std::mutex> lock(lost().mutex);
    return lost()
        .devices
        .emplace(device.index(), device.str() + " has failed (" + cudaGetErrorString(error) +
                                     ") and cannot be used by this process any more; start the "
                                     "process anew, or use another device")
        .first->second;
}

#else

bool is_working(const at::Device&) { return true; }
void expect_working(const at::Device&) {}
std::string explain_failure(const at::Device&, const std::string& what) { return what; }

#endif

}  // namespace flashvsr
