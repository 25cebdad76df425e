// SPDX-License-Identifier: Apache-2.0
// The scheme of block_sparse_attention_sm80.cu in fp32 on the CUDA cores: a block of 256 threads
// per 64 query rows, 32 keys at a time. A thread holds four rows, and of those two scores and eight
// columns of the output; the 16 threads of a row are half a warp.
#include "kernels/block_sparse_attention.h"
#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 16;  // threads that share their rows
constexpr int kRows = 4;    // of a thread
constexpr int kQueryRows = kThreads / kLanes * kRows;
constexpr int kQueryTiles = kWindowTokens / kQueryRows;
constexpr int kKeys = 32;
constexpr int kKeysPerLane = kKeys / kLanes;

// Rows are padded by 16 bytes where threads read down a column.
struct SharedTiles {
    float q[kQueryRows][kHeadDim + 4];
    float k[kKeys][kHeadDim + 4];
    float v[kKeys][kHeadDim];
    float p[kQueryRows][kKeys + 4];
};
static_assert(sizeof(SharedTiles) <= 99 * 1024, "what every card from 8.0 on gives a block");

__device__ float4 load4(const float* from) { return *reinterpret_cast<const float4*>(from); }

template <int kTileRows, int kStride>
__device__ void copy_rows(float (&to)[kTileRows][kStride], const float* from, int64_t row_stride) {
    constexpr int kVectors = kHeadDim / 4;
    for (int i = threadIdx.x; i < kTileRows * kVectors; i += kThreads) {
        const int row = i / kVectors, column = i % kVectors * 4;
        *reinterpret_cast<float4*>(&to[row][column]) = load4(from + row * row_stride + column);
    }
}

__device__ float dot4(float4 a, float4 b, float sum) {
    return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

struct Accumulators {
    float out[kRows][8] = {};  // columns 4 lane to 4 lane + 3, and the same beyond 64
    float maximum[kRows];
    float sum[kRows] = {};  // over this thread's keys
};

// Scores of this thread's rows, as weights relative to the new row maxima, into tiles.p.
__device__ void score(SharedTiles& tiles, int row, int lane, Accumulators& acc) {
    float scores[kRows][kKeysPerLane] = {};
    for (int d = 0; d < kHeadDim; d += 4) {
        float4 k[kKeysPerLane];
        for (int j = 0; j < kKeysPerLane; ++j) k[j] = load4(&tiles.k[lane + j * kLanes][d]);
        for (int i = 0; i < kRows; ++i) {
            const float4 q = load4(&tiles.q[row + i][d]);
            for (int j = 0; j < kKeysPerLane; ++j) scores[i][j] = dot4(q, k[j], scores[i][j]);
        }
    }
    for (int i = 0; i < kRows; ++i) {
        float maximum = acc.maximum[i];
        for (float value : scores[i]) maximum = fmaxf(maximum, value);
        maximum = warp_max<kLanes>(maximum);
        const float rescale = exp2f((acc.maximum[i] - maximum) * kScoreToExponent);
        acc.maximum[i] = maximum;
        acc.sum[i] *= rescale;
        for (float& value : acc.out[i]) value *= rescale;
        for (int j = 0; j < kKeysPerLane; ++j) {
            const float p = exp2f((scores[i][j] - maximum) * kScoreToExponent);
            acc.sum[i] += p;
            tiles.p[row + i][lane + j * kLanes] = p;
        }
    }
}

__device__ void multiply_values(const SharedTiles& tiles, int row, int lane, Accumulators& acc) {
    for (int key = 0; key < kKeys; ++key) {
        const float4 low = load4(&tiles.v[key][lane * 4]);
        const float4 high = load4(&tiles.v[key][lane * 4 + kHeadDim / 2]);
        for (int i = 0; i < kRows; ++i) {
            const float p = tiles.p[row + i][key];
            float(&out)[8] = acc.out[i];
            out[0] += p * low.x;
            out[1] += p * low.y;
            out[2] += p * low.z;
            out[3] += p * low.w;
            out[4] += p * high.x;
            out[5] += p * high.y;
            out[6] += p * high.z;
            out[7] += p * high.w;
        }
    }
}

__device__ void write_rows(Accumulators& acc, int lane, float* out, int64_t row_stride) {
    for (int i = 0; i < kRows; ++i) {
        const float sum = warp_sum<kLanes>(acc.sum[i]);
        const float inverse = sum > 0 ? 1.0f / sum : 0.0f;  // an empty list gives zeros
        const float(&x)[8] = acc.out[i];
        float* at = out + i * row_stride + lane * 4;
        *reinterpret_cast<float4*>(at) =
            make_float4(x[0] * inverse, x[1] * inverse, x[2] * inverse, x[3] * inverse);
        *reinterpret_cast<float4*>(at + kHeadDim / 2) =
            make_float4(x[4] * inverse, x[5] * inverse, x[6] * inverse, x[7] * inverse);
    }
}

__global__ void __launch_bounds__(kThreads) attention_kernel(BlockSparseAttention params) {
    extern __shared__ __align__(16) char shared[];
    SharedTiles& tiles = *reinterpret_cast<SharedTiles*>(shared);
    const AttentionRow attended = attention_row(params, blockIdx.x / kQueryTiles);

    const int64_t row_stride = int64_t{params.heads} * kHeadDim;
    const int64_t first_row =
        int64_t{attended.window} * kWindowTokens + blockIdx.x % kQueryTiles * kQueryRows;
    const int64_t query_offset = first_row * row_stride + int64_t{attended.head} * kHeadDim;
    const float* keys = static_cast<const float*>(params.k) + int64_t{attended.head} * kHeadDim;
    const float* values = static_cast<const float*>(params.v) + int64_t{attended.head} * kHeadDim;
    copy_rows(tiles.q, static_cast<const float*>(params.q) + query_offset, row_stride);

    const int row = threadIdx.x / kLanes * kRows, lane = threadIdx.x % kLanes;
    Accumulators acc;
    for (float& maximum : acc.maximum) maximum = -INFINITY;
    for (int i = 0; i < attended.count; ++i) {
        for (int tile = 0; tile < kWindowTokens; tile += kKeys) {
            const int64_t offset = (int64_t{attended.list[i]} * kWindowTokens + tile) * row_stride;
            __syncthreads();
            copy_rows(tiles.k, keys + offset, row_stride);
            copy_rows(tiles.v, values + offset, row_stride);
            __syncthreads();
            score(tiles, row, lane, acc);
            __syncwarp();
            multiply_values(tiles, row, lane, acc);
        }
    }
    write_rows(acc, lane, static_cast<float*>(params.out) + query_offset + row * row_stride,
               row_stride);
}

}  // namespace

void block_sparse_attention_fp32(const BlockSparseAttention& params, CudaStream stream) {
    order_attention_rows(params, stream);
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(
        attention_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(SharedTiles)));
    const int blocks = params.heads * params.query_windows * kQueryTiles;
    attention_kernel<<<blocks, kThreads, sizeof(SharedTiles), stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(attention_kernel);
}

}  // namespace flashvsr::kernels
