// SPDX-License-Identifier: Apache-2.0
// Speed of the engine: frames per second of a stream, and what its parts take.
//
//     bench [--size HEIGHTxWIDTH] [--precision fp32|bf16|fp16|fp8-linears|fp8] [--device D]
//           [--model released|tiny|DIR] [--mode tiny|full] [--vae-type NAME]
//           [--sparse-ratio R] [--local-range N] [--chunks N] [--streams N]
//           [--tile-dit] [--tile-vae] [--tile-size PIXELS] [--overlap PIXELS]
//           [--kv-cache device|int8|host|host-int8] [--memory-limit GIB] [--memory-auto]
//           [--memory host|device] [--plain] [--profile] [--json]
//     bench --write-model DIR
//
// The network has random weights in the shapes of the released checkpoints (or of a tiny network),
// or is the model in DIR. HEIGHTxWIDTH is the output; the input is a quarter of it on each side,
// RGB frames of noise. Two figures: the stream as a caller sees it (frames pushed from and popped
// to host or device memory), and the parts of a chunk, run without CUDA graphs so that each can be
// timed, beside their budget.
//
// --streams: several at once on one engine, a thread each. --chunks: chunks per stream after the
// start; the first and the last tenth are reported beside the median. --tile-dit, --tile-vae,
// --tile-size, --overlap, --kv-cache: as the element's properties. --memory-limit: as if the device
// had no more; --memory-auto: as the element's memory=auto. --plain: LibTorch's
// operations where fused kernels exist. --profile: marks the steady chunks for a profiler
// (cudaProfilerStart and NVTX ranges per stage) and prints no parts.
#include <ATen/ATen.h>

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"
#include "core/noise.h"
#include "core/schedule.h"
#include "core/stream.h"
#include "kernels/device.h"
#include "models/error.h"
#include "tests/bench/budget.h"
#include "tests/bench/stage_timer.h"
#include "tests/bench/subject.h"
#include "tests/support/kv_cache.h"
#include "tests/support/precision.h"
#include "tests/support/random_model.h"

#ifdef FLASHVSR_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_profiler_api.h>
#include <cuda_runtime_api.h>
#endif

namespace {

using flashvsr::Error;

// After the first; each phase of the ring is recorded in these. A stored cache has more of them.
constexpr int kWarmUpChunks = 6;
constexpr int kStoredWarmUpChunks = 14;

struct Options {
    int height = 768;
    int width = 1408;
    std::string precision = "bf16";
    std::string device = "auto";
    std::string model = "released";
    flashvsr::DecoderRequest decoder;
    std::string memory = "host";
    std::string write_model;
    double sparse_ratio = 2.0;
    int local_range = 11;
    FlashvsrTiling tiling = FLASHVSR_TILING_INIT;
    flashvsr::KvStorage kv_cache = flashvsr::KvStorage::kDevice;
    double memory_limit = 0.0;  // GiB
    bool memory_auto = false;
    int chunks = 12;
    int streams = 1;
    bool plain = false;
    bool profile = false;
    bool json = false;
};

[[noreturn]] void refuse(const std::string& message) {
    throw Error(Error::Kind::kInvalidArgument, message);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--json" || name == "--plain" || name == "--profile") {
            (name == "--json"    ? options.json
             : name == "--plain" ? options.plain
                                 : options.profile) = true;
            continue;
        }
        if (name == "--memory-auto") {
            options.memory_auto = true;
            continue;
        }
        if (name == "--tile-dit" || name == "--tile-vae") {
            (name == "--tile-dit" ? options.tiling.tile_dit : options.tiling.tile_vae) = 1;
            continue;
        }
        if (i + 1 == argc) refuse(name + " needs a value");
        const std::string value = argv[++i];
        if (name == "--size") {
            if (std::sscanf(value.c_str(), "%dx%d", &options.height, &options.width) != 2 ||
                options.height < 4 || options.width < 4)
                refuse("--size takes HEIGHTxWIDTH");
        } else if (name == "--precision") {
            options.precision = value;
        } else if (name == "--device") {
            options.device = value;
        } else if (name == "--model") {
            options.model = value;
        } else if (name == "--mode") {
            if (value != "tiny" && value != "full") refuse("--mode takes tiny or full");
            options.decoder.mode = value == "full" ? flashvsr::Mode::kFull : flashvsr::Mode::kTiny;
        } else if (name == "--vae-type") {
            options.decoder.type = value;
            options.decoder.mode = flashvsr::decoder_type(value).mode;
        } else if (name == "--memory") {
            if (value != "host" && value != "device") refuse("--memory takes host or device");
            options.memory = value;
        } else if (name == "--write-model") {
            options.write_model = value;
        } else if (name == "--sparse-ratio") {
            options.sparse_ratio = std::stod(value);
        } else if (name == "--local-range") {
            options.local_range = std::stoi(value);
        } else if (name == "--kv-cache") {
            options.kv_cache = flashvsr::parse_kv_storage(value);
        } else if (name == "--memory-limit") {
            options.memory_limit = std::stod(value);
        } else if (name == "--tile-size") {
            options.tiling.tile_size = std::stoi(value);
        } else if (name == "--overlap") {
            options.tiling.overlap = std::stoi(value);
        } else if (name == "--chunks") {
            options.chunks = std::max(std::stoi(value), 1);
        } else if (name == "--streams") {
            options.streams = std::max(std::stoi(value), 1);
        } else {
            refuse("unknown option " + name);
        }
    }
    return options;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void synchronize(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda()) cudaDeviceSynchronize();
