// SPDX-License-Identifier: Apache-2.0
// The decoders and encoders of VAEs against docs/model.md sections 9 and 10.1.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <functional>

#include "models/decoders.h"
#include "models/decoders/latent_adapter.h"
#include "models/decoders/taehv_encoder.h"
#include "models/decoders/wan_decoder.h"
#include "models/decoders/wan_encoder.h"
#include "tests/models/support.h"

namespace flashvsr {
namespace {

constexpr int64_t kSide = 4;  // of the latents

// docs/model.md section 1.6: tensors and parameters of the released files, encoder and decoder.
TEST(Vae, ManifestsAreTheReleasedFiles) {
    auto expect = [](const Manifest& encoder, const Manifest& decoder, size_t tensors,
                     int64_t parameters, int64_t of_decoder) {
        EXPECT_EQ(encoder.size() + decoder.size(), tensors);
        EXPECT_EQ(parameter_count(encoder) + parameter_count(decoder), parameters);
        EXPECT_EQ(parameter_count(decoder), of_decoder);
    };
    auto wan = [&](WanVersion version, int64_t encoder, int64_t decoder, size_t tensors,
                   int64_t parameters, int64_t of_decoder) {
        expect(WanEncoder::manifest(version, encoder), WanDecoder::manifest(version, decoder),
               tensors, parameters, of_decoder);
    };
    wan(WanVersion::k2_1, 96, 96, 194, 126892531, 73295603);
    wan(WanVersion::k2_1, 24, 24, 194, 8035003, 4617611);
    wan(WanVersion::k2_2, 160, 256, 196, 704688668, 555051580);
    auto taehv = [&](int64_t channels, int64_t patch, int64_t parameters, int64_t of_decoder) {
        TaehvDecoder::Config config;
        config.latent_channels = channels;
        config.patch = patch;
        expect(TaehvEncoder::manifest(channels, 64, patch), TaehvDecoder::manifest(config), 128,
               parameters, of_decoder);
    };
    taehv(16, 1, 11315539, 9844611);
    taehv(48, 2, 11418108, 9923532);
    taehv(32, 2, 11372012, 9886668);
}

// A small network of each type on latents of its own.
struct SmallVae {
    explicit SmallVae(const char* name) : type(decoder_type(name)) {
        using Family = DecoderType::Family;
        Manifest manifest;
        if (type.family == Family::kTaehv) {
            const int64_t patch = type.needs_adapter() ? 2 : 1;
            manifest = TaehvDecoder::manifest({type.latent_channels, {8, 6, 5, 4}, patch});
            for (const auto& entry : TaehvEncoder::manifest(type.latent_channels, 6, patch))
                manifest.push_back(entry);
        } else {
            const auto version =
                type.family == Family::kWan21 ? WanVersion::k2_1 : WanVersion::k2_2;
            manifest = WanDecoder::manifest(version, 4);
            for (const auto& entry : WanEncoder::manifest(version, 3)) manifest.push_back(entry);
        }
        tensors = testing::random_tensors(manifest);
        Weights for_decoder = Weights::from(tensors, "random");
        decoder = load_own_decoder(type, for_decoder, Placement{});
        Weights for_encoder = Weights::from(tensors, "random");
        encoder = load_encoder(type, for_encoder, Placement{});
    }

    int64_t pixels() const { return type.needs_adapter() ? 16 : 8; }
    at::Tensor latents(int64_t frames) const {
        return at::randn({type.latent_channels, frames, kSide, kSide});
    }
    // `count` latent frames from `begin` on; the first of the stream when begin is 0.
    at::Tensor decode(const at::Tensor& latents, int64_t begin, int64_t count,
                      Decoder::State& state) const {
        const at::Tensor condition =
            at::empty({4 * count - (begin == 0 ? 3 : 0), 3, kSide * pixels(), kSide * pixels()});
        return decoder->decode(latents.narrow(1, begin, count), condition, state);
    }

