// SPDX-License-Identifier: Apache-2.0
// Convolution on the CPU, against the formulas of docs/model.md sections 5 and 8 in double.
#include "kernels/conv.h"

#include "kernels/conv_out.h"
#include "kernels/conv_plan.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

// A dense tensor [frames, rows, columns, channels] that is zero outside its rows and columns.
struct Frames {
    int n, h, w, c;
    std::vector<double> values;

    Frames(int n, int h, int w, int c)
        : n(n), h(h), w(w), c(c), values(size_t(n) * h * w * c, 0.0) {}
    Frames(int n, int h, int w, int c, unsigned seed) : Frames(n, h, w, c) {
        const auto random = random_normal(values.size(), seed);
        values.assign(random.begin(), random.end());
    }
    double& at(int t, int y, int x, int i) { return values[((size_t(t) * h + y) * w + x) * c + i]; }
    double operator()(int t, int y, int x, int i) const {
        if (y < 0 || y >= h || x < 0 || x >= w) return 0;
        return values[((size_t(t) * h + y) * w + x) * c + i];
    }
};

// weight: [out, in, k, k], as checkpoints hold it. Zeros outside, y as large as x.
Frames convolve(const Frames& x, const std::vector<double>& weight, int out, int k) {
    Frames y(x.n, x.h, x.w, out);
    for (int t = 0; t < x.n; ++t)
        for (int r = 0; r < x.h; ++r)
            for (int c = 0; c < x.w; ++c)
                for (int o = 0; o < out; ++o)
                    for (int i = 0; i < x.c; ++i)
                        for (int tap = 0; tap < k * k; ++tap)
                            y.at(t, r, c, o) += weight[(size_t(o) * x.c + i) * k * k + tap] *
                                                x(t, r + tap / k - k / 2, c + tap % k - k / 2, i);
    return y;
}

std::vector<double> random_weight(size_t count, unsigned seed) {
    const auto random = random_normal(count, seed, 0.2f);
    return {random.begin(), random.end()};
}

// [out, in, k, k] -> [out, k * k, in]
std::vector<float> channels_last(const std::vector<double>& weight, int out, int in, int taps) {
    std::vector<float> result(weight.size());
    for (int o = 0; o < out; ++o)
        for (int i = 0; i < in; ++i)
            for (int tap = 0; tap < taps; ++tap)
                result[(size_t(o) * taps + tap) * in + i] =
                    static_cast<float>(weight[(size_t(o) * in + i) * taps + tap]);
    return result;
}

std::vector<float> floats(const std::vector<double>& values) {
    return {values.begin(), values.end()};
}

// Frames and those before them beside each other, a frame's own channels first.
Frames with_history(const Frames& past, const Frames& x) {
    const int history = past.n;
    Frames all(x.n, x.h, x.w, (1 + history) * x.c);
    for (int t = 0; t < x.n; ++t)
        for (int r = 0; r < x.h; ++r)
            for (int c = 0; c < x.w; ++c)
                for (int i = 0; i < all.c; ++i) {
                    const int from = t - i / x.c;
                    all.at(t, r, c, i) =
                        from < 0 ? past(history + from, r, c, i % x.c) : x(from, r, c, i % x.c);
                }
    return all;
}

TEST(Conv, SeesEarlierFrames) {
    const int n = 3, h = 4, w = 5, in = 6, out = 7;
    for (const int history : {1, 2}) {
        const Frames past(history, h, w, in, 1), x(n, h, w, in, 5);
        const int inputs = (1 + history) * in;
        const auto weight = random_weight(size_t(out) * inputs * 9, 2);
        const auto bias = random_normal(out, 3),
                   residual = random_normal(size_t(n) * h * w * out, 4);
        std::vector<double> expected = convolve(with_history(past, x), weight, out, 3).values;
        for (size_t i = 0; i < expected.size(); ++i) {
            expected[i] += bias[i % out] + residual[i];
            if (expected[i] < 0) expected[i] *= 0.25;
        }

        const auto values = floats(x.values), before = floats(past.values);
        const auto packed = channels_last(weight, out, inputs, 9);
        std::vector<float> y = residual;
        Conv params;
        params.x = values.data();
        params.past = before.data();
        params.history = history;
        params.weight = packed.data();
        params.bias = bias.data();
        params.residual = params.y = y.data();
        params.n = n;
        params.h = h;
        params.w = w;
        params.in = in;
        params.out = out;
        params.leak = 0.25f;
        conv_cpu(params);
        EXPECT_LT(relative_l2(y, expected), 1e-6) << history;
    }
}

