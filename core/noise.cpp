// SPDX-License-Identifier: Apache-2.0
#include "core/noise.h"

#include "kernels/noise.h"
#include "models/kernel_args.h"

namespace flashvsr {

at::Tensor make_noise(uint64_t seed, int64_t first_latent, int64_t count, int64_t channels,
                      const WindowGrid& grid, const Placement& placement) {
    const at::Tensor noise =
        at::empty({count, channels, grid.height() / 8, grid.width() / 8}, placement.options());
    for (int64_t i = 0; i < count; ++i) {
        kernels::Noise params;
        params.out = noise[i].mutable_data_ptr();
        params.count = noise[i].numel();
        params.seed = seed;
        params.latent_frame = static_cast<uint64_t>(first_latent + i);
        params.type = element_type(noise);
        FLASHVSR_LAUNCH(noise, noise, params);
    }
    return noise.transpose(0, 1).contiguous();
}

}  // namespace flashvsr
