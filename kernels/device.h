// SPDX-License-Identifier: Apache-2.0
// What a GPU can do, and which variant of each kernel runs on it. Nothing else in the tree asks
// CUDA or LibTorch for a capability.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace flashvsr::kernels {

struct Device {
    int capability = 0;  // of compute: 90 for 9.0
    int multiprocessors = 0;
    size_t shared_memory = 0;  // bytes that a block may have, static and dynamic ones together
    bool clusters = false;     // blocks that read each other's shared memory
    bool tma = false;          // the copy engine, see tensor_map.h
    bool wgmma = false;        // products by whole warpgroups; 9.0 alone has them
    bool e4m3 = false;         // products of 8-bit floats

    // Tensors of 16 bits in block-sparse attention and convolutions: kernels for 9.0, or
    // mma.sync and cuDNN.
    bool has_sm90_kernels() const { return wgmma && tma && clusters; }
};

// The oldest capability that the kernels are compiled for.
constexpr int kOldestCapability = 80;

// What a card of this capability can do; sizes as in the CUDA programming guide, "Technical
// specifications per compute capability".
Device device_of(int capability, int multiprocessors);

// "9.0" as 90; nothing for what is not one digit or two, a point and a digit.
std::optional<int> parse_capability(const std::string& text);

// "attention", "wgmma" and so on: for each kernel that has several variants, which one runs.
struct KernelVariant {
    const char* kernel;
    const char* variant;
};
std::vector<KernelVariant> kernel_variants(const Device& device);

std::string variants_line(const Device& device);  // "attention=wgmma, attention-e4m3=wgmma, ..."

// One line: capability, limits, and the table.
std::string describe(const Device& device);

// The GPU of that number, or the current one; asked once per process. FLASHVSR_CARD=8.0 (8.6, 8.9,
// 12.0 ...) makes it behave as a card of that capability does: its kernels and its limits. Throws
// CudaError where there is no such GPU, std::invalid_argument for a FLASHVSR_CARD that is no
// capability of at least 8.0. Any thread.
const Device& cuda_device(int index);
const Device& current_cuda_device();

}  // namespace flashvsr::kernels
