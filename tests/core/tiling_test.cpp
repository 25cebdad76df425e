// SPDX-License-Identifier: Apache-2.0
// A stream in tiles: what a tile sees and keeps, and that no border shows where tiles meet.
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include "core/chunk.h"
#include "core/noise.h"
#include "core/stream.h"
#include "models/error.h"
#include "tests/core/rgb_stream.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

using testing::rgb_stream;
using testing::tiny_engine;

using Frames = std::vector<std::vector<uint8_t>>;

// `count` frames of noise through the stream and out of it.
Frames play(Stream& stream, const FlashvsrStreamConfig& config, int count) {
    const auto input = static_cast<size_t>(config.input.width) * config.input.height * 3;
    const auto output = static_cast<size_t>(config.output.width) * config.output.height * 3;
    at::manual_seed(9);
    for (int i = 0; i < count; ++i) {
        const at::Tensor noise =
            at::randint(256, {static_cast<int64_t>(input)}).to(at::kByte).contiguous();
        const FlashvsrFrame frame = {
            config.input, {noise.mutable_data_ptr()}, {config.input.width * 3}};
        stream.push(frame);
    }
    stream.drain();
    Frames frames;
    while (stream.ready() > 0) {
        frames.emplace_back(output, 0xCD);
        const FlashvsrFrame frame = {
            config.output, {frames.back().data()}, {config.output.width * 3}};
        stream.pop(frame);
    }
    return frames;
}

Frames play(const FlashvsrStreamConfig& config, int count) {
    Stream stream(tiny_engine(), config);
    return play(stream, config, count);
}

int largest_difference(const Frames& a, const Frames& b) {
    EXPECT_EQ(a.size(), b.size());
    int largest = 0;
    for (size_t i = 0; i < a.size(); ++i)
        for (size_t k = 0; k < a[i].size(); ++k)
            largest = std::max(largest, std::abs(a[i][k] - b[i][k]));
    return largest;
}

TEST(Tiling, OfOneTileChangesNothing) {
    FlashvsrStreamConfig tiled = rgb_stream(256, 128);
    const Frames whole = play(tiled, 22);
    tiled.tiling = {1, 1, 256, 24};
    EXPECT_EQ(play(tiled, 22), whole);
}

TEST(Tiling, OfTheDecoderChangesNothing) {
    FlashvsrStreamConfig tiled = rgb_stream(384, 128);
    const Frames whole = play(tiled, 22);
    tiled.tiling.tile_vae = 1;
    tiled.tiling.tile_size = 128;
    tiled.tiling.overlap = 0;
    EXPECT_THROW(play(tiled, 1), Error) << "an overlap is at least 128";
    tiled.tiling.tile_size = 256;
    EXPECT_LE(largest_difference(play(tiled, 22), whole), 1) << "but for the order of sums";
}

at::Tensor latents_of(const Networks& networks, const ChunkInput& input, const Settings& settings,
                      NetworkState& state) {
    at::Tensor latents;
    ChunkObserver observer;
    observer.made = [&](ChunkObserver::Made what, const at::Tensor& tensor) {
        if (what == ChunkObserver::Made::kLatents) latents = tensor;
    };
    GraphRecorder unused;
    run_chunk(networks, input, settings, state, unused, &observer);
    return latents;
}

// Each tile is a stream of its own part of the picture and of the noise, chunk after chunk; what it
// makes counts by its weight.
TEST(Tiling, LatentsAreThoseOfStreamsOfTheTiles) {
    const c10::NoGradGuard no_grad;
    const Model& model = tiny_engine()->model();
    const WindowGrid grid{3, 1};
    Tiling tiling;
    tiling.dit = true;
    const Networks tiled(model, grid, tiling);
    ASSERT_EQ(tiled.tiles().size(), 2U);
    Settings settings;
    settings.sparse.sparse_ratio = 0.02;  // few windows: each tile by its own budget
    NetworkState state(tiled, settings.sparse);
    std::vector<Networks> alone;
    std::vector<NetworkState> states;
    for (const Tile& tile : tiled.tiles()) {
        alone.emplace_back(model, WindowGrid{tile.rows.size(), tile.columns.size()});
        states.emplace_back(alone.back(), settings.sparse);
    }
    at::manual_seed(4);
    for (int chunk = 0; chunk < 3; ++chunk) {
        ChunkInput input;
        input.frames = testing::random_frames(chunk == 0 ? 25 : 12, grid.height(), grid.width());
        input.noise = make_noise(5, state.next_latent(), chunk == 0 ? 6 : 2, 16, grid, Placement{});
        input.height = grid.height();
        input.width = grid.width();
        const at::Tensor latents = latents_of(tiled, input, settings, state);
        at::Tensor expected = at::zeros_like(input.noise);
        for (size_t i = 0; i < alone.size(); ++i) {
            const Tile& tile = tiled.tiles()[i];
            ChunkInput part = input;
            part.frames = crop(input.frames, tile, 128).contiguous();
            part.noise = crop(input.noise, tile, 16).contiguous();
            part.height = tile.rows.size() * 128;
            part.width = tile.columns.size() * 128;
            const at::Tensor own = latents_of(alone[i], part, settings, states[i]);
            crop(expected, tile, 16).add_(own * tiled.weights()[i]);
        }
        EXPECT_LT(testing::relative_l2(latents, expected), 1e-6) << chunk;
    }
}

// Neither a multiple of 128 nor of a tile.
TEST(Tiling, TakesAnySizeAndStartsAfreshAfterADrain) {
    FlashvsrStreamConfig odd = rgb_stream(300, 140);
    odd.output.width = 301;
    odd.tiling = {1, 1, 256, 24};
    Stream stream(tiny_engine(), odd);
    const Frames first = play(stream, odd, 22);
    EXPECT_EQ(first.size(), 22U);
    EXPECT_EQ(play(stream, odd, 22), first);
}

