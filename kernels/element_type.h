// SPDX-License-Identifier: Apache-2.0
// Element types of the tensors that kernels take through untyped pointers.
#pragma once

namespace flashvsr::kernels {

// Kernels take the first three unless they say otherwise.
enum class ElementType {
    kFloat32,
    kFloat16,
    kBFloat16,
    kFloat8E4M3,  // four bits of exponent, three of mantissa; no infinity, at most 448
};

}  // namespace flashvsr::kernels
