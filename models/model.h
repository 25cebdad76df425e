// SPDX-License-Identifier: Apache-2.0
// A FlashVSR model: projector, transformer and decoder, from one folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "models/decoders.h"
#include "models/description.h"
#include "models/dit.h"
#include "models/placement.h"
#include "models/plain/lq_projector.h"

namespace flashvsr {

// Widths and depths.
struct ModelShape {
    DitConfig dit;
    LqProjector::Config projector;
    TcDecoder::Config decoder;  // of a TCDecoder
    int64_t prompt_tokens = 0;
    int64_t vae_width = 0;  // of a Wan decoder: channels at full resolution
};

struct Model {
    Placement placement;
    ModelVersion version;
    Dit dit;
    std::unique_ptr<const Projector> projector;  // plain or fused
    std::unique_ptr<const Decoder> decoder;      // plain or fused
    const DecoderType* decoder_type;
    ModelShape shape;
    // Whether numbers that a picture leads to can be too large for the type: see ChunkOutput.
    bool may_overflow = placement.dtype == at::kHalf;

    int64_t parameters() const {
        return dit.parameters() + projector->parameters() + decoder->parameters();
    }
};

// The checkpoints that a model is made of, whatever they come from.
struct ModelWeights {
    Weights dit;
    Weights projector;
    Weights decoder;
    at::Tensor prompt;  // [1, prompt tokens, text dim]
    const DecoderType* decoder_type = &default_decoder(Mode::kTiny);
    std::optional<Weights> adapter = {};
};

// Share done, 0 to 1, and a word for what is being done. Throws to abort.
using LoadProgress = std::function<void(double fraction, const char* stage)>;

// Opens the files of `dir` under their released names (or as safetensors under the same stems).
// Throws Error; a missing file is named together with all others that are missing.
ModelWeights open_model_weights(const std::string& dir, const DecoderChoice& choice = {});

// Computes the model's constants, so it follows the caller's gradient mode.
Model load_model(ModelWeights weights, const ModelDescription& description,
                 const Placement& placement, const LoadProgress& progress);

}  // namespace flashvsr
