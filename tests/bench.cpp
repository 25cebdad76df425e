// Steady-state speed of the engine with random weights in the released shapes.
//
//     bench [--size HEIGHTxWIDTH] [--precision fp32|bf16|fp16] [--device auto|cpu|cuda[:N]]
//           [--sparse-ratio R] [--chunks N] [--model released|tiny|DIR] [--json]
//
// released and tiny are shapes with random weights, DIR is a model's folder.
// HEIGHTxWIDTH is the output; the input is a quarter of it on each side, RGB frames of noise in
// host memory. Two figures: the stream as a caller sees it (frames pushed from and popped to host
// memory), and the networks alone, split into their parts.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/noise.h"
#include "core/stream.h"
#include "models/error.h"
#include "tests/support/precision.h"
#include "tests/support/random_model.h"

#ifdef FLASHVSR_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>
#endif

namespace {

using flashvsr::Error;

struct Options {
    int height = 768;
    int width = 1408;
    std::string precision = "bf16";
    std::string device = "auto";
    std::string model = "released";
    double sparse_ratio = 2.0;
    int chunks = 12;
    bool json = false;
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--json") {
            options.json = true;
            continue;
        }
        if (i + 1 == argc) throw Error(Error::Kind::kInvalidArgument, name + " needs a value");
        const std::string value = argv[++i];
        if (name == "--size") {
            if (std::sscanf(value.c_str(), "%dx%d", &options.height, &options.width) != 2 ||
                options.height < 4 || options.width < 4)
                throw Error(Error::Kind::kInvalidArgument, "--size takes HEIGHTxWIDTH");
        } else if (name == "--precision") {
            options.precision = value;
        } else if (name == "--device") {
            options.device = value;
        } else if (name == "--model") {
            options.model = value;
        } else if (name == "--sparse-ratio") {
            options.sparse_ratio = std::stod(value);
        } else if (name == "--chunks") {
            options.chunks = std::max(std::stoi(value), 1);
        } else {
            throw Error(Error::Kind::kInvalidArgument, "unknown option " + name);
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

double peak_gib(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda())
        return static_cast<double>(c10::cuda::CUDACachingAllocator::getDeviceStats(device.index())
                                       .allocated_bytes[0]
                                       .peak) /
               (1 << 30);
#endif
    (void)device;
    return 0.0;
}

std::string device_name(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda()) return at::cuda::getDeviceProperties(device.index())->name;
#endif
    return device.str();
}

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::shared_ptr<const flashvsr::Engine> open_engine(const Options& options,
                                                    const flashvsr::Placement& placement) {
    const c10::NoGradGuard no_grad;
    if (options.model != "released" && options.model != "tiny")
        return std::make_shared<const flashvsr::Engine>(flashvsr::load_model(
            flashvsr::open_model_weights(options.model), flashvsr::describe_model(options.model),
            placement, [](double, const char*) {}));
    const auto shape = options.model == "tiny" ? flashvsr::testing::tiny_shape()
                                               : flashvsr::testing::released_shape();
    return std::make_shared<const flashvsr::Engine>(flashvsr::testing::random_model(
        shape, flashvsr::ModelVersion::k1_1, placement, /*seed=*/1));
}

class Bench {
  public:
    explicit Bench(const Options& options)
        : options_(options),
          placement_{flashvsr::parse_device(options.device),
                     flashvsr::testing::dtype_of(options.precision)},
          engine_(open_engine(options, placement_)) {
        synchronize(placement_.device);
    }

    nlohmann::json run() {
        nlohmann::json report;
        report["device"] = device_name(placement_.device);
        report["output"] = std::to_string(options_.height) + "x" + std::to_string(options_.width);
        report["precision"] = options_.precision;
        report["sparse_ratio"] = options_.sparse_ratio;
        const double stream_ms = time_stream();
        report["stream_ms_per_chunk"] = stream_ms;
        report["stream_fps"] = 1000.0 * FLASHVSR_CHUNK / stream_ms;
        time_networks(report);
        report["peak_gib"] = peak_gib(placement_.device);
        return report;
    }

  private:
    FlashvsrStreamConfig config() const {
        FlashvsrStreamConfig config = {};
        config.struct_size = sizeof(config);
        config.output = {FLASHVSR_FORMAT_RGB, options_.width,      options_.height,
                         FLASHVSR_MATRIX_RGB, FLASHVSR_RANGE_FULL, FLASHVSR_CHROMA_LEFT};
        config.input = config.output;
        config.input.width = options_.width / 4;
        config.input.height = options_.height / 4;
        config.settings = FLASHVSR_SETTINGS_INIT;
        config.settings.sparse_ratio = options_.sparse_ratio;
        return config;
    }

