// SPDX-License-Identifier: Apache-2.0
// Compares the engine, stage by stage, with a case that the reference computed.
//
//     parity CASE_DIR [--device cpu|cuda[:N]] [--precision fp32|bf16|fp16|fp8-linears|fp8]
//            [--noise file|own] [--plain]
//
// CASE_DIR holds a model under its released file names, case.json, input.safetensors and
// expected.safetensors. The stream runs chunk by chunk as it does in the element. Prints one line
// per tensor of the case; exit status 1 when one is out of tolerance, 2 when the case cannot be
// run, 77 when it is of a kind that this program does not know. With --noise own only what does not
// depend on the noise is compared. With --plain the networks run in LibTorch's operations where
// they have fused ones.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/chunk.h"
#include "core/cuda_stream.h"
#include "core/engine.h"
#include "core/flashvsr.h"
#include "core/input_frames.h"
#include "core/noise.h"
#include "core/output_frames.h"
#include "core/schedule.h"
#include "models/checkpoint/safetensors.h"
#include "models/decoders.h"
#include "models/error.h"
#include "models/tiling/tiled_decoder.h"
#include "tests/support/precision.h"

namespace {

using flashvsr::Error;

constexpr int kUnknownKind = 77;  // the status by which tests/run knows what is skipped

struct Options {
    std::string case_dir;
    std::string device = "cpu";
    std::string precision = "fp32";
    bool own_noise = false;
    bool plain = false;
};

// What a stage may differ by. fp32: the reference's tensors are stored as fp16, which alone costs
// 3e-4. bf16 and fp16 are compared with an fp32 reference, so the figures are those of the type.
struct Tolerance {
    double relative_l2 = 1e-3;
    double mask_agreement = 1.0;  // near-ties apart
};

Tolerance tolerance_of(const std::string& precision, const std::string& stage) {
    if (precision == "fp32") return {};
    const double unit = precision == "fp16" ? 0.25 : precision == "bf16" ? 1.0 : 4.0;
    if (stage == "lq_tokens") return {0.02 * unit, 0.0};
    return {0.1 * unit, 0.9};
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        auto value = [&] {
            if (++i == argc)
                throw Error(Error::Kind::kInvalidArgument, argument + " needs a value");
            return std::string(argv[i]);
        };
        if (argument == "--device") {
            options.device = value();
        } else if (argument == "--precision") {
            options.precision = value();
        } else if (argument == "--noise") {
            options.own_noise = value() == "own";
        } else if (argument == "--plain") {
            options.plain = true;
        } else if (options.case_dir.empty() && argument[0] != '-') {
            options.case_dir = argument;
        } else {
            throw Error(Error::Kind::kInvalidArgument, "unexpected argument " + argument);
        }
    }
    if (options.case_dir.empty())
        throw Error(Error::Kind::kInvalidArgument,
                    "usage: parity CASE_DIR [--device cpu|cuda[:N]] "
                    "[--precision fp32|bf16|fp16|fp8-linears|fp8] [--noise file|own] [--plain]");
    return options;
}

// The stages of a whole clip, under the names of expected.safetensors. fp32, on the CPU.
struct Results {
    std::map<std::string, at::Tensor> tensors;
    // Per mask: where a block's weight is so near the threshold that rounding decides.
    std::map<std::string, at::Tensor> near_ties;
};

// Key windows by slice, the oldest first, where the cache has them by slot.
at::Tensor oldest_first(const at::Tensor& by_slot, const std::vector<int64_t>& slots) {
    const auto count = static_cast<int64_t>(slots.size());
    const at::Tensor slices = by_slot.view({by_slot.size(0), by_slot.size(1), count, -1});
    return slices.index_select(2, at::tensor(slots, at::kLong).to(by_slot.device()))
        .reshape_as(by_slot)
        .cpu();
}

at::Tensor near_ties(const flashvsr::DraftMask& mask) {
    constexpr double kRounding = 1e-4;
    const int64_t heads = mask.threshold.size(0);
    const int64_t slices = mask.threshold.size(1);
    const at::Tensor weight = mask.weight.view({heads, slices, -1});
    return ((weight - mask.threshold).abs() <= kRounding * mask.threshold).view_as(mask.weight);
}

