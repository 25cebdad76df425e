// SPDX-License-Identifier: Apache-2.0
// The convolutions on Hopper against their references on the CPU, on random inputs and odd sizes,
// run to run equal.
#include "kernels/conv.h"
#include "kernels/conv_out.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

// Relative L2 against the reference fed the same rounded inputs.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, Float16> ? 3e-4 : 2.5e-3;

template <typename T>
class ConvCudaTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_sm90()) GTEST_SKIP() << "no GPU of compute capability 9.0";
    }
};
using Types16 = testing::Types<Float16, BFloat16>;
TYPED_TEST_SUITE(ConvCudaTest, Types16);

struct Layer {
    int n, h, w, in, out, kernel, pad, upsample, grow, history;
    bool bias, residual;
};
constexpr Layer kLayers[] = {
    {1, 16, 8, 64, 128, 3, 1, 1, 1, 0, false, false},  // one tile
    {1, 1, 1, 8, 8, 3, 1, 1, 1, 0, true, false},
    {2, 19, 13, 72, 160, 3, 1, 1, 1, 0, true, true},
    {3, 17, 9, 80, 96, 3, 1, 1, 1, 1, true, true},
    {2, 11, 18, 128, 256, 3, 0, 1, 1, 0, true, false},
    {1, 20, 7, 64, 64, 3, 1, 1, 2, 0, true, true},
    {2, 9, 21, 64, 64, 2, 1, 2, 2, 0, true, true},
    {1, 40, 24, 256, 128, 2, 1, 2, 1, 0, false, false},
    {2, 33, 5, 200, 64, 1, 1, 1, 1, 1, true, false},
    // Causal over three frames, and every width of a tile.
    {3, 19, 13, 96, 96, 3, 1, 1, 1, 2, true, true},
    {2, 17, 9, 192, 192, 3, 1, 1, 1, 2, true, true},
    {1, 35, 10, 16, 384, 3, 1, 1, 1, 2, true, false},
    {5, 17, 23, 24, 24, 3, 1, 1, 1, 2, true, true},
    {3, 40, 9, 48, 48, 3, 1, 1, 1, 2, true, true},
    {3, 19, 34, 96, 8, 3, 1, 1, 1, 2, true, false},
    {2, 17, 9, 384, 384, 1, 1, 1, 1, 2, true, false},
    {3, 18, 14, 96, 48, 2, 1, 2, 1, 0, true, true},
    {2, 17, 15, 48, 24, 2, 1, 2, 1, 0, true, true},
    {1, 17, 9, 384, 192, 2, 1, 2, 1, 0, true, false},
};

TYPED_TEST(ConvCudaTest, EqualsItsReference) {
    using T = TypeParam;
    for (const Layer& layer : kLayers) {
        Conv params;
        params.n = layer.n;
        params.h = layer.h;
        params.w = layer.w;
        params.in = layer.in;
        params.out = layer.out;
        params.kernel = layer.kernel;
        params.pad = layer.pad;
        params.upsample = layer.upsample;
        params.grow = layer.grow;
        params.history = layer.history;
        params.leak = 0.1f;
        params.type = element_type_of<T>();
        // The input's buffer begins with the frames before the first.
        const size_t before = size_t(layer.history) * layer.h * layer.w * layer.in;
        const size_t inside = size_t(layer.n) * layer.h * layer.w * layer.in;
        const auto x = to_type<T>(random_normal(before + inside, 1));
        if (layer.history) params.past = x.data();
        const ConvShape shape = conv_shape(params);
        const int terms = layer.in * shape.inputs * shape.taps;
        const auto weight = to_type<T>(random_normal(size_t(shape.phases) * layer.out * terms, 2,
                                                     1.0f / std::sqrt(static_cast<float>(terms))));
        const auto bias = random_normal(layer.out, 3);
        const size_t count = size_t(layer.n) * layer.grow * shape.h * shape.w * layer.out;
        const auto residual = to_type<T>(random_normal(count, 4));
        auto expected = poisoned<T>(count);
        params.x = x.data() + before;
        params.weight = weight.data();
        params.bias = layer.bias ? bias.data() : nullptr;
        params.residual = layer.residual ? residual.data() : nullptr;
        params.y = expected.data();
        conv_cpu(params);

        DeviceArray<T> device_x(x), device_weight(weight), device_residual(residual);
        DeviceArray<T> y(count), again(residual);
        DeviceArray<float> device_bias(bias);
        params.x = device_x.get() + before;
        params.past = layer.history ? device_x.get() : nullptr;
        params.weight = device_weight.get();
        params.bias = layer.bias ? device_bias.get() : nullptr;
        params.residual = layer.residual ? device_residual.get() : nullptr;
        params.y = y.get();
        conv_sm90(params, nullptr);
        const auto result = y.download();
        EXPECT_LT(relative_l2(to_floats(result), to_floats(expected)), kTolerance<T>)
            << layer.h << " x " << layer.w << ", " << layer.in << " to " << layer.out << ", kernel "
            << layer.kernel << ", history " << layer.history;

        // In place of the residual.
        params.residual = layer.residual ? again.get() : nullptr;
        params.y = again.get();
        conv_sm90(params, nullptr);
        EXPECT_EQ(to_floats(again.download()), to_floats(result));
    }
}

