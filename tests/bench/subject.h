// SPDX-License-Identifier: Apache-2.0
// The model that a benchmark runs: random weights in the shapes of the released checkpoints
// ("released") or of a tiny network ("tiny"), or what lies in a folder.
#pragma once

#include <c10/core/GradMode.h>

#include <memory>
#include <string>

#include "core/engine.h"
#include "tests/support/random_model.h"

namespace flashvsr::testing {

inline ModelShape shape_of(const std::string& model) {
    return model == "tiny" ? tiny_shape() : released_shape();
}

inline std::shared_ptr<const Engine> open_engine(const std::string& model,
                                                 const DecoderChoice& decoder,
                                                 const Placement& placement) {
    const c10::NoGradGuard no_grad;
    if (model == "released" || model == "tiny")
        return std::make_shared<const Engine>(random_model(shape_of(model), ModelVersion::k1_1,
                                                           placement, /*seed=*/1, *decoder.type));
    return std::make_shared<const Engine>(load_model(open_model_weights(model, decoder),
                                                     describe_model(model), placement,
                                                     [](double, const char*) {}));
}

}  // namespace flashvsr::testing
