// SPDX-License-Identifier: Apache-2.0
#include "tools/train/clips.h"

#include <algorithm>
#include <cmath>

#include "models/checkpoint/safetensors.h"
#include "models/error.h"

namespace flashvsr::train {
namespace {

double uniform(std::mt19937& random, double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
}

int64_t pick(std::mt19937& random, int64_t count) {
    return std::uniform_int_distribution<int64_t>(0, count - 1)(random);
}

bool chance(std::mt19937& random, double share) { return uniform(random, 0.0, 1.0) < share; }

// Position, zoom and turn of the view on a still, as they are at one end of the clip.
struct View {
    double x, y;   // centre, pixels of the still
    double zoom;   // pixels of the still per output pixel
    double angle;  // radians
};

View draw_view(double still, double side, std::mt19937& random) {
    View view{};
    view.zoom = uniform(random, 1.0, std::max(1.0, std::min(1.3, still / side)));
    view.angle = uniform(random, -0.05, 0.05);
    const double margin = std::min(still / 2, 0.5 * side * view.zoom);
    view.x = uniform(random, margin, still - margin);
    view.y = uniform(random, margin, still - margin);
    return view;
}

// The other end: up to `speed` pixels per frame away.
View move_view(View view, double frames, double speed, double still, std::mt19937& random) {
    const double direction = uniform(random, 0.0, 2.0 * M_PI);
    const double way = uniform(random, 0.0, speed) * frames;
    view.x = std::clamp(view.x + way * std::cos(direction), 0.3 * still, 0.7 * still);
    view.y = std::clamp(view.y + way * std::sin(direction), 0.3 * still, 0.7 * still);
    view.zoom *= uniform(random, 0.95, 1.05);
    view.angle += uniform(random, -0.05, 0.05);
    return view;
}

// Sampling positions in [-1, 1] for each frame of the way between two views: [F, side, side, 2].
at::Tensor view_grid(const View& from, const View& to, int64_t frames, int64_t side, double still,
                     const at::TensorOptions& options) {
    std::vector<at::Tensor> grids;
    const at::Tensor offset = at::arange(side, options) - 0.5 * static_cast<double>(side - 1);
    for (int64_t i = 0; i < frames; ++i) {
        const double t = frames > 1 ? static_cast<double>(i) / static_cast<double>(frames - 1) : 0;
        auto mix = [&](double View::*member) { return (1 - t) * from.*member + t * to.*member; };
        const double c = mix(&View::zoom) * std::cos(mix(&View::angle));
        const double s = mix(&View::zoom) * std::sin(mix(&View::angle));
        const at::Tensor dx = offset.unsqueeze(0);
        const at::Tensor dy = offset.unsqueeze(1);
        const at::Tensor x = mix(&View::x) + c * dx - s * dy;
        const at::Tensor y = mix(&View::y) + s * dx + c * dy;
        grids.push_back((at::stack({x, y}, 2) + 0.5) * (2.0 / still) - 1.0);
    }
    return at::stack(grids, 0);
}

at::Tensor flip_at_random(const at::Tensor& frames, std::mt19937& random) {
    at::Tensor out = frames;
    if (chance(random, 0.5)) out = out.flip({3});
    if (chance(random, 0.5)) out = out.flip({2});
    if (chance(random, 0.5)) out = out.transpose(2, 3);
    return out.contiguous();
}

// [8, 8]: the orthonormal DCT-II.
at::Tensor dct_matrix(const at::TensorOptions& options) {
    at::Tensor matrix = at::empty({8, 8}, at::kFloat);
    auto m = matrix.accessor<float, 2>();
    for (int k = 0; k < 8; ++k)
        for (int n = 0; n < 8; ++n)
            m[k][n] = static_cast<float>((k == 0 ? std::sqrt(0.125) : 0.5) *
                                         std::cos(M_PI * (2 * n + 1) * k / 16.0));
    return matrix.to(options);
}

// Rounds each 8x8 block's spectrum to steps that grow with frequency, as intra coding does.
at::Tensor quantise_blocks(const at::Tensor& frames, double step) {
    const int64_t h = frames.size(2) / 8;
    const int64_t w = frames.size(3) / 8;
    const at::Tensor dct = dct_matrix(frames.options());
    const at::Tensor blocks =
        frames.view({frames.size(0), 3, h, 8, w, 8}).permute({0, 1, 2, 4, 3, 5});
    const at::Tensor spectrum = at::matmul(at::matmul(dct, blocks), dct.t());
    const at::Tensor frequency = at::arange(8, frames.options());
    const at::Tensor steps = step * (1.0 + 0.4 * (frequency.unsqueeze(0) + frequency.unsqueeze(1)));
    const at::Tensor rounded = at::round(spectrum / steps) * steps;
    return at::matmul(at::matmul(dct.t(), rounded), dct)
        .permute({0, 1, 2, 4, 3, 5})
        .reshape(frames.sizes());
}

at::Tensor resized(const at::Tensor& frames, int64_t side) {
    return at::_upsample_bicubic2d_aa(frames, {side, side}, /*align_corners=*/false);
}

}  // namespace

ClipSource::ClipSource(const std::string& pack, const at::Device& device) {
    const TensorMap tensors = read_safetensors(pack);
    const auto stills = tensors.find("stills");
    if (stills == tensors.end() || stills->second.dim() != 4 || stills->second.size(0) < 20 ||
        stills->second.scalar_type() != at::kByte)
        throw Error(Error::Kind::kBadFormat,
                    pack + " should hold \"stills\", bytes [20 or more, 3, S, S]; make it with " +
                        "tools/nano/data/pack.py");
    stills_ = stills->second.to(device);
    if (tensors.count("clips")) clips_ = tensors.at("clips").to(device);
    training_stills_ = stills_.size(0) - stills_.size(0) / 20;
}

Clip ClipSource::draw(const ClipOptions& options, std::mt19937& random) const {
    const bool from_recording = clips_.defined() && chance(random, options.recorded_share);
    const at::Tensor frames = from_recording ? recorded(options, random) : shots(options, random);
    const at::Tensor target = flip_at_random(frames, random);
    return {target, degrade(target, chance(random, options.clean_share), random)};
}

Clip ClipSource::validation(int64_t index, const ClipOptions& options) const {
    std::mt19937 random(static_cast<uint32_t>(index));
    const at::Tensor target =
        moving_still(training_stills_ + index, options.frames, options.side, random);
    return {target, degrade(target, /*clean=*/true, random)};
}

at::Tensor ClipSource::mosaic(int64_t frames, int64_t side, std::mt19937& random) const {
    constexpr int64_t kTile = 64;
    std::vector<at::Tensor> rows;
    for (int64_t y = 0; y < side; y += kTile) {
        std::vector<at::Tensor> tiles;
        for (int64_t x = 0; x < side; x += kTile)
            tiles.push_back(moving_still(pick(random, training_stills_), frames, kTile, random));
        rows.push_back(at::cat(tiles, 3));
    }
    return at::cat(rows, 2);
}

at::Tensor ClipSource::shots(const ClipOptions& options, std::mt19937& random) const {
    const int64_t first = 1 + pick(random, 2 * options.frames);
    if (first >= options.frames) return mosaic(options.frames, options.side, random);
    return at::cat(
        {mosaic(first, options.side, random), mosaic(options.frames - first, options.side, random)},
        0);
}

at::Tensor ClipSource::moving_still(int64_t index, int64_t frames, int64_t side,
                                    std::mt19937& random) const {
    const auto still = static_cast<double>(stills_.size(3));
    const View from = draw_view(still, static_cast<double>(side), random);
    const bool moves = chance(random, 0.7);
    const View to = moves ? move_view(from, static_cast<double>(frames), 3.0, still, random) : from;
    const at::Tensor picture = stills_[index].to(at::kFloat).div(255).unsqueeze(0);
    const at::Tensor grid = view_grid(from, to, frames, side, still, picture.options());
    constexpr int64_t kBicubic = 2;
    constexpr int64_t kReflect = 2;
    return at::grid_sampler_2d(picture.expand({frames, -1, -1, -1}), grid, kBicubic, kReflect,
                               /*align_corners=*/false)
        .clamp(0, 1);
}

at::Tensor ClipSource::recorded(const ClipOptions& options, std::mt19937& random) const {
    const at::Tensor clip = clips_[pick(random, clips_.size(0))];
    const int64_t side = std::min(options.side, clip.size(2) / 128 * 128);
    const int64_t top = pick(random, clip.size(2) - side + 1);
    const int64_t left = pick(random, clip.size(3) - side + 1);
    // A clip that is too short runs back and forth.
    std::vector<int64_t> index;
    const int64_t period = std::max<int64_t>(2 * (clip.size(0) - 1), 1);
    for (int64_t i = 0; i < options.frames; ++i)
        index.push_back(std::min(i % period, period - i % period));
    return clip.index_select(0, at::tensor(index, at::kLong).to(clip.device()))
        .narrow(2, top, side)
        .narrow(3, left, side)
        .to(at::kFloat)
        .div(255);
}

at::Tensor degrade(const at::Tensor& frames, bool clean, std::mt19937& random) {
    const int64_t side = frames.size(2);
    at::Tensor small = resized(frames, side / kScale);
    if (!clean) {
        const double kind = uniform(random, 0.0, 1.0);
        if (kind < 0.6) {
            small = quantise_blocks(small, uniform(random, 0.01, 0.08));
        } else if (kind < 0.8) {
            small = small + at::randn_like(small) * uniform(random, 0.0, 0.04);
        } else {
            const int64_t blurred = side / kScale * 3 / 4;
            small = resized(resized(small, blurred), side / kScale);
        }
    }
    const at::Tensor bytes = small.clamp(0, 1).mul(255).round().div(255);
    return resized(bytes, side).clamp(0, 1) * 2 - 1;
}

}  // namespace flashvsr::train