// [phase, out, 4, in] of the header's resizing form.
std::vector<float> phase_weight(const std::vector<double>& conv, const std::vector<double>& grow,
                                int out, int middle, int in, int frames) {
    std::vector<double> weight(size_t(frames) * 4 * out * 4 * in, 0.0);
    const auto merged = [](int p, int k) { return p == 0 ? (k > 0) : (k > 1); };
    for (int f = 0; f < frames; ++f)
        for (int phase = 0; phase < 4; ++phase)
            for (int o = 0; o < out; ++o)
                for (int tap = 0; tap < 9; ++tap)
                    for (int m = 0; m < middle; ++m)
                        for (int i = 0; i < in; ++i) {
                            const int to =
                                merged(phase / 2, tap / 3) * 2 + merged(phase % 2, tap % 3);
                            weight[(((f * 4 + phase) * size_t(out) + o) * 4 + to) * in + i] +=
                                conv[(size_t(o) * middle + m) * 9 + tap] *
                                grow[(size_t(f) * middle + m) * in + i];
                        }
    return floats(weight);
}

TEST(Conv, IsNearestResizeThenGrowthInTimeThenThreeByThree) {
    const int n = 2, h = 3, w = 4, in = 5, middle = 5, out = 6, frames = 2;
    const Frames x(n, h, w, in, 1);
    const auto grow = random_weight(size_t(frames) * middle * in, 2);
    const auto conv = random_weight(size_t(out) * middle * 9, 3);
    Frames resized(n * frames, 2 * h, 2 * w, middle);
    const Frames grown = convolve(x, grow, frames * middle, 1);
    for (int t = 0; t < n * frames; ++t)
        for (int r = 0; r < 2 * h; ++r)
            for (int c = 0; c < 2 * w; ++c)
                for (int m = 0; m < middle; ++m)
                    resized.at(t, r, c, m) =
                        grown(t / frames, r / 2, c / 2, t % frames * middle + m);
    const auto expected = convolve(resized, conv, out, 3).values;

    const auto values = floats(x.values);
    const auto weight = phase_weight(conv, grow, out, middle, in, frames);
    auto y = poisoned<float>(expected.size());
    Conv params;
    params.x = values.data();
    params.weight = weight.data();
    params.y = y.data();
    params.n = n;
    params.h = h;
    params.w = w;
    params.in = in;
    params.out = out;
    params.kernel = 2;
    params.upsample = 2;
    params.grow = frames;
    conv_cpu(params);
    EXPECT_LT(relative_l2(y, expected), 1e-6);
}

TEST(Conv, WritesTheInsideOfABufferWithABorderAndReadsItBackUnpadded) {
    const int h = 3, w = 4, in = 2, out = 3, border = 1;
    const Frames x(1, h, w, in, 1);
    const auto first = random_weight(size_t(out) * in, 2);
    const auto second = random_weight(size_t(out) * out * 9, 3);
    const auto expected = convolve(convolve(x, first, out, 1), second, out, 3).values;

    const int padded_w = w + 2 * border;
    const auto values = floats(x.values);
    const auto weight1 = channels_last(first, out, in, 1);
    const auto weight2 = channels_last(second, out, out, 9);
    std::vector<float> buffer(size_t(h + 2) * padded_w * out, 0.0f);
    Conv params;
    params.x = values.data();
    params.weight = weight1.data();
    params.y = buffer.data() + (padded_w + border) * out;
    params.y_strides.row = padded_w * out;
    params.n = 1;
    params.h = h;
    params.w = w;
    params.in = in;
    params.out = out;
    params.kernel = 1;
    conv_cpu(params);

    auto y = poisoned<float>(expected.size());
    Conv next;
    next.x = buffer.data();
    next.weight = weight2.data();
    next.y = y.data();
    next.n = 1;
    next.h = h + 2;
    next.w = padded_w;
    next.in = next.out = out;
    next.pad = 0;
    conv_cpu(next);
    EXPECT_LT(relative_l2(y, expected), 1e-6);
}

