// SPDX-License-Identifier: Apache-2.0
// The fused transformer against the plain one.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "kernels/device.h"
#include "models/dit.h"
#include "models/fused/dit_block.h"
#include "models/plain/dit_block.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

using testing::relative_l2;

DitConfig one_block() {
    DitConfig config = testing::tiny_shape().dit;
    config.dim = 256;
    config.heads = 2;
    config.ffn_dim = 48;
    config.layers = 1;
    return config;
}

// Folding changes where numbers meet, not what comes out: x, keys, values, means and the chosen
// blocks, in the first step, whose FFN goes slice by slice, and in later ones.
TEST(FusedDit, ABlockIsThePlainBlock) {
    at::manual_seed(51);
    const WindowGrid grid = {1, 2};
    const DitConfig config = one_block();
    const TensorMap tensors = testing::random_tensors(Dit::manifest(config));
    const at::Tensor time = at::randn({1, 6, config.dim}) * 0.3;
    const at::Tensor context = at::randn({5, config.dim});
    Weights weights = Weights::from(tensors, "random");
    const DitBlock plain(weights, "blocks.0.", config, Placement{}, time, context);
    const FusedDitBlock fused(weights, "blocks.0.", config, Placement{}, time, context);

    const Rope rope(grid, Placement{});
    KvCache plain_cache(grid, {{false}, config.dim}, 3, Placement{});
    KvCache fused_cache(grid, {{false}, config.dim}, 3, Placement{});
    int64_t latent = 0;
    for (const int64_t slices : {3, 1, 1}) {
        DitStep step;
        step.grid = grid;
        step.slices = slices;
        step.first_slot = plain_cache.begin_step(slices);
        fused_cache.begin_step(slices);
        step.key_slices = static_cast<int64_t>(plain_cache.ring().slots().size());
        step.rope = rope.table(latent, slices);
        step.local_mask = local_windows(grid, 11);
        step.budget = 2 * grid.windows();
        const at::Tensor x = at::randn({slices * grid.tokens(), config.dim});
        DraftMask plain_mask, fused_mask;
        const at::Tensor expected = plain.forward(x, step, plain_cache.layer(0), &plain_mask);
        const at::Tensor actual = fused.forward(x, step, fused_cache.layer(0), &fused_mask);
        plain_cache.end_step();
        fused_cache.end_step();
        latent += slices * kWindowFrames;

        EXPECT_TRUE(actual.is_same(x)) << "not in place";
        EXPECT_LT(relative_l2(actual, expected), 1e-5);
        EXPECT_TRUE(at::equal(fused_mask.blocks, plain_mask.blocks));
        const int64_t tokens = step.key_slices * grid.tokens();
        const int64_t windows = step.key_slices * grid.windows();
        auto compare = [&](at::Tensor KvCache::Layer::*part, int64_t rows) {
            EXPECT_LT(relative_l2((fused_cache.layer(0).*part).narrow(0, 0, rows),
                                  (plain_cache.layer(0).*part).narrow(0, 0, rows)),
                      1e-5);
        };
        compare(&KvCache::Layer::k, tokens);
        compare(&KvCache::Layer::v, tokens);
        compare(&KvCache::Layer::k_mean, windows);
    }
}

// Three bits of mantissa round by 2.6% (one part in sixteen at most, evenly spread): a product of
// two such tensors errs by 3.7%, the second of two layers by 5.3%. What a block adds to x keeps
// within that, so no scale lets values overflow or vanish.
TEST(FusedDit, LayersInE4m3ErrByTheirRounding) {
    at::manual_seed(54);
    const WindowGrid grid = {1, 1};
    const DitConfig config = one_block();
    const TensorMap tensors = testing::random_tensors(Dit::manifest(config));
    const at::Tensor time = at::randn({1, 6, config.dim}) * 0.3;
    const at::Tensor context = at::randn({5, config.dim});
    const Rope rope(grid, Placement{});
    KvCache cache(grid, {{false}, config.dim}, 3, Placement{});
    DitStep step{grid, 3, cache.begin_step(3), 3, rope.table(0, 3), local_windows(grid, 11), 9};
    const at::Tensor x = at::randn({3 * grid.tokens(), config.dim});
    auto added = [&](Fp8 fp8) {
        Placement placement;
        placement.fp8 = fp8;
        Weights weights = Weights::from(tensors, "random");
        const FusedDitBlock block(weights, "blocks.0.", config, placement, time, context);
        return block.forward(x.clone(), step, cache.layer(0), nullptr) - x;
    };
    const double error = relative_l2(added(Fp8::kLinears), added(Fp8::kNone));
    EXPECT_GT(error, 0.01) << "nothing is rounded";
    EXPECT_LT(error, 0.055);
}