TEST(Tiling, AnOverlapTooLargeForTheTileSaysWhatToDo) {
    FlashvsrStreamConfig bad = rgb_stream(256, 256);
    bad.tiling = {1, 0, 256, 200};
    try {
        const Stream stream(tiny_engine(), bad);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Error::Kind::kBadSettings);
        for (const char* part : {"overlap 200", "tile-size to at least 384", "to at most 128"})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    bad.tiling = {0, 0, -1, 200};  // not looked at
    EXPECT_NO_THROW(Stream(tiny_engine(), bad));
    bad.tiling.tile_vae = 1;
    EXPECT_THROW(Stream(tiny_engine(), bad), Error);
}

// The small model that ships, on what it was made for. Its tiles differ so little that plain
// averages would pass here as well; that the weights have no step is a test of its own
// (tests/models).
class Seams : public ::testing::Test {
  protected:
    static constexpr int kSide = 384;  // 3 windows; tiles of two, which begin at each
    static constexpr int kClipWidth = 160, kClipHeight = 96;

    static std::shared_ptr<const Engine> nano() {
        static const auto shared = [] {
            const c10::NoGradGuard no_grad;
            return std::make_shared<const Engine>(
                load_model(open_model_weights(NANO_MODEL), describe_model(NANO_MODEL), Placement{},
                           [](double, const char*) {}));
        }();
        return shared;
    }

    // The luma of the last of `count` frames, [384, 384]; of each frame the left 96 columns go in.
    static at::Tensor upscaled(std::vector<uint8_t>& clip, int count,
                               const FlashvsrTiling& tiling) {
        FlashvsrStreamConfig settings = rgb_stream(kSide, kSide);
        for (FlashvsrFrameInfo* info : {&settings.input, &settings.output}) {
            info->format = FLASHVSR_FORMAT_I420;
            info->matrix = FLASHVSR_MATRIX_BT709;
            info->range = FLASHVSR_RANGE_LIMITED;
        }
        settings.tiling = tiling;
        Stream stream(nano(), settings);
        constexpr int kLuma = kClipWidth * kClipHeight;
        for (int i = 0; i < count; ++i) {
            uint8_t* y = clip.data() + static_cast<ptrdiff_t>(i) * (kLuma * 3 / 2);
            stream.push({settings.input,
                         {y, y + kLuma, y + kLuma * 5 / 4},
                         {kClipWidth, kClipWidth / 2, kClipWidth / 2}});
        }
        stream.drain();
        for (int i = 1; i < count; ++i) stream.drop();
        constexpr int kOut = kSide * kSide;
        std::vector<uint8_t> out(kOut * 3 / 2);
        stream.pop({settings.output,
                    {out.data(), out.data() + kOut, out.data() + kOut * 5 / 4},
                    {kSide, kSide / 2, kSide / 2}});
        return at::from_blob(out.data(), {kSide, kSide}, at::kByte).to(at::kFloat);
    }

    // Mean absolute step from one row to the next, where a tile begins or ends and elsewhere.
    struct Steps {
        double at_borders, elsewhere;
    };
    static Steps row_steps(const at::Tensor& picture) {
        const at::Tensor steps = picture.diff(1, 0).abs().mean(1);  // [rows - 1]
        at::Tensor border = at::zeros_like(steps);
        for (int64_t row = kWindowPixels; row < picture.size(0); row += kWindowPixels)
            border[row - 1].fill_(1);
        return {(steps * border).sum().item<double>() / border.sum().item<double>(),
                (steps * (1 - border)).sum().item<double>() / (1 - border).sum().item<double>()};
    }

    const FlashvsrTiling tiled_ = {1, 1, 256, 24};
    const FlashvsrTiling untiled_ = FLASHVSR_TILING_INIT;
};

TEST_F(Seams, DoNotShowOnAFlatField) {
    std::vector<uint8_t> flat(kClipWidth * kClipHeight * 3 / 2, 120);
    const at::Tensor picture = upscaled(flat, 1, tiled_);
    for (const bool columns : {false, true}) {
        const Steps steps = row_steps(columns ? picture.t() : picture);
        EXPECT_LE(steps.at_borders, steps.elsewhere + 0.02);
    }
    // No dark frame around it either.
    EXPECT_NEAR(picture[0].mean().item<double>(), 120, 1.0);
    EXPECT_NEAR(picture.select(1, -1).mean().item<double>(), 120, 1.0);
}

TEST_F(Seams, DoNotShowOnFootage) {
    std::ifstream file(FOOTAGE, std::ios::binary);
    std::vector<uint8_t> clip((std::istreambuf_iterator<char>(file)), {});
    constexpr int kCount = 22;  // the last one is of the second chunk
    const at::Tensor tiled = upscaled(clip, kCount, tiled_);
    const at::Tensor whole = upscaled(clip, kCount, untiled_);
    // What the picture itself has at these rows and columns is in both.
    for (const bool columns : {false, true}) {
        const Steps in_tiles = row_steps(columns ? tiled.t() : tiled);
        const Steps untiled = row_steps(columns ? whole.t() : whole);
        EXPECT_LT(in_tiles.at_borders / untiled.at_borders,
                  1.02 * in_tiles.elsewhere / untiled.elsewhere);
    }
    EXPECT_LT((tiled - whole).abs().mean().item<double>(), 1.0) << "steps of 8 bits";
}

}  // namespace
}  // namespace flashvsr