#endif
    (void)device;
}

double gib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

struct DeviceMemory {
    double allocated_gib = 0.0;  // most that tensors held at once
    double reserved_gib = 0.0;   // most that the process took from the device for them
};

DeviceMemory peak_memory(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda()) {
        const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
        return {gib(stats.allocated_bytes[0].peak), gib(stats.reserved_bytes[0].peak)};
    }
#endif
    (void)device;
    return {};
}

// What all processes hold of the device, CUDA's own contexts and recordings included.
double used_gib(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    size_t free = 0, total = 0;
    if (device.is_cuda() && cudaMemGetInfo(&free, &total) == cudaSuccess)
        return gib(static_cast<int64_t>(total - free));
#endif
    (void)device;
    return 0.0;
}

double allocated_now(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda())
        return gib(c10::cuda::CUDACachingAllocator::getDeviceStats(device.index())
                       .allocated_bytes[0]
                       .current);
#endif
    (void)device;
    return 0.0;
}

// Forgets what loading the model took.
void reset_peak(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (!device.is_cuda()) return;
    c10::cuda::CUDACachingAllocator::emptyCache();
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
#endif
    (void)device;
}

void profiler(const Options& options, bool on) {
#ifdef FLASHVSR_CUDA
    if (options.profile) on ? cudaProfilerStart() : cudaProfilerStop();
#endif
    (void)options;
    (void)on;
}

std::string device_name(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda())
        return std::string(at::cuda::getDeviceProperties(device.index())->name) + ", " +
               flashvsr::kernels::describe(flashvsr::kernels::cuda_device(device.index()));
