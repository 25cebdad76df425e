// SPDX-License-Identifier: Apache-2.0
#include "kernels/device.h"

#include <cctype>

namespace flashvsr::kernels {
namespace {

// KiB that a block may have.
size_t shared_kib(int capability) {
    switch (capability) {
        case 80:
        case 87: return 163;
        case 90:
        case 100:
        case 103:
        case 110: return 227;
        default: return 99;  // 8.6, 8.9, 12.x; what is not known has at least this
    }
}

std::string number(int capability) {
    return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

}  // namespace

Device device_of(int capability, int multiprocessors) {
    Device device;
    device.capability = capability;
    device.multiprocessors = multiprocessors;
    device.shared_memory = shared_kib(capability) * 1024;
    device.clusters = device.tma = capability >= 90;
    device.wgmma = capability == 90;
    device.e4m3 = capability >= 89;
    return device;
}

std::optional<int> parse_capability(const std::string& text) {
    const size_t point = text.find('.');
    if ((point != 1 && point != 2) || text.size() != point + 2) return std::nullopt;
    int value = 0;
    for (const char c : text) {
        if (c == '.') continue;
        if (!std::isdigit(static_cast<unsigned char>(c))) return std::nullopt;
        value = 10 * value + (c - '0');
    }
    return value;
}

std::vector<KernelVariant> kernel_variants(const Device& device) {
    const bool sm90 = device.has_sm90_kernels();
    return {
        {"attention", sm90 ? "wgmma" : "mma.sync"},
        {"attention-e4m3", sm90          ? "wgmma"
                           : device.e4m3 ? "mma.sync"
                                         : "none"},
        {"convolution", sm90 ? "wgmma" : "cudnn"},
        {"draft-mask", device.clusters ? "clusters" : "blocks"},
        {"linear-e4m3", device.e4m3 ? "cublaslt" : "none"},
        {"qk-prepare", device.clusters ? "clusters" : "blocks"},
    };
}

std::string variants_line(const Device& device) {
    std::string line;
    for (const KernelVariant& row : kernel_variants(device))
        line += std::string(line.empty() ? "" : ", ") + row.kernel + "=" + row.variant;
    return line;
}

std::string describe(const Device& device) {
    return "compute capability " + number(device.capability) + ", " +
           std::to_string(device.multiprocessors) + " multiprocessors, " +
           std::to_string(device.shared_memory / 1024) + " KiB per block; " + variants_line(device);
}

}  // namespace flashvsr::kernels
