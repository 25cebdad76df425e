// SPDX-License-Identifier: Apache-2.0
// The decoders that there are, which of them belongs to which mode, and their files.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/checkpoint/weights.h"
#include "models/decoder.h"
#include "models/decoders/encoder.h"
#include "models/decoders/taehv_decoder.h"
#include "models/decoders/tc_decoder.h"
#include "models/placement.h"

namespace flashvsr {

enum class Mode { kTiny, kFull };

struct DecoderType {
    enum class Family { kTcd, kTaehv, kWan21, kWan22 };

    const char* name;  // as in FlashvsrEngineConfig::vae_type
    Family family;
    Mode mode;
    const char* file;                // as released
    int64_t latent_channels;         // of the latents that it takes
    TaehvDecoder::Graph graph = {};  // of a kTaehv
    // FlashVSR's latents are Wan2.1's: 16 channels of 8 x 8 pixels.
    bool needs_adapter() const { return latent_channels != 16; }
    bool is_vae() const { return family == Family::kWan21 || family == Family::kWan22; }
};

// See DecoderElements. tcd: a TCDecoder's configuration; vae_width: a VAE's width.
DecoderElements decoder_elements(const DecoderType& type, const TcDecoder::Config& tcd,
                                 int64_t vae_width, bool fused);

const std::vector<DecoderType>& decoder_types();
// Throws Error kInvalidArgument, naming those that there are.
const DecoderType& decoder_type(const std::string& name);
const DecoderType& default_decoder(Mode mode);

// What a user asked for; empty: by mode, in the model's folder.
struct DecoderRequest {
    Mode mode = Mode::kTiny;
    std::string type;
    std::string path;     // of the decoder's file
    std::string adapter;  // of the latent adapter's
};

// A decoder and where it lies.
struct DecoderChoice {
    const DecoderType* type = &default_decoder(Mode::kTiny);
    std::string path;     // empty: in the model's folder
    std::string adapter;  // empty: beside the decoder's file
};

// A type that does not belong to the mode gives the mode's default in its place, and a call to
// `warn` that says so. Throws Error for a type that there is none of.
DecoderChoice choose_decoder(const DecoderRequest& request,
                             const std::function<void(const std::string&)>& warn);

// Where the decoder's file is, under its released name or as another kind of checkpoint of the same
// stem; empty when the folder has none.
std::string find_decoder_file(const DecoderChoice& choice, const std::string& model_dir);

// Where its latent adapter is when nobody says: NAME.adapter.safetensors beside NAME.pth.
std::string adapter_beside(const std::string& decoder_file);

// The adapter that the decoder needs; none when it needs none. Throws Error kNotFound, which says
// how to make one.
std::optional<Weights> open_adapter(const DecoderChoice& choice, const std::string& decoder_file);

// The encoder or the decoder of a file of that type, on latents of its own.
std::unique_ptr<const Encoder> load_encoder(const DecoderType& type, Weights& weights,
                                            const Placement& placement);
std::unique_ptr<const Decoder> load_own_decoder(const DecoderType& type, Weights& weights,
                                                const Placement& placement);

// The decoder for the transformer's latents. graph: of a TCDecoder.
std::unique_ptr<const Decoder> load_decoder(const DecoderType& type, Weights& weights,
                                            std::optional<Weights>& adapter,
                                            int64_t latent_channels, const TcDecoder::Graph& graph,
                                            const Placement& placement);

}  // namespace flashvsr
