// SPDX-License-Identifier: Apache-2.0
#include "core/precision.h"

#include "kernels/device.h"
#include "models/error.h"

namespace flashvsr {
namespace {

struct Precision {
    FlashvsrPrecision value;
    const char* name;
    at::ScalarType dtype;
    Fp8 fp8;
};

constexpr Precision kPrecisions[] = {
    {FLASHVSR_PRECISION_FP32, "fp32", at::kFloat, Fp8::kNone},
    {FLASHVSR_PRECISION_BF16, "bf16", at::kBFloat16, Fp8::kNone},
    {FLASHVSR_PRECISION_FP16, "fp16", at::kHalf, Fp8::kNone},
    {FLASHVSR_PRECISION_FP8_LINEARS, "fp8-linears", at::kBFloat16, Fp8::kLinears},
    {FLASHVSR_PRECISION_FP8, "fp8", at::kBFloat16, Fp8::kAll},
};

const Precision& precision_of(FlashvsrPrecision value) {
    for (const Precision& precision : kPrecisions)
        if (precision.value == value) return precision;
    throw Error(Error::Kind::kInvalidArgument, "unknown precision");
}

// The CPU counts as a card that can do nothing.
kernels::Device card_of(const at::Device& device) {
#ifdef FLASHVSR_CUDA
    if (device.is_cuda()) return kernels::cuda_device(device.index());
#endif
    (void)device;
    return {};
}

}  // namespace

Placement placement_of(const at::Device& device, FlashvsrPrecision value) {
    if (value == FLASHVSR_PRECISION_AUTO)
        value = device.is_cuda() ? FLASHVSR_PRECISION_BF16 : FLASHVSR_PRECISION_FP32;
    const Precision& precision = precision_of(value);
    if (device.is_cpu() && precision.dtype != at::kFloat)
        throw Error(Error::Kind::kBadSettings,
                    "the CPU runs fp32 only; set precision to auto or fp32");
    if (precision.fp8 != Fp8::kNone && !card_of(device).e4m3)
        throw Error(Error::Kind::kBadSettings,
                    std::string("precision ") + precision.name +
                        " needs a GPU of compute capability 8.9 or newer, which " + device.str() +
                        " is not; set precision to auto or bf16");
    Placement placement;
    placement.device = device;
    placement.dtype = precision.dtype;
    placement.fp8 = precision.fp8;
    return placement;
}

std::string kernels_of(const at::Device& device) {
    return device.is_cuda() ? kernels::variants_line(card_of(device)) : "";
}

const char* precision_name(const Placement& placement) {
    for (const Precision& precision : kPrecisions)
        if (precision.dtype == placement.dtype && precision.fp8 == placement.fp8)
            return precision.name;
    return "unknown";
}

FlashvsrPrecision parse_precision(const std::string& name) {
    if (name == "auto") return FLASHVSR_PRECISION_AUTO;
    for (const Precision& precision : kPrecisions)
        if (name == precision.name) return precision.value;
    throw Error(Error::Kind::kInvalidArgument, "unknown precision " + name);
}

}  // namespace flashvsr
