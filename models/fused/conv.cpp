#include "models/fused/conv.h"

#include <array>
#include <optional>

#ifdef FLASHVSR_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include "kernels/conv_out.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
constexpr float kRelu = 0.0f;                     // slope below zero
constexpr std::array<int64_t, 2> kOnce = {1, 1};  // stride, dilation

// Between [n, h, w, c] and LibTorch's view of the same memory.
at::Tensor to_nchw(const at::Tensor& x) { return x.permute({0, 3, 1, 2}); }
at::Tensor to_nhwc(const at::Tensor& x) {
    return x.contiguous(kChannelsLast).permute({0, 2, 3, 1});
}

// Whether cuDNN must do what our kernel would, were it not for its limits on channels.
bool use_library(const Placement& placement, bool kernel_fits) {
    if (!placement.device.is_cuda()) return false;
#ifdef FLASHVSR_CUDA
    const auto* device = at::cuda::getDeviceProperties(placement.device.index());
    return !(kernel_fits && device->major == 9 && device->minor == 0);
#else
    return true;
#endif
}

std::optional<at::Tensor> bias_of(const at::Tensor& bias) {
    return bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
}

kernels::Conv arguments(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& y) {
    kernels::Conv params;
    params.x = x.const_data_ptr();
    params.weight = weight.const_data_ptr();
    params.y = y.mutable_data_ptr();
    params.y_strides.frame = y.stride(0);
    params.n = static_cast<int>(x.size(0));
    params.h = static_cast<int>(x.size(1));
    params.w = static_cast<int>(x.size(2));
    params.in = static_cast<int>(x.size(3));
    params.out = static_cast<int>(y.size(3));
    params.type = element_type(x);
    return params;
}

void launch(const kernels::Conv& params, const at::Tensor& x) {
#ifdef FLASHVSR_CUDA
    if (x.is_cuda()) return kernels::conv_sm90(params, current_stream(x));
#endif
    kernels::conv_cpu(params);
}

// Along one axis of a 3x3 kernel: what the two pixels that a phase sees before the resize meet of
// the three after it. Inserts (phase, pixel) for the axis.
at::Tensor resized_taps(const at::Tensor& weight, int64_t axis) {
    auto tap = [&](int64_t i) { return weight.select(axis, i); };
    const at::Tensor even = at::stack({tap(0), tap(1) + tap(2)}, axis);
    const at::Tensor odd = at::stack({tap(0) + tap(1), tap(2)}, axis);
    return at::stack({even, odd}, axis);
}

// 1x1 `grow`, [frames * mid, in], then 3x3 `conv`, [out, mid, 3, 3], both fp32, after nearest x2:
// [frames, out, in, py, ty, px, tx], see kernels/conv.h.
at::Tensor compose(const at::Tensor& grow, const at::Tensor& conv) {
    const int64_t out = conv.size(0), mid = conv.size(1), in = grow.size(1);
    const at::Tensor taps = conv.permute({0, 2, 3, 1}).reshape({1, out * 9, mid});
    const at::Tensor product = at::matmul(taps, grow.view({-1, mid, in}));
    const at::Tensor weight =
        product.view({-1, out, 3, 3, in}).permute({0, 1, 4, 2, 3});  // [frames, out, in, 3, 3]
    return resized_taps(resized_taps(weight, 3), 5);
}

}  // namespace

FusedConv::FusedConv(const at::Tensor& weight, const at::Tensor& bias, int64_t pad,
                     const Placement& placement)
    : weight_(placement.place(weight).contiguous(kChannelsLast)),
      pad_(pad),
      library_(use_library(placement, weight.size(0) % 8 == 0 && weight.size(1) % 16 == 0)) {
    if (bias.defined()) bias_ = bias.to(library_ ? placement.options() : placement.fp32());
}

at::Tensor FusedConv::empty_result(const at::Tensor& x) const {
    const int64_t cut = 2 - 2 * pad_;
    return at::empty({x.size(0), x.size(1) - cut, x.size(2) - cut, weight_.size(0)}, x.options());
}

kernels::Conv FusedConv::arguments_of(const at::Tensor& x, const at::Tensor& y) const {
    kernels::Conv params = arguments(x, weight_, y);
    if (bias_.defined()) params.bias = bias_.const_data_ptr<float>();
    params.pad = static_cast<int>(pad_);
    return params;
}

at::Tensor FusedConv::operator()(const at::Tensor& x) const {
    if (library_) return to_nhwc(at::conv2d(to_nchw(x), weight_, bias_, 1, pad_));
    const at::Tensor y = empty_result(x);
    launch(arguments_of(x, y), x);
    return y;
}

at::Tensor FusedConv::relu(const at::Tensor& x) const {
    if (library_)
        return to_nhwc(at::cudnn_convolution_relu(to_nchw(x), weight_, bias_of(bias_), kOnce,
                                                  {pad_, pad_}, kOnce, 1));
    const at::Tensor y = empty_result(x);
    kernels::Conv params = arguments_of(x, y);
    params.leak = kRelu;
    launch(params, x);
    return y;
}

