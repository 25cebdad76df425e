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

}  // namespace

int64_t latent_frames(int64_t frames) { return is_first(frames) ? 6 : 2; }

ChunkOutput run_chunk(const Model& model, const ChunkInput& input, const Settings& settings,
                      NetworkState& state, ChunkProbe* probe) {
    model.dit.begin_step(input.noise.size(1), settings.sparse, state.dit);
    const ChunkOutput output = compute_chunk(model, input, settings, state, probe);
    model.dit.end_step(state.dit);
    return output;
}

ChunkOutput compute_chunk(const Model& model, const ChunkInput& input, const Settings& settings,
                          NetworkState& state, ChunkProbe* probe) {
    const WindowGrid grid = state.dit.grid;
    const at::Tensor condition = input.frames.slice(0, 0, input.frames.size(0) - kLookAhead);

    std::vector<at::Tensor> lq_tokens = staged("projector", [&] {
        return project(*model.projector, input.frames, grid, state.projector);
    });
    const at::Tensor velocity = staged("transformer", [&] {
        return model.dit.run(input.noise, lq_tokens, state.dit,
                             probe ? probe->block_mask : Dit::MaskProbe());
    });
    if (probe) probe->lq_tokens = lq_tokens;
    lq_tokens.clear();  // the decoder needs the memory
    const at::Tensor latents = input.noise - velocity;
    const at::Tensor decoded = staged("decoder", [&] {
        const at::Tensor frames = model.decoder->decode(latents, condition, state.decoder);
        return (model.decoder->clamps() ? frames.clamp(0, 1) : frames).contiguous();
    });
    const ChunkOutput output = staged("colour fix", [&] {
        // A decoder may answer in fp32.
        const at::Tensor reference = condition.to(decoded.scalar_type());
        return fix_color({decoded, reference, input.height, input.width}, settings,
                         model.placement.fused());
    });
    if (probe) {
        probe->velocity = velocity;
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
