// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/budget.h"

#include <algorithm>

#include "models/attention.h"
#include "models/decoders/wan_decoder.h"
#include "models/draft_mask.h"
#include "tests/support/random_model.h"

namespace flashvsr::testing {
namespace {

constexpr double kChunkFrames = 8;
constexpr double kLatents = 2;
constexpr double kTera = 1e-12;

double conv(double in, double out, double taps, double outputs) {
    return 2 * in * out * taps * outputs;
}

// Multiplications and additions of decoders, their up-convolutions as four 2x2 convolutions.
double tcd_flop(const TcDecoder::Config& config, double pixels) {
    const auto& c = config.channels;
    double positions = pixels / 64 * kLatents;  // of all frames at the stage's resolution
    const double inputs = 12.0 * 64 + static_cast<double>(config.latent_channels);
    double sum = conv(inputs, c[0], 9, positions) + conv(c[0], c[0], 9, positions);
    constexpr double kGrow[] = {1, 2, 2};
    for (int stage = 0; stage < 3; ++stage) {
        sum += 3 * 4 * conv(c[stage], c[stage], 9, positions);  // the first reads two inputs
        positions *= 4 * kGrow[stage];
        sum += conv(c[stage], c[stage + 1], 4, positions);
    }
    return sum + conv(c[3], c[3], 9, positions) + conv(c[3], 3, 9, positions);
}

// pixels: those of a position's 8 x 8, which with a patch are positions of 16 x 16.
double taehv_flop(const TaehvDecoder::Config& config, double pixels) {
    const auto& c = config.channels;
    double positions = pixels / 64 * kLatents;
    double sum = conv(static_cast<double>(config.latent_channels), c[0], 9, positions);
    constexpr double kGrow[] = {1, 2, 2};
    for (int stage = 0; stage < 3; ++stage) {
        sum += 3 * 4 * conv(c[stage], c[stage], 9, positions);
        positions *= 4 * kGrow[stage];
        sum += conv(c[stage], c[stage + 1], 4, positions);
    }
    return sum + conv(c[3], 3.0 * config.patch * config.patch, 9, positions);
}

double wan_flop(const wan::Graph& graph, double width, double pixels) {
    const double wide = 4 * width, place = pixels / 64;
    double positions = place * kLatents;
    double sum = conv(static_cast<double>(graph.latent_channels), wide, 27, positions) +
                 4 * conv(wide, wide, 27, positions) + conv(wide, wide, 4, positions) +
                 4 * positions * place * wide;  // attention
    double in = wide;
    for (size_t stage = 0; stage < 4; ++stage) {
        const double out = static_cast<double>(WanDecoder::stage_width(stage)) * width;
        sum += conv(in, out, 27, positions) + 5 * conv(out, out, 27, positions);
        if (in != out) sum += conv(in, out, 1, positions);
        if (stage < 2) {
            sum += conv(out, 2 * out, 3, positions);
            positions *= 2;
        }
        if (stage == 3) return sum + conv(out, 3.0 * graph.patch * graph.patch, 27, positions);
        in = graph.halves ? out / 2 : out;
        positions *= 4;
        sum += conv(out, in, 4, positions);
    }
    return sum;
}

struct DecoderBudget {
    double flop, bf16_ms, fp8_ms;
};

DecoderBudget decoder_budget(const ModelShape& shape, const DecoderType& type, double pixels) {
    using Family = DecoderType::Family;
    if (type.needs_adapter()) pixels /= 4;  // latents are of 16 x 16
    switch (type.family) {
        case Family::kTcd: break;
        case Family::kTaehv: return {taehv_flop(released_taehv(type), pixels), 20, 20};
        case Family::kWan21:
        case Family::kWan22: {
            const auto version =
                type.family == Family::kWan21 ? WanVersion::k2_1 : WanVersion::k2_2;
            const auto width = static_cast<double>(released_wan_width(type));
            const double ms = width == 24 ? 40 : 238;
            return {wan_flop(wan::graph_of(version), width, pixels), ms, ms};
        }
    }
    return {tcd_flop(shape.decoder, pixels), 24, 15};
}

// With four time taps; the strides over time leave four and two outputs of eight frames.
double projector_flop(const LqProjector::Config& config, double tokens) {
    const double frame = tokens / kLatents;
    return 2 * frame * 9 * 4 * (768.0 * config.hidden1 * 4 + config.hidden1 * config.hidden2 * 2) +
           2 * tokens * config.hidden2 * config.dim * config.layers;
}

}  // namespace

std::vector<BudgetPart> budget(const ModelShape& shape, const DecoderType& decoder_type,
                               const WindowGrid& grid, const SparseSettings& settings) {
    const double tokens = static_cast<double>(grid.tokens());
    const double pixels = static_cast<double>(grid.height()) * grid.width();
    const double layers = static_cast<double>(shape.dit.layers);
    const double square = 2 * tokens * shape.dit.dim * shape.dit.dim * layers;
    const double slices = static_cast<double>(settings.kv_ratio) + 1;
    const double blocks =
        std::min(static_cast<double>(draft_mask_budget(grid, settings.sparse_ratio)),
                 static_cast<double>(grid.windows() * grid.windows()) * slices);
    const DecoderBudget decoder = decoder_budget(shape, decoder_type, pixels);
    constexpr double kBlockFlop = 4.0 * kWindowTokens * kWindowTokens * kHeadDim;
    std::vector<BudgetPart> parts = {
        {"projector", kTera * projector_flop(shape.projector, tokens), 8, 6},
        {"self projections", kTera * 4 * square, 6.9, 4.3},
        {"q and k", 0, 1.5, 1.2},
        {"draft mask", 0, 1.0, 1.0},
        {"sparse attention", kTera * kBlockFlop * blocks * shape.dit.heads * layers, 40, 28},
        {"cross projections", kTera * 2 * square, 3.4, 2.2},
        {"cross attention", kTera * 4 * tokens * shape.prompt_tokens * shape.dit.dim * layers, 1.6,
         1.6},
        {"feed forward", kTera * 4 * tokens * shape.dit.dim * shape.dit.ffn_dim * layers, 20.4,
         11.5},
        {"norms", 0, 1.6, 1.4},
        {"decoder", kTera * decoder.flop, decoder.bf16_ms, decoder.fp8_ms},
        {"colour fix", 0, 0.4, 0.4},
        {"frames", 0, 0.5, 0.5}};
    const double area = pixels / (768.0 * 1408.0);
    for (BudgetPart& part : parts) {
        part.bf16_ms *= area;
        part.fp8_ms *= area;
    }
    return parts;
}

}  // namespace flashvsr::testing
