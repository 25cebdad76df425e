// Projects low-quality frames to tokens (spec/flashvsr.md section 5).
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/checkpoint/weights.h"
#include "models/linear.h"
#include "models/manifest.h"
#include "models/placement.h"
#include "models/window.h"

namespace flashvsr {

// Version 1 and 1.1 have equal weights files and different maths over time: in version 1 each group
// of four frames stands alone, in 1.1 the convolutions are causal over the whole stream.
enum class ModelVersion { k1, k1_1 };

class LqProjector {
  public:
    // What crosses groups: the last two inputs of each convolution. Empty in version 1.
    struct State {
        at::Tensor conv1_past;  // [2, 768, h, w]
        at::Tensor conv2_past;  // [2, hidden1, h, w]
    };

    struct Config {
        int64_t dim = 0;      // of the tokens
        int64_t hidden1 = 0;  // channels after conv1
        int64_t hidden2 = 0;  // channels after conv2
        int64_t layers = 0;   // linear layers: DiT blocks that tokens are added before
    };
    static Manifest manifest(const Config& config);

    LqProjector(Weights& weights, int64_t dim, ModelVersion version, const Placement& placement);

    // Starts a stream with its first frame, [3, H, W] in [-1, 1].
    void begin(const at::Tensor& frame, State& state) const;

    // frames: [4 * n, 3, H, W] in [-1, 1], n even. Returns, for each linear layer, the tokens of n
    // latent frames in window order, [n / 2 * tokens, dim].
    std::vector<at::Tensor> project(const at::Tensor& frames, const WindowGrid& grid,
                                    State& state) const;

    size_t layers() const { return linear_layers_.size(); }
    int64_t parameters() const;

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