#endif
    return device.str();
}

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Since the process was started, dynamic linking included; to 10 ms, as the kernel counts.
double seconds_since_start() {
    std::ifstream file("/proc/self/stat");
    std::string stat((std::istreambuf_iterator<char>(file)), {});
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    constexpr int kStartTime = 20;  // the 22nd field of all
    std::string field;
    for (int i = 0; i < kStartTime; ++i) fields >> field;
    timespec now = {};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + now.tv_nsec * 1e-9 -
           std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

flashvsr::DecoderChoice decoder_of(const Options& options) {
    return flashvsr::choose_decoder(options.decoder, [](const std::string&) {});
}

FlashvsrStreamConfig stream_config(const Options& options) {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.output = {FLASHVSR_FORMAT_RGB, options.width,       options.height,
                     FLASHVSR_MATRIX_RGB, FLASHVSR_RANGE_FULL, FLASHVSR_CHROMA_LEFT,
                     FLASHVSR_MEMORY_HOST};
    config.input = config.output;
    config.input.width = options.width / 4;
    config.input.height = options.height / 4;
    config.settings.sparse_ratio = options.sparse_ratio;
    config.settings.local_range = options.local_range;
    config.tiling = options.tiling;
    flashvsr::testing::keep_kv_cache(options.kv_cache, &config);
    config.memory_limit = static_cast<uint64_t>(options.memory_limit * (1 << 30));
    if (options.memory_auto) config.memory_policy = FLASHVSR_MEMORY_POLICY_AUTO;
    if (options.memory == "device")
        config.input.memory = config.output.memory = FLASHVSR_MEMORY_CUDA;
    return config;
}

// One stream that is fed and emptied by its own thread.
class Feed {
  public:
    Feed(std::shared_ptr<const flashvsr::Engine> engine, const Options& options, uint64_t seed)
        : config_(stream_config(options)),
          in_(picture(config_.input, engine->model().placement.device)),
          out_(picture(config_.output, engine->model().placement.device)),
          stream_(std::move(engine), config_) {
        at::Tensor noise = at::empty(in_.sizes(), at::kByte);
        std::mt19937 random(static_cast<uint32_t>(seed));
        for (int64_t i = 0; i < noise.numel(); ++i)
            noise.mutable_data_ptr<uint8_t>()[i] = static_cast<uint8_t>(random());
        in_.copy_(noise);
        synchronize(in_.device());
    }

    // Seconds from the start of the process to the first frames.
    double start() {
        push_and_pop(FLASHVSR_FIRST_CHUNK_INPUT);  // leaves eight: the first have been popped
        const double first = seconds_since_start();
        const bool stored = plan().storage != flashvsr::KvStorage::kDevice;
        push_and_pop((stored ? kStoredWarmUpChunks : kWarmUpChunks) * FLASHVSR_CHUNK);
        return first;
    }

    const flashvsr::MemoryPlan& plan() const { return stream_.plan(); }

    // Milliseconds of each of `chunks` chunks.
    std::vector<double> run(int chunks) {
        std::vector<double> times;
        for (int i = 0; i < chunks; ++i) {
            const auto begin = Clock::now();
            push_and_pop(FLASHVSR_CHUNK);
            times.push_back(milliseconds_since(begin));
        }
        return times;
    }

  private:
    static at::Tensor picture(const FlashvsrFrameInfo& info, const at::Device& device) {
        const at::Device where = info.memory == FLASHVSR_MEMORY_CUDA ? device : at::kCPU;
        return at::empty({info.height, info.width, 3}, at::TensorOptions(at::kByte).device(where));
    }

    void push_and_pop(int count) {
        FlashvsrFrame input = {config_.input, {in_.mutable_data_ptr()}, {config_.input.width * 3}};
        FlashvsrFrame output = {
            config_.output, {out_.mutable_data_ptr()}, {config_.output.width * 3}};
        for (int i = 0; i < count; ++i) {
            stream_.push(input);
            // One chunk behind, so that the caller does not wait for the one under way.
            while (stream_.ready() > FLASHVSR_CHUNK) stream_.pop(output);
        }
    }

    FlashvsrStreamConfig config_;
    at::Tensor in_, out_;  // [height, width, 3], uint8
    flashvsr::Stream stream_;
};

class Bench {
  public:
    explicit Bench(const Options& options)
        : options_(options),
          placement_(flashvsr::testing::placement_of(options.device, options.precision)) {
        placement_.plain = options.plain;
        engine_ = flashvsr::testing::open_engine(options_.model, decoder_of(options_), placement_);
        reset_peak(placement_.device);
    }

    nlohmann::json run() {
        nlohmann::json report;
        report["device"] = device_name(placement_.device);
        report["output"] = std::to_string(options_.height) + "x" + std::to_string(options_.width);
        report["precision"] = options_.precision + (options_.plain ? ", plain" : "");
        report["decoder"] = decoder_of(options_).type->name;
        report["sparse_ratio"] = options_.sparse_ratio;
        report["local_range"] = options_.local_range;
        report["streams"] = options_.streams;
        time_streams(report);
        report_plan(report);
        const DeviceMemory peak = peak_memory(placement_.device);
        report["peak_gib"] = peak.allocated_gib;
        report["peak_reserved_gib"] = peak.reserved_gib;
        // Without recordings it takes more memory than a stream.
        if (!options_.profile && options_.memory_limit == 0) time_parts(report);
        return report;
    }

  private:
    // What all streams take.
    void report_plan(nlohmann::json& report) const {
        const flashvsr::MemoryEstimate& estimate = plan_.estimate;
        const int64_t streams = options_.streams;
        report["kv_cache"] = flashvsr::kv_storage_name(plan_.storage);
        report["memory_changes"] = plan_.changes;
        report["estimate_gib"] = gib(estimate.weights + streams * estimate.stream());
        report["estimate_tensors_gib"] =
            gib(estimate.weights + streams * (estimate.stream() - estimate.reserve));
        report["estimate_host_gib"] = gib(streams * estimate.host);
        report["estimate_parts_gib"] = {{"weights", gib(estimate.weights)},
                                        {"KV cache", gib(estimate.kv_cache)},
                                        {"state", gib(estimate.state)},
                                        {"frames", gib(estimate.frames)},
                                        {"activations", gib(estimate.activations)},
                                        {"reserve", gib(estimate.reserve)}};
    }

    void time_streams(nlohmann::json& report) {
        std::vector<std::unique_ptr<Feed>> feeds;
        for (int i = 0; i < options_.streams; ++i)
            feeds.push_back(std::make_unique<Feed>(engine_, options_, i + 1));
        plan_ = feeds.front()->plan();
        each(feeds, [&](Feed& feed, size_t i) {
            const double first = feed.start();
            if (i == 0) report["first_frame_s"] = first;
        });
        const double memory_before = allocated_now(placement_.device);
        std::vector<std::vector<double>> times(feeds.size());
        profiler(options_, true);
        const auto begin = Clock::now();
        each(feeds, [&](Feed& feed, size_t i) { times[i] = feed.run(options_.chunks); });
        const double seconds = milliseconds_since(begin) / 1000;
        profiler(options_, false);

        report["chunks"] = options_.chunks;
        report["stream_fps"] =
            static_cast<double>(options_.streams) * options_.chunks * FLASHVSR_CHUNK / seconds;
        report["stream_ms_per_chunk"] = median(times[0]);
        const auto tenth = static_cast<std::ptrdiff_t>(std::max<size_t>(times[0].size() / 10, 1));
        report["first_tenth_ms"] = median({times[0].begin(), times[0].begin() + tenth});
        report["last_tenth_ms"] = median({times[0].end() - tenth, times[0].end()});
        report["growth_gib"] = allocated_now(placement_.device) - memory_before;
        report["device_used_gib"] = used_gib(placement_.device);
    }

    template <typename Body>
    static void each(const std::vector<std::unique_ptr<Feed>>& feeds, Body body) {
        std::vector<std::thread> threads;
        for (size_t i = 0; i < feeds.size(); ++i)
            threads.emplace_back([&, i] { body(*feeds[i], i); });
        for (std::thread& thread : threads) thread.join();
    }

    // The stages of a chunk, queued one after the other without graphs.
    void time_parts(nlohmann::json& report) {
        const flashvsr::CudaStream stream(placement_.device);
        const flashvsr::ComputeScope scope(stream);
        const flashvsr::Model& model = engine_->model();
        const auto grid = flashvsr::WindowGrid::of_picture((options_.height + 127) / 128 * 128,
                                                           (options_.width + 127) / 128 * 128);
        flashvsr::Settings settings;
        settings.sparse.sparse_ratio = options_.sparse_ratio;
        settings.sparse.local_range = options_.local_range;
        const flashvsr::Networks networks(model, grid, plan_.tiling, plan_.storage);
        flashvsr::NetworkState state(networks, settings.sparse);
        const at::Tensor frames =
            at::rand({FLASHVSR_FIRST_CHUNK_INPUT, 3, grid.height(), grid.width()},
                     placement_.options()) *
                2 -
            1;
        flashvsr::GraphRecorder unused;
        flashvsr::testing::StageTimer timer(placement_.device);
        std::map<std::string, std::vector<double>> times;
        constexpr int kSkip = 3;
        for (int chunk = 0; chunk < std::min(options_.chunks, 12) + kSkip; ++chunk) {
            flashvsr::ChunkInput input;
            input.frames = chunk == 0 ? frames : frames.narrow(0, 0, 12);
            input.noise = flashvsr::make_noise(
                1, state.next_latent(), flashvsr::latent_frames(input.frames.size(0)),
                model.dit.config().latent_channels, grid, placement_);
            input.height = options_.height;
            input.width = options_.width;
            {
                const flashvsr::Stage whole("networks");
                flashvsr::run_chunk(networks, input, settings, state, unused);
            }
            for (const auto& [name, ms] : timer.take())
                if (chunk >= kSkip) times[name].push_back(ms);
        }
        for (const auto& [name, values] : times) report["parts_ms"][name] = median(values);
        if (options_.model != "released") return;
        for (const auto& part :
             flashvsr::testing::budget(flashvsr::testing::shape_of(options_.model),
                                       *decoder_of(options_).type, grid, settings.sparse))
            report["budget"].push_back({{"part", part.stage},
                                        {"tflop", part.tflop},
                                        {"bf16_ms", part.bf16_ms},
                                        {"fp8_ms", part.fp8_ms}});
    }

    Options options_;
    flashvsr::Placement placement_;
    std::shared_ptr<const flashvsr::Engine> engine_;
    flashvsr::MemoryPlan plan_;
};

void print_memory(const nlohmann::json& report) {
    std::printf(
        "  peak memory %.2f GiB in tensors, %.2f GiB reserved, %.2f GiB used of the device\n",
        report["peak_gib"].get<double>(), report["peak_reserved_gib"].get<double>(),
        report["device_used_gib"].get<double>());
    std::printf("  estimate    %.2f GiB in tensors, %.2f GiB reserved, %.2f GiB of the host:",
                report["estimate_tensors_gib"].get<double>(), report["estimate_gib"].get<double>(),
                report["estimate_host_gib"].get<double>());
    for (const auto& [part, value] : report["estimate_parts_gib"].items())
        std::printf(" %s %.2f", part.c_str(), value.get<double>());
    const auto changes = report["memory_changes"].get<std::string>();
    std::printf("\n  kv-cache=%s%s%s\n", report["kv_cache"].get<std::string>().c_str(),
                changes.empty() ? "" : "; chosen to fit: ", changes.c_str());
}

void print_parts(const nlohmann::json& report) {
    const auto& ms = report["parts_ms"];
    std::printf("\n  %-20s %9s %9s %9s %11s\n", "part of a chunk", "ms", "TFLOP", "TFLOP/s",
                "budget ms");
    std::vector<std::string> budgeted;
    const bool fp8 = report["precision"].get<std::string>().rfind("fp8", 0) == 0;
    for (const auto& part : report.value("budget", nlohmann::json::array())) {
        const std::string name = part["part"];
        if (!ms.contains(name)) continue;
        const double time = ms[name], tflop = part["tflop"];
        std::printf("  %-20s %9.2f", name.c_str(), time);
        if (tflop > 0)
            std::printf(" %9.2f %9.0f", tflop, tflop / time * 1000);
        else
            std::printf(" %9s %9s", "", "");
        std::printf(" %11.1f\n", part[fp8 ? "fp8_ms" : "bf16_ms"].get<double>());
        budgeted.push_back(name);
    }
    for (const auto& [name, time] : ms.items())
        if (std::find(budgeted.begin(), budgeted.end(), name) == budgeted.end())
            std::printf("  %-20s %9.2f\n", name.c_str(), time.get<double>());
}

void print(const nlohmann::json& report, const Options& options) {
    std::printf("%s, output %s, %s, decoder %s, sparse ratio %.1f, local range %d\n",
                report["device"].get<std::string>().c_str(),
                report["output"].get<std::string>().c_str(),
                report["precision"].get<std::string>().c_str(),
                report["decoder"].get<std::string>().c_str(), report["sparse_ratio"].get<double>(),
                report["local_range"].get<int>());
    std::printf("  %d stream%s, %s memory in and out: %.2f FPS in all; %.2f ms per %d frames\n",
                options.streams, options.streams == 1 ? "" : "s", options.memory.c_str(),
                report["stream_fps"].get<double>(), report["stream_ms_per_chunk"].get<double>(),
                FLASHVSR_CHUNK);
    std::printf("  over %d chunks: first tenth %.2f ms, last tenth %.2f ms, memory %+.3f GiB\n",
                report["chunks"].get<int>(), report["first_tenth_ms"].get<double>(),
                report["last_tenth_ms"].get<double>(), report["growth_gib"].get<double>());
    std::printf("  first frames %.2f s after the start of the process\n",
                report["first_frame_s"].get<double>());
    print_memory(report);
    if (report.contains("parts_ms")) print_parts(report);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse(argc, argv);
        if (!options.write_model.empty()) {
            flashvsr::testing::write_random_model(flashvsr::testing::released_shape(),
                                                  options.write_model, /*seed=*/1);
            return 0;
        }
        const nlohmann::json report = Bench(options).run();
        if (options.json)
            std::printf("%s\n", report.dump(2).c_str());
        else
            print(report, options);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench: %s\n", error.what());
        return 2;
    }
}
