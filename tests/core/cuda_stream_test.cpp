// SPDX-License-Identifier: Apache-2.0
// The stream on a GPU: frames of either memory, work that goes on behind the caller's back.
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "core/cuda_stream.h"
#include "core/formats.h"
#include "core/frame_io.h"
#include "core/graph_recorder.h"
#include "core/noise.h"
#include "core/stream.h"
#include "models/error.h"
#include "models/tiling/tiled_decoder.h"
#include "tests/support/kv_cache.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

const Placement kPlacement{{at::kCUDA, 0}, at::kBFloat16};

std::shared_ptr<const Engine> engine() {
    static const auto shared = [] {
        const c10::NoGradGuard no_grad;
        auto made = std::make_shared<const Engine>(testing::random_model(
            testing::tiny_shape(), ModelVersion::k1_1, kPlacement, /*seed=*/3));
        c10::cuda::getCurrentCUDAStream().synchronize();
        return made;
    }();
    return shared;
}

FlashvsrFrameInfo info_of(FlashvsrFormat format, int width, int height, FlashvsrMemory memory) {
    const bool yuv = !format_of(format).rgb;
    return {format,
            width,
            height,
            yuv ? FLASHVSR_MATRIX_BT709 : FLASHVSR_MATRIX_RGB,
            yuv ? FLASHVSR_RANGE_LIMITED : FLASHVSR_RANGE_FULL,
            FLASHVSR_CHROMA_LEFT,
            memory};
}

FlashvsrStreamConfig config(FlashvsrFormat format, FlashvsrMemory in, FlashvsrMemory out) {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = info_of(format, 33, 27, in);
    config.output = info_of(format, 131, 109, out);
    return config;
}

// A frame in the memory that its info names.
class OwnFrame {
  public:
    explicit OwnFrame(const FlashvsrFrameInfo& info)
        : buffer_(info, info.memory == FLASHVSR_MEMORY_CUDA ? kPlacement.options()
                                                            : at::TensorOptions()) {
        fill(0);
    }
    void fill(uint8_t value) { buffer_.bytes.fill_(value), finish(); }
    // Noise that depends on `seed` alone.
    void randomise(uint64_t seed) {
        at::manual_seed(seed);
        buffer_.bytes.copy_(at::randint(256, buffer_.bytes.sizes()).to(at::kByte)), finish();
    }
    const FlashvsrFrame& get() const { return buffer_.frame; }
    std::vector<uint8_t> bytes() const {
        const at::Tensor host = buffer_.bytes.cpu();
        return {host.const_data_ptr<uint8_t>(), host.const_data_ptr<uint8_t>() + host.numel()};
    }

  private:
    static void finish() { c10::cuda::getCurrentCUDAStream().synchronize(); }

    FrameBuffer buffer_;
};

class StreamOnCuda : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!at::cuda::is_available()) GTEST_SKIP() << "no GPU";
    }

    // All frames of a clip of `count`, fetched when `behind` more than needed are ready. What the
    // caller does with a frame after push must not matter.
    static std::vector<std::vector<uint8_t>> play(const FlashvsrStreamConfig& config, int count,
                                                  int behind) {
        Stream stream(engine(), config);
        OwnFrame in(config.input), out(config.output);
        std::vector<std::vector<uint8_t>> frames;
        auto pop = [&](int left) {
            while (stream.ready() > left) {
                out.fill(0);
                stream.pop(out.get());
                frames.push_back(out.bytes());
            }
        };
        for (int i = 0; i < count; ++i) {
            in.randomise(i);
            stream.push(in.get());
            in.fill(0xCD);
            pop(behind);
        }
        stream.drain();
        pop(0);
        return frames;
    }
};

TEST_F(StreamOnCuda, GivesTheSameFramesFromAndToEitherMemory) {
    for (const auto format :
         {FLASHVSR_FORMAT_RGBA, FLASHVSR_FORMAT_NV12, FLASHVSR_FORMAT_P010_10LE}) {
        const auto host =
            play(config(format, FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_HOST), 46, /*behind=*/0);
        ASSERT_EQ(host.size(), 46U);
        EXPECT_NE(host[0], host[1]);
        for (const auto in : {FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_CUDA})
            for (const auto out : {FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_CUDA})
                for (const int behind : {0, 8, 1000})
                    EXPECT_EQ(play(config(format, in, out), 46, behind), host)
                        << format << ", " << in << " to " << out << ", " << behind;
    }
}