at::Tensor FusedConv::relu_add(const at::Tensor& x, const at::Tensor& residual) const {
    if (library_)
        return to_nhwc(at::cudnn_convolution_add_relu(to_nchw(x), weight_, to_nchw(residual), 1.0,
                                                      bias_of(bias_), kOnce, {pad_, pad_}, kOnce,
                                                      1));
    kernels::Conv params = arguments_of(x, residual);
    params.residual = residual.const_data_ptr();
    params.leak = kRelu;
    launch(params, x);
    return residual;
}

at::Tensor FusedConv::relu_with_past(const at::Tensor& x, const at::Tensor& memory) const {
    const int64_t n = x.size(0);
    if (library_) {
        const at::Tensor both = at::empty({n, x.size(1), x.size(2), 2 * x.size(3)}, x.options());
        for (int64_t t = 0; t < n; ++t) {
            at::Tensor frame = both[t];
            at::cat_out(frame, {x[t], t == 0 ? memory[0] : x[t - 1]}, 2);
        }
        return relu(both);
    }
    const at::Tensor y = empty_result(x);
    auto run = [&](int64_t first, int64_t count, const at::Tensor& past) {
        kernels::Conv params = arguments_of(x.narrow(0, first, count), y.narrow(0, first, count));
        params.past = past.const_data_ptr();
        params.leak = kRelu;
        launch(params, x);
    };
    run(0, 1, memory);
    if (n > 1) run(1, n - 1, x);
    return y;
}

FusedUpConv::FusedUpConv(const at::Tensor& grow, const at::Tensor& conv, const Placement& placement)
    : library_(use_library(placement, conv.size(0) % 64 == 0 && grow.size(1) % 8 == 0)) {
    const at::Tensor weight = compose(grow.to(placement.fp32()).flatten(1),
                                      conv.to(placement.fp32()));  // f o i py ty px tx
    const int64_t frames = weight.size(0), out = weight.size(1), in = weight.size(2);
    if (!library_) {
        weight_ =
            placement.place(weight.permute({0, 3, 5, 1, 4, 6, 2}).reshape({frames, 4, out, 4, in}));
        return;
    }
    // Output pixel 2y + p of a transposed convolution by 4 with stride 2 and padding 1 meets input
    // pixel y - 1 + p + t with its tap 3 - p - 2t.
    const at::Tensor taps =
        weight.permute({0, 2, 1, 4, 3, 6, 5}).reshape({frames * in, out, 4, 4}).flip({2, 3});
    weight_ = placement.place(taps).contiguous(kChannelsLast).view({frames, in, out, 4, 4});
}

void FusedUpConv::write(const at::Tensor& x, int64_t part, const at::Tensor& y) const {
    if (library_)
        y.copy_(transposed(x, part));
    else
        launch(arguments_of(x, part, y), x);
}

void FusedUpConv::write_relu(const at::Tensor& x, int64_t part, const at::Tensor& y) const {
    if (library_) {
        at::Tensor out = y;
        at::clamp_min_out(out, transposed(x, part), 0);
        return;
    }
    kernels::Conv params = arguments_of(x, part, y);
    params.leak = kRelu;
    launch(params, x);
}

at::Tensor FusedUpConv::transposed(const at::Tensor& x, int64_t part) const {
    return to_nhwc(at::cudnn_convolution_transpose(
        to_nchw(x), weight_[part], /*padding=*/{1, 1}, /*output_padding=*/{0, 0}, /*stride=*/{2, 2},
        /*dilation=*/{1, 1}, /*groups=*/1, /*benchmark=*/false, /*deterministic=*/true,
        /*allow_tf32=*/false));
}

kernels::Conv FusedUpConv::arguments_of(const at::Tensor& x, int64_t part,
                                        const at::Tensor& y) const {
    kernels::Conv params = arguments(x, weight_[part], y);
    params.kernel = 2;
    params.upsample = 2;
    return params;
}

FusedConvOut::FusedConvOut(const at::Tensor& weight, const at::Tensor& bias,
                           const Placement& placement)
    : weight_(placement.place(weight).contiguous(kChannelsLast)),
      library_(use_library(placement, weight.size(1) == 64 || weight.size(1) == 128)) {
    bias_ = bias.to(library_ ? placement.options() : placement.fp32());
}

void FusedConvOut::write(const at::Tensor& x, const at::Tensor& picture) const {
    if (library_) {
        picture.copy_(at::conv2d(to_nchw(x), weight_, bias_, 1, 1)[0]);
        return;
    }
    kernels::ConvOut params;
    params.x = x.const_data_ptr();
    params.weight = weight_.const_data_ptr();
    params.bias = bias_.const_data_ptr<float>();
    params.y = picture.mutable_data_ptr();
    params.n = 1;
    params.h = static_cast<int>(x.size(1));
    params.w = static_cast<int>(x.size(2));
    params.in = static_cast<int>(x.size(3));
    params.type = params.y_type = element_type(x);
#ifdef FLASHVSR_CUDA
    if (x.is_cuda()) return kernels::conv_out_sm90(params, current_stream(x));
#endif
    kernels::conv_out_cpu(params);
}

}  // namespace flashvsr