    const DecoderType& type;
    TensorMap tensors;
    std::unique_ptr<const Decoder> decoder;
    std::unique_ptr<const Encoder> encoder;
};

class VaeOfEachType : public ::testing::TestWithParam<const char*> {
  protected:
    const testing::Seed seed_{61};
    const c10::NoGradGuard no_grad_;
    const SmallVae vae_{GetParam()};
    const at::Tensor latents_ = vae_.latents(5);
};

TEST_P(VaeOfEachType, IsOneStreamHoweverItIsCut) {
    Decoder::State whole, cut;
    const at::Tensor expected = vae_.decode(latents_, 0, 5, whole);
    EXPECT_EQ(expected.sizes(),
              (std::vector<int64_t>{17, 3, kSide * vae_.pixels(), kSide * vae_.pixels()}));
    const at::Tensor parts =
        at::cat({vae_.decode(latents_, 0, 2, cut), vae_.decode(latents_, 2, 1, cut),
                 vae_.decode(latents_, 3, 2, cut)});
    EXPECT_TRUE(at::equal(parts, expected));
}

// Recorded work finds the state of a stream where it was.
TEST_P(VaeOfEachType, KeepsItsMemoryWhereItIs) {
    Decoder::State state;
    vae_.decode(latents_, 0, 2, state);
    std::vector<const void*> before;
    for (const at::Tensor& memory : state.memory) before.push_back(memory.data_ptr());
    vae_.decode(latents_, 2, 2, state);
    for (size_t i = 0; i < before.size(); ++i)
        EXPECT_EQ(state.memory[i].data_ptr(), before[i]) << i;
}

TEST_P(VaeOfEachType, EncodesToWhatItDecodes) {
    const at::Tensor frames = testing::random_frames(9, 4 * vae_.pixels(), 2 * vae_.pixels());
    EXPECT_EQ(vae_.encoder->encode(frames).sizes(),
              (std::vector<int64_t>{vae_.type.latent_channels, 3, 4, 2}));
}

INSTANTIATE_TEST_SUITE_P(Types, VaeOfEachType,
                         ::testing::Values("taew2.1", "lighttaew2.1", "tae-w2.2", "tae-hv",
                                           "wan2.1", "wan2.2"),
                         [](const auto& info) {
                             std::string name = info.param;
                             for (char& c : name)
                                 if (!std::isalnum(c)) c = '_';
                             return name;
                         });

// docs/model.md section 10.1, layer by layer over all frames at once, in double.
class TaehvFormula {
  public:
    TaehvFormula(const TensorMap& tensors, double leak, int64_t patch)
        : w_(testing::in_double(tensors)), leak_(leak), patch_(patch) {}

    // latents: [C, f, h, w], as the network takes them.
    at::Tensor decode(const at::Tensor& latents) const {
        at::Tensor x = latents.to(at::kDouble).transpose(0, 1);
        x = activate(conv("1", 3 * at::tanh(x / 3)));
        for (int stage = 0; stage < 3; ++stage) {
            const int first = 3 + 6 * stage;
            for (int i = 0; i < 3; ++i) x = mem_block(first + i, x);
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3);
            const int64_t channels = x.size(1);
            x = conv(std::to_string(first + 4) + ".conv", x);
            // The first channels are the earlier frame.
            x = x.reshape({-1, channels, x.size(2), x.size(3)});
            x = conv(std::to_string(first + 5), x);
        }
        return at::pixel_shuffle(conv("22", activate(x)), patch_).slice(0, 3);
    }