// With strength 0 the resized input goes out, so a flat frame's grey tells which one it is.
TEST_F(StreamOnCuda, GivesBackEveryFrameInOrderHoweverFarTheCallerIsAhead) {
    FlashvsrStreamConfig transparent =
        config(FLASHVSR_FORMAT_RGB, FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_HOST);
    transparent.settings.strength = 0.0;
    for (const int count : {1, 21, 25, 26, 37, 80}) {
        for (const int behind : {0, 8, 16, 1000}) {
            SCOPED_TRACE(std::to_string(count) + ", " + std::to_string(behind));
            Stream stream(engine(), transparent);
            OwnFrame in(transparent.input), out(transparent.output);
            int popped = 0;
            auto pop = [&](int left) {
                for (; stream.ready() > left; ++popped) {
                    stream.pop(out.get());
                    ASSERT_EQ(out.bytes()[0], 20 + 2 * popped);
                }
            };
            for (int i = 0; i < count; ++i) {
                in.fill(static_cast<uint8_t>(20 + 2 * i));
                stream.push(in.get());
                pop(behind);
            }
            stream.drain();
            pop(0);
            EXPECT_EQ(popped, count);
        }
    }
}

TEST_F(StreamOnCuda, StartsAfreshInTheMiddleOfAChunk) {
    const auto fresh = config(FLASHVSR_FORMAT_NV12, FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_HOST);
    const auto expected = play(fresh, 30, 0);
    Stream stream(engine(), fresh);
    OwnFrame in(fresh.input), out(fresh.output);
    for (int i = 0; i < 43; ++i) {
        in.randomise(100 + i);
        stream.push(in.get());
    }
    stream.reset();
    EXPECT_EQ(stream.ready(), 0);
    for (int i = 0; i < 30; ++i) {
        in.randomise(i);
        stream.push(in.get());
    }
    stream.drain();
    for (int i = 0; i < 30; ++i) {
        ASSERT_TRUE(stream.pop(out.get()));
        ASSERT_EQ(out.bytes(), expected[i]) << i;
    }
}

TEST_F(StreamOnCuda, TakesNoMoreMemoryOnceItRuns) {
    using c10::cuda::CUDACachingAllocator::getDeviceStats;
    for (const auto memory : {FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_CUDA}) {
        const auto settings = config(FLASHVSR_FORMAT_NV12, memory, memory);
        Stream stream(engine(), settings);
        OwnFrame in(settings.input), out(settings.output);
        auto run = [&](int count) {
            for (int i = 0; i < count; ++i) {
                stream.push(in.get());
                while (stream.ready() > 8) stream.pop(out.get());
            }
        };
        run(25 + 6 * 8);
        const auto before = getDeviceStats(0);
        run(6 * 8);
        const auto after = getDeviceStats(0);
        EXPECT_EQ(after.allocated_bytes[0].current, before.allocated_bytes[0].current);
        EXPECT_EQ(after.segment[0].allocated, before.segment[0].allocated);
        EXPECT_GT(stream.stats().last_chunk_ms, 0.0);
    }
}

// All tiles of a chunk are one recording; each has caches and decoder memory of its own.
TEST_F(StreamOnCuda, RecordedTilesComputeWhatTilesDo) {
    const c10::NoGradGuard no_grad;
    const WindowGrid grid{2, 5};
    Tiling tiling;
    tiling.dit = tiling.vae = true;
    const Networks networks(engine()->model(), grid, tiling);
    ASSERT_TRUE(networks.recordable());
    const Settings settings;
    const CudaStream stream(kPlacement.device);
    const ComputeScope scope(stream);
    NetworkState state(networks, settings.sparse);
    ChunkRunner runner(Networks(engine()->model(), grid, tiling), grid.height(), grid.width());
    at::manual_seed(8);
    for (int chunk = 0; chunk < 10; ++chunk) {
        ChunkInput input;
        input.frames =
            at::rand({chunk == 0 ? 25 : 12, 3, grid.height(), grid.width()}, kPlacement.options());
        input.noise = make_noise(7, state.next_latent(), chunk == 0 ? 6 : 2, 16, grid, kPlacement);
        input.height = grid.height();
        input.width = grid.width();
        GraphRecorder unused;
        const ChunkOutput expected = run_chunk(networks, input, settings, state, unused);
        const ChunkOutput actual = runner.run(input.frames, /*seed=*/7, settings);
        EXPECT_TRUE(at::equal(actual.frames.decoded, expected.frames.decoded)) << chunk;
        EXPECT_TRUE(at::equal(actual.affine, expected.affine)) << chunk;
    }
}

