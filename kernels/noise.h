// SPDX-License-Identifier: Apache-2.0
// Standard normal noise from a counter: the value at (seed, latent frame, element) does not depend
// on anything else, so a stream can be of any length and both devices make the same numbers.
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) with key =
// seed and counter = (element / 4, latent frame), then the inverse normal distribution function
// (Wichura, algorithm AS 241, 1988) in double precision without contraction: the results are equal
// to the last bit on the CPU and on CUDA.
#pragma once

#include <cstdint>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

struct Noise {
    void* out = nullptr;  // [count]
    int64_t count = 0;    // elements of one latent frame
    uint64_t seed = 0;
    uint64_t latent_frame = 0;  // index over the whole stream
    ElementType type = ElementType::kFloat32;
};

void noise_cpu(const Noise& params);
void noise_cuda(const Noise& params, CudaStream stream);

}  // namespace flashvsr::kernels
