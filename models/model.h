// A FlashVSR model in tiny mode: projector, transformer and decoder, from one folder.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "models/dit.h"
#include "models/lq_projector.h"
#include "models/placement.h"
#include "models/tc_decoder.h"

namespace flashvsr {

struct Model {
    Placement placement;
    ModelVersion version;
    Dit dit;
    LqProjector projector;
    TcDecoder decoder;

    int64_t parameters() const {
        return dit.parameters() + projector.parameters() + decoder.parameters();
    }
};

// The checkpoints that a model is made of, whatever they come from.
struct ModelWeights {
    Weights dit;
    Weights projector;
    Weights decoder;
    at::Tensor prompt;  // [1, prompt tokens, text dim]
};

// Share done, 0 to 1, and a word for what is being done. Throws to abort.
using LoadProgress = std::function<void(double fraction, const char* stage)>;

// Opens the files of `dir` under their released names (or as safetensors under the same stems).
// Throws Error; a missing file is named together with all others that are missing.
ModelWeights open_model_weights(const std::string& dir);

// The version that `dir` holds: model.json's "version", else "1.1" in the folder's name, else 1.
// No tensor tells the two apart (spec/flashvsr.md section 1.1).
ModelVersion detect_version(const std::string& dir);

Model load_model(ModelWeights weights, ModelVersion version, const Placement& placement,
                 const LoadProgress& progress);

}  // namespace flashvsr
