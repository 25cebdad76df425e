#include "models/fused/linear.h"

#include "models/kernel_args.h"

namespace flashvsr {

using kernels::MatmulEpilogue;

FusedLinear::FusedLinear(const Linear& linear, const Placement& placement)
    : weight_(placement.place(linear.weight)), bias_(placement.place(linear.bias)) {}

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
    return at::empty({x.size(0), weight_.size(0)}, bias_.options());
}

void FusedLinear::run(const at::Tensor& x, const at::Tensor& y,
                      kernels::MatmulEpilogue epilogue) const {
    TORCH_CHECK(x.is_contiguous() && y.is_contiguous() && x.size(0) == y.size(0) &&
                    x.size(1) == weight_.size(1) && y.size(1) == weight_.size(0),
                "a linear layer of ", weight_.sizes(), " cannot take ", x.sizes(), " to ",
                y.sizes());
    kernels::Matmul params;
    params.x = x.const_data_ptr();
    params.weight = weight_.const_data_ptr();
    params.bias = bias_.const_data_ptr();
    params.y = y.mutable_data_ptr();
    params.rows = x.size(0);
    params.in = static_cast<int>(weight_.size(1));
    params.out = static_cast<int>(weight_.size(0));
    params.epilogue = epilogue;
    params.type = element_type(bias_);
    FLASHVSR_LAUNCH(matmul, x, params);
}

}  // namespace flashvsr
