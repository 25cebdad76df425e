// SPDX-License-Identifier: Apache-2.0
// Two levels: a block sums a stripe of a plane's rows, then one block per frame adds the stripes
// and solves for gain and offset. A thread sums distances from its first sample in fp32, so that
// nearly flat pictures keep their variance; above threads, sums are in fp64.
#include "kernels/color_stats.h"
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/require.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kVector = 8;

struct Sums {
    double sum, squares;
};

__device__ Sums add_over_warp(Sums sums) {
    for (int distance = 16; distance > 0; distance /= 2) {
        sums.sum += __shfl_down_sync(~0u, sums.sum, distance);
        sums.squares += __shfl_down_sync(~0u, sums.squares, distance);
    }
    return sums;
}

// Sums over a thread's samples: those at columns 8 i to 8 i + 7 of every row, over i = its index
// and each kThreads further, as one sequence over rows.
template <typename T>
__device__ Sums sum_thread(const T* rows, int64_t row_stride, int height, int width, bool aligned) {
    const int vectors = (width + kVector - 1) / kVector;
    float pivot = 0, sum = 0, squares = 0;
    int count = 0;
    int y = threadIdx.x / vectors, v = threadIdx.x % vectors;
    const int rows_per_step = kThreads / vectors, vectors_per_step = kThreads % vectors;
    while (y < height) {
        const T* at = rows + y * row_stride + v * kVector;
        const int valid = min(kVector, width - v * kVector);
        float value[kVector];
        if (aligned) {
            load8(at, value);  // the end of a row is followed by padding
        } else {
            for (int i = 0; i < kVector; ++i) value[i] = to_float(at[min(i, valid - 1)]);
        }
        if (count == 0) pivot = value[0];
        for (int i = 0; i < kVector; ++i) {
            const float distance = i < valid ? value[i] - pivot : 0.0f;
            sum += distance;
            squares += distance * distance;
        }
        count += valid;
        y += rows_per_step;
        v += vectors_per_step;
        if (v >= vectors) {
            v -= vectors;
            ++y;
        }
    }
    return {sum + double{pivot} * count,
            squares + 2.0 * double{pivot} * sum + double{pivot} * pivot * count};
}

// Grid: stripes, planes, {decoded, reference}.
template <typename T>
__global__ void __launch_bounds__(kThreads) stripe_kernel(ColorStats params, bool aligned) {
    const ModelPlanes& planes = blockIdx.z == 0 ? params.decoded : params.reference;
    const int stripe_rows = (params.height + kColorStripes - 1) / kColorStripes;
    const int top = blockIdx.x * stripe_rows;
    const int rows = max(0, min(stripe_rows, params.height - top));
    const T* data = static_cast<const T*>(planes.data) + blockIdx.y * planes.plane_stride +
                    top * planes.row_stride;

    __shared__ Sums warp[kThreads / 32];
    const Sums own =
        add_over_warp(sum_thread(data, planes.row_stride, rows, params.width, aligned));
    if (threadIdx.x % 32 == 0) warp[threadIdx.x / 32] = own;
    __syncthreads();
    if (threadIdx.x != 0) return;
    Sums total = {0, 0};
    for (const Sums& sums : warp) {
        total.sum += sums.sum;
        total.squares += sums.squares;
    }
    reinterpret_cast<Sums*>(
        params.scratch)[(blockIdx.y * 2 + blockIdx.z) * kColorStripes + blockIdx.x] = total;
}

// A block per frame, a warp per channel and kind, a lane per stripe.
__global__ void affine_kernel(ColorStats params) {
    static_assert(kColorStripes == 32);
    const int warp = warp_index(), lane = lane_index();
    __shared__ double mean[6], deviation[6];
    const auto* stripes = reinterpret_cast<const Sums*>(params.scratch);
    const Sums total = add_over_warp(stripes[(blockIdx.x * 6 + warp) * kColorStripes + lane]);
    if (lane == 0) {
        const double count = double(params.height) * params.width;
        const double scale = warp % 2 == 0 ? 2.0 : 1.0, shift = warp % 2 == 0 ? -1.0 : 0.0;
        const double average = total.sum / count;
        const double variance = fmax(total.squares / count - average * average, 0.0);
        mean[warp] = average * scale + shift;
        deviation[warp] = sqrt(variance * scale * scale + kColorVarianceFloor);
    }
    __syncthreads();
    if (threadIdx.x >= 3) return;
    const int own = 2 * threadIdx.x, wanted = own + 1;
    const double gain = deviation[wanted] / deviation[own];
    float* affine = params.affine + (blockIdx.x * 3 + threadIdx.x) * 2;
    affine[0] = static_cast<float>(gain);
    affine[1] = static_cast<float>(mean[wanted] - mean[own] * gain);
}

bool is_aligned(const ModelPlanes& planes) {
    return reinterpret_cast<uintptr_t>(planes.data) % 16 == 0 &&
           planes.plane_stride % kVector == 0 && planes.row_stride % kVector == 0;
}

}  // namespace

void color_stats_cuda(const ColorStats& params, CudaStream stream) {
    require(params.height > 0 && params.width > 0, "statistics are of at least one pixel");
    if (params.frames == 0) return;
    const bool aligned = is_aligned(params.decoded) && is_aligned(params.reference);
    const dim3 grid(kColorStripes, params.frames * 3, 2);
    with_device_type(params.type, [&](auto tag) {
        stripe_kernel<decltype(tag)><<<grid, kThreads, 0, stream>>>(params, aligned);
        FLASHVSR_CUDA_CHECK_LAUNCH(stripe_kernel);
    });
    affine_kernel<<<params.frames, 6 * 32, 0, stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(affine_kernel);
}

}  // namespace flashvsr::kernels
