// SPDX-License-Identifier: Apache-2.0
// flashvsr-train: trains or fine-tunes a model of this architecture, see docs/training.md, or fits
// a latent adapter, see docs/models.md.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/chunk.h"
#include "core/engine.h"
#include "core/flashvsr.h"
#include "core/noise.h"
#include "core/schedule.h"
#include "models/checkpoint/safetensors.h"
#include "models/error.h"
#include "tools/train/adapter.h"
#include "tools/train/clips.h"
#include "tools/train/parameters.h"

namespace flashvsr::train {
namespace {

constexpr const char* kUsage =
    "usage: flashvsr-train --data PACK --out DIR [options]\n"
    "       flashvsr-train adapter --from FILE --to FILE --type TYPE --data PACK --out FILE\n"
    "\n"
    "  --data PACK        pictures and clips, made by tools/nano/data/pack.py\n"
    "  --out DIR          model folder; also holds the state that --resume continues from\n"
    "  --minutes M        train until M minutes in all have passed (60)\n"
    "  --init DIR         start from this model instead of random weights\n"
    "  --resume           go on where the run that wrote --out stopped\n"
    "  --device D         auto, cpu, cuda or cuda:N (auto)\n"
    "  --side PIXELS      of the training clips, a multiple of 128 (384)\n"
    "  --rate R           highest learning rate (0.0003)\n"
    "  --seed N           of weights and clips (1)\n"
    "  --channels A,B,C,D of the decoder's stages, for a new model (64,48,48,48)\n";

constexpr const char* kAdapterUsage =
    "usage: flashvsr-train adapter --from FILE --to FILE --type TYPE --data PACK --out FILE\n"
    "                              [options]\n"
    "\n"
    "  --from FILE    Wan2.1_VAE.pth, whose latents FlashVSR makes\n"
    "  --to FILE      the VAE that is to decode them, with its encoder\n"
    "  --type TYPE    what it is: tae-w2.2, tae-hv or wan2.2\n"
    "  --data PACK    pictures and clips, made by tools/nano/data/pack.py\n"
    "  --out FILE     NAME.adapter.safetensors beside NAME.pth is found without vae-adapter\n"
    "  --clips N      to fit with (64)\n"
    "  --side PIXELS  of the clips, a multiple of 64 (256)\n"
    "  --device D     auto, cpu, cuda or cuda:N (auto)\n";

struct Options {
    std::string data, out, init, device = "auto";
    double minutes = 60.0;
    double rate = 3e-4;
    int64_t side = 384;
    std::array<int64_t, 4> channels = {64, 48, 48, 48};
    uint64_t seed = 1;
    bool resume = false;
};

std::array<int64_t, 4> parse_channels(const std::string& text) {
    std::array<int64_t, 4> channels{};
    std::istringstream in(text);
    for (int64_t& count : channels)
        if (!(in >> count) || count < 1 || count > 4096 || (in.peek() == ',' && !in.ignore()))
            throw Error(Error::Kind::kInvalidArgument,
                        "--channels takes four numbers: 64,48,48,48");
    return channels;
}

Options parse(int argc, char** argv) {
    Options options;
    const std::map<std::string, std::function<void(const std::string&)>> known = {
        {"--data", [&](const std::string& v) { options.data = v; }},
        {"--out", [&](const std::string& v) { options.out = v; }},
        {"--init", [&](const std::string& v) { options.init = v; }},
        {"--device", [&](const std::string& v) { options.device = v; }},
        {"--minutes", [&](const std::string& v) { options.minutes = std::stod(v); }},
        {"--rate", [&](const std::string& v) { options.rate = std::stod(v); }},
        {"--side", [&](const std::string& v) { options.side = std::stoll(v); }},
        {"--channels", [&](const std::string& v) { options.channels = parse_channels(v); }},
        {"--seed", [&](const std::string& v) { options.seed = std::stoull(v); }}};
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--resume") {
            options.resume = true;
            continue;
        }
        const auto option = known.find(name);
        if (option == known.end() || i + 1 == argc)
            throw Error(Error::Kind::kInvalidArgument, name + "?\n" + kUsage);
        option->second(argv[++i]);
    }
    if (options.data.empty() || options.out.empty() || options.side < 128 ||
        options.side % 128 != 0)
        throw Error(Error::Kind::kInvalidArgument, kUsage);
    return options;
}

