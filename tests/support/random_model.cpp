// SPDX-License-Identifier: Apache-2.0
#include "tests/support/random_model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "models/checkpoint/safetensors.h"
#include "models/decoders/latent_adapter.h"
#include "models/decoders/wan_decoder.h"

namespace flashvsr::testing {
namespace {

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

at::Tensor random_tensor(const std::string& name, const std::vector<int64_t>& shape,
                         const at::TensorOptions& options) {
    at::Tensor tensor = at::randn(shape, options);
    if ((has(name, "norm") && !has(name, "bias")) || has(name, "gamma"))
        return tensor.mul_(0.05).add_(1.0);
    if (has(name, "modulation")) return tensor.mul_(0.1);
    if (shape.size() == 1) return tensor.mul_(0.02);
    const int64_t fan_in = tensor[0].numel();
    return tensor.mul_(1.0 / std::sqrt(static_cast<double>(fan_in)));
}

TensorMap random_tensors(const Manifest& manifest, const at::TensorOptions& options) {
    TensorMap tensors;
    for (const auto& [name, shape] : manifest) tensors[name] = random_tensor(name, shape, options);
    return tensors;
}

Weights random_weights(const Manifest& manifest, const at::TensorOptions& options) {
    return Weights::from(random_tensors(manifest, options), "random weights");
}

Manifest decoder_manifest(const ModelShape& shape, const DecoderType& type) {
    using Family = DecoderType::Family;
    switch (type.family) {
        case Family::kTcd: return TcDecoder::manifest(shape.decoder);
        case Family::kTaehv: return TaehvDecoder::manifest(released_taehv(type));
        case Family::kWan21:
            return WanDecoder::manifest(WanVersion::k2_1, released_wan_width(type));
        case Family::kWan22: break;
    }
    return WanDecoder::manifest(WanVersion::k2_2, released_wan_width(type));
}

}  // namespace

ModelShape released_shape() {
    ModelShape shape;
    shape.dit.dim = 1536;
    shape.dit.heads = 12;
    shape.dit.layers = 30;
    shape.dit.ffn_dim = 8960;
    shape.dit.text_dim = 4096;
    shape.dit.frequency_dim = 256;
    shape.dit.latent_channels = 16;
    shape.projector = {1536, 2048, 3072, 1};
    shape.prompt_tokens = 512;
    return shape;
}

ModelShape tiny_shape() {
    ModelShape shape;
    shape.dit.dim = 128;
    shape.dit.heads = 1;
    shape.dit.layers = 2;
    shape.dit.ffn_dim = 192;
    shape.dit.text_dim = 32;
    shape.dit.frequency_dim = 256;
    shape.dit.latent_channels = 16;
    shape.projector = {128, 16, 24, 1};
    shape.decoder.channels = {16, 16, 16, 16};
    shape.prompt_tokens = 8;
    return shape;
}

TaehvDecoder::Config released_taehv(const DecoderType& type) {
    TaehvDecoder::Config config;
    config.latent_channels = type.latent_channels;
    config.patch = type.needs_adapter() ? 2 : 1;
    return config;
}

int64_t released_wan_width(const DecoderType& type) {
    if (type.family == DecoderType::Family::kWan22) return 256;
    return std::string(type.name) == "light" ? 24 : 96;
}

Model random_model(const ModelShape& shape, ModelVersion version, const Placement& placement,
                   uint64_t seed, const DecoderType& type) {
    at::manual_seed(seed);
    const at::TensorOptions options = placement.options();
    ModelWeights weights{random_weights(Dit::manifest(shape.dit), options),
                         random_weights(LqProjector::manifest(shape.projector), options),
                         random_weights(decoder_manifest(shape, type), options),
                         at::randn({1, shape.prompt_tokens, shape.dit.text_dim}, options), &type};
    if (type.needs_adapter())
        weights.adapter = random_weights(
            LatentAdapter::manifest(shape.dit.latent_channels, type.latent_channels), options);
    ModelDescription description;
    description.version = version;
    description.decoder = shape.decoder.graph;
    const c10::NoGradGuard no_grad;
    return load_model(std::move(weights), description, placement, [](double, const char*) {});
}

void write_random_model(const ModelShape& shape, const std::string& dir, uint64_t seed) {
    at::manual_seed(seed);
    const at::Tensor prompt = at::randn({1, shape.prompt_tokens, shape.dit.text_dim});
    auto write = [&](const char* name, const TensorMap& tensors) {
        TensorMap rounded;
        for (const auto& [key, tensor] : tensors) rounded[key] = tensor.to(at::kBFloat16);
        write_safetensors(dir + "/" + name + ".safetensors", rounded, {});
    };
    write("diffusion_pytorch_model_streaming_dmd",
          random_tensors(Dit::manifest(shape.dit), at::kFloat));
    write("LQ_proj_in", random_tensors(LqProjector::manifest(shape.projector), at::kFloat));
    write("TCDecoder", random_tensors(TcDecoder::manifest(shape.decoder), at::kFloat));
    write("posi_prompt", {{"positive_conditioning", prompt}});
}

}  // namespace flashvsr::testing
