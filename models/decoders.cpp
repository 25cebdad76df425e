// SPDX-License-Identifier: Apache-2.0
#include "models/decoders.h"

#include <algorithm>
#include <filesystem>

#include "models/decoders/latent_adapter.h"
#include "models/decoders/taehv_encoder.h"
#include "models/decoders/wan_decoder.h"
#include "models/decoders/wan_encoder.h"
#include "models/error.h"
#include "models/fused/taehv_decoder.h"
#include "models/fused/tc_decoder.h"
#include "models/fused/wan_decoder.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

const char* name_of(Mode mode) { return mode == Mode::kTiny ? "tiny" : "full"; }

std::string names_of(const std::function<bool(const DecoderType&)>& wanted) {
    std::string names;
    for (const DecoderType& type : decoder_types())
        if (wanted(type)) names += (names.empty() ? "" : ", ") + std::string(type.name);
    return names;
}

std::unique_ptr<const Decoder> load_tcd(Weights& weights, int64_t latent_channels,
                                        const TcDecoder::Graph& graph, const Placement& placement) {
    if (placement.fused() &&
        FusedTcDecoder::supports(TcDecoder::config_of(weights, latent_channels, graph)))
        return std::make_unique<FusedTcDecoder>(weights, latent_channels, placement);
    return std::make_unique<TcDecoder>(weights, latent_channels, graph, placement);
}

std::unique_ptr<const Decoder> load_taehv(Weights& weights, const TaehvDecoder::Graph& graph,
                                          const Placement& placement) {
    if (placement.fused()) return std::make_unique<FusedTaehvDecoder>(weights, graph, placement);
    return std::make_unique<TaehvDecoder>(weights, graph, placement);
}

std::unique_ptr<const Decoder> load_wan(Weights& weights, WanVersion version,
                                        const Placement& placement) {
    if (placement.fused() && FusedWanDecoder::supports(WanDecoder::width_of(weights)))
        return std::make_unique<FusedWanDecoder>(weights, version, placement);
    return std::make_unique<WanDecoder>(weights, version, placement);
}

}  // namespace

// The first of each mode is its default.
const std::vector<DecoderType>& decoder_types() {
    using Family = DecoderType::Family;
    const wan::Graph& wan21 = wan::graph_of(WanVersion::k2_1);
    static const std::vector<DecoderType> types = {
        {"tcd", Family::kTcd, Mode::kTiny, "TCDecoder.ckpt", 16},
        {"taew2.1", Family::kTaehv, Mode::kTiny, "taew2_1.pth", 16},
        {"lighttaew2.1",
         Family::kTaehv,
         Mode::kTiny,
         "lighttaew2_1.pth",
         16,
         {/*leak=*/0.0, /*symmetric=*/false, wan21.deviation, wan21.mean}},
        {"tae-w2.2", Family::kTaehv, Mode::kTiny, "taew2_2.safetensors", 48},
        {"tae-hv",
         Family::kTaehv,
         Mode::kTiny,
         "lighttaehy1_5.pth",
         32,
         {/*leak=*/0.2, /*symmetric=*/true, /*deviation=*/{1 / 1.03682}, {}}},
        {"wan2.1", Family::kWan21, Mode::kFull, "Wan2.1_VAE.pth", 16},
        {"light", Family::kWan21, Mode::kFull, "lightvaew2_1.pth", 16},
        {"wan2.2", Family::kWan22, Mode::kFull, "Wan2.2_VAE.pth", 48},
    };
    return types;
}

DecoderElements decoder_elements(const DecoderType& type, const TcDecoder::Config& tcd,
                                 int64_t vae_width, bool fused) {
    const int64_t patch = type.needs_adapter() ? 2 : 1;
    switch (type.family) {
        case DecoderType::Family::kTcd: return TcDecoder::elements(tcd, fused);
        case DecoderType::Family::kTaehv: {
            TaehvDecoder::Config config;
            config.patch = patch;
            return TaehvDecoder::elements(config, fused);
        }
        case DecoderType::Family::kWan21:
        case DecoderType::Family::kWan22: return WanDecoder::elements(vae_width, patch, fused);
    }
    return {};
}

const DecoderType& decoder_type(const std::string& name) {
    for (const DecoderType& type : decoder_types())
        if (name == type.name) return type;
    throw Error(Error::Kind::kInvalidArgument,
                "unknown vae-type \"" + name + "\"; there are " +
                    names_of([](const DecoderType&) { return true; }));
}

