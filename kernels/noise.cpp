// SPDX-License-Identifier: Apache-2.0
#include "kernels/noise.h"

#include "kernels/half.h"
#include "kernels/noise_value.h"

namespace flashvsr::kernels {

void noise_cpu(const Noise& params) {
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        T* out = static_cast<T*>(params.out);
        for (int64_t at = 0; at < params.count; at += 4) {
            const PhiloxBlock words = noise_words(params.seed, params.latent_frame, at / 4);
            for (int i = 0; i < 4 && at + i < params.count; ++i) {
                out[at + i] = round_to<T>(noise_value(words.word[i]));
            }
        }
    });
}

}  // namespace flashvsr::kernels