flashvsr::Engine load(const std::string& dir, const std::string& version,
                      const flashvsr::Placement& placement) {
    flashvsr::ModelDescription description;
    description.version =
        version == "1.1" ? flashvsr::ModelVersion::k1_1 : flashvsr::ModelVersion::k1;
    const c10::NoGradGuard no_grad;
    return flashvsr::Engine(flashvsr::load_model(flashvsr::open_model_weights(dir), description,
                                                 placement, [](double, const char*) {}));
}

flashvsr::Placement placement_of(const Options& options) {
    flashvsr::Placement placement =
        flashvsr::testing::placement_of(options.device, options.precision);
    placement.plain = options.plain;
    return placement;
}

class CaseRun {
    using Made = flashvsr::ChunkObserver::Made;

  public:
    CaseRun(const Options& options, const nlohmann::json& json)
        : options_(options),
          placement_(placement_of(options)),
          engine_(load(options.case_dir, json.at("model_version"), placement_)),
          input_(flashvsr::read_safetensors(options.case_dir + "/input.safetensors")) {
        settings_.sparse.sparse_ratio = json.at("sparse_ratio");
        settings_.sparse.kv_ratio = json.at("kv_ratio");
        settings_.sparse.local_range = json.at("local_range");
        const std::string fix = json.value("color_fix", "adain");
        settings_.color_fix = fix == "adain"     ? flashvsr::ColorFix::kAdain
                              : fix == "wavelet" ? flashvsr::ColorFix::kWavelet
                                                 : flashvsr::ColorFix::kNone;
    }

    // As a stream does it, but for the noise and the observer.
    Results run() {
        const flashvsr::CudaStream stream(placement_.device);
        const flashvsr::ComputeScope scope(stream);
        at::Tensor video = input_.at("lq_video_u8")[0].permute({1, 2, 3, 0}).contiguous();
        height_ = static_cast<int32_t>(video.size(1));
        width_ = static_cast<int32_t>(video.size(2));
        const FlashvsrFrameInfo in = picture(FLASHVSR_FORMAT_RGB);
        const FlashvsrFrameInfo out = picture(FLASHVSR_FORMAT_RGBA64_LE);
        flashvsr::InputFrames input(in, out, placement_);
        flashvsr::OutputFrames output(out, placement_);
        grid_ = flashvsr::WindowGrid::of_picture(input.padded_height(), input.padded_width());
        const flashvsr::Networks networks(engine_.model(), grid_);
        flashvsr::NetworkState state(networks, settings_.sparse);
        for (int64_t t = 0, step = 0; t < video.size(0); ++t) {
            input.push({in, {video[t].mutable_data_ptr()}, {width_ * 3}});
            if (input.missing() > 0) continue;
            const flashvsr::ChunkOutput chunk =
                run_step(step++, input.take(stream), networks, state);
            output.emit(chunk, {}, input.outputs(), stream);
            input.advance(stream);
            while (output.size() > 0) keep("frames", pop(output, out), 1);
        }
        return collect();
    }

  private:
    FlashvsrFrameInfo picture(FlashvsrFormat format) const {
        return {format,
                width_,
                height_,
                FLASHVSR_MATRIX_RGB,
                FLASHVSR_RANGE_FULL,
                FLASHVSR_CHROMA_LEFT,
                FLASHVSR_MEMORY_HOST};
    }

    // A frame as it leaves, [3, 1, H, W] in [-1, 1].
    static at::Tensor pop(flashvsr::OutputFrames& output, const FlashvsrFrameInfo& info) {
        const at::Tensor rgba = at::empty({info.height, info.width, 4}, at::kShort);
        output.pop({info, {rgba.mutable_data_ptr()}, {info.width * 8}});
        const at::Tensor values = rgba.to(at::kInt).bitwise_and(0xffff).to(at::kFloat);
        return (values.narrow(2, 0, 3) / 65535 * 2 - 1).permute({2, 0, 1}).unsqueeze(1);
    }

