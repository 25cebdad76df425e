// SPDX-License-Identifier: Apache-2.0
// Fits the latent adapter between FlashVSR's VAE and another one; see docs/models.md.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>

#include "models/checkpoint/tensor_map.h"
#include "models/decoders.h"
#include "models/decoders/latent_adapter.h"

namespace flashvsr::train {

// Both halves of one file.
struct Vae {
    std::unique_ptr<const Encoder> encoder;
    std::unique_ptr<const Decoder> decoder;  // on latents of its own

    static Vae open(const DecoderType& type, const std::string& path, const Placement& placement);
    // frames: the clip that the latents are of, for its shape.
    at::Tensor decode(const at::Tensor& latents, const at::Tensor& frames) const;
};

// The clip of a number: [4 f - 3, 3, H, W] in [-1, 1].
using Clips = std::function<at::Tensor(int64_t)>;

// The map from `from`'s latents to `to`'s with the least squared error over clips 0 to count - 1,
// by ridge regression: nothing is drawn at random. The adapter's file holds these tensors, fp32.
TensorMap fit_adapter(const Encoder& from, const Encoder& to, const Clips& clips, int64_t count);

// PSNR in dB over clips 0 to count - 1, pictures in [0, 1] with peak 1.
struct AdapterQuality {
    double direct = 0;     // `from` decodes its own latents: against the clip
    double own = 0;        // `to` decodes its own latents: against the clip
    double adapted = 0;    // `to` decodes adapted ones: against the clip
    double agreement = 0;  // `to` decodes adapted ones: against `direct`'s pictures
};
AdapterQuality judge_adapter(const Vae& from, const Vae& to, const LatentAdapter& adapter,
                             const Clips& clips, int64_t count);

struct AdapterOptions {
    std::string from, to, type, data, out, device = "auto";
    int64_t clips = 64;
    int64_t side = 256;  // pixels, a multiple of 64
};
// Reads the two files and writes `out`. Returns the quality on clips that the fit has not seen.
// Throws Error.
AdapterQuality make_adapter(const AdapterOptions& options);

}  // namespace flashvsr::train