AdapterOptions parse_adapter(int argc, char** argv) {
    AdapterOptions options;
    const std::map<std::string, std::function<void(const std::string&)>> known = {
        {"--from", [&](const std::string& v) { options.from = v; }},
        {"--to", [&](const std::string& v) { options.to = v; }},
        {"--type", [&](const std::string& v) { options.type = v; }},
        {"--data", [&](const std::string& v) { options.data = v; }},
        {"--out", [&](const std::string& v) { options.out = v; }},
        {"--clips", [&](const std::string& v) { options.clips = std::stoll(v); }},
        {"--side", [&](const std::string& v) { options.side = std::stoll(v); }},
        {"--device", [&](const std::string& v) { options.device = v; }}};
    for (int i = 1; i < argc; i += 2) {
        const auto option = known.find(argv[i]);
        if (option == known.end() || i + 1 == argc)
            throw Error(Error::Kind::kInvalidArgument,
                        argv[i] + std::string("?\n") + kAdapterUsage);
        option->second(argv[i + 1]);
    }
    for (const std::string* needed :
         {&options.from, &options.to, &options.type, &options.data, &options.out})
        if (needed->empty()) throw Error(Error::Kind::kInvalidArgument, kAdapterUsage);
    if (options.side < 64 || options.side % 64 != 0 || options.clips < 1)
        throw Error(Error::Kind::kInvalidArgument, kAdapterUsage);
    return options;
}

void run_adapter(const AdapterOptions& options) {
    const AdapterQuality quality = make_adapter(options);
    std::printf("PSNR against the clips:  %s %.2f dB,  %s %.2f dB,  adapted %.2f dB\n",
                options.from.c_str(), quality.direct, options.to.c_str(), quality.own,
                quality.adapted);
    std::printf("adapted against %s's pictures: %.2f dB\n", options.from.c_str(),
                quality.agreement);
    constexpr double kPlausible = 20;
    for (const auto& [file, own] :
         {std::pair{options.from, quality.direct}, std::pair{options.to, quality.own}})
        if (own < kPlausible)
            std::printf("%s does not give its own input back: the file or --type is wrong\n",
                        file.c_str());
}

// The shape of the model that ships; see docs/training.md for the reasons.
ModelShape nano_shape(const std::array<int64_t, 4>& channels) {
    ModelShape shape;
    shape.dit.dim = 128;
    shape.dit.heads = 1;
    shape.dit.layers = 2;
    shape.dit.ffn_dim = 256;
    shape.dit.text_dim = 32;
    shape.dit.frequency_dim = 256;
    shape.dit.latent_channels = 16;
    shape.projector = {128, 32, 64, 1};
    shape.decoder.channels = channels;
    shape.decoder.graph.patch = 4;
    shape.decoder.graph.upsample = {1, 1, 1};
    shape.decoder.graph.shuffle = 4;
    shape.decoder.graph.leak = 0.1;
    shape.decoder.graph.skip = true;
    shape.prompt_tokens = 8;
    return shape;
}

constexpr double kTemporalWeight = 1.5;

using Clock = std::chrono::steady_clock;

double minutes_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count() / 60.0;
}

double psnr_from(double mse) { return -10.0 * std::log10(std::max(mse, 1e-10)); }

// BT.601 luma in [0, 1] of RGB in [0, 1], full scale: [F, 3, H, W] -> [F, H, W].
at::Tensor luma(const at::Tensor& rgb) {
    return 0.299 * rgb.select(1, 0) + 0.587 * rgb.select(1, 1) + 0.114 * rgb.select(1, 2);
}

// Mean absolute difference, smooth at zero; out in [-1, 1], target in [0, 1].
at::Tensor charbonnier(const at::Tensor& out, const at::Tensor& target) {
    return at::sqrt(((out + 1) / 2 - target).square() + 1e-6).mean();
}

// How far the changes from frame to frame differ: noise in the detail would flicker.
at::Tensor temporal(const at::Tensor& out, const at::Tensor& target) {
    const at::Tensor error = (out + 1) / 2 - target;
    const at::Tensor change = error.slice(0, 1) - error.slice(0, 0, -1);
    return at::sqrt(change.square() + 1e-6).mean();
}

