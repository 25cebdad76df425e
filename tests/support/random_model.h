// SPDX-License-Identifier: Apache-2.0
// Models with random weights, for benchmarks and tests of what does not depend on the picture.
#pragma once

#include <cstdint>
#include <string>

#include "models/decoders.h"
#include "models/model.h"

namespace flashvsr::testing {

// The released checkpoints' (docs/model.md section 1).
ModelShape released_shape();
// One head, two blocks: runs in milliseconds.
ModelShape tiny_shape();

// Weights N(0, 1 / fan in), norms near 1, under `seed`; made on the placement's device in its type.
// `type`: of a decoder in the released shape, with an adapter where it needs one, but for a
// TCDecoder, whose shape is part of `shape`.
Model random_model(const ModelShape& shape, ModelVersion version, const Placement& placement,
                   uint64_t seed, const DecoderType& type = default_decoder(Mode::kTiny));

// Sizes of the released decoder of this type.
TaehvDecoder::Config released_taehv(const DecoderType& type);
int64_t released_wan_width(const DecoderType& type);

// The same kind of model as files under the released names, in bf16, for what starts from files.
// `dir` must exist.
void write_random_model(const ModelShape& shape, const std::string& dir, uint64_t seed);

}  // namespace flashvsr::testing
