// SPDX-License-Identifier: Apache-2.0
// Where a model lives and in what type it computes.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

// What is computed in e4m3, the 8-bit float, where the rest is 16-bit; needs sm_89 and newer.
enum class Fp8 { kNone, kLinears, kAll };

struct Placement {
    at::Device device = at::kCPU;
    at::ScalarType dtype = at::kFloat;  // kFloat, kHalf or kBFloat16; the CPU runs kFloat only
    // LibTorch's operations even where fused kernels exist: the reference, and what can be trained.
    bool plain = false;
    Fp8 fp8 = Fp8::kNone;  // of fused modules

    // Whether modules built here are the fused ones.
    bool fused() const { return device.is_cuda() && dtype != at::kFloat && !plain; }

    int64_t element_bytes() const { return static_cast<int64_t>(c10::elementSize(dtype)); }
    at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
    at::TensorOptions fp32() const { return at::TensorOptions().device(device).dtype(at::kFloat); }
    // A weight as read from a file, brought here; rounds to nearest even.
    at::Tensor place(const at::Tensor& weight) const { return weight.to(options()).contiguous(); }
};

}  // namespace flashvsr
