// SPDX-License-Identifier: Apache-2.0
// The transformer against docs/model.md section 6, computed in double on tokens in the order
// (frame, row, column).
#include "models/dit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "models/time_embedding.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

DitConfig small_config() {
    DitConfig config;
    config.dim = 256;
    config.heads = 2;
    config.layers = 2;
    config.ffn_dim = 48;
    config.text_dim = 12;
    config.frequency_dim = 16;
    config.latent_channels = 4;
    return config;
}

Dit make_dit(const TensorMap& tensors, const at::Tensor& prompt, const Placement& placement) {
    Weights weights = Weights::from(tensors, "random");
    return Dit(weights, prompt, placement, [](double) {});
}

// A block's draft mask, as the network chose it, and where each key slice's columns are.
struct ChosenMask {
    at::Tensor blocks;
    std::vector<int64_t> slots;  // oldest first
};

// The formulas. Past keys and values are kept for ever; the masks say how many of them are seen.
class Formula {
  public:
    Formula(const TensorMap& tensors, const DitConfig& config, const WindowGrid& grid,
            const at::Tensor& prompt)
        : w_(testing::in_double(tensors)), config_(config), grid_(grid), past_(config.layers) {
        std::vector<double> wave;
        for (const bool sine : {false, true})
            for (int64_t i = 0; i < config.frequency_dim / 2; ++i) {
                const double angle = 1000 * std::pow(10000.0, -2.0 * i / config.frequency_dim);
                wave.push_back(sine ? std::sin(angle) : std::cos(angle));
            }
        t_emb_ = linear("time_embedding.2",
                        silu(linear("time_embedding.0", at::tensor(wave, at::kDouble))));
        t_mod_ = linear("time_projection.1", silu(t_emb_)).view({6, -1});
        context_ =
            linear("text_embedding.2", gelu(linear("text_embedding.0", prompt[0].to(at::kDouble))));
    }

    // latents: [c, f, H/8, W/8]; lq_tokens: per layer, [f * tokens, dim].
    at::Tensor step(const at::Tensor& latents, const std::vector<at::Tensor>& lq_tokens,
                    const std::vector<ChosenMask>& masks) {
        const at::Tensor patches = testing::blocks_to_channels(
            latents.to(at::kDouble).transpose(0, 1), 2);  // [f, c * 4, h, w]
        at::Tensor x = linear("patch_embedding", patches.permute({0, 2, 3, 1}).flatten(0, 2));
        const at::Tensor phase = phases(latents.size(1));
        for (int64_t i = 0; i < config_.layers; ++i) {
            if (i < static_cast<int64_t>(lq_tokens.size())) x = x + lq_tokens[i];
            x = block(i, x, phase, masks.at(i));
        }
        next_latent_ += latents.size(1);
        const at::Tensor modulation = w_.at("head.modulation")[0] + t_emb_;  // shift, scale
        return unpatchify(linear("head.head", norm(x) * (1 + modulation[1]) + modulation[0]));
    }

  private:
    struct Slices {
        at::Tensor k, v;  // [tokens, dim] each
    };