const DecoderType& default_decoder(Mode mode) {
    const auto& types = decoder_types();
    return *std::find_if(types.begin(), types.end(),
                         [mode](const DecoderType& type) { return type.mode == mode; });
}

DecoderChoice choose_decoder(const DecoderRequest& request,
                             const std::function<void(const std::string&)>& warn) {
    const DecoderType& usual = default_decoder(request.mode);
    const DecoderType& asked = request.type.empty() ? usual : decoder_type(request.type);
    if (asked.mode == request.mode) return {&asked, request.path, request.adapter};
    const std::string mode = std::string("mode=") + name_of(request.mode);
    warn("vae-type=" + request.type + " does not belong to " + mode + ", whose decoders are " +
         names_of([&](const DecoderType& type) { return type.mode == request.mode; }) +
         "; taking " + usual.name + " from the model's folder");
    return {&usual, {}, {}};
}

std::string find_decoder_file(const DecoderChoice& choice, const std::string& model_dir) {
    if (!choice.path.empty()) return choice.path;
    fs::path path = fs::path(model_dir) / choice.type->file;
    const fs::path released = path.extension();
    std::error_code ignored;
    for (const fs::path& extension : {released, fs::path(".safetensors"), fs::path(".pth")}) {
        path = path.parent_path() / (path.stem().string() + extension.string());
        if (fs::is_regular_file(path, ignored)) return path.string();
    }
    return {};
}

std::string adapter_beside(const std::string& decoder_file) {
    return fs::path(decoder_file).replace_extension(".adapter.safetensors").string();
}

std::optional<Weights> open_adapter(const DecoderChoice& choice, const std::string& decoder_file) {
    const DecoderType& type = *choice.type;
    if (!type.needs_adapter()) return {};
    const std::string path = choice.adapter.empty() ? adapter_beside(decoder_file) : choice.adapter;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored))
        throw Error(Error::Kind::kNotFound,
                    std::string("vae-type=") + type.name + " decodes latents of its own, " +
                        std::to_string(type.latent_channels) +
                        " channels of 16x16 pixels, and FlashVSR's are 16 of 8x8: it needs a " +
                        "latent adapter, and there is none at " + path +
                        "; make it with flashvsr-train adapter --from Wan2.1_VAE.pth --to " +
                        decoder_file + " --type " + type.name + " --data PACK --out " + path);
    return Weights::open(path);
}

std::unique_ptr<const Encoder> load_encoder(const DecoderType& type, Weights& weights,
                                            const Placement& placement) {
    using Family = DecoderType::Family;
    switch (type.family) {
        case Family::kTcd: break;
        case Family::kTaehv: return std::make_unique<TaehvEncoder>(weights, type.graph, placement);
        case Family::kWan21:
            return std::make_unique<WanEncoder>(weights, WanVersion::k2_1, placement);
        case Family::kWan22:
            return std::make_unique<WanEncoder>(weights, WanVersion::k2_2, placement);
    }
    throw Error(Error::Kind::kInvalidArgument, std::string(type.name) + " has no encoder");
}

std::unique_ptr<const Decoder> load_own_decoder(const DecoderType& type, Weights& weights,
                                                const Placement& placement) {
    using Family = DecoderType::Family;
    switch (type.family) {
        case Family::kTcd: break;
        case Family::kTaehv: return load_taehv(weights, type.graph, placement);
        case Family::kWan21: return load_wan(weights, WanVersion::k2_1, placement);
        case Family::kWan22: return load_wan(weights, WanVersion::k2_2, placement);
    }
    throw Error(Error::Kind::kInvalidArgument, std::string(type.name) + " is no VAE's decoder");
}

std::unique_ptr<const Decoder> load_decoder(const DecoderType& type, Weights& weights,
                                            std::optional<Weights>& adapter,
                                            int64_t latent_channels, const TcDecoder::Graph& graph,
                                            const Placement& placement) {
    if (type.family == DecoderType::Family::kTcd)
        return load_tcd(weights, latent_channels, graph, placement);
    auto decoder = load_own_decoder(type, weights, placement);
    if (!adapter) return decoder;
    return std::make_unique<AdaptedDecoder>(
        LatentAdapter(*adapter, latent_channels, type.latent_channels, placement),
        std::move(decoder));
}

}  // namespace flashvsr