// ---- on a GPU

class FusedDitOnGpu : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
    }
};

DitConfig four_blocks() {
    DitConfig config = testing::tiny_shape().dit;
    config.dim = 512;
    config.heads = 4;
    config.layers = 4;
    config.ffn_dim = 1536;
    return config;
}

bool has_e4m3() {
#ifdef FLASHVSR_CUDA
    return kernels::current_cuda_device().e4m3;
#else
    return false;
#endif
}

// Velocities of a stream's first steps, on the CPU.
std::vector<at::Tensor> velocities(const TensorMap& tensors, const Placement& placement) {
    at::manual_seed(53);
    Weights weights = Weights::from(tensors, "random");
    const at::Tensor prompt = at::randn({1, 64, weights.shape("text_embedding.0.weight")->at(1)});
    const Dit dit(weights, prompt, placement, [](double) {});
    const WindowGrid grid = {3, 4};
    const SparseSettings settings;
    Dit::State state(dit, grid, settings);
    std::vector<at::Tensor> result;
    for (const int64_t frames : {6, 2, 2, 2, 2, 2}) {
        const at::Tensor latents = at::randn({16, frames, grid.height() / 8, grid.width() / 8});
        const at::Tensor lq = at::randn({frames / 2 * grid.tokens(), dit.config().dim});
        result.push_back(
            dit.step(placement.place(latents), {placement.place(lq)}, settings, state, {}).cpu());
    }
    return result;
}

// Against fp32, the fused network errs no more than the plain one of the same type.
TEST_F(FusedDitOnGpu, IsAsNearToFp32AsThePlainNetwork) {
    const c10::NoGradGuard no_grad;
    at::manual_seed(52);
    const TensorMap tensors = testing::random_tensors(Dit::manifest(four_blocks()));
    const at::Device gpu(at::kCUDA, 0);
    const auto exact = velocities(tensors, {gpu, at::kFloat});
    for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
        const auto plain = velocities(tensors, {gpu, type, /*plain=*/true});
        const auto fused = velocities(tensors, {gpu, type});
        for (size_t i = 0; i < exact.size(); ++i) {
            const double plain_error = relative_l2(plain[i], exact[i]);
            const double fused_error = relative_l2(fused[i], exact[i]);
            std::printf("%s, step %zu: relative L2 to fp32 %.2e plain, %.2e fused\n",
                        c10::toString(type), i, plain_error, fused_error);
            EXPECT_LT(fused_error, 1.1 * plain_error) << c10::toString(type) << ", step " << i;
        }
    }
}

// Eight bits in all but the first and the last block; and the same bits in every run.
TEST_F(FusedDitOnGpu, E4m3StaysNearFp32AndRepeats) {
    const c10::NoGradGuard no_grad;
    if (!has_e4m3()) GTEST_SKIP() << "needs compute capability 8.9";
    const at::Device gpu(at::kCUDA, 0);
    at::manual_seed(55);
    const TensorMap tensors = testing::random_tensors(Dit::manifest(four_blocks()));
    const auto exact = velocities(tensors, {gpu, at::kFloat});
    const Placement placement{gpu, at::kBFloat16, /*plain=*/false, Fp8::kLinears};
    const auto first = velocities(tensors, placement);
    const auto second = velocities(tensors, placement);
    for (size_t i = 0; i < exact.size(); ++i) {
        const double error = relative_l2(first[i], exact[i]);
        std::printf("fp8 linears, step %zu: relative L2 to fp32 %.2e\n", i, error);
        EXPECT_LT(error, 0.1) << "step " << i;
        EXPECT_TRUE(at::equal(first[i], second[i])) << "step " << i;
    }
}

}  // namespace
}  // namespace flashvsr
