// SPDX-License-Identifier: Apache-2.0
#include "models/fused/lq_projector.h"

#include "kernels/space_to_channel.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

constexpr int64_t kTimeTaps = 4;
constexpr int64_t kAtOnce = 8;          // frames: two latent frames
constexpr int64_t kMaxChannels = 8192;  // of the norm

// [out, in, 4, 3, 3] for a convolution over y0 y1 y0 y1 -> for one over y0 y1; rounded once.
at::Tensor fold_repeats(const at::Tensor& weight) {
    return weight.narrow(2, 0, 2) + weight.narrow(2, 2, 2);
}

void make_past(at::Tensor& past, at::IntArrayRef shape, const at::TensorOptions& options) {
    if (!past.defined() || past.sizes() != shape) past = at::zeros(shape, options);
}

}  // namespace

bool FusedLqProjector::supports(const LqProjector::Config& config) {
    auto fits = [](int64_t channels) { return channels % 8 == 0 && channels <= kMaxChannels; };
    return fits(config.hidden1) && fits(config.hidden2);
}

FusedLqProjector::FusedLqProjector(Weights& weights, int64_t dim, ModelVersion version,
                                   const Placement& placement)
    : version_(version) {
    const LqProjector::Config config = LqProjector::config_of(weights, dim);
    const Manifest manifest = LqProjector::manifest(config);
    check(weights, manifest);
    parameters_ = parameter_count(manifest);
    conv1_ = take_conv(weights, 1, kernels::kTokenChannels, placement);
    conv2_ = take_conv(weights, 2, config.hidden1, placement);
    for (int64_t i = 0; i < config.layers; ++i)
        linear_layers_.emplace_back(Linear::take(weights, "linear_layers." + std::to_string(i), dim,
                                                 config.hidden2, placement),
                                    placement);
}

FusedLqProjector::Conv FusedLqProjector::take_conv(Weights& weights, int index, int64_t in,
                                                   const Placement& placement) const {
    const std::string conv = "conv" + std::to_string(index);
    const std::string norm = "norm" + std::to_string(index);
    at::Tensor weight =
        weights.take(conv + ".weight", {-1, in, kTimeTaps, 3, 3}, placement.options());
    const int64_t out = weight.size(0);
    Conv result;
    result.group = index == 1 ? 4 : 2;
    // In version 1 the second convolution sees each group's two frames twice.
    if (version_ == ModelVersion::k1 && index == 2) weight = fold_repeats(weight);
    result.taps = weight.size(2);
    result.channels = in;
    // Taps before channels, as they lie in a stack.
    result.conv = FusedConv(weight.permute({0, 2, 1, 3, 4}).reshape({out, -1, 3, 3}), {},
                            {/*pad=*/0, /*history=*/0}, placement);
    result.bias = weights.take(conv + ".bias", {out}, placement.options());
    result.gamma = weights.take(norm + ".gamma", {out, 1, 1, 1}, placement.options()).flatten();
    return result;
}

FusedLqProjector::Stack FusedLqProjector::stack_for(const Conv& conv, int64_t frames, int64_t h,
                                                    int64_t w, const at::Tensor& past,
                                                    const at::TensorOptions& options) {
    Stack stack;
    stack.x = at::empty({frames / 2, h + 2, w + 2, conv.taps * conv.channels}, options);
    stack.taps.out = stack.x.mutable_data_ptr();
    stack.taps.past = past.defined() ? past.mutable_data_ptr() : nullptr;
    stack.taps.taps = static_cast<int>(conv.taps);
    stack.taps.group = static_cast<int>(past.defined() ? frames : conv.group);
    return stack;
}

FusedLqProjector::Stack FusedLqProjector::stack_of(const at::Tensor& frames,
                                                   const at::Tensor& past) const {
    kernels::SpaceToChannel params;
    params.frame_count = frames.size(0);
    params.height = static_cast<int>(frames.size(2) / kernels::kTokenSide);
    params.width = static_cast<int>(frames.size(3) / kernels::kTokenSide);
    const Stack stack =
        stack_for(conv1_, params.frame_count, params.height, params.width, past, frames.options());
    const at::Tensor pixels = frames.contiguous();  // the kernel takes a pointer
    params.frames = pixels.const_data_ptr();
    params.stack = stack.taps;
    params.type = element_type(frames);
    FLASHVSR_LAUNCH(space_to_channel, frames, params);
    return stack;
}

void FusedLqProjector::activate(const Conv& conv, const at::Tensor& x, const Stack* stack,
                                const at::Tensor& tokens) {
    kernels::ChannelNorm params;
    params.x = x.const_data_ptr();
    params.bias = conv.bias.const_data_ptr();
    params.gamma = conv.gamma.const_data_ptr();
    params.shape = {x.size(0), static_cast<int>(x.size(1)), static_cast<int>(x.size(2)),
                    static_cast<int>(x.size(3))};
    if (stack)
        params.stack = stack->taps;
    else
        params.tokens = tokens.mutable_data_ptr();
    params.type = element_type(x);
    FLASHVSR_LAUNCH(channel_norm, x, params);
}

void FusedLqProjector::begin(const at::Tensor& frame, State& state) const {
    if (version_ == ModelVersion::k1) return;
    const int64_t h = frame.size(1) / kernels::kTokenSide, w = frame.size(2) / kernels::kTokenSide;
    make_past(state.conv1_past, {2, h, w, conv1_.channels}, frame.options());
    make_past(state.conv2_past, {2, h, w, conv2_.channels}, frame.options());
    // The first frame stands for everything before it. Of six of it, outputs 1 and 2 of the first
    // convolution see nothing else; they and the last two of the six are the past.
    const at::Tensor frames = frame.expand({6, -1, -1, -1});
    const Stack x = stack_of(frames, state.conv1_past);
    const at::Tensor y = conv1_.conv(x.x.narrow(0, 1, 2));
    const Stack unused = stack_for(conv2_, 2, h, w, state.conv2_past, frame.options());
    activate(conv1_, y, &unused, {});
}

std::vector<at::Tensor> FusedLqProjector::project(const at::Tensor& frames, const WindowGrid& grid,
                                                  State& state) const {
    TORCH_CHECK(frames.size(0) % kAtOnce == 0, "projector: ", frames.size(0), " frames");
    const int64_t h = grid.token_rows(), w = grid.token_columns();
    const int64_t rows = kAtOnce / 4 * h * w;
    const at::Tensor features =
        at::empty({frames.size(0) / kAtOnce * rows, conv2_.gamma.size(0)}, frames.options());
    for (int64_t i = 0; i < frames.size(0) / kAtOnce; ++i) {
        at::Tensor x = stack_of(frames.narrow(0, i * kAtOnce, kAtOnce), state.conv1_past).x;
        x = conv1_.conv(x);
        const Stack stack = stack_for(conv2_, x.size(0), h, w, state.conv2_past, frames.options());
        activate(conv1_, x, &stack, {});
        x = conv2_.conv(stack.x);
        activate(conv2_, x, nullptr, features.narrow(0, i * rows, rows));
    }
    std::vector<at::Tensor> tokens;
    for (const FusedLinear& layer : linear_layers_) tokens.push_back(layer(features));
    return tokens;
}

}  // namespace flashvsr
