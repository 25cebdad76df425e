// SPDX-License-Identifier: Apache-2.0
#include "models/decoders/latent_adapter.h"

namespace flashvsr {

Manifest LatentAdapter::manifest(int64_t in, int64_t out) {
    return {{"weight", {out, kSide * kSide * in, 3, 3}}, {"bias", {out}}};
}

LatentAdapter::LatentAdapter(Weights& weights, int64_t in, int64_t out,
                             const Placement& placement) {
    check(weights, manifest(in, out));
    weight_ = weights.take("weight", {out, kSide * kSide * in, 3, 3}, placement.options());
    bias_ = weights.take("bias", {out}, placement.options());
}

at::Tensor LatentAdapter::stacked(const at::Tensor& latents) {
    return at::replication_pad2d(at::pixel_unshuffle(latents.transpose(0, 1), kSide), {1, 1, 1, 1});
}

at::Tensor LatentAdapter::operator()(const at::Tensor& latents) const {
    return at::conv2d(stacked(latents), weight_, bias_).transpose(0, 1);
}

}  // namespace flashvsr
