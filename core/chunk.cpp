#include "core/chunk.h"

#include "core/flashvsr.h"
#include "models/stage.h"

namespace flashvsr {
namespace {

constexpr int64_t kLookAhead = FLASHVSR_FIRST_CHUNK_INPUT - FLASHVSR_FIRST_CHUNK_OUTPUT;

bool is_first(int64_t frames) { return frames == FLASHVSR_FIRST_CHUNK_INPUT; }

std::vector<at::Tensor> project(const LqProjector& projector, const at::Tensor& frames,
                                const WindowGrid& grid, LqProjector::State& state) {
    // The stream's first frame stands alone, or these were projected to their end already except
    // for the new ones.
    const int64_t skip = is_first(frames.size(0)) ? 1 : kLookAhead;
    if (is_first(frames.size(0))) projector.begin(frames[0], state);
    return projector.project(frames.slice(0, skip), grid, state);
}

at::Tensor crop(const at::Tensor& frames, const ChunkInput& input) {
    return frames.narrow(2, 0, input.height).narrow(3, 0, input.width);
}

at::Tensor blend(const at::Tensor& frames, const at::Tensor& reference, double strength) {
    return strength >= 1.0 ? frames : at::lerp(reference, frames, strength);
}

}  // namespace

int64_t latent_frames(int64_t frames) { return is_first(frames) ? 6 : 2; }

at::Tensor run_chunk(const Model& model, const ChunkInput& input, const Settings& settings,
                     NetworkState& state, ChunkProbe* probe) {
    const WindowGrid grid = state.dit.grid;
    const at::Tensor condition = input.frames.slice(0, 0, input.frames.size(0) - kLookAhead);

    const std::vector<at::Tensor> lq_tokens = staged(
        "projector", [&] { return project(model.projector, input.frames, grid, state.projector); });
    const at::Tensor velocity = staged("transformer", [&] {
        return model.dit.step(input.noise, lq_tokens, settings.sparse, state.dit,
                              probe ? probe->block_mask : Dit::MaskProbe());
    });
    const at::Tensor latents = input.noise - velocity;
    const at::Tensor decoded =
        staged("decoder", [&] { return model.decoder.decode(latents, condition, state.decoder); });
    const at::Tensor blended = staged("colour fix", [&] {
        // From here on in fp32: half precision has fewer steps than a 10-bit picture.
        const at::Tensor reference = crop(condition, input).to(at::kFloat);
        const at::Tensor fixed =
            fix_color(crop(decoded, input).to(at::kFloat) * 2 - 1, reference, settings.color_fix);
        return blend(fixed, reference, settings.strength);
    });
    if (probe) {
        probe->lq_tokens = lq_tokens;
        probe->velocity = velocity;
        probe->latents = latents;
        probe->decoded = decoded;
    }
    return blended;
}

}  // namespace flashvsr