  private:
    at::Tensor activate(const at::Tensor& x) const { return at::where(x > 0, x, x * leak_); }
    at::Tensor conv(const std::string& name, const at::Tensor& x) const {
        const at::Tensor& weight = w_.at("decoder." + name + ".weight");
        const auto bias = w_.find("decoder." + name + ".bias");
        return at::conv2d(x, weight, bias == w_.end() ? at::Tensor() : bias->second, 1,
                          weight.size(2) / 2);
    }
    at::Tensor mem_block(int index, const at::Tensor& x) const {
        const std::string name = std::to_string(index) + ".conv.";
        const at::Tensor past = at::cat({at::zeros_like(x[0]).unsqueeze(0), x.slice(0, 0, -1)});
        const at::Tensor a = activate(conv(name + "0", at::cat({x, past}, 1)));
        return activate(conv(name + "4", activate(conv(name + "2", a))) + x);
    }

    TensorMap w_;
    double leak_;
    int64_t patch_;
};

TEST(Taehv, IsTheFormula) {
    const testing::Seed seed(62);
    const c10::NoGradGuard no_grad;
    auto expect = [](const char* name, double leak, int64_t patch,
                     const std::function<at::Tensor(const at::Tensor&)>& inward,
                     const std::function<at::Tensor(const at::Tensor&)>& outward) {
        const SmallVae vae(name);
        const at::Tensor latents = vae.latents(3) * 2;
        Decoder::State state;
        const at::Tensor expected =
            outward(TaehvFormula(vae.tensors, leak, patch).decode(inward(latents.to(at::kDouble))));
        EXPECT_LT(testing::relative_l2(vae.decode(latents, 0, 3, state), expected), 1e-6) << name;
    };
    auto same = [](const at::Tensor& x) { return x; };
    expect("taew2.1", 0.0, 1, same, same);
    expect("tae-w2.2", 0.0, 2, same, same);
    // Not normalised, as the Wan2.1 VAE's own decoder takes them.
    const wan::Graph& wan21 = wan::graph_of(WanVersion::k2_1);
    const at::Tensor deviation = at::tensor(wan21.deviation).view({-1, 1, 1, 1});
    const at::Tensor mean = at::tensor(wan21.mean).view({-1, 1, 1, 1});
    expect(
        "lighttaew2.1", 0.0, 1, [&](const at::Tensor& x) { return x * deviation + mean; }, same);
    expect(
        "tae-hv", 0.2, 2, [](const at::Tensor& x) { return x / 1.03682; },
        [](const at::Tensor& x) { return (x + 1) / 2; });
}

// docs/model.md section 10.1, of one latent frame without a past: then all of time is one frame.
TEST(Wan22, TheFirstFrameIsTheFormula) {
    const testing::Seed seed(63);
    const c10::NoGradGuard no_grad;
    const SmallVae vae("wan2.2");
    const TensorMap w = testing::in_double(vae.tensors);
    auto norm = [&](const std::string& name, const at::Tensor& x) {
        const at::Tensor length = x.square().sum(1, true).sqrt();
        return x / length * std::sqrt(x.size(1)) * w.at(name + ".gamma").view({-1, 1, 1});
    };
    auto conv = [&](const std::string& name, const at::Tensor& x) {
        const at::Tensor& weight = w.at(name + ".weight");
        const at::Tensor last = weight.dim() == 5 ? weight.select(2, weight.size(2) - 1) : weight;
        return at::conv2d(x, last, w.at(name + ".bias"), 1, last.size(2) / 2);
    };
    auto block = [&](const std::string& name, const at::Tensor& x) {
        at::Tensor y = conv(name + "residual.2", at::silu(norm(name + "residual.0", x)));
        y = conv(name + "residual.6", at::silu(norm(name + "residual.3", y)));
        return y + (w.count(name + "shortcut.weight") ? conv(name + "shortcut", x) : x);
    };
    const wan::Graph& graph = wan::graph_of(WanVersion::k2_2);
    const at::Tensor latents = vae.latents(1);
    at::Tensor x =
        latents.to(at::kDouble).transpose(0, 1) * at::tensor(graph.deviation).view({-1, 1, 1}) +
        at::tensor(graph.mean).view({-1, 1, 1});
    x = block("decoder.middle.0.", conv("decoder.conv1", conv("conv2", x)));
    const at::Tensor qkv = conv("decoder.middle.1.to_qkv", norm("decoder.middle.1.norm", x));
    const auto parts = qkv.flatten(2).transpose(1, 2).chunk(3, 2);
    const at::Tensor weights =
        at::softmax(parts[0].matmul(parts[1].transpose(1, 2)) / std::sqrt(x.size(1)), 2);
    x = x +
        conv("decoder.middle.1.proj", weights.matmul(parts[2]).transpose(1, 2).reshape(x.sizes()));
    x = block("decoder.middle.2.", x);
    for (int stage = 0; stage < 4; ++stage) {
        const std::string name = "decoder.upsamples." + std::to_string(stage) + ".upsamples.";
        const at::Tensor before = x;
        for (int i = 0; i < 3; ++i) x = block(name + std::to_string(i) + ".", x);
        if (stage == 3) break;
        x = conv(name + "3.resample.1", x.repeat_interleave(2, 2).repeat_interleave(2, 3));
        // Channels are repeated to [out, frames, 2, 2] of each position; of the frames the last.
        const int64_t frames = stage < 2 ? 2 : 1;
        const int64_t repeats = 4 * x.size(1) * frames / before.size(1);
        for (int64_t c = 0; c < x.size(1); ++c)
            for (int64_t dy = 0; dy < 2; ++dy)
                for (int64_t dx = 0; dx < 2; ++dx) {
                    const int64_t channel = ((c * frames + frames - 1) * 2 + dy) * 2 + dx;
                    x.select(1, c)
                        .slice(1, dy, x.size(2), 2)
                        .slice(2, dx, x.size(3), 2)
                        .add_(before.select(1, channel / repeats));
                }
    }
    x = conv("decoder.head.2", at::silu(norm("decoder.head.0", x)));
    at::Tensor picture = at::empty({1, 3, 2 * x.size(2), 2 * x.size(3)}, x.options());
    for (int64_t c = 0; c < 3; ++c)
        for (int64_t r = 0; r < 2; ++r)
            for (int64_t q = 0; q < 2; ++q)
                picture.select(1, c)
                    .slice(1, q, picture.size(2), 2)
                    .slice(2, r, picture.size(3), 2)
                    .copy_(x.select(1, (c * 2 + r) * 2 + q));
    Decoder::State state;
    EXPECT_LT(testing::relative_l2(vae.decode(latents, 0, 1, state), (picture + 1) / 2), 1e-5);
}

// What a frame does not know yet, its latent does not either.
TEST(Wan22, EncodesCausally) {
    const testing::Seed seed(64);
    const c10::NoGradGuard no_grad;
    const SmallVae vae("wan2.2");
    const at::Tensor frames = testing::random_frames(9, 32, 32);
    const at::Tensor latents = vae.encoder->encode(frames);
    EXPECT_LT(
        testing::relative_l2(vae.encoder->encode(frames.narrow(0, 0, 5)), latents.narrow(1, 0, 2)),
        1e-5);
}

TEST(LatentAdapter, SeesFourLatentsAndTheirNeighbours) {
    const testing::Seed seed(65);
    TensorMap tensors = testing::random_tensors(LatentAdapter::manifest(3, 5));
    Weights weights = Weights::from(tensors, "random");
    const LatentAdapter adapter(weights, 3, 5, Placement{});
    const at::Tensor latents = at::randn({3, 2, 6, 8});
    const at::Tensor stacked = testing::blocks_to_channels(latents.transpose(0, 1), 2);
    const at::Tensor expected = at::conv2d(at::replication_pad2d(stacked, {1, 1, 1, 1}),
                                           tensors.at("weight"), tensors.at("bias"));
    EXPECT_LT(testing::relative_l2(adapter(latents), expected.transpose(0, 1)), 1e-6);
}

}  // namespace
}  // namespace flashvsr
