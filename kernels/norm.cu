// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_check.h"
#include "kernels/norm.h"
#include "kernels/norm_device.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr int kRowsPerBlock = 4;  // a warp each
constexpr int kThreads = kRowsPerBlock * kWarpSize;
constexpr int kMaxDim = 8192;

__device__ int64_t row_of_warp() {
    return int64_t{blockIdx.x} * kRowsPerBlock + threadIdx.x / kWarpSize;
}

template <typename T, int kVectors>
__device__ float row_mean(const Vector<T> (&x)[kVectors], int dim) {
    float sum = 0;
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        for (const Pair<T> pair : x[v].pair) {
            const float2 values = unpack<T>(pair);
            sum += values.x + values.y;
        }
    }
    return warp_sum(sum) / dim;
}

template <typename T, int kVectors>
__device__ float row_variance(const Vector<T> (&x)[kVectors], float mean, int dim) {
    float sum = 0;
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        if (vector_begin(v) >= dim) continue;
        for (const Pair<T> pair : x[v].pair) {
            const float2 values = unpack<T>(pair);
            const float first = values.x - mean, second = values.y - mean;
            sum += first * first + second * second;
        }
    }
    return warp_sum(sum) / dim;
}

template <typename T>
__device__ void modulate(const LayerNorm& params, int begin, float (&x)[kVector]) {
    float scale[kVector], shift[kVector];
    load8(static_cast<const T*>(params.scale) + begin, scale);
    load8(static_cast<const T*>(params.shift) + begin, shift);
    const bool twice = params.rounding == LayerNormRounding::kModulate;
    for (int i = 0; i < kVector; ++i) {
        const float scaled = twice ? rounded<T>(rounded<T>(x[i]) * scale[i]) : x[i] * scale[i];
        x[i] = scaled + shift[i];
    }
}

template <typename T, int kVectors>
__global__ __launch_bounds__(kThreads) void layer_norm_kernel(LayerNorm params) {
    const int64_t row = row_of_warp();
    if (row >= params.rows) return;
    const int64_t at = row * params.dim;
    Vector<T> x[kVectors];
    load_row(static_cast<const T*>(params.x) + at, params.dim, x);
    const float mean = row_mean(x, params.dim);
    const float inverse = 1.0f / sqrtf(row_variance(x, mean, params.dim) + params.eps);

#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const int begin = vector_begin(v);
        if (begin >= params.dim) continue;
        float y[kVector];
        for (int i = 0; i < kVector; i += 2) {
            const float2 values = unpack<T>(x[v].pair[i / 2]);
            y[i] = (values.x - mean) * inverse;
            y[i + 1] = (values.y - mean) * inverse;
        }
        if (params.rounding != LayerNormRounding::kPlain) modulate<T>(params, begin, y);
        if (params.y) store8(y, static_cast<T*>(params.y) + at + begin);
        if (!params.y_e4m3) continue;
        for (float& value : y) value *= params.e4m3_scale;
        store8_e4m3(y, static_cast<uint8_t*>(params.y_e4m3) + at + begin);
    }
}

template <typename T, int kVectors>
__global__ __launch_bounds__(kThreads) void rms_norm_rope_kernel(RmsNormRope params) {
    const int64_t row = row_of_warp();
    if (row >= params.rows) return;
    const int64_t at = row * params.dim;
    Vector<T> x[kVectors], weight[kVectors];
    load_row(static_cast<const T*>(params.x) + at, params.dim, x);
    load_row(static_cast<const T*>(params.weight), params.dim, weight);
    // The same four pairs of a head in each of this lane's vectors.
    float turn[kVector];
    if (params.cos_sin) load8(params.cos_sin + row * 128 + vector_begin(0) % 128, turn);
    const float inverse = inverse_rms(x, params.dim, params.eps);

#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const int begin = vector_begin(v);
        if (begin >= params.dim) continue;
        Vector<T> y;
        for (int i = 0; i < kVector; i += 2) {
            float2 pair = norm_pair<T>(x[v].pair[i / 2], inverse, weight[v].pair[i / 2]);
            if (params.cos_sin) pair = turn_pair(pair, turn[i], turn[i + 1]);
            y.pair[i / 2] = pack<T>(pair);
        }
        *reinterpret_cast<Vector<T>*>(static_cast<T*>(params.y) + at + begin) = y;
    }
}

unsigned blocks_for(int64_t rows) {
    return static_cast<unsigned>((rows + kRowsPerBlock - 1) / kRowsPerBlock);
}

}  // namespace

void layer_norm_cuda(const LayerNorm& params, CudaStream stream) {
    require(params.dim > 0 && params.dim % 8 == 0 && params.dim <= kMaxDim,
            "layer_norm takes a dim of at most 8192 that 8 divides");
    if (params.rows == 0) return;
    with_device_type(params.type, [&](auto tag) {
        with_vectors(params.dim, [&](auto vectors) {
            layer_norm_kernel<decltype(tag), decltype(vectors)::value>
                <<<blocks_for(params.rows), kThreads, 0, stream>>>(params);
            FLASHVSR_CUDA_CHECK_LAUNCH(layer_norm_kernel);
        });
    });
}

void rms_norm_rope_cuda(const RmsNormRope& params, CudaStream stream) {
    require(params.dim > 0 && params.dim % 128 == 0 && params.dim <= kMaxDim,
            "rms_norm_rope takes a dim of at most 8192 that 128 divides");
    if (params.rows == 0) return;
    with_device_type(params.type, [&](auto tag) {
        with_vectors(params.dim, [&](auto vectors) {
            rms_norm_rope_kernel<decltype(tag), decltype(vectors)::value>
                <<<blocks_for(params.rows), kThreads, 0, stream>>>(params);
            FLASHVSR_CUDA_CHECK_LAUNCH(rms_norm_rope_kernel);
        });
    });
}

}  // namespace flashvsr::kernels