TEST(ConvOut, IsThreePlanesOfAConvolution) {
    const int n = 2, h = 4, w = 5, in = 6;
    const Frames x(n, h, w, in, 1);
    const auto weight = random_weight(size_t(3) * in * 9, 2);
    const auto bias = random_normal(3, 3);
    const Frames pixels = convolve(x, weight, 3, 3);
    std::vector<double> expected;
    for (int t = 0; t < n; ++t)
        for (int o = 0; o < 3; ++o)
            for (int r = 0; r < h; ++r)
                for (int c = 0; c < w; ++c) expected.push_back(0.5 * pixels(t, r, c, o) + bias[o]);

    const auto values = floats(x.values), packed = channels_last(weight, 3, in, 9);
    auto y = poisoned<float>(expected.size());
    ConvOut params;
    params.x = values.data();
    params.weight = packed.data();
    params.bias = bias.data();
    params.y = y.data();
    params.n = n;
    params.h = h;
    params.w = w;
    params.in = in;
    params.scale = 0.5f;
    conv_out_cpu(params);
    EXPECT_LT(relative_l2(y, expected), 1e-6);
}

TEST(Conv, RoundsOnceAtTheEnd) {
    const int in = 64;
    const auto x = to_type<BFloat16>(random_normal(in, 1));
    const auto weight = to_type<BFloat16>(random_normal(in, 2));
    double sum = 0;
    for (int i = 0; i < in; ++i) sum += double{to_float(x[i])} * to_float(weight[i]);
    BFloat16 y;
    Conv params;
    params.x = x.data();
    params.weight = weight.data();
    params.y = &y;
    params.n = params.h = params.w = params.out = params.kernel = 1;
    params.in = in;
    params.type = ElementType::kBFloat16;
    conv_cpu(params);
    EXPECT_EQ(to_float(y), rounded<BFloat16>(static_cast<float>(sum)));
}

TEST(Conv, RefusesWhatDoesNotFitTogether) {
    Conv params;
    params.n = params.h = params.w = params.in = params.out = 4;
    params.kernel = 2;
    EXPECT_THROW(conv_shape(params), std::invalid_argument);
    params.kernel = 3;
    params.upsample = 2;
    EXPECT_THROW(conv_shape(params), std::invalid_argument);
    params.upsample = 1;
    params.history = 1;  // without a past
    EXPECT_THROW(conv_shape(params), std::invalid_argument);
    params.history = 0;
    params.pad = 0;
    params.h = 2;
    EXPECT_THROW(conv_shape(params), std::invalid_argument);
}

ConvPlan plan_of(int in, int out, int kernel) {
    Conv params;
    params.n = params.h = params.w = 8;
    params.in = in;
    params.out = out;
    params.kernel = kernel;
    return plan_conv(params, conv_shape(params));
}

TEST(ConvPlan, TakesTheTileThatMakesTheFewestChannelsInVain) {
    EXPECT_EQ(plan_of(512, 512, 3).tile_channels, 128);
    EXPECT_EQ(plan_of(96, 96, 3).tile_channels, 96);
    EXPECT_EQ(plan_of(96, 192, 3).tile_channels, 96);
    EXPECT_EQ(plan_of(64, 64, 3).tile_channels, 64);
    EXPECT_EQ(plan_of(64, 48, 3).tile_channels, 48);
    EXPECT_EQ(plan_of(64, 8, 3).tile_channels, 32);
    EXPECT_EQ(plan_of(64, 8, 1).tile_channels, 96);  // 1x1 has no narrower one
}

TEST(ConvPlan, KnowsWholePiecesAndWeightsThatStayInTheCache) {
    EXPECT_TRUE(plan_of(128, 128, 3).whole_pieces);
    EXPECT_FALSE(plan_of(784, 512, 3).whole_pieces);
    EXPECT_FALSE(plan_of(64, 32, 3).whole_pieces);
    EXPECT_TRUE(plan_of(512, 512, 3).channels_first);     // 4.5 MiB
    EXPECT_FALSE(plan_of(3072, 2048, 3).channels_first);  // 108 MiB, a projector's
}

}  // namespace
}  // namespace flashvsr::kernels
