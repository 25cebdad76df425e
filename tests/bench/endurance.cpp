// SPDX-License-Identifier: Apache-2.0
// What starts, stops and hours leave behind on a device: memory of the device and of the process,
// descriptors and threads after a tenth, half and all of the work. Exit status 1: something grew.
//
//     endurance [--cycles N] [--streams N] [--minutes M] [--size HEIGHTxWIDTH]
//               [--precision P] [--device D] [--model released|tiny|DIR]
//
// A cycle opens the model, plays three chunks of a stream and closes both. Then the streams play
// side by side on one model, a thread each, for that long.
#include <ATen/ATen.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"
#include "core/schedule.h"
#include "core/stream.h"
#include "models/error.h"
#include "tests/bench/subject.h"
#include "tests/support/precision.h"

#ifdef FLASHVSR_CUDA
#include <cuda_runtime_api.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
    int cycles = 100;
    int streams = 4;
    double minutes = 9;
    int height = 768, width = 1408;
    std::string precision = "bf16", device = "auto", model = "released";
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; i += 2) {
        const std::string name = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
        if (name == "--cycles") {
            options.cycles = std::stoi(value);
        } else if (name == "--streams") {
            options.streams = std::stoi(value);
        } else if (name == "--minutes") {
            options.minutes = std::stod(value);
        } else if (name == "--precision") {
            options.precision = value;
        } else if (name == "--device") {
            options.device = value;
        } else if (name == "--model") {
            options.model = value;
        } else if (name != "--size" ||
                   std::sscanf(value.c_str(), "%dx%d", &options.height, &options.width) != 2) {
            throw flashvsr::Error(flashvsr::Error::Kind::kInvalidArgument,
                                  "unexpected " + name + " " + value);
        }
    }
    return options;
}

// What a process holds.
struct Holdings {
    double device_mib = 0.0;  // all processes', contexts and recordings included
    double resident_mib = 0.0;
    int descriptors = 0, threads = 0;
};

int entries(const char* folder) {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

Holdings holdings(const at::Device& device) {
    Holdings now;
#ifdef FLASHVSR_CUDA
    size_t free = 0, total = 0;
    if (device.is_cuda() && cudaMemGetInfo(&free, &total) == cudaSuccess)
        now.device_mib = static_cast<double>(total - free) / (1 << 20);
#endif
    (void)device;
    int64_t pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    now.resident_mib = static_cast<double>(resident) * 4096 / (1 << 20);
    now.descriptors = entries("/proc/self/fd");
    now.threads = entries("/proc/self/task");
    return now;
}

void print(const char* when, const Holdings& h) {
    std::printf("  %-24s device %8.1f MiB, resident %8.1f MiB, %3d descriptors, %3d threads\n",
                when, h.device_mib, h.resident_mib, h.descriptors, h.threads);
    std::fflush(stdout);
}

// Caches of drivers and allocators fill for a while; what grows with the work grows beyond these.
bool grew(const Holdings& early, const Holdings& late) {
    return late.device_mib > early.device_mib + 64 || late.resident_mib > early.resident_mib + 64 ||
           late.descriptors > early.descriptors + 2 || late.threads > early.threads + 2;
}

// A stream that is fed with one picture, from and to memory of the host.
class Player {
  public:
    Player(std::shared_ptr<const flashvsr::Engine> engine, const Options& options)
        : config_(config(options)),
          in_(at::randint(256, {config_.input.height, config_.input.width, 3}, at::kByte)),
          out_(at::empty({config_.output.height, config_.output.width, 3}, at::kByte)),
          stream_(std::move(engine), config_) {}

    void play(int64_t frames) {
        for (int64_t i = 0; i < frames; ++i) {
            stream_.push({config_.input, {in_.mutable_data_ptr()}, {config_.input.width * 3}});
            while (stream_.ready() > flashvsr::kChunk)  // the caller is one chunk behind
                stream_.pop(
                    {config_.output, {out_.mutable_data_ptr()}, {config_.output.width * 3}});
        }
    }

  private:
    static FlashvsrStreamConfig config(const Options& options) {
        FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
        config.output = {FLASHVSR_FORMAT_RGB, options.width,       options.height,
                         FLASHVSR_MATRIX_RGB, FLASHVSR_RANGE_FULL, FLASHVSR_CHROMA_LEFT,
                         FLASHVSR_MEMORY_HOST};
        config.input = config.output;
        config.input.width /= 4;
        config.input.height /= 4;
        return config;
    }

    FlashvsrStreamConfig config_;
    at::Tensor in_, out_;  // [height, width, 3], uint8
    flashvsr::Stream stream_;
};

bool run_cycles(const Options& options, const flashvsr::Placement& placement) {
    std::printf("%d times a model, a stream and three chunks\n", options.cycles);
    Holdings early, now;
    for (int cycle = 1; cycle <= options.cycles; ++cycle) {
        Player(flashvsr::testing::open_engine(options.model, {}, placement), options)
            .play(flashvsr::kFirstInput + 2 * flashvsr::kChunk);
        now = holdings(placement.device);
        const bool tenth = cycle == std::max(options.cycles / 10, 1);
        if (tenth) early = now;
        if (tenth || cycle == options.cycles / 2 || cycle == options.cycles)
            print(("after " + std::to_string(cycle)).c_str(), now);
    }
    return grew(early, now);
}

bool run_streams(const Options& options, const flashvsr::Placement& placement) {
    std::printf("%d streams for %.1f minutes\n", options.streams, options.minutes);
    const auto engine = flashvsr::testing::open_engine(options.model, {}, placement);
    const auto begin = Clock::now();
    const auto elapsed = [&] {
        return std::chrono::duration<double>(Clock::now() - begin).count() / 60;
    };
    std::vector<int64_t> frames(options.streams);
    std::vector<std::thread> threads;
    for (int i = 0; i < options.streams; ++i)
        threads.emplace_back([&, i] {
            Player player(engine, options);
            for (; elapsed() < options.minutes; frames[i] += flashvsr::kChunk)
                player.play(flashvsr::kChunk);
        });
    Holdings early, now;
    for (const double share : {0.1, 0.5, 0.99}) {
        while (elapsed() < options.minutes * share)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        now = holdings(placement.device);
        if (share < 0.2) early = now;
        print(("after " + std::to_string(elapsed()).substr(0, 5) + " minutes").c_str(), now);
    }
    for (std::thread& thread : threads) thread.join();
    int64_t sum = 0;
    for (const int64_t count : frames) sum += count;
    std::printf("  %ld frames, %.1f a second\n", sum, static_cast<double>(sum) / elapsed() / 60);
    return grew(early, now);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse(argc, argv);
        const flashvsr::Placement placement =
            flashvsr::testing::placement_of(options.device, options.precision);
        bool grown = options.cycles > 0 && run_cycles(options, placement);
        if (options.minutes > 0) grown = run_streams(options, placement) || grown;
        if (grown) std::printf("it grew\n");
        return grown ? 1 : 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "endurance: %s\n", error.what());
        return 2;
    }
}
