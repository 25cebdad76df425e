// SPDX-License-Identifier: Apache-2.0
#include "models/fused/linear.h"

#include "models/fused/e4m3.h"
#include "models/kernel_args.h"

namespace flashvsr {

using kernels::MatmulEpilogue;

FusedLinear::FusedLinear(const Linear& linear, const Placement& placement)
    : weight_(placement.place(linear.weight)), bias_(placement.place(linear.bias)) {}

FusedLinear::FusedLinear(const Linear& linear, const Placement& placement,
                         const at::Tensor& x_scale)
    : bias_(placement.place(linear.bias)), x_scale_(x_scale) {
    const at::Tensor weight = linear.weight.to(at::kFloat);
    weight_scale_ = weight.abs().amax().view({1}) / kLargestE4m3;
    weight_ = to_e4m3(weight / weight_scale_);
}

void FusedLinear::write(const at::Tensor& x, const at::Tensor& y) const {
    run(x, y, MatmulEpilogue::kBias);
}

void FusedLinear::add(const at::Tensor& x, const at::Tensor& y) const {
    run(x, y, MatmulEpilogue::kAdd);
}

at::Tensor FusedLinear::operator()(const at::Tensor& x) const {
    const at::Tensor y = empty_result(x);
    run(x, y, MatmulEpilogue::kBias);
    return y;
}

at::Tensor FusedLinear::gelu(const at::Tensor& x) const {
    const at::Tensor y = empty_result(x);
    run(x, y, MatmulEpilogue::kGelu);
    return y;
}

at::Tensor FusedLinear::empty_result(const at::Tensor& x) const {
    const at::ScalarType type = y_scale_.defined() ? at::kFloat8_e4m3fn : bias_.scalar_type();
    return at::empty({x.size(0), weight_.size(0)}, bias_.options().dtype(type));
}

void FusedLinear::run(const at::Tensor& x, const at::Tensor& y,
                      kernels::MatmulEpilogue epilogue) const {
    TORCH_CHECK(x.is_contiguous() && y.is_contiguous() && x.size(0) == y.size(0) &&
                    x.size(1) == weight_.size(1) && y.size(1) == weight_.size(0) &&
                    x.scalar_type() == weight_.scalar_type(),
                "a linear layer of ", weight_.scalar_type(), weight_.sizes(), " cannot take ",
                x.scalar_type(), x.sizes(), " to ", y.sizes());
    auto scale = [](const at::Tensor& scale) {
        return scale.defined() ? scale.const_data_ptr<float>() : nullptr;
    };
    kernels::Matmul params;
    params.x = x.const_data_ptr();
    params.weight = weight_.const_data_ptr();
    params.bias = bias_.const_data_ptr();
    params.y = y.mutable_data_ptr();
    params.x_scale = scale(x_scale_);
    params.weight_scale = scale(weight_scale_);
    params.y_scale = scale(y_scale_);
    params.rows = x.size(0);
    params.in = static_cast<int>(weight_.size(1));
    params.out = static_cast<int>(weight_.size(0));
    params.epilogue = epilogue;
    params.type = element_type(bias_);
    FLASHVSR_LAUNCH(matmul, x, params);
}

}  // namespace flashvsr
