// SPDX-License-Identifier: Apache-2.0
// The projector's kernels on the CPU, against docs/model.md section 5.1 in double.
#include "tests/kernels/projector_kernels.h"
#include "kernels/channel_norm.h"
#include "kernels/space_to_channel.h"

namespace flashvsr::kernels {

namespace {

template <typename T>
class ProjectorKernelsTest : public testing::Test {};
using ProjectorTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(ProjectorKernelsTest, ProjectorTypes);

TYPED_TEST(ProjectorKernelsTest, SpaceToChannelFillsAStackOfTaps) {
    using T = TypeParam;
    for (const StackCase& c : stack_cases(kTokenChannels)) {
        const int width = c.shape.width * kTokenSide;
        const int64_t area = int64_t{width} * c.shape.height * kTokenSide;
        const auto frames = to_type<T>(random_normal(c.shape.frames * 3 * area, 1));
        std::vector<T> tokens;  // channel = c * 256 + dy * 16 + dx
        for (int64_t frame = 0; frame < c.shape.frames; ++frame)
            for (int cell = 0; cell < c.shape.height * c.shape.width; ++cell)
                for (int i = 0; i < kTokenChannels; ++i) {
                    const int y = cell / c.shape.width * 16 + i / 16 % 16;
                    const int x = cell % c.shape.width * 16 + i % 16;
                    tokens.push_back(frames[(frame * 3 + i / 256) * area + y * width + x]);
                }
        std::vector<T> past = to_type<T>(random_normal(past_size(c), 2));
        const auto expected = to_floats(expected_stack(c, tokens, past));
        std::vector<T> out = poisoned<T>(stack_size(c));
        SpaceToChannel params;
        params.frames = frames.data();
        params.stack = {out.data(), c.past ? past.data() : nullptr, c.taps, c.group};
        params.frame_count = c.shape.frames;
        params.height = c.shape.height;
        params.width = c.shape.width;
        params.type = element_type_of<T>();
        space_to_channel_cpu(params);
        ASSERT_EQ(to_floats(out), expected);
        if (c.past) {
            ASSERT_EQ(to_floats(past), to_floats(expected_past(c, tokens)));
        }
    }
}

// silu(x / |x| * sqrt(C) * gamma) of x + bias, not rounded.
template <typename T>
std::vector<float> normed(const Im2colShape& shape, const std::vector<T>& x,
                          const std::vector<T>& bias, const std::vector<T>& gamma) {
    std::vector<float> y;
    for (size_t row = 0; row < x.size(); row += shape.channels) {
        double squares = 0;
        for (int c = 0; c < shape.channels; ++c)
            squares += std::pow(double{to_float(x[row + c])} + to_float(bias[c]), 2);
        for (int c = 0; c < shape.channels; ++c) {
            const double v = (double{to_float(x[row + c])} + to_float(bias[c])) /
                             std::max(std::sqrt(squares), 1e-12) * std::sqrt(shape.channels) *
                             to_float(gamma[c]);
            y.push_back(static_cast<float>(v / (1 + std::exp(-v))));
        }
    }
    return y;
}

template <typename T>
constexpr double kTolerance = sizeof(T) == 4 ? 1e-6 : 2e-3;

TYPED_TEST(ProjectorKernelsTest, ChannelNormFillsAStackOfTaps) {
    using T = TypeParam;
    for (const StackCase& c : stack_cases(40)) {
        const size_t count = c.shape.frames * past_size(c) / 2;
        auto x = to_type<T>(random_normal(count, 1, 3.0f));
        const auto bias = to_type<T>(random_normal(c.shape.channels, 2));
        const auto gamma = to_type<T>(random_uniform(c.shape.channels, 3, 0.5f, 1.5f));
        // A pixel of zeros has no direction: it stays zero.
        for (int i = 0; i < c.shape.channels; ++i) x[i] = round_to<T>(-to_float(bias[i]));
        auto past = to_type<T>(random_normal(past_size(c), 4));
        const auto y = normed(c.shape, x, bias, gamma);
        const auto expected = expected_stack(c, y, to_floats(past));
        std::vector<T> out = poisoned<T>(stack_size(c));
        ChannelNorm params;
        params.x = x.data();
        params.bias = bias.data();
        params.gamma = gamma.data();
        params.shape = c.shape;
        params.stack = {out.data(), c.past ? past.data() : nullptr, c.taps, c.group};
        params.type = element_type_of<T>();
        channel_norm_cpu(params);
        EXPECT_LT(relative_l2(to_floats(out), expected), kTolerance<T>);
        if (c.past) {
            EXPECT_LT(relative_l2(to_floats(past), expected_past(c, y)), kTolerance<T>);
        }
    }
}

TYPED_TEST(ProjectorKernelsTest, ChannelNormWritesTokensInWindowOrder) {
    using T = TypeParam;
    const Im2colShape shape = {4, 16, 24, 8};
    const size_t count = size_t(shape.frames) * shape.height * shape.width * shape.channels;
    const auto x = to_type<T>(random_normal(count, 1)), bias = to_type<T>(random_normal(8, 2)),
               gamma = to_type<T>(random_normal(8, 3));
    const auto y = normed(shape, x, bias, gamma);
    std::vector<float> expected;
    for (int slice = 0; slice < 2; ++slice)
        for (int window = 0; window < 6; ++window)
            for (int token = 0; token < 128; ++token) {
                const int frame = 2 * slice + token / 64;
                const int row = window / 3 * 8 + token / 8 % 8, column = window % 3 * 8 + token % 8;
                const auto from = y.begin() + ((frame * 16 + row) * 24 + column) * 8;
                expected.insert(expected.end(), from, from + 8);
            }
    std::vector<T> tokens = poisoned<T>(count);
    ChannelNorm params;
    params.x = x.data();
    params.bias = bias.data();
    params.gamma = gamma.data();
    params.shape = shape;
    params.tokens = tokens.data();
    params.type = element_type_of<T>();
    channel_norm_cpu(params);
    EXPECT_LT(relative_l2(to_floats(tokens), expected), kTolerance<T>);
}

}  // namespace
}  // namespace flashvsr::kernels
