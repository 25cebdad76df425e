// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/frame.h"
#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

double keys_cubic(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

// Input samples that reach one output sample.
struct Span {
    double centre;
    int begin, end;
};

Span span_of(int i, double scale, double support, int in) {
    const double centre = (i + 0.5) * scale;
    return {centre, std::max(0, static_cast<int>(centre - support + 0.5)),
            std::min(in, static_cast<int>(centre + support + 0.5))};
}

// Rows are filtered in bundles, turned so that the rows of a bundle lie side by side.
constexpr int kBundle = 16;

void filter_columns(const ResizeTapsView& taps, const float* in, int rows, float* out) {
    std::vector<float> bundle(static_cast<size_t>(taps.in) * kBundle);
    for (int top = 0; top < rows; top += kBundle) {
        const int height = std::min(kBundle, rows - top);
        for (int r = 0; r < height; ++r) {
            const float* row = in + int64_t{top + r} * taps.in;
            for (int x = 0; x < taps.in; ++x) bundle[x * kBundle + r] = row[x];
        }
        for (int x = 0; x < taps.out; ++x) {
            const float* samples = bundle.data() + taps.first[x] * kBundle;
            float sum[kBundle] = {};
            for (int t = 0; t < taps.count; ++t) {
                const float weight = taps.weight[int64_t{x} * taps.count + t];
                for (int r = 0; r < kBundle; ++r) sum[r] += weight * samples[t * kBundle + r];
            }
            for (int r = 0; r < height; ++r) out[int64_t{top + r} * taps.out + x] = sum[r];
        }
    }
}

void filter_row(const float* __restrict in, const float* __restrict weights, int count, int width,
                float* __restrict out) {
    std::fill(out, out + width, 0.0f);
    for (int t = 0; t < count; ++t) {
        const float weight = weights[t];
        const float* row = in + int64_t{t} * width;
        for (int x = 0; x < width; ++x) out[x] += weight * row[x];
    }
}

template <typename T>
void store_row(const Resize& params, const float* row, T* out) {
    const int width = params.columns.out;
    for (int x = 0; x < width; ++x) {
        const float value = std::min(std::max(0.0f, row[x]), 1.0f);
        out[x] = round_to<T>(value * params.gain + params.offset);
    }
    std::fill(out + width, out + params.padded_width, out[width - 1]);
}

template <typename T>
void filter_rows(const Resize& params, const float* in, T* out) {
    const ResizeTapsView& taps = params.rows;
    const int width = params.columns.out;
    std::vector<float> row(width);
    for (int y = 0; y < taps.out; ++y) {
        filter_row(in + int64_t{taps.first[y]} * width, taps.weight + int64_t{y} * taps.count,
                   taps.count, width, row.data());
        store_row(params, row.data(), out + int64_t{y} * params.padded_width);
    }
    const T* last = out + int64_t{taps.out - 1} * params.padded_width;
    for (int y = taps.out; y < params.padded_height; ++y) {
        std::memcpy(out + int64_t{y} * params.padded_width, last, params.padded_width * sizeof(T));
    }
}

}  // namespace

ResizeTaps bicubic_taps(int in, int out) {
    require(in > 0 && out > 0, "bicubic_taps takes sizes of 1 and more");
    const double scale = static_cast<double>(in) / out;
    const double widening = std::max(scale, 1.0);
    const double support = 2.0 * widening;

    ResizeTaps taps;
    taps.in = in;
    taps.out = out;
    for (int i = 0; i < out; ++i) {
        const Span span = span_of(i, scale, support, in);
        taps.count = std::max(taps.count, span.end - span.begin);
    }
    taps.first.resize(out);
    taps.weight.assign(static_cast<size_t>(out) * taps.count, 0.0f);
    std::vector<double> weights;
    for (int i = 0; i < out; ++i) {
        const Span span = span_of(i, scale, support, in);
        weights.clear();
        double sum = 0;
        for (int at = span.begin; at < span.end; ++at) {
            weights.push_back(keys_cubic((at + 0.5 - span.centre) / widening));
            sum += weights.back();
        }
        taps.first[i] = std::min(span.begin, in - taps.count);
        float* row = taps.weight.data() + static_cast<size_t>(i) * taps.count;
        for (int at = span.begin; at < span.end; ++at) {
            row[at - taps.first[i]] = static_cast<float>(weights[at - span.begin] / sum);
        }
    }
    return taps;
}

void resize_cpu(const Resize& params) {
    require(params.padded_height >= params.rows.out && params.padded_width >= params.columns.out,
            "resize pads to no less than the resized size");
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        const int64_t in_plane = int64_t{params.rows.in} * params.columns.in;
        const int64_t out_plane = int64_t{params.padded_height} * params.padded_width;
        std::vector<float> middle(size_t(params.rows.in) * params.columns.out);
        for (int plane = 0; plane < params.planes; ++plane) {
            filter_columns(params.columns, params.in + plane * in_plane, params.rows.in,
                           middle.data());
            filter_rows(params, middle.data(), static_cast<T*>(params.out) + plane * out_plane);
        }
    });
}

}  // namespace flashvsr::kernels
