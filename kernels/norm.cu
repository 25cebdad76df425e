#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/norm.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWarpSize = 32;
constexpr int kVector = 8;  // elements of a thread
constexpr int kMaxThreads = 1024;
constexpr int kMaxDim = kMaxThreads * kVector;

// Sum over the block, the same in every thread, in an order that depends on nothing but its size.
__device__ float block_sum(float value, float* shared) {
    for (int offset = kWarpSize / 2; offset > 0; offset /= 2) {
        value += __shfl_xor_sync(0xffffffffu, value, offset);
    }
    const int warps = blockDim.x / kWarpSize;
    if (warps == 1) return value;
    if (threadIdx.x % kWarpSize == 0) shared[threadIdx.x / kWarpSize] = value;
    __syncthreads();
    float sum = 0;
    for (int warp = 0; warp < warps; ++warp) sum += shared[warp];
    return sum;
}

__device__ float sum_of(const float (&x)[kVector]) {
    float sum = 0;
    for (float value : x) sum += value;
    return sum;
}

__device__ float sum_of_squares(const float (&x)[kVector]) {
    float sum = 0;
    for (float value : x) sum += value * value;
    return sum;
}

// A block per row, eight elements per thread, kept in registers: x is read once.
template <typename T>
__global__ void layer_norm_kernel(LayerNorm params) {
    __shared__ float sums[2][kWarpSize];
    const int first = threadIdx.x * kVector;
    const bool active = first < params.dim;
    const int64_t at = blockIdx.x * int64_t{params.dim} + first;

    float x[kVector] = {};
    if (active) load8(static_cast<const T*>(params.x) + at, x);
    const float mean = block_sum(sum_of(x), sums[0]) / params.dim;
    for (float& value : x) value = active ? value - mean : 0.0f;
    const float variance = block_sum(sum_of_squares(x), sums[1]) / params.dim;
    const float inverse = 1.0f / sqrtf(variance + params.eps);
    if (!active) return;

    for (float& value : x) value *= inverse;
    if (params.rounding != LayerNormRounding::kPlain) {
        float scale[kVector], shift[kVector];
        load8(static_cast<const T*>(params.scale) + first, scale);
        load8(static_cast<const T*>(params.shift) + first, shift);
        const bool modulate = params.rounding == LayerNormRounding::kModulate;
        for (int i = 0; i < kVector; ++i) {
            const float scaled =
                modulate ? rounded<T>(rounded<T>(x[i]) * scale[i]) : x[i] * scale[i];
            x[i] = scaled + shift[i];
        }
    }
    if (params.y) store8(x, static_cast<T*>(params.y) + at);
    if (!params.y_e4m3) return;
    for (float& value : x) value *= params.e4m3_scale;
    store8_e4m3(x, static_cast<uint8_t*>(params.y_e4m3) + at);
}

template <typename T>
__global__ void rms_norm_rope_kernel(RmsNormRope params) {
    __shared__ float sums[kWarpSize];
    const int first = threadIdx.x * kVector;
    const bool active = first < params.dim;
    const int64_t at = blockIdx.x * int64_t{params.dim} + first;

    float x[kVector] = {};
    if (active) load8(static_cast<const T*>(params.x) + at, x);
    const float mean = block_sum(sum_of_squares(x), sums) / params.dim;
    const float inverse = 1.0f / sqrtf(mean + params.eps);
    if (!active) return;

    float weight[kVector];
    load8(static_cast<const T*>(params.weight) + first, weight);
    for (int i = 0; i < kVector; ++i) x[i] = rounded<T>(rounded<T>(x[i] * inverse) * weight[i]);
    if (params.cos_sin) {
        float turn[kVector];  // cos, sin of this thread's four pairs
        load8(params.cos_sin + blockIdx.x * int64_t{128} + first % 128, turn);
        for (int i = 0; i < kVector; i += 2) {
            const float a = x[i], b = x[i + 1];
            x[i] = a * turn[i] - b * turn[i + 1];
            x[i + 1] = a * turn[i + 1] + b * turn[i];
        }
    }
    store8(x, static_cast<T*>(params.y) + at);
}

int threads_for(int dim) {
    const int threads = dim / kVector;
    return (threads + kWarpSize - 1) / kWarpSize * kWarpSize;
}

}  // namespace

void layer_norm_cuda(const LayerNorm& params, CudaStream stream) {
    require(params.dim > 0 && params.dim % 8 == 0 && params.dim <= kMaxDim,
            "layer_norm takes a dim of at most 8192 that 8 divides");
    if (params.rows == 0) return;
    with_device_type(params.type, [&](auto tag) {
        layer_norm_kernel<decltype(tag)>
            <<<static_cast<unsigned>(params.rows), threads_for(params.dim), 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(layer_norm_kernel);
    });
}

void rms_norm_rope_cuda(const RmsNormRope& params, CudaStream stream) {
    require(params.dim > 0 && params.dim % 128 == 0 && params.dim <= kMaxDim,
            "rms_norm_rope takes a dim of at most 8192 that 128 divides");
    if (params.rows == 0) return;
    with_device_type(params.type, [&](auto tag) {
        rms_norm_rope_kernel<decltype(tag)>
            <<<static_cast<unsigned>(params.rows), threads_for(params.dim), 0, stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(rms_norm_rope_kernel);
    });
}

}  // namespace flashvsr::kernels
