// SPDX-License-Identifier: Apache-2.0
// The decoder's and the projector's CUDA kernels against their references on the CPU.
#include "kernels/channel_norm.h"
#include "kernels/decoder_input.h"
#include "kernels/pixel_norm.h"
#include "kernels/space_to_channel.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/projector_kernels.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class CudaDecoderTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_gpu()) GTEST_SKIP() << "no GPU";
    }
    // A statistic or a tanh that differs in its last bit tips a rounding now and then.
    static constexpr double kTolerance = sizeof(T) == 4 ? 1e-6 : 5e-4;
};
using ElementTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(CudaDecoderTest, ElementTypes);

TYPED_TEST(CudaDecoderTest, DecoderInputEqualsItsReference) {
    using T = TypeParam;
    for (const auto& [latents, rows, columns] :
         {std::array{1, 1, 1}, {2, 3, 5}, {3, 2, 4}, {2, 1, 33}}) {
        for (const int lead : {0, 3}) {
            DecoderInput params;
            params.latent_frames = latents;
            params.latent_stride = int64_t{latents + 1} * rows * columns;
            params.height = rows;
            params.width = columns;
            params.lead = lead;
            params.type = element_type_of<T>();
            const auto frames = to_type<T>(
                random_normal(size_t(4 * latents - lead) * 3 * 64 * rows * columns, 1, 3.0f));
            const auto latent = to_type<T>(random_normal(16 * params.latent_stride, 2, 3.0f));
            std::vector<T> expected = poisoned<T>(size_t(latents) * rows * columns * 784);
            params.frames = frames.data();
            params.latents = latent.data();
            params.out = expected.data();
            decoder_input_cpu(params);
            DeviceArray<T> device_frames(frames), device_latent(latent), out(expected.size());
            params.frames = device_frames.get();
            params.latents = device_latent.get();
            params.out = out.get();
            decoder_input_cuda(params, nullptr);
            EXPECT_LT(relative_l2(to_floats(out.download()), to_floats(expected)),
                      this->kTolerance);
        }
    }
}

TYPED_TEST(CudaDecoderTest, SpaceToChannelEqualsItsReference) {
    using T = TypeParam;
    for (const StackCase& c : stack_cases(kTokenChannels)) {
        const auto frames = to_type<T>(random_normal(c.shape.frames * past_size(c) / 2, 1));
        auto past = to_type<T>(random_normal(past_size(c), 2));
        std::vector<T> expected = poisoned<T>(stack_size(c));
        DeviceArray<T> device_frames(frames), device_past(past), out(expected.size());
        SpaceToChannel params;
        params.frame_count = c.shape.frames;
        params.height = c.shape.height;
        params.width = c.shape.width;
        params.type = element_type_of<T>();
        params.frames = frames.data();
        params.stack = {expected.data(), c.past ? past.data() : nullptr, c.taps, c.group};
        space_to_channel_cpu(params);
        params.frames = device_frames.get();
        params.stack = {out.get(), c.past ? device_past.get() : nullptr, c.taps, c.group};
        space_to_channel_cuda(params, nullptr);
        EXPECT_EQ(to_floats(out.download()), to_floats(expected));
        EXPECT_EQ(to_floats(device_past.download()), to_floats(past));
    }
}

TYPED_TEST(CudaDecoderTest, ChannelNormEqualsItsReference) {
    using T = TypeParam;
    for (const int channels : {8, 264, 2048, 8192}) {
        for (const StackCase& c : stack_cases(channels)) {
            const auto x = to_type<T>(random_normal(c.shape.frames * past_size(c) / 2, 1, 3.0f));
            const auto bias = to_type<T>(random_normal(channels, 2));
            const auto gamma = to_type<T>(random_uniform(channels, 3, 0.5f, 1.5f));
            auto past = to_type<T>(random_normal(past_size(c), 4));
            std::vector<T> expected = poisoned<T>(stack_size(c));
            DeviceArray<T> device_x(x), device_bias(bias), device_gamma(gamma), device_past(past),
                out(expected.size());
            ChannelNorm params;
            params.shape = c.shape;
            params.type = element_type_of<T>();
            params.x = x.data();
            params.bias = bias.data();
            params.gamma = gamma.data();
            params.stack = {expected.data(), c.past ? past.data() : nullptr, c.taps, c.group};
            channel_norm_cpu(params);
            params.x = device_x.get();
            params.bias = device_bias.get();
            params.gamma = device_gamma.get();
            params.stack = {out.get(), c.past ? device_past.get() : nullptr, c.taps, c.group};
            channel_norm_cuda(params, nullptr);
            EXPECT_LT(relative_l2(to_floats(out.download()), to_floats(expected)),
                      this->kTolerance);
            EXPECT_LT(relative_l2(to_floats(device_past.download()), to_floats(past)),
                      this->kTolerance);
        }
    }
}

TYPED_TEST(CudaDecoderTest, PixelNormEqualsItsReference) {
    using T = TypeParam;
    for (const int channels : {8, 24, 48, 96, 192, 264, 384, 1024}) {
        const int64_t pixels = 1031;
        const auto x = to_type<T>(random_normal(size_t(pixels) * channels, 1, 3.0f));
        const auto gamma = to_type<T>(random_uniform(channels, 3, 0.5f, 1.5f));
        std::vector<T> expected = poisoned<T>(x.size());
        DeviceArray<T> device_x(x), device_gamma(gamma), y(x.size());
        PixelNorm params;
        params.pixels = pixels;
        params.channels = channels;
        params.silu = channels != 48;
        params.type = element_type_of<T>();
        params.x = x.data();
        params.gamma = gamma.data();
        params.y = expected.data();
        pixel_norm_cpu(params);
        params.x = device_x.get();
        params.gamma = device_gamma.get();
        params.y = y.get();
        pixel_norm_cuda(params, nullptr);
        const auto result = to_floats(y.download());
        EXPECT_LT(relative_l2(result, to_floats(expected)), this->kTolerance) << channels;
        params.y = device_x.get();
        pixel_norm_cuda(params, nullptr);
        EXPECT_EQ(to_floats(device_x.download()), result);
    }
}

TYPED_TEST(CudaDecoderTest, TokensOfChannelNormEqualItsReferences) {
    using T = TypeParam;
    const Im2colShape shape = {4, 16, 24, 3072};
    const auto x = to_type<T>(random_normal(size_t(4) * 16 * 24 * 3072, 1));
    const auto bias = to_type<T>(random_normal(3072, 2)),
               gamma = to_type<T>(random_normal(3072, 3));
    std::vector<T> expected = poisoned<T>(x.size());
    DeviceArray<T> device_x(x), device_bias(bias), device_gamma(gamma), tokens(x.size());
    ChannelNorm params;
    params.shape = shape;
    params.type = element_type_of<T>();
    params.x = x.data();
    params.bias = bias.data();
    params.gamma = gamma.data();
    params.tokens = expected.data();
    channel_norm_cpu(params);
    params.x = device_x.get();
    params.bias = device_bias.get();
    params.gamma = device_gamma.get();
    params.tokens = tokens.get();
    channel_norm_cuda(params, nullptr);
    EXPECT_LT(relative_l2(to_floats(tokens.download()), to_floats(expected)), this->kTolerance);
}

}  // namespace
}  // namespace flashvsr::kernels
