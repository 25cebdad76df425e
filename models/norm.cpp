// SPDX-License-Identifier: Apache-2.0
#include "models/norm.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "kernels/norm.h"
#include "models/kernel_args.h"

namespace flashvsr {
namespace {

kernels::LayerNorm plain_layer_norm(const at::Tensor& x) {
    kernels::LayerNorm params;
    params.x = x.const_data_ptr();
    params.rows = x.size(0);
    params.dim = static_cast<int>(x.size(1));
    params.eps = static_cast<float>(kNormEps);
    params.rounding = kernels::LayerNormRounding::kPlain;
    params.type = element_type(x);
    return params;
}

#ifdef FLASHVSR_CUDA
// The kernels have no backward pass; training takes LibTorch's operations.
bool use_kernel(const at::Tensor& x) { return x.is_cuda() && !c10::GradMode::is_enabled(); }

at::Tensor layer_norm_cuda(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                           kernels::LayerNormRounding rounding) {
    at::Tensor y = at::empty_like(x);
    kernels::LayerNorm params;
    params.x = x.const_data_ptr();
    params.scale = scale.const_data_ptr();
    params.shift = shift.const_data_ptr();
    params.y = y.mutable_data_ptr();
    params.rows = x.size(0);
    params.dim = static_cast<int>(x.size(1));
    params.eps = static_cast<float>(kNormEps);
    params.rounding = rounding;
    params.type = element_type(x);
    kernels::layer_norm_cuda(params, current_stream(x));
    return y;
}

void rms_norm_cuda(const at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                   const float* cos_sin) {
    kernels::RmsNormRope params;
    params.x = x.const_data_ptr();
    params.weight = weight.const_data_ptr();
    params.cos_sin = cos_sin;
    params.y = out.mutable_data_ptr();
    params.rows = x.size(0);
    params.dim = static_cast<int>(x.size(1));
    params.eps = static_cast<float>(kNormEps);
    params.type = element_type(x);
    kernels::rms_norm_rope_cuda(params, current_stream(x));
}
#endif

}  // namespace

at::Tensor layer_norm(const at::Tensor& x) {
    at::Tensor y = at::empty_like(x);
    kernels::LayerNorm params = plain_layer_norm(x);
    params.y = y.mutable_data_ptr();
    FLASHVSR_LAUNCH(layer_norm, x, params);
    return y;
}

at::Tensor layer_norm_e4m3(const at::Tensor& x, float scale) {
    at::Tensor y = at::empty(x.sizes(), x.options().dtype(at::kFloat8_e4m3fn));
    kernels::LayerNorm params = plain_layer_norm(x);
    params.y_e4m3 = y.mutable_data_ptr();
    params.e4m3_scale = scale;
    FLASHVSR_LAUNCH(layer_norm, x, params);
    return y;
}

at::Tensor layer_norm_modulate(const at::Tensor& x, const at::Tensor& scale,
                               const at::Tensor& shift) {
#ifdef FLASHVSR_CUDA
    if (use_kernel(x))
        return layer_norm_cuda(x, scale, shift, kernels::LayerNormRounding::kModulate);
#endif
    return at::layer_norm(x, {x.size(1)}, {}, {}, kNormEps) * scale + shift;
}

at::Tensor layer_norm_affine(const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& bias) {
#ifdef FLASHVSR_CUDA
    if (use_kernel(x)) return layer_norm_cuda(x, weight, bias, kernels::LayerNormRounding::kAffine);
#endif
    return at::layer_norm(x, {x.size(1)}, weight, bias, kNormEps);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight) {
#ifdef FLASHVSR_CUDA
    if (use_kernel(x)) {
        at::Tensor out = at::empty_like(x);
        rms_norm_cuda(out, x, weight, nullptr);
        return out;
    }
#endif
    const at::Tensor x32 = x.to(at::kFloat);
    const at::Tensor scale = at::rsqrt(x32.square().mean(-1, true) + kNormEps);
    return (x32 * scale).to(x.scalar_type()) * weight;
}

void rms_norm_rope_out(const at::Tensor& out, const at::Tensor& x, const at::Tensor& weight,
                       const at::Tensor& cos_sin) {
#ifdef FLASHVSR_CUDA
    if (use_kernel(x)) return rms_norm_cuda(out, x, weight, cos_sin.const_data_ptr<float>());
#endif
    const int64_t tokens = x.size(0);
    const at::Tensor pairs = rms_norm(x, weight).to(at::kFloat).view({tokens, -1, 64, 2});
    const at::Tensor even = pairs.select(3, 0);
    const at::Tensor odd = pairs.select(3, 1);
    const at::Tensor cosine = cos_sin.select(2, 0).unsqueeze(1);
    const at::Tensor sine = cos_sin.select(2, 1).unsqueeze(1);
    at::Tensor turned = at::stack({even * cosine - odd * sine, even * sine + odd * cosine}, 3);
    out.copy_(turned.view({tokens, -1}));
}

at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma) {
    const at::Tensor length = at::linalg_vector_norm(x, 2, {1}, true).clamp_min(1e-12);
    return x / length * std::sqrt(static_cast<double>(x.size(1))) * gamma;
}

}  // namespace flashvsr
