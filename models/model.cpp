#include "models/model.h"

#include <ATen/Context.h>
#include <c10/core/GradMode.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "models/error.h"

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

ModelFiles find_files(const std::string& dir) {
    std::error_code ignored;
    if (!fs::is_directory(dir, ignored))
        throw Error(Error::Kind::kNotFound,
                    "model folder " + dir + " does not exist; set model-dir to the folder that " +
                        "holds diffusion_pytorch_model_streaming_dmd.safetensors");
    std::string missing;
    auto find = [&](const std::vector<std::string>& names) {
        const std::string path = find_file(dir, names);
        if (path.empty()) missing += (missing.empty() ? "" : ", ") + names.front();
        return path;
    };
    ModelFiles files;
    files.dit = find({"diffusion_pytorch_model_streaming_dmd.safetensors"});
    files.projector = find({"LQ_proj_in.ckpt", "LQ_proj_in.safetensors"});
    files.decoder = find({"TCDecoder.ckpt", "TCDecoder.safetensors"});
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

// fp32 is fp32 and not TF32. Process-wide, since that is how LibTorch keeps it.
void forbid_tf32() {
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
}

}  // namespace

ModelWeights open_model_weights(const std::string& dir) {
    const ModelFiles files = find_files(dir);
    return {Weights::open(files.dit).select("dit."),
            Weights::open(files.projector).select("lq_proj_in."),
            Weights::open(files.decoder).select("tc_decoder."), open_prompt(files.prompt)};
}

ModelVersion detect_version(const std::string& dir) {
    const fs::path description = fs::path(dir) / "model.json";
    std::error_code ignored;
    if (fs::is_regular_file(description, ignored)) {
        std::ifstream file(description);
        const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
        const bool named =
            json.is_object() && json.contains("version") && json["version"].is_string();
        const std::string version = named ? json["version"].get<std::string>() : "";
        if (version == "1") return ModelVersion::k1;
        if (version == "1.1") return ModelVersion::k1_1;
        throw Error(Error::Kind::kBadFormat,
                    description.string() + " should say {\"version\": \"1\"} or \"1.1\"");
    }
    const std::string name = fs::weakly_canonical(dir, ignored).filename().string();
    return name.find("1.1") == std::string::npos ? ModelVersion::k1 : ModelVersion::k1_1;
}

Model load_model(ModelWeights weights, ModelVersion version, const Placement& placement,
                 const LoadProgress& progress) {
    const c10::NoGradGuard no_grad;
    forbid_tf32();
    // By released file sizes: 1.42, 0.29 and 0.05 billion parameters.
    progress(0.0, "transformer");
    Dit dit(weights.dit, weights.prompt, placement,
            [&](double share) { progress(0.8 * share, "transformer"); });
    progress(0.8, "projector");
    LqProjector projector(weights.projector, dit.config().dim, version, placement);
    progress(0.97, "decoder");
    TcDecoder decoder(weights.decoder, dit.config().latent_channels, placement);
    progress(1.0, "ready");
    return {placement, version, std::move(dit), std::move(projector), std::move(decoder)};
}

}  // namespace flashvsr