// Tiles with their halo, of sizes that no untiled picture has.
TEST_F(StreamOnCuda, TilesOfTheDecoderGiveTheSameFrames) {
    const c10::NoGradGuard no_grad;
    const CudaStream stream(kPlacement.device);
    const ComputeScope scope(stream);
    const Decoder& whole = *engine()->model().decoder;
    const HaloDecoder tiled(whole, 16);
    at::manual_seed(10);
    const at::Tensor latents = at::randn({16, 2, 32, 80}, kPlacement.options());
    const at::Tensor condition = at::rand({5, 3, 256, 640}, kPlacement.options());
    Decoder::State states[2];
    const at::Tensor expected = whole.decode(latents, condition, states[0]);
    const at::Tensor actual = tiled.decode(latents, condition, states[1]);
    EXPECT_LT((actual - expected).abs().max().item<float>(), 0.02F);
}

// Past the twelve chunks in which each meeting of a slot and a place is recorded.
TEST_F(StreamOnCuda, APastThatIsStoredGivesTheFramesOfItsKind) {
    auto play_with = [](KvStorage kv_cache) {
        auto settings = config(FLASHVSR_FORMAT_NV12, FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_HOST);
        testing::keep_kv_cache(kv_cache, &settings);
        return play(settings, 25 + 28 * 8, /*behind=*/8);
    };
    EXPECT_EQ(play_with(KvStorage::kHost), play_with(KvStorage::kDevice));
    EXPECT_EQ(play_with(KvStorage::kHostInt8), play_with(KvStorage::kInt8));
}

TEST_F(StreamOnCuda, IsRecordedAnewAfterEachStart) {
    const CudaStream stream(kPlacement.device);
    const ComputeScope scope(stream);
    GraphRecorder recorder(kPlacement.device, /*recordable=*/true);
    const at::Tensor x = at::zeros({1000}, kPlacement.fp32());
    for (int start = 0; start < 3; ++start) {
        for (int i = 0; i < 6; ++i) {
            x.fill_(i);
            const at::Tensor y =
                recorder
                    .run(i % 2, {x},
                         [](const GraphRecorder::Tensors& at) { return std::vector{at[0] + 1}; })
                    .front();
            EXPECT_EQ(y.sum().item<float>(), 1000 * (i + 1)) << "start " << start;
        }
        recorder.clear();
    }
    EXPECT_TRUE(recorder.enabled());
}

// The last of 57 frames, each of one value.
std::vector<uint8_t> last_of_flat_frames() {
    const auto wanted = config(FLASHVSR_FORMAT_RGB, FLASHVSR_MEMORY_HOST, FLASHVSR_MEMORY_HOST);
    Stream stream(engine(), wanted);
    OwnFrame in(wanted.input), out(wanted.output);
    for (int i = 0; i < 57; ++i) {
        in.fill(static_cast<uint8_t>(4 * i));
        stream.push(in.get());
        while (stream.ready() > 0) stream.pop(out.get());
    }
    return out.bytes();
}

TEST_F(StreamOnCuda, SeveralComeAndGoBesideEachOther) {
    const auto expected = last_of_flat_frames();
    std::atomic<int> equal{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 4; ++i)
                if (last_of_flat_frames() == expected) ++equal;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(equal, 16);
}

TEST_F(StreamOnCuda, RefusesMemoryThatIsNotTheDevices) {
    const auto on_device = config(FLASHVSR_FORMAT_RGB, FLASHVSR_MEMORY_CUDA, FLASHVSR_MEMORY_CUDA);
    Stream stream(engine(), on_device);
    std::vector<uint8_t> pixels(33 * 27 * 3);
    const FlashvsrFrame frame = {on_device.input, {pixels.data()}, {33 * 3}};
    EXPECT_THROW(stream.push(frame), Error);
    OwnFrame in(on_device.input);
    EXPECT_NO_THROW(stream.push(in.get()));
}

}  // namespace
}  // namespace flashvsr
