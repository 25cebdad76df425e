// SPDX-License-Identifier: Apache-2.0
// Projects low-quality frames to tokens (docs/model.md section 5).
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/checkpoint/weights.h"
#include "models/linear.h"
#include "models/manifest.h"
#include "models/placement.h"
#include "models/projector.h"
#include "models/window.h"

namespace flashvsr {

class LqProjector : public Projector {
  public:
    struct Config {
        int64_t dim = 0;      // of the tokens
        int64_t hidden1 = 0;  // channels after conv1
        int64_t hidden2 = 0;  // channels after conv2
        int64_t layers = 0;   // linear layers: DiT blocks that tokens are added before
    };
    static Manifest manifest(const Config& config);
    // Elements for a picture or a tile: the past (Projector::State), what a call holds at most
    // beside the tokens that it gives, and those tokens, all in a stream's first step.
    static int64_t state_elements(const Config& config, ModelVersion version,
                                  const WindowGrid& grid);
    static int64_t working_elements(const Config& config, const WindowGrid& grid, bool fused);
    static int64_t token_elements(const Config& config, const WindowGrid& grid);
    // Widths as the checkpoint has them. Throws Error where it has none.
    static Config config_of(const Weights& weights, int64_t dim);

    LqProjector(Weights& weights, int64_t dim, ModelVersion version, const Placement& placement);

    // The past is [2, 768, h, w] and [2, hidden1, h, w].
    void begin(const at::Tensor& frame, State& state) const override;
    std::vector<at::Tensor> project(const at::Tensor& frames, const WindowGrid& grid,
                                    State& state) const override;
    int64_t parameters() const override;

  private:
    struct Conv {
        at::Tensor weight;  // [out, 4 * in, 3, 3]: the four time taps stacked as channels
        at::Tensor bias;    // [out]
        at::Tensor gamma;   // [out, 1, 1]: of the norm that follows
    };

    static Conv take_conv(Weights& weights, int index, int64_t in, const Placement& placement);
    // SiLU(norm(conv(x))): x [frames, in, h, w] -> [taps.size() / 4, out, h, w].
    static at::Tensor apply(const Conv& conv, const at::Tensor& x, const at::Tensor& taps);
    // Indices into a convolution's input, four per output frame.
    at::Tensor taps(int64_t inputs, int64_t group, const at::Device& device) const;
    // In 1.1 the past goes in front and the last two inputs become the next past.
    at::Tensor with_past(const at::Tensor& x, at::Tensor& past) const;

    ModelVersion version_;
    Conv conv1_;
    Conv conv2_;
    std::vector<Linear> linear_layers_;
};

}  // namespace flashvsr