    at::Tensor linear(const std::string& name, const at::Tensor& x) const {
        return at::matmul(x, w_.at(name + ".weight").flatten(1).t()) + w_.at(name + ".bias");
    }
    static at::Tensor silu(const at::Tensor& x) { return x * at::sigmoid(x); }
    static at::Tensor gelu(const at::Tensor& x) {
        return 0.5 * x * (1 + at::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x.pow(3))));
    }
    static at::Tensor norm(const at::Tensor& x) {
        const at::Tensor centred = x - x.mean(1, true);
        return centred / at::sqrt(centred.square().mean(1, true) + 1e-6);
    }
    at::Tensor rms(const at::Tensor& x, const std::string& name) const {
        return x / at::sqrt(x.square().mean(1, true) + 1e-6) * w_.at(name + ".weight");
    }

    // Angles of the tokens, [tokens, 64]: time, row, column.
    at::Tensor phases(int64_t frames) const {
        const int64_t rows = grid_.rows * 8, columns = grid_.columns * 8;
        auto axis = [&](const at::Tensor& position, int64_t size) {
            const at::Tensor theta =
                at::pow(10000.0, at::arange(size / 2, at::kDouble) * (-2.0 / size));
            return (position.to(at::kDouble).unsqueeze(3) * theta)
                .expand({frames, rows, columns, size / 2});
        };
        return at::cat({axis(at::arange(frames).add(next_latent_).view({-1, 1, 1}), 44),
                        axis(at::arange(rows).view({1, -1, 1}), 42),
                        axis(at::arange(columns).view({1, 1, -1}), 42)},
                       3)
            .view({-1, 64});
    }
    static at::Tensor turn(const at::Tensor& x, const at::Tensor& phase) {
        const at::Tensor pairs = at::view_as_complex(x.view({x.size(0), -1, 64, 2}));
        const at::Tensor turned = pairs * at::polar(at::ones_like(phase), phase).unsqueeze(1);
        return at::view_as_real(turned).reshape(x.sizes());
    }

    // One head at a time. mask: per head [queries, keys], or nothing to attend to all.
    at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& mask) const {
        std::vector<at::Tensor> heads;
        for (int64_t head = 0; head < config_.heads; ++head) {
            auto part = [&](const at::Tensor& x) { return x.narrow(1, head * 128, 128); };
            at::Tensor scores = at::matmul(part(q), part(k).t()) / std::sqrt(128.0);
            if (mask.defined())
                scores = scores.masked_fill(mask[head].logical_not(),
                                            -std::numeric_limits<double>::infinity());
            heads.push_back(at::matmul(at::softmax(scores, 1), part(v)));
        }
        return at::cat(heads, 1);
    }

    // The window, counted over all slices, of each token of `frames` frames.
    at::Tensor windows_of(int64_t frames) const {
        return at::floor_divide(testing::raster_index(grid_, frames), 128);
    }

    at::Tensor self_attention(int64_t index, const at::Tensor& u, const at::Tensor& phase,
                              const ChosenMask& mask) {
        const std::string name = "blocks." + std::to_string(index) + ".self_attn.";
        const at::Tensor q = turn(rms(linear(name + "q", u), name + "norm_q"), phase);
        Slices& past = past_[index];
        auto append = [](at::Tensor& all, const at::Tensor& own) {
            all = all.defined() ? at::cat({all, own}) : own;
        };
        append(past.k, turn(rms(linear(name + "k", u), name + "norm_k"), phase));
        append(past.v, linear(name + "v", u));

        const int64_t slices = static_cast<int64_t>(mask.slots.size());
        const int64_t keys = slices * grid_.tokens(), all = past.k.size(0);
        at::Tensor columns = windows_of(slices * 2);  // by age, then in the mask's own order
        const at::Tensor slots = at::tensor(mask.slots, at::kLong);
        const int64_t n = grid_.windows();
        columns = slots.index_select(0, at::floor_divide(columns, n)) * n + columns.remainder(n);
        const at::Tensor dense =
            mask.blocks.index_select(1, windows_of(u.size(0) * 2 / grid_.tokens()))
                .index_select(2, columns);
        return linear(name + "o",
                      attend(q, past.k.slice(0, all - keys), past.v.slice(0, all - keys), dense));
    }

    at::Tensor block(int64_t index, at::Tensor x, const at::Tensor& phase, const ChosenMask& mask) {
        const std::string name = "blocks." + std::to_string(index) + ".";
        const at::Tensor m = w_.at(name + "modulation")[0] + t_mod_;
        x = x + m[2] * self_attention(index, norm(x) * (1 + m[1]) + m[0], phase, mask);

        const std::string cross = name + "cross_attn.";
        const at::Tensor normed =
            norm(x) * w_.at(name + "norm3.weight") + w_.at(name + "norm3.bias");
        x = x + linear(cross + "o", attend(rms(linear(cross + "q", normed), cross + "norm_q"),
                                           rms(linear(cross + "k", context_), cross + "norm_k"),
                                           linear(cross + "v", context_), {}));

        const at::Tensor u = norm(x) * (1 + m[4]) + m[3];
        return x + m[5] * linear(name + "ffn.2", gelu(linear(name + "ffn.0", u)));
    }

    // docs/model.md section 15, trap 7: here the channel is the fastest of a token's features.
    at::Tensor unpatchify(const at::Tensor& y) const {
        const int64_t channels = config_.latent_channels;
        const int64_t rows = grid_.rows * 8, columns = grid_.columns * 8;
        const at::Tensor tokens = y.view({-1, rows, columns, 4 * channels});
        at::Tensor out = at::empty({channels, tokens.size(0), rows * 2, columns * 2}, at::kDouble);
        for (int64_t c = 0; c < channels; ++c)
            for (int64_t dy = 0; dy < 2; ++dy)
                for (int64_t dx = 0; dx < 2; ++dx)
                    out[c]
                        .slice(1, dy, rows * 2, 2)
                        .slice(2, dx, columns * 2, 2)
                        .copy_(tokens.select(3, (dy * 2 + dx) * channels + c));
        return out;
    }

    TensorMap w_;
    DitConfig config_;
    WindowGrid grid_;
    at::Tensor t_emb_, t_mod_, context_;
    std::vector<Slices> past_;
    int64_t next_latent_ = 0;
};

