// SPDX-License-Identifier: Apache-2.0
#include "models/fused/tc_stage.h"

#include <algorithm>

namespace flashvsr {
namespace {

constexpr int64_t kAtOnce = 2;  // latent frames

}  // namespace

FusedConv take_fused_conv(Weights& weights, const std::string& name, const FusedConv::Shape& shape,
                          const Placement& placement) {
    const at::Tensor weight = weights.take(name + ".weight", {-1, -1, -1, -1});
    const bool biased = weights.has(name + ".bias");
    return FusedConv(weight, biased ? weights.take(name + ".bias", {-1}) : at::Tensor(), shape,
                     placement);
}

FusedMemBlock FusedMemBlock::take(Weights& weights, const std::string& name, double leak,
                                  const Placement& placement) {
    const std::string conv = name + ".conv.";
    return {take_fused_conv(weights, conv + "0", {/*pad=*/1, /*history=*/1}, placement),
            take_fused_conv(weights, conv + "2", {}, placement),
            take_fused_conv(weights, conv + "4", {}, placement), static_cast<float>(leak)};
}

at::Tensor FusedMemBlock::operator()(const at::Tensor& x, at::Tensor& memory) const {
    const at::Tensor a = conv_0(x, memory, {leak});
    memory.copy_(x.narrow(0, x.size(0) - 1, 1));
    return conv_4(conv_2(a, {leak}), {leak, x});
}

FusedTcStage FusedTcStage::take(Weights& weights, int64_t first, double leak,
                                const Placement& placement) {
    FusedTcStage stage;
    for (int64_t i = 0; i < tc::kBlocks; ++i)
        stage.blocks[i] = FusedMemBlock::take(weights, tc::layer(first + i), leak, placement);
    stage.up = FusedUpConv(weights.take(tc::layer(first + 4) + ".conv.weight", {-1, -1, -1, -1}),
                           weights.take(tc::layer(first + 5) + ".weight", {-1, -1, -1, -1}), {},
                           placement);
    return stage;
}

at::Tensor FusedTcStage::operator()(at::Tensor x, at::Tensor* memory) const {
    for (const FusedMemBlock& block : blocks) x = block(x, *memory++);
    return x;
}

void run_stages(
    const std::array<FusedTcStage, 3>& stages, int64_t latents, int64_t lead,
    std::vector<at::Tensor>& memory,
    const std::function<at::Tensor(int64_t first, int64_t n)>& input,
    const std::function<void(const at::Tensor& x, int64_t part, int64_t frame)>& finish) {
    for (int64_t first = 0; first < latents; first += kAtOnce) {
        const int64_t n = std::min(kAtOnce, latents - first);
        at::Tensor x = stages[0](input(first, n), &memory[0]);
        x = stages[1](stages[0].up(x), &memory[tc::kBlocks]);
        for (int64_t i = 0; i < n; ++i) {
            const at::Tensor y =
                stages[2](stages[1].up(x.narrow(0, i, 1)), &memory[2 * tc::kBlocks]);
            for (int64_t t = 0; t < tc::kFrames; ++t) {
                const int64_t frame = (first + i) * tc::kFrames + t - lead;
                if (frame >= 0) finish(y.narrow(0, t / 2, 1), t % 2, frame);
            }
        }
    }
}

void start_memory(std::vector<at::Tensor>& memory, int64_t h, int64_t w,
                  const std::array<int64_t, 3>& channels, const at::TensorOptions& options) {
    if (!memory.empty()) {
        for (at::Tensor& tensor : memory) tensor.zero_();
        return;
    }
    for (const int64_t width : channels) {
        for (int64_t i = 0; i < tc::kBlocks; ++i)
            memory.push_back(at::zeros({1, h, w, width}, options));
        h *= 2;
        w *= 2;
    }
}

}  // namespace flashvsr