    flashvsr::ChunkOutput run_step(int64_t step, const at::Tensor& frames,
                                   const flashvsr::Networks& networks,
                                   flashvsr::NetworkState& state) {
        flashvsr::ChunkInput chunk;
        chunk.frames = frames;
        chunk.noise = noise(state.next_latent(), flashvsr::latent_frames(frames.size(0)));
        chunk.height = height_;
        chunk.width = width_;
        const flashvsr::ChunkObserver observer{
            [&](Made what, const at::Tensor& made) { keep_stage(step, what, made); },
            [&](int64_t layer, const flashvsr::DraftMask& mask, const std::vector<int64_t>& slots) {
                keep_mask(step, layer, mask, slots);
            }};
        flashvsr::GraphRecorder unused;
        return flashvsr::run_chunk(networks, chunk, settings_, state, unused, &observer);
    }

    void keep_stage(int64_t step, Made what, const at::Tensor& made) {
        switch (what) {
            case Made::kTokens:
                return keep("lq_tokens", flashvsr::from_window_order(made, grid_).flatten(0, 2), 0);
            case Made::kVelocity: return keep("velocity." + std::to_string(step), made, 1);
            case Made::kLatents: return keep("latents", made, 1);
            case Made::kDecoded:
                return keep("decoded",
                            made.narrow(2, 0, height_).narrow(3, 0, width_).transpose(0, 1), 1);
        }
    }

    void keep_mask(int64_t step, int64_t layer, const flashvsr::DraftMask& mask,
                   const std::vector<int64_t>& slots) {
        if (layer != 0 && layer != engine_.model().dit.config().layers - 1) return;
        const std::string name = "block_mask." + std::to_string(step) + "." + std::to_string(layer);
        results_.tensors[name] = oldest_first(mask.blocks, slots);
        results_.near_ties[name] = oldest_first(near_ties(mask), slots);
    }

    at::Tensor noise(int64_t first, int64_t count) const {
        if (options_.own_noise)
            return flashvsr::make_noise(
                0, first, count, engine_.model().dit.config().latent_channels, grid_, placement_);
        return input_.at("noise")[0].narrow(1, first, count).to(placement_.options()).contiguous();
    }

    void keep(const std::string& name, const at::Tensor& part, int64_t time_axis) {
        const at::Tensor value = part.to(at::kFloat).cpu();
        at::Tensor& all = results_.tensors[name];
        all = all.defined() ? at::cat({all, value}, time_axis) : value;
    }

    Results collect() {
        for (const char* name : {"decoded", "frames"}) {
            const at::Tensor all = results_.tensors.at(name);
            results_.tensors[std::string(name) + ".first8"] = all.narrow(1, 0, 8);
            results_.tensors[std::string(name) + ".last8"] = all.narrow(1, all.size(1) - 8, 8);
        }
        return results_;
    }

    Options options_;
    flashvsr::Placement placement_;
    flashvsr::Engine engine_;
    flashvsr::TensorMap input_;
    flashvsr::Settings settings_;
    int32_t height_ = 0, width_ = 0;
    flashvsr::WindowGrid grid_;
    Results results_;
};

// A case of a VAE alone: latents to frames, in calls of one and then two latent frames.
Results run_vae(const Options& options, const nlohmann::json& json) {
    flashvsr::Placement placement =
        flashvsr::testing::placement_of(options.device, options.precision);
    placement.plain = options.plain;
    const flashvsr::CudaStream stream(placement.device);
    const flashvsr::ComputeScope scope(stream);
    flashvsr::Weights weights = flashvsr::Weights::open(options.case_dir + "/Wan2.1_VAE.pth");
    const std::shared_ptr<const flashvsr::Decoder> decoder =
        flashvsr::load_own_decoder(flashvsr::decoder_type("wan2.1"), weights, placement);
    const at::Tensor latents = flashvsr::read_safetensors(options.case_dir + "/input.safetensors")
                                   .at("latents")[0]
                                   .to(placement.options());
    auto decode = [&](const flashvsr::Decoder& by) {
        flashvsr::Decoder::State state;
        std::vector<at::Tensor> frames;
        for (int64_t at = 0; at < latents.size(1); at += at == 0 ? 1 : 2) {
            const int64_t count = std::min<int64_t>(at == 0 ? 1 : 2, latents.size(1) - at);
            const at::Tensor condition = at::empty(
                {4 * count - (at == 0 ? 3 : 0), 3, 8 * latents.size(2), 8 * latents.size(3)},
                placement.options());
            frames.push_back(by.decode(latents.narrow(1, at, count), condition, state));
        }
        return (at::cat(frames, 0).to(at::kFloat) * 2 - 1).clamp(-1, 1).transpose(0, 1).cpu();
    };
    Results results;
    results.tensors["frames"] = decode(*decoder);
    auto pair = [&](const char* name) {
        return std::array<int64_t, 2>{json.at(name).at(0), json.at(name).at(1)};
    };
    if (json.contains("tile_size"))
        results.tensors["frames.tiled"] =
            decode(flashvsr::TiledDecoder(*decoder, pair("tile_size"), pair("tile_stride")));
    return results;
}

