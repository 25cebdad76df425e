// SPDX-License-Identifier: Apache-2.0
// From tensors to what kernels take.
#pragma once

#include <ATen/ATen.h>
#ifdef FLASHVSR_CUDA
#include <c10/cuda/CUDAStream.h>
#endif

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr {

inline kernels::ElementType element_type(const at::Tensor& tensor) {
    switch (tensor.scalar_type()) {
        case at::kFloat: return kernels::ElementType::kFloat32;
        case at::kHalf: return kernels::ElementType::kFloat16;
        case at::kBFloat16: return kernels::ElementType::kBFloat16;
        case at::kFloat8_e4m3fn: return kernels::ElementType::kFloat8E4M3;
        default: TORCH_CHECK(false, "kernels do not take ", tensor.scalar_type());
    }
}

#ifdef FLASHVSR_CUDA
inline kernels::CudaStream current_stream(const at::Tensor& tensor) {
    return c10::cuda::getCurrentCUDAStream(tensor.device().index()).stream();
}
#endif

// Calls the CUDA kernel for tensors on the GPU and its CPU reference for others. In a build without
// CUDA a tensor cannot be on the GPU.
#ifdef FLASHVSR_CUDA
#define FLASHVSR_LAUNCH(name, tensor, params)                                  \
    ((tensor).is_cuda() ? kernels::name##_cuda(params, current_stream(tensor)) \
                        : kernels::name##_cpu(params))
#else
#define FLASHVSR_LAUNCH(name, tensor, params) (kernels::name##_cpu(params))
#endif

}  // namespace flashvsr
