// SPDX-License-Identifier: Apache-2.0
// What is said of a model beside its checkpoints.
#pragma once

#include <string>

#include "models/decoders/tc_decoder.h"
#include "models/plain/lq_projector.h"

namespace flashvsr {

// What no tensor tells (docs/model.md section 1.1); from model.json in the model's folder:
//
//     {"version": "1.1",
//      "decoder": {"patch": 4, "upsample": [1, 1, 1], "shuffle": 4, "leak": 0.1, "skip": true}}
//
// "decoder" may be left out, and is for released checkpoints; see TcDecoder::Graph.
struct ModelDescription {
    ModelVersion version = ModelVersion::k1;
    TcDecoder::Graph decoder;
};

// From model.json; without one, version 1.1 if the folder's name says so, else 1.
ModelDescription describe_model(const std::string& dir);

}  // namespace flashvsr
