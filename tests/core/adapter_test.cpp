// SPDX-License-Identifier: Apache-2.0
// The whole way to a decoder of other latents: two small VAEs that give pictures back, an adapter
// fitted between them, and an engine that serves it.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/engine.h"
#include "models/checkpoint/safetensors.h"
#include "models/decoders/taehv_encoder.h"
#include "models/decoders/wan_decoder.h"
#include "models/decoders/wan_encoder.h"
#include "models/error.h"
#include "tests/models/support.h"
#include "tools/train/adapter.h"

namespace flashvsr::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSide = 64;

// A clip of one colour that changes a little over space and time: [5, 3, S, S] in [-1, 1]. Networks
// this narrow have nowhere to keep what lies between two of their latents.
at::Tensor clip(int64_t index) {
    at::manual_seed(static_cast<uint64_t>(1000 + index));
    const at::Tensor change = (at::rand({3, 3, 1, 1}) - 0.5) * 0.15;
    const at::Tensor way = at::linspace(-0.5, 0.5, kSide);
    const at::Tensor still =
        at::rand({3, 1, 1}) * 0.8 + 0.1 + change[0] * way + change[1] * way.unsqueeze(1);
    return (still + change[2] * at::linspace(0, 1, 5).view({-1, 1, 1, 1})) * 2 - 1;
}

