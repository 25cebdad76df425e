// SPDX-License-Identifier: Apache-2.0
#include "models/model.h"

#include <filesystem>
#include <string>
#include <vector>

#include "models/error.h"
#include "models/fused/lq_projector.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

// Looks for a stem with any of the extensions that checkpoints come with.
std::string find_file(const fs::path& dir, const std::vector<std::string>& names) {
    std::error_code ignored;
    for (const std::string& name : names)
        if (fs::is_regular_file(dir / name, ignored)) return (dir / name).string();
    return {};
}

struct ModelFiles {
    std::string dit, projector, decoder, prompt;
};

ModelFiles find_files(const std::string& dir, const DecoderChoice& choice) {
    std::error_code ignored;
    if (!fs::is_directory(dir, ignored))
        throw Error(Error::Kind::kNotFound,
                    "model folder " + dir + " does not exist; set model-dir to the folder that " +
                        "holds diffusion_pytorch_model_streaming_dmd.safetensors");
    std::string missing;
    auto need = [&](const std::string& path, const std::string& name) {
        if (path.empty()) missing += (missing.empty() ? "" : ", ") + name;
        return path;
    };
    auto find = [&](const std::vector<std::string>& names) {
        return need(find_file(dir, names), names.front());
    };
    ModelFiles files;
    files.dit = find({"diffusion_pytorch_model_streaming_dmd.safetensors"});
    files.projector = find({"LQ_proj_in.ckpt", "LQ_proj_in.safetensors"});
    files.decoder = need(find_decoder_file(choice, dir), choice.type->file);
    files.prompt = find({"posi_prompt.pth", "posi_prompt.safetensors"});
    if (!missing.empty())
        throw Error(Error::Kind::kNotFound, "model folder " + dir + " lacks " + missing +
                                                "; put the released files there under these names");
    return files;
}

at::Tensor open_prompt(const std::string& path) {
    Weights weights = Weights::open(path).select("positive_conditioning");
    const std::vector<std::string> names = weights.names();
    if (names.size() != 1)
        throw Error(Error::Kind::kBadFormat,
                    path + " holds " + std::to_string(names.size()) +
                        " tensors where the prompt is one; use the released posi_prompt.pth");
    const at::Tensor prompt = weights.take(names.front(), {1, -1, -1});
    weights.finish();
    return prompt;
}

std::unique_ptr<const Projector> make_projector(Weights& weights, int64_t dim, ModelVersion version,
                                                const Placement& placement) {
    if (placement.fused() && FusedLqProjector::supports(LqProjector::config_of(weights, dim)))
        return std::make_unique<FusedLqProjector>(weights, dim, version, placement);
    return std::make_unique<LqProjector>(weights, dim, version, placement);
}

void take_decoder_shape(const ModelWeights& weights, const ModelDescription& description,
                        ModelShape& shape) {
    using Family = DecoderType::Family;
    switch (weights.decoder_type->family) {
        case Family::kTcd:
            shape.decoder = TcDecoder::config_of(weights.decoder, shape.dit.latent_channels,
                                                 description.decoder);
            return;
        case Family::kTaehv: return;
        case Family::kWan21:
        case Family::kWan22:
            shape.vae_width = size_of(weights.decoder, "decoder.head.0.gamma", 0);
            return;
    }
}

}  // namespace

ModelWeights open_model_weights(const std::string& dir, const DecoderChoice& choice) {
    const ModelFiles files = find_files(dir, choice);
    return {Weights::open(files.dit).select("dit."),
            Weights::open(files.projector).select("lq_proj_in."),
            Weights::open(files.decoder).select("tc_decoder."),
            open_prompt(files.prompt),
            choice.type,
            open_adapter(choice, files.decoder)};
}

Model load_model(ModelWeights weights, const ModelDescription& description,
                 const Placement& placement, const LoadProgress& progress) {
    // By released file sizes: 1.42, 0.29 and 0.05 billion parameters.
    progress(0.0, "transformer");
    Dit dit(weights.dit, weights.prompt, placement,
            [&](double share) { progress(0.8 * share, "transformer"); });
    ModelShape shape;
    shape.dit = dit.config();
    shape.prompt_tokens = weights.prompt.size(1);
    progress(0.8, "projector");
    shape.projector = LqProjector::config_of(weights.projector, shape.dit.dim);
    auto projector =
        make_projector(weights.projector, dit.config().dim, description.version, placement);
    progress(0.97, "decoder");
    take_decoder_shape(weights, description, shape);
    auto decoder = load_decoder(*weights.decoder_type, weights.decoder, weights.adapter,
                                dit.config().latent_channels, description.decoder, placement);
    progress(1.0, "ready");
    return {placement,          description.version,  std::move(dit), std::move(projector),
            std::move(decoder), weights.decoder_type, shape};
}

}  // namespace flashvsr
