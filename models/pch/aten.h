// SPDX-License-Identifier: Apache-2.0
/* What nearly every file that sees tensors includes, and what takes two thirds of its compilation:
 * compiled once for a target (cpp_pch in meson.build). Files still include what they use. */
#include <ATen/ATen.h>