Manifest joined(Manifest a, const Manifest& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// Random weights around ones that hand every channel on and keep most activations above zero, so
// that a picture gets through a network this narrow.
at::Tensor start_value(const std::string& name, const std::vector<int64_t>& shape) {
    auto has = [&name](const char* part) { return name.find(part) != std::string::npos; };
    if (has("gamma")) return at::ones(shape);
    // A norm keeps directions alone: with random constants beside it a colour changes the
    // direction.
    if (has("conv1.bias")) return at::randn(shape);
    if (has("bias")) return at::full(shape, has("encoder.0.") || has("decoder.1.") ? 2.0 : 0.1);
    at::Tensor weight = at::randn(shape) * (0.02 / std::sqrt(at::empty(shape)[0].numel()));
    // Branches beside the identity begin near zero.
    if (has("residual.6.") || has("conv.4.") || has("proj.")) return weight;
    const int64_t out = shape[0];
    const int64_t in = shape[1];
    at::Tensor through = at::randn({out, in}) / std::sqrt(static_cast<double>(in));
    if (has("encoder.17.")) through *= 0.2;  // away from the clamp of the latents
    if (in % out == 0) through = at::eye(out).repeat({1, in / out}) * out / in;
    if (out % in == 0) through = at::eye(in).repeat({out / in, 1});
    at::Tensor now = weight.dim() == 5 ? weight.select(2, shape[2] - 1) : weight;
    now.select(3, now.size(3) / 2).select(2, now.size(2) / 2).add_(through);
    return weight;
}

// Pictures in [-1, 1] as the last convolution makes them: [n, 3 p^2, h, w].
at::Tensor cells(const at::Tensor& pictures, int64_t channels) {
    return at::pixel_unshuffle(pictures, std::lround(std::sqrt(channels / 3.0)));
}

// What the decoder's last convolution sees of a clip, taken out through convolutions that pick
// channels: [n, C, h, w].
at::Tensor seen_by_last(const DecoderType& type, TensorMap tensors, const std::string& last,
                        const at::Tensor& frames) {
    const at::Tensor weight = tensors.at(last + ".weight");
    const int64_t out = weight.size(0);
    Weights for_encoder = Weights::from(tensors, "random");
    const at::Tensor latents = load_encoder(type, for_encoder, Placement{})->encode(frames);
    std::vector<at::Tensor> seen;
    for (int64_t first = 0; first < weight.size(1); first += out) {
        at::Tensor picks = at::zeros_like(weight);
        at::Tensor now = picks.dim() == 5 ? picks.select(2, 2) : picks;
        for (int64_t i = 0; i < std::min(out, weight.size(1) - first); ++i)
            now.index_put_({at::tensor(i), at::tensor(first + i), at::tensor(1), at::tensor(1)}, 1);
        tensors[last + ".weight"] = picks;
        tensors[last + ".bias"] = at::zeros({out});
        Weights for_decoder = Weights::from(tensors, "random");
        const auto decoder = load_own_decoder(type, for_decoder, Placement{});
        Decoder::State state;
        seen.push_back(cells(decoder->decode(latents, frames, state) * 2 - 1, out));
    }
    return at::cat(seen, 1).narrow(1, 0, weight.size(1));
}

// A VAE with random weights but for the decoder's last convolution, which is trained to give the
// clips back: least squares over all pixels.
TensorMap trained_vae(const DecoderType& type, const Manifest& manifest, const std::string& last) {
    constexpr int64_t kClips = 24;
    at::manual_seed(7);
    TensorMap tensors;
    for (const auto& [name, shape] : manifest) tensors[name] = start_value(name, shape);
    const at::Tensor weight = tensors.at(last + ".weight");
    const int64_t out = weight.size(0);
    at::Tensor gram, moments;
    for (int64_t i = 0; i < kClips; ++i) {
        const at::Tensor frames = clip(i);
        const at::Tensor seen = seen_by_last(type, tensors, last, frames).to(at::kDouble);
        const at::Tensor taps =
            at::im2col(seen, {3, 3}, {1, 1}, {1, 1}, {1, 1}).transpose(1, 2).flatten(0, 1);
        const at::Tensor x = at::cat({taps, at::ones({taps.size(0), 1}, taps.options())}, 1);
        const at::Tensor y =
            cells(frames, out).to(at::kDouble).permute({0, 2, 3, 1}).reshape({-1, out});
        gram = i == 0 ? x.t().matmul(x) : gram + x.t().matmul(x);
        moments = i == 0 ? x.t().matmul(y) : moments + x.t().matmul(y);
    }
    gram.diagonal().mul_(1 + 1e-6);
    const at::Tensor solution = at::linalg_solve(gram, moments).to(at::kFloat);
    const int64_t inputs = solution.size(0) - 1;
    at::Tensor solved = at::zeros_like(weight);
    (solved.dim() == 5 ? solved.select(2, 2) : solved)
        .copy_(solution.slice(0, 0, inputs).t().reshape({out, inputs / 9, 3, 3}));
    tensors[last + ".weight"] = solved;
    tensors[last + ".bias"] = solution[inputs].clone();
    return tensors;
}

class AdapterTest : public ::testing::Test {
  protected:
    static fs::path folder() { return fs::path(::testing::TempDir()) / "flashvsr-adapter"; }
    static std::string file(const char* name) { return (folder() / name).string(); }

    static void SetUpTestSuite() {
        const c10::NoGradGuard no_grad;
        fs::remove_all(folder());
        fs::copy(MICRO_MODEL, folder());
        write_safetensors(file("Wan2.1_VAE.safetensors"),
                          trained_vae(decoder_type("wan2.1"),
                                      joined(WanEncoder::manifest(WanVersion::k2_1, 6),
                                             WanDecoder::manifest(WanVersion::k2_1, 6)),
                                      "decoder.head.2"));
        const TaehvDecoder::Config config{32, {12, 12, 12, 12}, 2};
        write_safetensors(
            file("lighttaehy1_5.safetensors"),
            trained_vae(decoder_type("tae-hv"),
                        joined(TaehvEncoder::manifest(32, 12, 2), TaehvDecoder::manifest(config)),
                        "decoder.22"));
    }
    static void TearDownTestSuite() { fs::remove_all(folder()); }
};

TEST_F(AdapterTest, DecodesTheOtherVaesLatentsAndIsServed) {
    // Pictures for the fit, of the same kind as those of the training.
    std::vector<at::Tensor> stills;
    for (int64_t i = 0; i < 40; ++i) stills.push_back((clip(500 + i)[0] + 1) * 127.5);
    write_safetensors(file("pack.safetensors"), {{"stills", at::stack(stills).to(at::kByte)}});

    AdapterOptions options;
    options.from = file("Wan2.1_VAE.safetensors");
    options.to = file("lighttaehy1_5.safetensors");
    options.type = "tae-hv";
    options.data = file("pack.safetensors");
    options.out = file("lighttaehy1_5.adapter.safetensors");
    options.device = "cpu";
    options.side = kSide;
    options.clips = 48;
    const AdapterQuality quality = make_adapter(options);
    // A picture of the mean colour has 12.7 dB.
    EXPECT_GT(quality.direct, 18);
    EXPECT_GT(quality.own, 20);
    EXPECT_GT(quality.adapted, 18);
    EXPECT_GT(quality.agreement, 18);

    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    const std::string dir = folder().string();
    config.model_dir = dir.c_str();
    config.device = "cpu";
    config.vae_type = "tae-hv";
    const auto engine = Engine::open(config, [](double, const char*) {});

    // The engine's decoder on the first VAE's latents gives the pictures that the report judged.
    const c10::NoGradGuard no_grad;
    const Vae from = Vae::open(decoder_type("wan2.1"), options.from, Placement{});
    const at::Tensor frames = clip(900);
    Decoder::State state;
    const at::Tensor served =
        engine->model().decoder->decode(from.encoder->encode(frames), frames, state).clamp(0, 1);
    EXPECT_LT((served - (frames + 1) / 2).square().mean().item<double>(), 0.016);  // 18 dB
}

// What the map is for, it finds exactly: latents that are a linear function of the others.
TEST(AdapterFit, FindsALinearMap) {
    class Source : public Encoder {
        at::Tensor encode(const at::Tensor& frames) const override { return frames; }
    };
    const testing::Seed seed(71);
    const TensorMap wanted = testing::random_tensors(LatentAdapter::manifest(2, 3));
    class Target : public Encoder {
      public:
        explicit Target(LatentAdapter adapter) : adapter_(std::move(adapter)) {}
        at::Tensor encode(const at::Tensor& frames) const override { return adapter_(frames); }

      private:
        LatentAdapter adapter_;
    };
    Weights weights = Weights::from(wanted, "wanted");
    const TensorMap fitted = fit_adapter(
        Source(), Target(LatentAdapter(weights, 2, 3, Placement{})),
        [](int64_t) {
            return at::randn({2, 3, 16, 16});
        },
        8);
    EXPECT_LT(testing::relative_l2(fitted.at("weight"), wanted.at("weight")), 1e-2);
    EXPECT_LT(testing::relative_l2(fitted.at("bias"), wanted.at("bias")), 1e-2);
}

TEST(AdapterFit, IsRefusedWhereNoneIsNeeded) {
    AdapterOptions options;
    options.type = "light";
    options.device = "cpu";
    EXPECT_THROW(make_adapter(options), Error);
}

}  // namespace
}  // namespace flashvsr::train