class Trainer {
  public:
    explicit Trainer(const Options& options)
        : options_(options),
          placement_{parse_device(options.device), at::kFloat},
          source_(options.data, placement_.device),
          random_(static_cast<uint32_t>(options.seed)) {
        at::manual_seed(options.seed);
        // Training needs the range of fp32, not its precision.
        at::globalContext().setAllowTF32CuDNN(true);
        at::globalContext().setAllowTF32CuBLAS(true);
        const std::string from = options.resume ? options.out : options.init;
        if (from.empty()) {
            const ModelShape shape = nano_shape(options.channels);
            description_ = {ModelVersion::k1_1, shape.decoder.graph};
            parameters_ = random_parameters(shape, placement_.device);
        } else {
            description_ = describe_model(from);
            parameters_ = read_parameters(from, placement_.device);
        }
        clip_options_.side = options.side;
    }

    void run() {
        Optimiser optimiser(parameters_);
        if (options_.resume) resume(optimiser);
        const auto begin = Clock::now();
        const double before = minutes_;
        double next_report = minutes_;
        double next_save = minutes_ + 2.0;
        double loss = 0.0;  // relative to the resized input's: below 1 is an improvement
        while (minutes_ < options_.minutes) {
            const auto [model_loss, bicubic_loss] = train_clip(optimiser);
            const double relative = model_loss / bicubic_loss;
            loss = loss == 0.0 ? relative : 0.98 * loss + 0.02 * relative;
            minutes_ = before + minutes_since(begin);
            if (minutes_ >= next_report) {
                report(optimiser, loss);
                next_report = minutes_ + options_.minutes / 30.0;
            }
            if (minutes_ >= next_save) {
                save(optimiser);
                next_save = minutes_ + 2.0;
            }
        }
        report(optimiser, loss);
        save(optimiser);
    }

  private:
    // Linear warm-up, then a cosine down to a hundredth over the time that is given.
    double rate() const {
        const double warm = std::min(1.0, static_cast<double>(iteration_) / 200.0);
        const double done = std::min(1.0, minutes_ / options_.minutes);
        return options_.rate * warm * (0.01 + 0.99 * 0.5 * (1.0 + std::cos(M_PI * done)));
    }

    // One clip through the chunks of the real schedule, a step of the optimiser for each.
    // Returns its loss and that of the resized input.
    std::pair<double, double> train_clip(Optimiser& optimiser) {
        const Clip clip = source_.draw(clip_options_, random_);
        Settings settings;
        settings.color_fix = random_() % 2 ? ColorFix::kAdain : ColorFix::kNone;
        double total = 0.0;
        double bicubic = 0.0;
        int64_t frames = 0;
        int chunks = 0;
        play(parameters_, clip, settings, [&](const at::Tensor& out, const at::Tensor& target) {
            const at::Tensor loss = charbonnier(out, target);
            (loss + kTemporalWeight * temporal(out, target)).backward();
            optimiser.step(rate());
            total += loss.item<double>();
            bicubic +=
                charbonnier(clip.input.narrow(0, frames, out.size(0)), target).item<double>();
            frames += out.size(0);
            ++chunks;
        });
        ++iteration_;
        return {total / chunks, bicubic / chunks};
    }

    // Runs a clip and hands each chunk's output, [F, 3, S, S] in [-1, 1], and target to `chunk`.
    template <typename Chunk>
    void play(const Parameters& parameters, const Clip& clip, const Settings& settings,
              Chunk chunk) {
        const int64_t side = clip.input.size(2);
        const WindowGrid grid = WindowGrid::of_picture(side, side);
        std::optional<NetworkState> state;
        const uint64_t seed = random_();
        GraphRecorder unused;
        for (int64_t first = 0, have = 0; have + 8 <= clip.input.size(0) - 4;) {
            // The optimiser has changed the weights: what follows from them is made anew.
            const Model model = parameters.build(description_, placement_);
            const Networks networks(model, grid);
            if (!state) state.emplace(networks, SparseSettings());
            ChunkInput input;
            const int64_t frames = have == 0 ? kFirstInput : kLaterInput;
            input.frames = clip.input.narrow(0, first, frames);
            input.noise = make_noise(seed, state->next_latent(), latent_frames(frames),
                                     model.dit.config().latent_channels, grid, placement_);
            input.height = input.width = side;
            const at::Tensor out =
                finished_frames(run_chunk(networks, input, settings, *state, unused));
            chunk(out, clip.target.narrow(0, have, out.size(0)));
            detach(*state, model.dit.config().layers);
            have += out.size(0);
            first = have;
        }
    }