at::Tensor random_latents(int64_t channels, int64_t frames, const WindowGrid& grid) {
    return at::randn({channels, frames, grid.height() / 8, grid.width() / 8});
}

// The first step (traps 3 to 7, 13), and later ones with past keys, some of them evicted. Tokens of
// a second projector layer enter before the second block.
TEST(Dit, StepsAreTheFormula) {
    at::manual_seed(41);
    const WindowGrid grid = {1, 2};
    const DitConfig config = small_config();
    const TensorMap tensors = testing::random_tensors(Dit::manifest(config));
    const at::Tensor prompt = at::randn({1, 5, config.text_dim});
    const Dit dit = make_dit(tensors, prompt, Placement{});
    const SparseSettings settings;
    Dit::State state(dit, grid, settings);
    Formula formula(tensors, config, grid, prompt);
    for (const int64_t frames : {6, 2, 2, 2}) {
        const at::Tensor latents = random_latents(config.latent_channels, frames, grid);
        const int64_t tokens = frames / 2 * grid.tokens();
        std::vector<at::Tensor> lq_tokens, lq_raster;
        for (int layer = 0; layer < 2; ++layer) {
            lq_tokens.push_back(at::randn({tokens, config.dim}));
            lq_raster.push_back(
                lq_tokens.back().index_select(0, testing::raster_index(grid, frames)));
        }
        std::vector<ChosenMask> masks;
        const at::Tensor velocity =
            dit.step(latents, lq_tokens, settings, state,
                     [&](int64_t layer, const DraftMask& mask, const std::vector<int64_t>& slots) {
                         EXPECT_EQ(layer, static_cast<int64_t>(masks.size()));
                         EXPECT_EQ(slots.size(), frames == 6 ? 3u : 4u);
                         masks.push_back({mask.blocks, slots});
                     });
        EXPECT_LT(relative_l2(velocity, formula.step(latents, lq_raster, masks)), 1e-5)
            << "at latent " << state.next_latent - frames;
    }
}

// The check values of docs/model.md section 4.1.
TEST(Dit, TimeStepHasTheKnownSinusoid) {
    const at::Tensor wave = time_sinusoid(256).to(at::kBFloat16).to(at::kDouble)[0];
    const double expected[2][3] = {{0.5625, 0.7891, 0.4395}, {0.8281, 0.6133, -0.8984}};
    for (int part = 0; part < 2; ++part)
        for (int i = 0; i < 3; ++i)
            EXPECT_NEAR(wave[part * 128 + i].item<double>(), expected[part][i], 5e-5);
}

// A network that only norms, modulates and lays out: blocks add nothing, the head selects.
TensorMap transparent_tensors(const DitConfig& config) {
    TensorMap tensors;
    for (const auto& [name, shape] : Dit::manifest(config)) tensors[name] = at::zeros(shape);
    const at::Tensor half = at::eye(64);
    tensors["patch_embedding.weight"] =
        at::cat({half, -half}).view(tensors["patch_embedding.weight"].sizes());
    tensors["head.head.weight"] = at::eye(64, 128);
    return tensors;
}

