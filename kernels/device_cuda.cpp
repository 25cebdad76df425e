// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>

#include "kernels/cuda_check.h"
#include "kernels/device.h"

namespace flashvsr::kernels {
namespace {

int attribute(cudaDeviceAttr name, int index) {
    int value = 0;
    FLASHVSR_CUDA_CHECK(cudaDeviceGetAttribute(&value, name, index));
    return value;
}

int capability_of(int index) {
    return 10 * attribute(cudaDevAttrComputeCapabilityMajor, index) +
           attribute(cudaDevAttrComputeCapabilityMinor, index);
}

// The card's own, or another's if the environment asks for one.
int capability_to_show(int index) {
    const char* asked = std::getenv("FLASHVSR_CARD");
    if (!asked || !*asked) return capability_of(index);
    const std::optional<int> capability = parse_capability(asked);
    if (!capability || *capability < kOldestCapability)
        throw std::invalid_argument(std::string("FLASHVSR_CARD=") + asked +
                                    " is no compute capability; use 8.0, 8.6, 8.9, 9.0 or 12.0");
    return *capability;
}

Device ask(int index) {
    const int multiprocessors = attribute(cudaDevAttrMultiProcessorCount, index);
    const Device own = device_of(capability_of(index), multiprocessors);
    if (own.capability < kOldestCapability) return own;
    // A card that is told to behave as another cannot do more than before.
    Device device = device_of(capability_to_show(index), multiprocessors);
    device.shared_memory = std::min<size_t>(
        device.shared_memory, attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, index));
    device.clusters &= own.clusters;
    device.tma &= own.tma;
    device.wgmma &= own.wgmma;
    device.e4m3 &= own.e4m3;
    return device;
}

}  // namespace

const Device& cuda_device(int index) {
    static std::mutex mutex;
    static std::map<int, Device> devices;
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = devices.find(index);
    return found != devices.end() ? found->second
                                  : devices.emplace(index, ask(index)).first->second;
}

const Device& current_cuda_device() {
    int index = 0;
    FLASHVSR_CUDA_CHECK(cudaGetDevice(&index));
    return cuda_device(index);
}

}  // namespace flashvsr::kernels
