// SPDX-License-Identifier: Apache-2.0
#include "core/chunk.h"

#include <optional>

#include "core/schedule.h"
#include "models/stage.h"

namespace flashvsr {
namespace {

using Made = ChunkObserver::Made;

bool is_first(int64_t frames) { return frames == kFirstInput; }

// A chunk under way, as its stages see it.
struct Chunk {
    const Networks& networks;
    const ChunkInput& input;
    const Settings& settings;
    NetworkState& state;
    const ChunkObserver* observer;

    const Model& model() const { return networks.model(); }
    // The frames that are given out, as the decoder is shown them: [F - 4, 3, H, W].
    at::Tensor condition() const {
        return input.frames.slice(0, 0, input.frames.size(0) - kLookAhead);
    }
    void made(Made what, const at::Tensor& tensor) const {
        if (observer) observer->made(what, tensor);
    }
};

void begin_steps(const Chunk& chunk) {
    const int64_t latents = chunk.input.noise.size(1);
    for (TileState& tile : chunk.state.tiles)
        chunk.model().dit.begin_step(latents, chunk.settings.sparse, tile.dit);
}

void end_steps(const Chunk& chunk) {
    for (TileState& tile : chunk.state.tiles) chunk.model().dit.end_step(tile.dit);
}

// A tile's LQ tokens, per projector layer: [tokens, dim], window order.
std::vector<at::Tensor> project(const Chunk& chunk, size_t index) {
    const Stage stage("projector");
    const Projector& projector = *chunk.model().projector;
    TileState& tile = chunk.state.tiles[index];
    const at::Tensor frames =
        crop(chunk.input.frames, chunk.networks.tiles()[index], kWindowPixels).contiguous();
    // The stream's first frame stands alone; later the look-ahead has been projected already.
    const bool first = is_first(frames.size(0));
    if (first) projector.begin(frames[0], tile.projector);
    const std::vector<at::Tensor> tokens =
        projector.project(frames.slice(0, first ? 1 : kLookAhead), tile.dit.grid, tile.projector);
    for (const at::Tensor& layer : tokens) chunk.made(Made::kTokens, layer);
    return tokens;
}

// A tile's latents, [16, f, tile's H/8, tile's W/8].
at::Tensor denoise(const Chunk& chunk, size_t index, const std::vector<at::Tensor>& lq_tokens) {
    const Stage stage("transformer");
    const at::Tensor noise =
        crop(chunk.input.noise, chunk.networks.tiles()[index], kWindowLatents).contiguous();
    const at::Tensor velocity =
        chunk.model().dit.run(noise, lq_tokens, chunk.state.tiles[index].dit,
                              chunk.observer ? chunk.observer->block_mask : Dit::MaskProbe());
    chunk.made(Made::kVelocity, velocity);
    return noise - velocity;
}

// The picture's latents, from those of its tiles. They are blended here and not as pixels: one
// decoder then sees latents without a seam, decodes each pixel once and has one memory.
at::Tensor blend(const Chunk& chunk, const std::vector<at::Tensor>& parts) {
    at::Tensor latents = parts.front();
    if (parts.size() > 1) {
        at::Tensor sum = at::zeros(chunk.input.noise.sizes(), latents.options().dtype(at::kFloat));
        for (size_t i = 0; i < parts.size(); ++i)
            crop(sum, chunk.networks.tiles()[i], kWindowLatents)
                .add_(parts[i] * chunk.networks.weights()[i]);
        latents = sum.to(latents.scalar_type());
    }
    chunk.made(Made::kLatents, latents);
    return latents;
}

// [F - 4, 3, H, W], nominally in [0, 1], not clamped.
at::Tensor decode(const Chunk& chunk, const at::Tensor& latents) {
    const Stage stage("decoder");
    return chunk.networks.decoder().decode(latents, chunk.condition(), chunk.state.decoder);
}

// The decoded frames with what is left to do to them.
ChunkOutput fix_color(const Chunk& chunk, const at::Tensor& unclamped) {
    const Stage stage("colour fix");
    const bool clamps = chunk.networks.decoder().clamps();
    const at::Tensor decoded = (clamps ? unclamped.clamp(0, 1) : unclamped).contiguous();
    chunk.made(Made::kDecoded, decoded);
    // A decoder may answer in fp32.
    const DecodedFrames frames{decoded, chunk.condition().to(decoded.scalar_type()),
                               chunk.input.height, chunk.input.width};
    const double strength = chunk.settings.strength;
    switch (chunk.settings.color_fix) {
        case ColorFix::kNone: break;
        case ColorFix::kAdain:
            return {frames, adain_affine(frames, chunk.model().placement.fused()), strength};
        case ColorFix::kWavelet: {
            const at::Tensor reference = reference_of(frames);
            const at::Tensor fixed = wavelet_fix(picture_of(frames), reference);
            return {{(fixed + 1) / 2, reference, frames.height, frames.width}, {}, strength};
        }
    }
    return {frames, {}, strength};
}

// Whether no stage has overflowed; undefined where none can. What is computed from an infinity is
// one, or no number, up to where something clamps it: so what is looked at comes before that.
at::Tensor check_overflow(const Chunk& chunk, const at::Tensor& latents,
                          const at::Tensor& unclamped) {
    if (!chunk.model().may_overflow) return {};
    return at::isfinite(latents).all().logical_and(at::isfinite(unclamped).all());
}

ChunkOutput run_stages(const Chunk& chunk) {
    std::vector<at::Tensor> parts;
    for (size_t tile = 0; tile < chunk.state.tiles.size(); ++tile)
        parts.push_back(denoise(chunk, tile, project(chunk, tile)));
    const at::Tensor latents = blend(chunk, parts);
    const at::Tensor decoded = decode(chunk, latents);
    ChunkOutput output = fix_color(chunk, decoded);
    output.finite = check_overflow(chunk, latents, decoded);
    return output;
}

// What chunks that queue the same work agree in; nothing for a first one, which happens once. A
// long ring still fills when its first slots are written: the same slot then sees fewer keys.
std::optional<int64_t> recording_key(const Chunk& chunk) {
    if (is_first(chunk.input.frames.size(0))) return std::nullopt;
    const Dit::State& dit = chunk.state.tiles.front().dit;  // all tiles' are alike
    return dit.cache.first_place() << 32 | dit.step.first_slot << 16 | dit.step.key_slices;
}

}  // namespace

ChunkOutput run_chunk(const Networks& networks, const ChunkInput& input, const Settings& settings,
                      NetworkState& state, GraphRecorder& recorder, const ChunkObserver* observer) {
    const Chunk chunk{networks, input, settings, state, observer};
    begin_steps(chunk);
    const auto work = [&](const GraphRecorder::Tensors& at) -> GraphRecorder::Tensors {
        const ChunkInput here{at[0], at[1], input.height, input.width};
        const ChunkOutput made = run_stages({networks, here, settings, state, observer});
        return {made.frames.decoded, made.frames.reference, made.affine, made.finite};
    };
    const GraphRecorder::Tensors inputs = {input.frames, input.noise};
    const GraphRecorder::Tensors made =
        observer ? work(inputs) : recorder.run(recording_key(chunk), inputs, work);
    end_steps(chunk);
    return {{made[0], made[1], input.height, input.width}, made[2], settings.strength, made[3]};
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