    // What crosses chunks is taken as it is: gradients stay within a chunk.
    static void detach(NetworkState& state, int64_t layers) {
        TileState& whole = state.tiles.front();
        for (int64_t i = 0; i < layers; ++i)
            for (const at::Tensor& tensor : {whole.dit.cache.layer(i).k, whole.dit.cache.layer(i).v,
                                             whole.dit.cache.layer(i).k_mean})
                tensor.detach_();
        for (at::Tensor& memory : state.decoder.memory) memory = memory.detach();
        for (at::Tensor* past : {&whole.projector.conv1_past, &whole.projector.conv2_past})
            if (past->defined()) *past = past->detach();
    }

    void report(const Optimiser& optimiser, double loss) {
        const c10::NoGradGuard no_grad;
        const Parameters mean = optimiser.mean(parameters_);
        double model_psnr = 0.0;
        double bicubic_psnr = 0.0;
        const int64_t count = std::min<int64_t>(source_.validation_count(), 8);
        for (int64_t i = 0; i < count; ++i) {
            const Clip clip = source_.validation(i, clip_options_);
            double model_mse = 0.0;
            double bicubic_mse = 0.0;
            int64_t frames = 0;
            play(mean, clip, Settings(), [&](const at::Tensor& out, const at::Tensor& target) {
                const at::Tensor bicubic = clip.input.narrow(0, frames, out.size(0));
                auto squared = [&](const at::Tensor& x) {
                    return (luma((x + 1) / 2) - luma(target))
                        .square()
                        .mean({1, 2})
                        .sum()
                        .item<double>();
                };
                model_mse += squared(out);
                bicubic_mse += squared(bicubic);
                frames += out.size(0);
            });
            model_psnr += psnr_from(model_mse / frames) / count;
            bicubic_psnr += psnr_from(bicubic_mse / frames) / count;
        }
        std::printf(
            "%6.1f min, %5.1f left  clips %6ld  loss %.4f of bicubic's  validation PSNR-Y %.2f dB "
            "(bicubic %.2f, %+.2f)\n",
            minutes_, std::max(options_.minutes - minutes_, 0.0), iteration_, loss, model_psnr,
            bicubic_psnr, model_psnr - bicubic_psnr);
        std::fflush(stdout);
    }

    void save(const Optimiser& optimiser) const {
        write_model(optimiser.mean(parameters_), description_, options_.out);
        write_safetensors(options_.out + "/training.safetensors", optimiser.state());
        std::ofstream(options_.out + "/training.json")
            << nlohmann::json{{"minutes", minutes_}, {"clips", iteration_}}.dump() << "\n";
    }

    void resume(Optimiser& optimiser) {
        optimiser.load_state(read_safetensors(options_.out + "/training.safetensors"));
        std::ifstream file(options_.out + "/training.json");
        const auto json = nlohmann::json::parse(file);
        minutes_ = json.at("minutes");
        iteration_ = json.at("clips");
        random_.seed(static_cast<uint32_t>(options_.seed + iteration_));
    }

    Options options_;
    Placement placement_;
    ClipSource source_;
    ClipOptions clip_options_;
    std::mt19937 random_;
    ModelDescription description_;
    Parameters parameters_;
    double minutes_ = 0.0;
    int64_t iteration_ = 0;
};

}  // namespace
}  // namespace flashvsr::train

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::string(argv[1]) == "adapter") {
            flashvsr::train::run_adapter(flashvsr::train::parse_adapter(argc - 1, argv + 1));
            return 0;
        }
        const auto options = flashvsr::train::parse(argc, argv);
        std::filesystem::create_directories(options.out);
        flashvsr::train::Trainer(options).run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "flashvsr-train: %s\n", error.what());
        return 1;
    }
}
