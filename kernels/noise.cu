// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/noise.h"
#include "kernels/noise_value.h"

namespace flashvsr::kernels {
namespace {

constexpr int kThreads = 256;

// A thread per counter, that is per four elements.
template <typename T>
__global__ void noise_kernel(Noise params) {
    const int64_t group = int64_t{blockIdx.x} * kThreads + threadIdx.x;
    const int64_t at = group * 4;
    if (at >= params.count) return;
    const PhiloxBlock words = noise_words(params.seed, params.latent_frame, group);
    T* out = static_cast<T*>(params.out) + at;
    for (int i = 0; i < 4; ++i) {
        if (at + i < params.count) out[i] = round_to<T>(noise_value(words.word[i]));
    }
}

}  // namespace

void noise_cuda(const Noise& params, CudaStream stream) {
    if (params.count == 0) return;
    const int64_t groups = (params.count + 3) / 4;
    const unsigned blocks = static_cast<unsigned>((groups + kThreads - 1) / kThreads);
    with_device_type(params.type, [&](auto tag) {
        noise_kernel<decltype(tag)><<<blocks, kThreads, 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(noise_kernel);
    });
}

}  // namespace flashvsr::kernels
