// Element types of the tensors that kernels take through untyped pointers.
#pragma once

namespace flashvsr::kernels {

enum class ElementType { kFloat32, kFloat16, kBFloat16 };

}  // namespace flashvsr::kernels
