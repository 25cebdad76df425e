// Where a model lives and in what type it computes.
#pragma once

#include <ATen/ATen.h>

namespace flashvsr {

struct Placement {
    at::Device device = at::kCPU;
    at::ScalarType dtype = at::kFloat;  // kFloat, kHalf or kBFloat16; the CPU runs kFloat only
    // LibTorch's operations even where fused kernels exist: the reference, and what can be trained.
    bool plain = false;

    // Whether modules built here are the fused ones.
    bool fused() const { return device.is_cuda() && dtype != at::kFloat && !plain; }

    at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
    at::TensorOptions fp32() const { return at::TensorOptions().device(device).dtype(at::kFloat); }
    // A weight as read from a file, brought here; rounds to nearest even.
    at::Tensor place(const at::Tensor& weight) const { return weight.to(options()).contiguous(); }
};

}  // namespace flashvsr