TYPED_TEST(ConvCudaTest, WritesInsideABorderAndLeavesTheBorder) {
    using T = TypeParam;
    const int h = 18, w = 11, in = 64, out = 72, padded_w = w + 2;
    const auto x = to_type<T>(random_normal(size_t(h) * w * in, 1));
    const auto weight = to_type<T>(random_normal(size_t(out) * 9 * in, 2, 0.04f));
    const size_t count = size_t(h + 2) * padded_w * out;
    std::vector<T> expected(count, round_to<T>(7.0f));
    DeviceArray<T> device_x(x), device_weight(weight), y(expected);
    Conv params;
    params.x = x.data();
    params.weight = weight.data();
    params.y = expected.data() + (padded_w + 1) * out;
    params.y_strides.row = padded_w * out;
    params.n = 1;
    params.h = h;
    params.w = w;
    params.in = in;
    params.out = out;
    params.type = element_type_of<T>();
    conv_cpu(params);
    params.x = device_x.get();
    params.weight = device_weight.get();
    params.y = y.get() + (padded_w + 1) * out;
    conv_sm90(params, nullptr);
    EXPECT_LT(relative_l2(to_floats(y.download()), to_floats(expected)), kTolerance<T>);
}

template <typename T, typename Y>
void expect_pictures_equal_their_reference(int n, int h, int w, int in) {
    const auto x = to_type<T>(random_normal(size_t(n) * h * w * in, 1));
    const auto weight = to_type<T>(random_normal(size_t(27) * in, 2, 0.3f));
    const auto bias = random_normal(3, 3);
    auto expected = poisoned<Y>(size_t(n) * 3 * h * w);
    ConvOut params;
    params.x = x.data();
    params.weight = weight.data();
    params.bias = bias.data();
    params.y = expected.data();
    params.n = n;
    params.h = h;
    params.w = w;
    params.in = in;
    params.scale = 0.3f;
    params.type = element_type_of<T>();
    params.y_type = element_type_of<Y>();
    conv_out_cpu(params);
    DeviceArray<T> device_x(x), device_weight(weight);
    DeviceArray<float> device_bias(bias);
    DeviceArray<Y> y(expected.size());
    params.x = device_x.get();
    params.weight = device_weight.get();
    params.bias = device_bias.get();
    params.y = y.get();
    conv_out_sm90(params, nullptr);
    // Tensor cores add products of e4m3 with fewer bits than fp32 has.
    const double tolerance = std::is_same_v<T, Float8E4M3> ? 3e-3 : kTolerance<Y>;
    EXPECT_LT(relative_l2(to_floats(y.download()), to_floats(expected)), tolerance)
        << h << " x " << w << " of " << in;
}

TYPED_TEST(ConvCudaTest, PicturesEqualTheirReference) {
    using T = TypeParam;
    expect_pictures_equal_their_reference<T, T>(1, 1, 1, 64);
    expect_pictures_equal_their_reference<T, T>(2, 7, 127, 128);
    expect_pictures_equal_their_reference<T, T>(3, 33, 130, 64);
    expect_pictures_equal_their_reference<Float8E4M3, T>(2, 21, 260, 128);
    expect_pictures_equal_their_reference<Float8E4M3, T>(1, 5, 40, 256);
}

}  // namespace
}  // namespace flashvsr::kernels
