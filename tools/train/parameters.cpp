// SPDX-License-Identifier: Apache-2.0
#include "tools/train/parameters.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/checkpoint/safetensors.h"
#include "models/error.h"

namespace flashvsr::train {
namespace {

constexpr double kClipNorm = 1.0;
constexpr double kMeanDecay = 0.998;

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

bool ends(const std::string& name, const std::string& end) {
    return name.size() >= end.size() &&
           name.compare(name.size() - end.size(), end.size(), end) == 0;
}

at::Tensor start_value(const std::string& name, const std::vector<int64_t>& shape) {
    if (ends(name, ".bias")) return at::zeros(shape);
    if (has(name, "norm") || has(name, "gamma")) return at::ones(shape);
    at::Tensor value = at::randn(shape);
    if (has(name, "modulation")) return value / std::sqrt(static_cast<double>(shape.back()));
    const auto fan_in = static_cast<double>(value[0].numel());
    const bool convolution = has(name, "decoder.") || has(name, "conv");
    value *= std::sqrt((convolution ? 2.0 : 1.0) / fan_in);
    // Last of a residual branch, or of the network.
    if (has(name, ".conv.4.") || has(name, "head.head.")) value *= 0.1;
    if (has(name, "decoder.26.")) value *= 0.01;
    return value;
}

TensorMap start_values(const Manifest& manifest) {
    TensorMap values;
    for (const auto& [name, shape] : manifest) values[name] = start_value(name, shape);
    return values;
}

TensorMap placed(const TensorMap& tensors, const at::Device& device) {
    TensorMap result;
    for (const auto& [name, tensor] : tensors)
        result[name] = tensor.to(device, at::kFloat).clone().requires_grad_(true);
    return result;
}

TensorMap rounded(const TensorMap& tensors) {
    TensorMap result;
    for (const auto& [name, tensor] : tensors)
        result[name] = tensor.detach().to(at::kCPU, at::kHalf).contiguous();
    return result;
}

TensorMap read_all(Weights weights) {
    TensorMap tensors;
    for (const std::string& name : weights.names())
        tensors[name] = weights.take(name, *weights.shape(name));
    return tensors;
}

void write_json(const std::string& path, const nlohmann::json& json) {
    std::ofstream file(path);
    file << json.dump(2) << "\n";
    if (!file) throw Error(Error::Kind::kReadFailed, path + " cannot be written");
}

}  // namespace

std::vector<at::Tensor> Parameters::all() const {
    std::vector<at::Tensor> tensors;
    for (const TensorMap* map : {&dit, &projector, &decoder})
        for (const auto& named : *map) tensors.push_back(named.second);
    tensors.push_back(prompt);
    return tensors;
}

Model Parameters::build(const ModelDescription& description, const Placement& placement) const {
    return load_model({Weights::from(dit, "transformer"), Weights::from(projector, "projector"),
                       Weights::from(decoder, "decoder"), prompt},
                      description, placement, [](double, const char*) {});
}

Parameters random_parameters(const ModelShape& shape, const at::Device& device) {
    Parameters parameters{placed(start_values(Dit::manifest(shape.dit)), device),
                          placed(start_values(LqProjector::manifest(shape.projector)), device),
                          {},
                          {}};
    TensorMap decoder = start_values(TcDecoder::manifest(shape.decoder));
    // The latents begin as noise: let the decoder listen to them little at first.
    at::Tensor& first = decoder.at("decoder.1.weight");
    const int64_t latents = shape.decoder.latent_channels;
    first.narrow(1, first.size(1) - latents, latents).mul_(0.1);
    parameters.decoder = placed(decoder, device);
    parameters.prompt =
        at::randn({1, shape.prompt_tokens, shape.dit.text_dim}).to(device).requires_grad_(true);
    return parameters;
}

Parameters read_parameters(const std::string& model_dir, const at::Device& device) {
    const ModelWeights weights = open_model_weights(model_dir);
    return {placed(read_all(weights.dit), device), placed(read_all(weights.projector), device),
            placed(read_all(weights.decoder), device),
            weights.prompt.to(device, at::kFloat).clone().requires_grad_(true)};
}

void write_model(const Parameters& parameters, const ModelDescription& description,
                 const std::string& folder) {
    std::filesystem::create_directories(folder);
    write_safetensors(folder + "/diffusion_pytorch_model_streaming_dmd.safetensors",
                      rounded(parameters.dit));
    write_safetensors(folder + "/LQ_proj_in.safetensors", rounded(parameters.projector));
    write_safetensors(folder + "/TCDecoder.safetensors", rounded(parameters.decoder));
    write_safetensors(folder + "/posi_prompt.safetensors",
                      rounded({{"context", parameters.prompt}}));
    const TcDecoder::Graph& graph = description.decoder;
    write_json(folder + "/model.json",
               {{"version", description.version == ModelVersion::k1 ? "1" : "1.1"},
                {"decoder",
                 {{"patch", graph.patch},
                  {"upsample", graph.upsample},
                  {"shuffle", graph.shuffle},
                  {"leak", graph.leak},
                  {"skip", graph.skip}}}});
}

Optimiser::Optimiser(const Parameters& parameters) : weights_(parameters.all()) {
    const c10::NoGradGuard no_grad;
    for (const at::Tensor& weight : weights_) {
        first_.push_back(at::zeros_like(weight));
        second_.push_back(at::zeros_like(weight));
        steps_.push_back(at::zeros({}, weight.options()));
        mean_.push_back(weight.detach().clone());
    }
}

double Optimiser::step(double learning_rate) {
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> gradients;
    for (at::Tensor& weight : weights_) {
        gradients.push_back(weight.grad().defined() ? weight.grad() : at::zeros_like(weight));
        weight.mutable_grad().reset();
    }
    const std::vector<at::Tensor> norms = at::_foreach_norm(gradients, 2);
    const double norm = at::stack(norms).norm().item<double>();
    if (!std::isfinite(norm)) return norm;
    if (norm > kClipNorm) at::_foreach_mul_(gradients, at::Scalar(kClipNorm / norm));
    at::_foreach_add_(steps_, at::Scalar(1));
    at::_fused_adamw_(weights_, gradients, first_, second_, {}, steps_, learning_rate, 0.9, 0.99,
                      /*weight_decay=*/1e-4, /*eps=*/1e-8, /*amsgrad=*/false, /*maximize=*/false);
    ++updates_;
    // Early on the mean follows quickly, or the random start would stay in it for long.
    const double decay = std::min(kMeanDecay, static_cast<double>(updates_) / (updates_ + 10.0));
    at::_foreach_lerp_(mean_, weights_, at::Scalar(1.0 - decay));
    return norm;
}

Parameters Optimiser::mean(const Parameters& names) const {
    Parameters result;
    size_t next = 0;
    for (auto [from, to] :
         {std::pair{&names.dit, &result.dit}, std::pair{&names.projector, &result.projector},
          std::pair{&names.decoder, &result.decoder}})
        for (const auto& named : *from) (*to)[named.first] = mean_[next++];
    result.prompt = mean_[next];
    return result;
}

TensorMap Optimiser::state() const {
    TensorMap state;
    auto keep = [&](const char* name, const std::vector<at::Tensor>& tensors) {
        for (size_t i = 0; i < tensors.size(); ++i)
            state[name + std::to_string(i)] = tensors[i].detach().cpu().contiguous();
    };
    keep("weight.", weights_);
    keep("first.", first_);
    keep("second.", second_);
    keep("steps.", steps_);
    keep("mean.", mean_);
    return state;
}

void Optimiser::load_state(const TensorMap& state) {
    const c10::NoGradGuard no_grad;
    auto restore = [&](const char* name, std::vector<at::Tensor>& tensors) {
        for (size_t i = 0; i < tensors.size(); ++i)
            tensors[i].copy_(state.at(name + std::to_string(i)));
    };
    restore("weight.", weights_);
    restore("first.", first_);
    restore("second.", second_);
    restore("steps.", steps_);
    restore("mean.", mean_);
    updates_ = static_cast<int64_t>(steps_.front().item<double>());
}

}  // namespace flashvsr::train
