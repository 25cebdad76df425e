#include "tests/support/budget.h"

#include <algorithm>

#include "models/attention.h"
#include "models/draft_mask.h"

namespace flashvsr::testing {
namespace {

constexpr double kChunkFrames = 8;
constexpr double kLatents = 2;
constexpr double kTera = 1e-12;

// Multiplications and additions of TCDecoder, its up-convolutions as four 2x2 convolutions.
double decoder_flop(const TcDecoder::Config& config, double pixels) {
    const auto& c = config.channels;
    auto conv = [](double in, double out, double taps, double outputs) {
        return 2 * in * out * taps * outputs;
    };
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

// With four time taps; the strides over time leave four and two outputs of eight frames.
double projector_flop(const LqProjector::Config& config, double tokens) {
    const double frame = tokens / kLatents;
    return 2 * frame * 9 * 4 * (768.0 * config.hidden1 * 4 + config.hidden1 * config.hidden2 * 2) +
           2 * tokens * config.hidden2 * config.dim * config.layers;
}

}  // namespace

std::vector<BudgetPart> budget(const ModelShape& shape, const WindowGrid& grid,
                               const SparseSettings& settings) {
    const double tokens = static_cast<double>(grid.tokens());
    const double pixels = static_cast<double>(grid.height()) * grid.width();
    const double layers = static_cast<double>(shape.dit.layers);
    const double square = 2 * tokens * shape.dit.dim * shape.dit.dim * layers;
    const double slices = static_cast<double>(settings.kv_ratio) + 1;
    const double blocks =
        std::min(static_cast<double>(draft_mask_budget(grid, settings.sparse_ratio)),
                 static_cast<double>(grid.windows() * grid.windows()) * slices);
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
        {"decoder", kTera * decoder_flop(shape.decoder, pixels), 24, 15},
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
