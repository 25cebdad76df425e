// Where a model lives and in what type it computes.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace flashvsr {

struct Placement {
    at::Device device = at::kCPU;
    at::ScalarType dtype = at::kFloat;  // kFloat, kHalf or kBFloat16; the CPU runs kFloat only
    bool plain = false;                 // LibTorch's operations even where fused kernels exist

    // Whether modules built here are the fused ones: 16-bit CUDA, inference.
    bool fused() const {
        return device.is_cuda() && dtype != at::kFloat && !plain && !c10::GradMode::is_enabled();
    }

    at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
    at::TensorOptions fp32() const { return at::TensorOptions().device(device).dtype(at::kFloat); }
    // A weight as read from a file, brought here; rounds to nearest even.
    at::Tensor place(const at::Tensor& weight) const { return weight.to(options()).contiguous(); }
};

}  // namespace flashvsr
