// SPDX-License-Identifier: Apache-2.0
#include "models/fused/conv.h"

#include <array>
#include <optional>
#include <vector>

#include "kernels/conv_out.h"
#include "kernels/device.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
constexpr std::array<int64_t, 2> kOnce = {1, 1};  // stride, dilation

// Between [n, h, w, c] and LibTorch's view of the same memory.
at::Tensor to_nchw(const at::Tensor& x) { return x.permute({0, 3, 1, 2}); }
at::Tensor to_nhwc(const at::Tensor& x) {
    return x.contiguous(kChannelsLast).permute({0, 2, 3, 1});
}

// Whether our kernel has the channels of a convolution.
bool kernel_takes(int64_t in, int64_t out) { return in % 8 == 0 && out % 8 == 0; }

// Whether cuDNN must do what our kernel would, were it not for its limits on channels.
bool use_library(const Placement& placement, [[maybe_unused]] bool kernel_fits) {
    if (!placement.device.is_cuda()) return false;
#ifdef FLASHVSR_CUDA
    return !(kernel_fits && kernels::cuda_device(placement.device.index()).has_sm90_kernels());
#else
    return true;
#endif
}

std::optional<at::Tensor> bias_of(const at::Tensor& bias) {
    return bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
}

kernels::Conv arguments(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& y, const Epilogue& epilogue) {
    kernels::Conv params;
    params.x = x.const_data_ptr();
    params.weight = weight.const_data_ptr();
    if (bias.defined()) params.bias = bias.const_data_ptr<float>();
    params.y = y.mutable_data_ptr();
    params.y_strides.frame = y.stride(0);
    if (epilogue.add.defined()) {
        params.residual = epilogue.add.const_data_ptr();
        params.residual_strides.frame = epilogue.add.stride(0);
    }
    params.leak = epilogue.leak;
    params.n = static_cast<int>(x.size(0));
    params.h = static_cast<int>(x.size(1));
    params.w = static_cast<int>(x.size(2));
    params.in = static_cast<int>(x.size(3));
    params.out = static_cast<int>(y.size(3));
    params.type = element_type(x);
    return params;
}

void launch(const kernels::Conv& params, [[maybe_unused]] const at::Tensor& x) {
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

// 1x1 `grow`, [frames * mid, in], or none, then 3x3 `conv`, [out, mid, 3, 3], both fp32, after
// nearest x2: [frames, out, in, py, ty, px, tx], see kernels/conv.h.
at::Tensor compose(const at::Tensor& grow, const at::Tensor& conv) {
    const int64_t out = conv.size(0), mid = conv.size(1);
    at::Tensor weight = conv.unsqueeze(0);
    if (grow.defined()) {
        const int64_t in = grow.size(1);
        const at::Tensor taps = conv.permute({0, 2, 3, 1}).reshape({1, out * 9, mid});
        const at::Tensor product = at::matmul(taps, grow.view({-1, mid, in}));
        // [frames, out, in, 3, 3]
        weight = product.view({-1, out, 3, 3, in}).permute({0, 1, 4, 2, 3});
    }
    return resized_taps(resized_taps(weight, 3), 5);
}

// The epilogue of a library's convolution that has none; writes into `x` or into another tensor.
void apply(const at::Tensor& x, const Epilogue& epilogue, at::Tensor y) {
    if (epilogue.add.defined()) x.add_(epilogue.add);
    if (epilogue.leak == 0.0f)
        at::clamp_min_out(y, x, 0);
    else if (epilogue.leak != 1.0f)
        at::leaky_relu_out(y, x, epilogue.leak);
    else if (!y.is_same(x))
        y.copy_(x);
}

}  // namespace

at::Tensor pad_channels_to_8(const at::Tensor& weight) {
    std::vector<int64_t> missing = weight.sizes().vec();
    missing[0] = (8 - missing[0] % 8) % 8;
    return at::cat({weight, at::zeros(missing, weight.options())});
}

FusedConv::FusedConv(const at::Tensor& weight, const at::Tensor& bias, const Shape& shape,
                     const Placement& placement)
    : weight_(placement.place(weight).contiguous(kChannelsLast)),
      shape_(shape),
      library_(use_library(placement, kernel_takes(in(), out()))) {
    if (bias.defined()) bias_ = bias.to(library_ ? placement.options() : placement.fp32());
}

FusedConv FusedConv::causal(const at::Tensor& weight, const at::Tensor& bias,
                            const Placement& placement) {
    const at::Tensor newest_first = weight.flip(2).transpose(1, 2).flatten(1, 2);
    return FusedConv(newest_first, bias, {1, weight.size(2) - 1}, placement);
}

at::Tensor FusedConv::operator()(const at::Tensor& x, const Epilogue& epilogue) const {
    return (*this)(x, {}, epilogue);
}