bool compare_mask(const std::string& name, const at::Tensor& expected, const Results& results,
                  const Tolerance& tolerance) {
    const at::Tensor differs = results.tensors.at(name).logical_xor(expected);
    const at::Tensor tied = differs.logical_and(results.near_ties.at(name));
    const auto total = static_cast<double>(expected.numel());
    const auto wrong = differs.sum().item<int64_t>();
    const auto ties = tied.sum().item<int64_t>();
    const double agreement = 1.0 - static_cast<double>(wrong - ties) / total;
    const bool good = agreement >= tolerance.mask_agreement;
    std::printf("%-18s agreement %.6f  (%ld of %.0f blocks differ, %ld of them near-ties)  %s\n",
                name.c_str(), 1.0 - static_cast<double>(wrong) / total, wrong, total, ties,
                good ? "ok" : "OUT OF TOLERANCE");
    return good;
}

bool compare_floats(const std::string& name, const at::Tensor& expected, const at::Tensor& actual,
                    const Tolerance& tolerance) {
    const at::Tensor reference = expected.to(at::kFloat);
    const at::Tensor difference = actual - reference;
    const double relative =
        difference.norm().item<double>() / std::max(reference.norm().item<double>(), 1e-30);
    const double peak = reference.max().item<double>() - reference.min().item<double>();
    const double mse = difference.square().mean().item<double>();
    // A comparison with NaN is false, so NaN never passes.
    const bool good = relative <= tolerance.relative_l2;
    std::printf("%-18s max abs %.3e  relative L2 %.3e  PSNR %6.2f dB  %s\n", name.c_str(),
                difference.abs().max().item<double>(), relative,
                10.0 * std::log10(peak * peak / std::max(mse, 1e-30)),
                good ? "ok" : "OUT OF TOLERANCE");
    return good;
}

bool compare(const std::string& name, at::Tensor expected, const Results& results,
             const Options& options) {
    if (!results.tensors.count(name)) {
        std::printf("%-18s not a stage of this program, not compared\n", name.c_str());
        return false;
    }
    if (options.own_noise && name != "lq_tokens") {
        const bool finite = at::isfinite(results.tensors.at(name)).all().item<bool>();
        std::printf("%-18s depends on the noise, %s\n", name.c_str(),
                    finite ? "finite" : "NOT FINITE");
        return finite;
    }
    const at::Tensor actual = results.tensors.at(name);
    if (expected.dim() == actual.dim() + 1) expected = expected.squeeze(0);
    if (expected.sizes() != actual.sizes()) {
        std::printf("%-18s has another shape than expected\n", name.c_str());
        return false;
    }
    const Tolerance tolerance = tolerance_of(options.precision, name);
    return expected.scalar_type() == at::kBool ? compare_mask(name, expected, results, tolerance)
                                               : compare_floats(name, expected, actual, tolerance);
}

// The exit status.
int run(const Options& options) {
    std::ifstream file(options.case_dir + "/case.json");
    if (!file)
        throw Error(Error::Kind::kNotFound, options.case_dir + "/case.json cannot be opened");
    const auto json = nlohmann::json::parse(file);
    const std::string kind = json.value("kind", "stream");
    if (kind != "stream" && kind != "wan2.1-vae-decode") {
        std::printf("cases of kind %s are not known here\n", kind.c_str());
        return kUnknownKind;
    }
    const Results results =
        kind == "stream" ? CaseRun(options, json).run() : run_vae(options, json);
    const flashvsr::TensorMap expected =
        flashvsr::read_safetensors(options.case_dir + "/expected.safetensors");
    bool good = !expected.empty();
    for (const auto& [name, tensor] : expected)
        good = compare(name, tensor, results, options) && good;
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(parse(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "parity: %s\n", error.what());
        return 2;
    }
}
