// SPDX-License-Identifier: Apache-2.0
// What is done to frames and noise; times are of the eight frames of a chunk.
#include "kernels/color_stats.h"
#include "kernels/noise.h"
#include "tests/kernels/bench/timer.h"
#include "tests/kernels/pictures.h"

namespace flashvsr::kernels {
namespace {

void bench_noise(Timer& timer) {
    if (!wanted("noise")) return;
    const int64_t count = 16 * (kWidth / 8) * (kHeight / 8);
    DeviceArray<BFloat16> out(count);
    const double milliseconds = timer.median(50, [&](int i) {
        noise_cuda({out.get(), count, 1, uint64_t(i), ElementType::kBFloat16}, nullptr);
    });
    report_bytes("noise, one latent frame, bf16", milliseconds, count * 2.0);
}

// A frame's planes on the device, one copy for each frame of a chunk.
struct DeviceFrames {
    DeviceFrames(const Format& format, int width, int height) {
        const OwnedPicture owned =
            make_picture(format, kCodings[2].yuv, width, height, Rows::kAligned);
        for (int frame = 0; frame < kFrames; ++frame) {
            void* plane[4] = {};
            for (int i = 0; i < format.planes; ++i) {
                planes.emplace_back(random_bytes(owned.plane[i].size(), 4 * frame + i));
                plane[i] = planes.back().get();
                bytes += owned.plane[i].size();
            }
            const Picture laid_out = lay_out(format, plane, owned.stride);
            pictures.push_back(owned.picture);
            std::copy(laid_out.component, laid_out.component + 4, pictures.back().component);
        }
    }
    std::vector<DeviceArray<uint8_t>> planes;
    std::vector<Picture> pictures;
    double bytes = 0;  // of all frames
};

constexpr int64_t kArea = int64_t{kWidth} * kHeight;

void bench_input(Timer& timer) {
    const int width = kWidth / 4, height = kHeight / 4;
    const ResizeTaps rows = bicubic_taps(height, kHeight), columns = bicubic_taps(width, kWidth);
    DeviceArray<int32_t> row_first(rows.first), column_first(columns.first);
    DeviceArray<float> row_weight(rows.weight), column_weight(columns.weight);
    DeviceArray<BFloat16> out(kFrames * 3 * kArea);
    DeviceArray<float> alpha(kFrames * kArea);
    for (const Format& format : kFormats) {
        const std::string name = "picture_to_model x4 bf16, " + std::string(format.name);
        if (!wanted(name)) continue;
        const DeviceFrames frames(format, width, height);
        const double milliseconds = timer.median(50, [&](int) {
            for (int frame = 0; frame < kFrames; ++frame) {
                PictureToModel params;
                params.picture = frames.pictures[frame];
                params.rows = {height, kHeight, rows.count, row_first.get(), row_weight.get()};
                params.columns = {width, kWidth, columns.count, column_first.get(),
                                  column_weight.get()};
                params.rgb = out.get() + frame * 3 * kArea;
                if (format.has_alpha) params.alpha = alpha.get() + frame * kArea;
                params.padded_height = kHeight;
                params.padded_width = kWidth;
                params.type = ElementType::kBFloat16;
                picture_to_model_cuda(params, nullptr);
            }
        });
        report_bytes(name, milliseconds,
                     frames.bytes + kFrames * kArea * (format.has_alpha ? 10.0 : 6.0));
    }
}

void bench_output(Timer& timer) {
    const auto decoded = random_device<BFloat16>(kFrames * 3 * kArea, 1);
    const auto reference = random_device<BFloat16>(kFrames * 3 * kArea, 2);
    DeviceArray<float> affine(std::vector<float>(kFrames * 3 * 2, 0.5f));
    for (const Format& format : kFormats) {
        for (const float strength : {1.0f, 0.5f}) {
            const std::string name = "model_to_picture bf16, " + std::string(format.name) +
                                     (strength < 1 ? ", blended" : "");
            if (!wanted(name)) continue;
            const DeviceFrames frames(format, kWidth, kHeight);
            const double milliseconds = timer.median(50, [&](int) {
                for (int frame = 0; frame < kFrames; ++frame) {
                    ModelToPicture params;
                    params.decoded = {decoded.get() + frame * 3 * kArea, kArea, kWidth};
                    params.reference = {reference.get() + frame * 3 * kArea, kArea, kWidth};
                    params.affine = affine.get() + frame * 6;
                    params.strength = strength;
                    params.type = ElementType::kBFloat16;
                    params.picture = frames.pictures[frame];
                    model_to_picture_cuda(params, nullptr);
                }
            });
            report_bytes(name, milliseconds,
                         frames.bytes + kFrames * 3 * kArea * (strength < 1 ? 4.0 : 2.0));
        }
    }
}

void bench_color_stats(Timer& timer) {
    const std::string name = "color_stats bf16";
    if (!wanted(name)) return;
    const auto decoded = random_device<BFloat16>(kFrames * 3 * kArea, 1);
    const auto reference = random_device<BFloat16>(kFrames * 3 * kArea, 2);
    DeviceArray<double> scratch(color_stats_scratch(kFrames));
    DeviceArray<float> affine(kFrames * 3 * 2);
    const double milliseconds = timer.median(50, [&](int) {
        ColorStats params;
        params.decoded = {decoded.get(), kArea, kWidth};
        params.reference = {reference.get(), kArea, kWidth};
        params.frames = kFrames;
        params.height = kHeight;
        params.width = kWidth;
        params.scratch = scratch.get();
        params.affine = affine.get();
        params.type = ElementType::kBFloat16;
        color_stats_cuda(params, nullptr);
    });
    report_bytes(name, milliseconds, kFrames * 3 * kArea * 4.0);
}

}  // namespace

void bench_frames(Timer& timer) {
    bench_noise(timer);
    bench_input(timer);
    bench_output(timer);
    bench_color_stats(timer);
}

}  // namespace flashvsr::kernels
