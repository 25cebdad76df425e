// SPDX-License-Identifier: Apache-2.0
#include "kernels/decoder_input.h"

#include <algorithm>
#include <cmath>

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
T soft_clamp(T x) {
    return round_to<T>(3.0f * std::tanh(to_float(x) / 3.0f));
}

// All channels of one cell.
template <typename T>
void fill_cell(const DecoderInput& p, int64_t i, int y, int x, T* out) {
    const T* frames = static_cast<const T*>(p.frames);
    const int64_t row = int64_t{p.width} * kDecoderCell;
    const int64_t plane = row * p.height * kDecoderCell;
    for (int c = 0; c < 3; ++c) {
        for (int dt = 0; dt < kDecoderFrames; ++dt) {
            const int64_t frame = std::max<int64_t>(i * kDecoderFrames + dt - p.lead, 0);
            const T* cell = frames + (frame * 3 + c) * plane + y * kDecoderCell * row +
                            int64_t{x} * kDecoderCell;
            for (int dy = 0; dy < kDecoderCell; ++dy)
                for (int dx = 0; dx < kDecoderCell; ++dx) *out++ = soft_clamp(cell[dy * row + dx]);
        }
    }
    const T* latent = static_cast<const T*>(p.latents) + (i * p.height + y) * p.width + x;
    for (int c = 0; c < p.latent_channels; ++c) *out++ = soft_clamp(latent[c * p.latent_stride]);
}

}  // namespace

void decoder_input_cpu(const DecoderInput& params) {
    require(params.latent_channels % 8 == 0, "decoder_input takes a multiple of 8 latent channels");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        const int channels = kDecoderCellChannels + params.latent_channels;
        T* out = static_cast<T*>(params.out);
        for (int64_t i = 0; i < params.latent_frames; ++i)
            for (int y = 0; y < params.height; ++y)
                for (int x = 0; x < params.width; ++x, out += channels)
                    fill_cell(params, i, y, x, out);
    });
}

}  // namespace flashvsr::kernels
