#include "core/chunk.h"

#include "core/flashvsr.h"
#include "models/stage.h"

namespace flashvsr {
namespace {

constexpr int64_t kLookAhead = FLASHVSR_FIRST_CHUNK_INPUT - FLASHVSR_FIRST_CHUNK_OUTPUT;

bool is_first(int64_t frames) { return frames == FLASHVSR_FIRST_CHUNK_INPUT; }

std::vector<at::Tensor> project(const Projector& projector, const at::Tensor& frames,
                                const WindowGrid& grid, Projector::State& state) {
    // The stream's first frame stands alone, or these were projected to their end already except
    // for the new ones.
    const int64_t skip = is_first(frames.size(0)) ? 1 : kLookAhead;
    if (is_first(frames.size(0))) projector.begin(frames[0], state);
    return projector.project(frames.slice(0, skip), grid, state);
}

// Latents of a tile, [16, f, tile's H/8, tile's W/8].
at::Tensor denoise(const Model& model, const ChunkInput& input, const Tile& tile, TileState& state,
                   ChunkProbe* probe) {
    const at::Tensor frames = crop(input.frames, tile, kWindowPixels).contiguous();
    const at::Tensor noise = crop(input.noise, tile, kWindowLatents).contiguous();
    const std::vector<at::Tensor> lq_tokens = staged("projector", [&] {
        return project(*model.projector, frames, state.dit.grid, state.projector);
    });
    const at::Tensor velocity = staged("transformer", [&] {
        return model.dit.run(noise, lq_tokens, state.dit,
                             probe ? probe->block_mask : Dit::MaskProbe());
    });
    if (probe) {
        probe->lq_tokens = lq_tokens;
        probe->velocity = velocity;
    }
    return noise - velocity;
}

// The picture's latents, from those of its tiles. They are blended here and not as pixels: one
// decoder then sees latents without a seam, decodes each pixel once and has one memory.
at::Tensor blend(const std::vector<at::Tensor>& parts, const Networks& networks) {
    if (parts.size() == 1) return parts.front();
    const at::Tensor& part = parts.front();
    at::Tensor sum = at::zeros({part.size(0), part.size(1), networks.grid().rows * kWindowLatents,
                                networks.grid().columns * kWindowLatents},
                               part.options().dtype(at::kFloat));
    for (size_t i = 0; i < parts.size(); ++i)
        crop(sum, networks.tiles()[i], kWindowLatents).add_(parts[i] * networks.weights()[i]);
    return sum.to(part.scalar_type());
}

ChunkOutput fix_color(const DecodedFrames& frames, const Settings& settings, bool fused) {
    switch (settings.color_fix) {
        case ColorFix::kNone: break;
        case ColorFix::kAdain: return {frames, adain_affine(frames, fused), settings.strength};
        case ColorFix::kWavelet: {
            const at::Tensor reference = reference_of(frames);
            const at::Tensor fixed = wavelet_fix(picture_of(frames), reference);
            return {
                {(fixed + 1) / 2, reference, frames.height, frames.width}, {}, settings.strength};
        }
    }
    return {frames, {}, settings.strength};
}

// Whether a stage's output is free of overflow. What is computed from an infinity is one, or no
// number, up to where something clamps it: so a stage is looked at before that.
at::Tensor finite(const at::Tensor& x) { return at::isfinite(x).all(); }

}  // namespace

int64_t latent_frames(int64_t frames) { return is_first(frames) ? 6 : 2; }

void begin_chunk(const Networks& networks, const ChunkInput& input, const Settings& settings,
                 NetworkState& state) {
    for (TileState& tile : state.tiles)
        networks.model().dit.begin_step(input.noise.size(1), settings.sparse, tile.dit);
}

void end_chunk(const Networks& networks, NetworkState& state) {
    for (TileState& tile : state.tiles) networks.model().dit.end_step(tile.dit);
}

ChunkOutput run_chunk(const Networks& networks, const ChunkInput& input, const Settings& settings,
                      NetworkState& state, ChunkProbe* probe) {
    begin_chunk(networks, input, settings, state);
    const ChunkOutput output = compute_chunk(networks, input, settings, state, probe);
    end_chunk(networks, state);
    return output;
}

ChunkOutput compute_chunk(const Networks& networks, const ChunkInput& input,
                          const Settings& settings, NetworkState& state, ChunkProbe* probe) {
    const at::Tensor condition = input.frames.slice(0, 0, input.frames.size(0) - kLookAhead);

    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < state.tiles.size(); ++i)
        parts.push_back(
            denoise(networks.model(), input, networks.tiles()[i], state.tiles[i], probe));
    const at::Tensor latents = blend(parts, networks);
    const Decoder& decoder = networks.decoder();
    const at::Tensor unclamped =
        staged("decoder", [&] { return decoder.decode(latents, condition, state.decoder); });
    const at::Tensor decoded = (decoder.clamps() ? unclamped.clamp(0, 1) : unclamped).contiguous();
    ChunkOutput output = staged("colour fix", [&] {
        // A decoder may answer in fp32.
        const at::Tensor reference = condition.to(decoded.scalar_type());
        return fix_color({decoded, reference, input.height, input.width}, settings,
                         networks.model().placement.fused());
    });
    if (networks.model().may_overflow)
        output.finite = finite(latents).logical_and(finite(unclamped));
    if (probe) {
        probe->latents = latents;
        probe->decoded = decoded;
    }
    return output;
}

at::Tensor finished_frames(const ChunkOutput& output) {
    at::Tensor x = picture_of(output.frames);
    if (output.affine.defined()) {
        const at::Tensor gain = output.affine.select(2, 0).unsqueeze(-1).unsqueeze(-1);
        const at::Tensor offset = output.affine.select(2, 1).unsqueeze(-1).unsqueeze(-1);
        x = (x * gain + offset).clamp(-1, 1);
    }
    return output.strength >= 1.0 ? x : at::lerp(reference_of(output.frames), x, output.strength);
}

}  // namespace flashvsr