    // Milliseconds per steady chunk of a stream that is fed and emptied from host memory.
    double time_stream() {
        flashvsr::Stream stream(engine_, config());
        std::vector<uint8_t> in(static_cast<size_t>(options_.height / 4) * (options_.width / 4) *
                                3);
        std::vector<uint8_t> out(static_cast<size_t>(options_.height) * options_.width * 3);
        std::mt19937 random(1);
        for (uint8_t& sample : in) sample = static_cast<uint8_t>(random());
        FlashvsrFrame input = {config().input, {in.data()}, {options_.width / 4 * 3}};
        FlashvsrFrame output = {config().output, {out.data()}, {options_.width * 3}};
        auto push_and_pop = [&](int count) {
            for (int i = 0; i < count; ++i) {
                stream.push(input);
                while (stream.ready() > 0) stream.pop(output);
            }
        };
        push_and_pop(FLASHVSR_FIRST_CHUNK_INPUT + 3 * FLASHVSR_CHUNK);
        std::vector<double> times;
        for (int i = 0; i < options_.chunks; ++i) {
            const auto begin = Clock::now();
            push_and_pop(FLASHVSR_CHUNK);
            times.push_back(milliseconds_since(begin));
        }
        return median(times);
    }

    // Each part on its own, the device idle before and after it.
    void time_networks(nlohmann::json& report) {
        const flashvsr::ComputeQueue queue(placement_.device);
        const flashvsr::ComputeScope scope(queue);
        const flashvsr::Model& model = engine_->model();
        const auto grid = flashvsr::WindowGrid::of_picture((options_.height + 127) / 128 * 128,
                                                           (options_.width + 127) / 128 * 128);
        flashvsr::Settings settings;
        settings.sparse.sparse_ratio = options_.sparse_ratio;
        flashvsr::NetworkState state{
            {}, flashvsr::Dit::State(model.dit, grid, settings.sparse), {}};
        const at::Tensor frames =
            at::rand({FLASHVSR_FIRST_CHUNK_INPUT, 3, grid.height(), grid.width()},
                     placement_.options()) *
                2 -
            1;
        std::vector<std::pair<std::string, std::vector<double>>> parts;
        std::vector<double> whole;
        for (int chunk = 0; chunk < options_.chunks + 3; ++chunk) {
            flashvsr::ChunkInput input;
            input.frames = chunk == 0 ? frames : frames.narrow(0, 0, 12);
            input.noise = flashvsr::make_noise(
                1, state.dit.next_latent, flashvsr::latent_frames(input.frames.size(0)),
                model.dit.config().latent_channels, grid, placement_);
            input.height = options_.height;
            input.width = options_.width;
            flashvsr::ChunkProbe probe;
            size_t next = 0;
            synchronize(placement_.device);
            const auto chunk_begin = Clock::now();
            auto part_begin = chunk_begin;
            probe.mark = [&](const char* stage) {
                synchronize(placement_.device);
                if (next == parts.size()) parts.push_back({stage, {}});
                if (chunk >= 3) parts[next].second.push_back(milliseconds_since(part_begin));
                ++next;
                part_begin = Clock::now();
            };
            flashvsr::run_chunk(model, input, settings, state, &probe);
            if (chunk >= 3) whole.push_back(milliseconds_since(chunk_begin));
        }
        for (const auto& [name, times] : parts) report["parts_ms"][name] = median(times);
        report["networks_ms_per_chunk"] = median(whole);
    }

    Options options_;
    flashvsr::Placement placement_;
    std::shared_ptr<const flashvsr::Engine> engine_;
};

void print(const nlohmann::json& report) {
    std::printf(
        "%s, output %s, %s, sparse ratio %.1f\n", report["device"].get<std::string>().c_str(),
        report["output"].get<std::string>().c_str(), report["precision"].get<std::string>().c_str(),
        report["sparse_ratio"].get<double>());
    std::printf("  stream        %8.2f FPS  (%.2f ms per %d frames, host memory in and out)\n",
                report["stream_fps"].get<double>(), report["stream_ms_per_chunk"].get<double>(),
                FLASHVSR_CHUNK);
    for (const auto& [name, ms] : report["parts_ms"].items())
        std::printf("  %-13s %8.2f ms\n", name.c_str(), ms.get<double>());
    std::printf("  networks      %8.2f ms\n", report["networks_ms_per_chunk"].get<double>());
    std::printf("  peak memory   %8.2f GiB\n", report["peak_gib"].get<double>());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse(argc, argv);
        const nlohmann::json report = Bench(options).run();
        if (options.json)
            std::printf("%s\n", report.dump(2).c_str());
        else
            print(report);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench: %s\n", error.what());
        return 2;
    }
}
