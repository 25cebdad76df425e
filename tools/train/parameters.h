// SPDX-License-Identifier: Apache-2.0
// The weights that are trained, their optimiser, and the checkpoint folder.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/checkpoint/tensor_map.h"
#include "models/model.h"

namespace flashvsr::train {

// Every tensor of a model under its checkpoint name, fp32 on the device, in four groups.
struct Parameters {
    TensorMap dit, projector, decoder;
    at::Tensor prompt;  // [1, tokens, text dim]

    std::vector<at::Tensor> all() const;
    // The model as served, built from these tensors with gradients flowing back to them.
    Model build(const ModelDescription& description, const Placement& placement) const;
};

// Random start for a shape: convolutions after Kaiming, the last one of each residual branch small,
// so that the signal neither fades nor grows through the depth.
Parameters random_parameters(const ModelShape& shape, const at::Device& device);
// From a model folder, for fine-tuning.
Parameters read_parameters(const std::string& model_dir, const at::Device& device);

// Writes the folder that flashvsrupscale's model-dir takes; weights are rounded to fp16.
void write_model(const Parameters& parameters, const ModelDescription& description,
                 const std::string& folder);

// AdamW with gradient clipping, and a running mean of the weights, which is what gets served.
class Optimiser {
  public:
    explicit Optimiser(const Parameters& parameters);

    // One step with the gradients that backward() left, which it clears. Gradients that are not
    // finite are dropped. Returns their norm before clipping.
    double step(double learning_rate);

    // The running mean under the parameters' names.
    Parameters mean(const Parameters& names) const;

    // For --resume: everything under numbered names.
    TensorMap state() const;
    void load_state(const TensorMap& state);

  private:
    std::vector<at::Tensor> weights_, first_, second_, steps_, mean_;
    int64_t updates_ = 0;
};

}  // namespace flashvsr::train