// docs/model.md section 15, trap 6: 1 + scale is rounded to bf16, then the product, then the sum.
TEST(Dit, OnePlusScaleIsRoundedBeforeItMultiplies) {
    at::manual_seed(42);
    const WindowGrid grid = {1, 1};
    DitConfig config = small_config();
    config.dim = 128;
    config.layers = 1;
    config.latent_channels = 16;
    TensorMap tensors = transparent_tensors(config);
    const at::Tensor scale = (at::randn({128}) * 0.2).to(at::kBFloat16).to(at::kFloat);
    const at::Tensor shift = at::randn({128}).to(at::kBFloat16).to(at::kFloat);
    tensors["head.modulation"] = at::stack({shift, scale}).unsqueeze(0);
    const Placement placement{at::kCPU, at::kBFloat16};
    const Dit dit = make_dit(tensors, at::randn({1, 5, config.text_dim}), placement);
    Dit::State state(dit, grid, {});
    const at::Tensor latents = random_latents(16, 6, grid).to(at::kBFloat16);
    const at::Tensor velocity = dit.step(latents, {}, {}, state, {});

    // p: [6, 64, 8, 8]. Features 64 to 127 are the negatives of these, so the mean is 0.
    auto rn = [](const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kFloat); };
    const at::Tensor p = testing::blocks_to_channels(latents.to(at::kFloat).transpose(0, 1), 2);
    const at::Tensor u = rn(p / at::sqrt(p.square().mean(1, true) + 1e-6));
    auto features = [](const at::Tensor& x) { return x.narrow(0, 0, 64).view({1, 64, 1, 1}); };
    const at::Tensor y = rn(rn(u * features(rn(1 + scale))) + features(shift));
    double wrong = 0;
    for (int64_t i = 0; i < 64; ++i) {
        const at::Tensor out =
            velocity[i % 16].slice(1, i / 16 / 2, 16, 2).slice(2, i / 16 % 2, 16, 2).to(at::kFloat);
        wrong += (out != y.select(1, i)).to(at::kDouble).mean().item<double>() / 64;
    }
    EXPECT_LT(wrong, 0.003) << "the share of values that are rounded otherwise";
}

// Positions count by their distance only: past latent 1023, where the reference ends (docs/model.md
// section 15, trap 14), a stream goes on as one that has just begun.
TEST(Dit, AStreamGoesOnPastTheReferencesLastStep) {
    const WindowGrid grid = {1, 2};
    const Model model =
        testing::random_model(testing::tiny_shape(), ModelVersion::k1_1, Placement{}, /*seed=*/43);
    const SparseSettings settings;
    std::map<int64_t, std::vector<at::Tensor>> velocities;
    for (const int64_t base : {0, 1194, 1'000'000}) {
        at::manual_seed(44);
        Dit::State state(model.dit, grid, settings);
        state.next_latent = base;
        for (const int64_t frames : {6, 2, 2, 2, 2, 2}) {
            const at::Tensor latents = random_latents(16, frames, grid);
            const at::Tensor lq = at::randn({frames / 2 * grid.tokens(), model.dit.config().dim});
            velocities[base].push_back(model.dit.step(latents, {lq}, settings, state, {}));
        }
        EXPECT_EQ(state.next_latent, base + 16);
    }
    for (const auto& [base, later] : velocities)
        for (size_t step = 0; step < later.size(); ++step)
            EXPECT_LT(relative_l2(later[step], velocities[0][step]), 1e-5)
                << "base " << base << ", step " << step;
}

// docs/model.md section 15, trap 31: pictures of equal window count, or another range, have another
// local area.
TEST(Dit, TheLocalAreaFollowsPictureAndRange) {
    const Model model =
        testing::random_model(testing::tiny_shape(), ModelVersion::k1_1, Placement{}, /*seed=*/45);
    auto seen = [&](const WindowGrid& grid, Dit::State& state, int64_t range, int64_t frames) {
        SparseSettings settings;
        settings.local_range = range;
        at::Tensor weight;
        auto probe = [&](int64_t, const DraftMask& mask, const std::vector<int64_t>&) {
            weight = mask.weight[0].narrow(0, 0, grid.windows()).narrow(1, 0, grid.windows());
        };
        model.dit.step(random_latents(16, frames, grid), {}, settings, state, probe);
        return weight > 0;
    };
    at::manual_seed(46);
    for (const WindowGrid& grid : {WindowGrid{1, 4}, WindowGrid{2, 2}}) {
        Dit::State state(model.dit, grid, {});
        EXPECT_TRUE(at::equal(seen(grid, state, 11, 6), local_windows(grid, 11)));
        EXPECT_TRUE(at::equal(seen(grid, state, 1, 2), local_windows(grid, 1)));
        EXPECT_TRUE(at::equal(seen(grid, state, 2, 2), local_windows(grid, 2)));
    }
}

}  // namespace
}  // namespace flashvsr