at::Tensor FusedConv::operator()(const at::Tensor& x, const at::Tensor& past,
                                 const Epilogue& epilogue) const {
    if (library_ && shape_.history == 0 && !epilogue.add.defined()) return by_library(x, epilogue);
    at::Tensor y = epilogue.add;
    if (!y.defined()) {
        const int64_t cut = weight_.size(2) == 3 ? 2 - 2 * shape_.pad : 0;
        y = at::empty({x.size(0), x.size(1) - cut, x.size(2) - cut, out()}, x.options());
    }
    write(x, past, y, epilogue);
    return y;
}

void FusedConv::write(const at::Tensor& x, const at::Tensor& past, const at::Tensor& y,
                      const Epilogue& epilogue) const {
    if (!library_) {
        kernels::Conv params = arguments(x, weight_, bias_, y, epilogue);
        params.kernel = static_cast<int>(weight_.size(2));
        params.pad = static_cast<int>(shape_.pad);
        params.history = static_cast<int>(shape_.history);
        if (shape_.history > 0) params.past = past.const_data_ptr();
        return launch(params, x);
    }
    if (shape_.history == 0) {
        y.copy_(by_library(x, epilogue));
        return;
    }
    // A frame at a time, for the sake of memory.
    for (int64_t t = 0; t < x.size(0); ++t) {
        std::vector<at::Tensor> seen;
        for (int64_t from = t; from >= t - shape_.history; --from)
            seen.push_back(from < 0 ? past[from + shape_.history] : x[from]);
        Epilogue here = epilogue;
        if (epilogue.add.defined()) here.add = epilogue.add.narrow(0, t, 1);
        y.narrow(0, t, 1).copy_(by_library(at::cat(seen, 2).unsqueeze(0), here));
    }
}

at::Tensor FusedConv::by_library(const at::Tensor& x, const Epilogue& epilogue) const {
    const int64_t pad = weight_.size(2) == 3 ? shape_.pad : 0;
    if (epilogue.leak == 0.0f && epilogue.add.defined())
        return to_nhwc(at::cudnn_convolution_add_relu(to_nchw(x), weight_, to_nchw(epilogue.add),
                                                      1.0, bias_of(bias_), kOnce, {pad, pad}, kOnce,
                                                      1));
    if (epilogue.leak == 0.0f)
        return to_nhwc(at::cudnn_convolution_relu(to_nchw(x), weight_, bias_of(bias_), kOnce,
                                                  {pad, pad}, kOnce, 1));
    const at::Tensor y = to_nhwc(at::conv2d(to_nchw(x), weight_, bias_, 1, pad));
    apply(y, epilogue, y);
    return y;
}

FusedUpConv::FusedUpConv(const at::Tensor& grow, const at::Tensor& conv, const at::Tensor& bias,
                         const Placement& placement)
    : library_(use_library(placement,
                           kernel_takes((grow.defined() ? grow : conv).size(1), conv.size(0)))) {
    const at::Tensor weight = compose(grow.defined() ? grow.to(placement.fp32()).flatten(1) : grow,
                                      conv.to(placement.fp32()));  // f o i py ty px tx
    const int64_t frames = weight.size(0), out = weight.size(1), in = weight.size(2);
    if (bias.defined()) bias_ = bias.to(library_ ? placement.options() : placement.fp32());
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

at::Tensor FusedUpConv::operator()(const at::Tensor& x, const Epilogue& epilogue) const {
    const int64_t n = x.size(0), h = 2 * x.size(1), w = 2 * x.size(2);
    const at::Tensor y = epilogue.add.defined()
                             ? epilogue.add.view({n, frames(), h, w, out()})
                             : at::empty({n, frames(), h, w, out()}, x.options());
    for (int64_t part = 0; part < frames(); ++part) {
        const at::Tensor frame = y.select(1, part);
        write(x, part, frame, {epilogue.leak, epilogue.add.defined() ? frame : at::Tensor()});
    }
    return y.flatten(0, 1);
}

void FusedUpConv::write(const at::Tensor& x, int64_t part, const at::Tensor& y,
                        const Epilogue& epilogue) const {
    if (library_) {
        return apply(transposed(x, part), epilogue, y);
    }
    kernels::Conv params = arguments(x, weight_[part], bias_, y, epilogue);
    params.kernel = 2;
    params.upsample = 2;
    launch(params, x);
}

at::Tensor FusedUpConv::transposed(const at::Tensor& x, int64_t part) const {
    at::Tensor y = to_nhwc(at::cudnn_convolution_transpose(
        to_nchw(x), weight_[part], /*padding=*/{1, 1}, /*output_padding=*/{0, 0}, /*stride=*/{2, 2},
        /*dilation=*/{1, 1}, /*groups=*/1, /*benchmark=*/false, /*deterministic=*/true,
        /*allow_tf32=*/false));
    return bias_.defined() ? y.add_(bias_) : y;
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
