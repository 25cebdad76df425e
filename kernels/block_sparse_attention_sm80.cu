// SPDX-License-Identifier: Apache-2.0
// FlashAttention-2's scheme (Dao, 2023) over lists of key windows: a block of four warps per (head,
// query window), each warp with 32 of the 128 query rows, and 64 keys at a time. For fp16, bf16,
// and from compute capability 8.9 on for e4m3.
#include <type_traits>

#include "kernels/block_sparse_attention.h"
#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/device_element.h"
#include "kernels/ptx_sm80.h"
#include "kernels/require.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kWarpRows = kWindowTokens / kWarps;  // two tiles of 16
constexpr int kKeys = 64;                          // of one K or V tile
constexpr int kTilesPerWindow = kWindowTokens / kKeys;
constexpr int kSlots = 3;

template <typename T>
constexpr bool kE4m3 = std::is_same_v<T, __nv_fp8_e4m3>;

// Rows of a tile in shared memory. Their 16-byte chunks are permuted by the row's number, so that
// eight rows of one column touch all banks.
template <int kBytes>
struct Rows {
    static constexpr int kChunks = kBytes / 16;
    static constexpr int kPermuted = kChunks < 8 ? kChunks : 8;
    static constexpr int kAtOnce = kThreads / kChunks;  // that the threads of a block copy at once
    static_assert(kAtOnce % 8 == 0, "the permutation repeats after eight rows");

    static __device__ uint32_t at(int row, int chunk) {
        return row * kBytes + ((chunk ^ (row * kPermuted / 8 % kPermuted)) * 16);
    }
    // 32 bytes further along a row, `count` times, from an address in the first 32. What is not
    // permuted is an offset that instructions have room for.
    static __device__ uint32_t along(uint32_t address, int count) {
        constexpr int kCounts = kPermuted / 2;
        return (address ^ count % kCounts * 32) + count / kCounts * 128;
    }
    // Starts copying; consecutive threads take consecutive chunks.
    template <int kRows>
    static __device__ void copy(uint32_t to, const char* from, int64_t row_stride) {
        const int row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
        to += at(row, chunk);
        from += row * row_stride + chunk * 16;
#pragma unroll
        for (int i = 0; i < kRows / kAtOnce; ++i) {
            ptx::cp_async_16(to + i * kAtOnce * kBytes, from);
            from += kAtOnce * row_stride;
        }
    }
};

// Shared memory: the query tile, then a ring through which K and V tiles pass in turn. Results
// leave through it as well.
template <typename T>
struct Layout {
    using Tokens = Rows<kHeadDim * sizeof(T)>;  // of Q and K, and of V but for e4m3
    // V in e4m3 is transposed: its rows are 64 keys of one d.
    using Values = Rows<(kE4m3<T> ? kKeys : kHeadDim) * sizeof(T)>;
    using Results = Rows<kHeadDim * 2>;
    static constexpr int kSteps = kHeadDim * sizeof(T) / 32;    // of Q K^T, 32 bytes of d each
    static constexpr int kValueSteps = kKeys * sizeof(T) / 32;  // of P V, 32 bytes of keys each
    static constexpr int kQueryBytes = kWindowTokens * kHeadDim * sizeof(T);
    static constexpr int kTileBytes = kKeys * kHeadDim * sizeof(T);
    static constexpr int kSharedBytes = kQueryBytes + kSlots * kTileBytes;
    static_assert(kSharedBytes <= 99 * 1024, "what every card from 8.0 on gives a block");
    static_assert(kSharedBytes >= kWindowTokens * kHeadDim * 2, "room for the results");
};

// A warp's running state: for each of its two tiles of 16 rows, a thread holds rows lane / 4 and
// lane / 4 + 8, columns 2 (lane % 4) and the next of every eight.
struct Accumulators {
    float out[2][kHeadDim / 8][4];
    float maximum[2][2];
    float sum[2][2];  // over this thread's columns
};

using Scores = float[2][kKeys / 8][4];
// Left operands of P V, for 32 bytes of keys each.
template <typename T>
using Weights = uint32_t[2][Layout<T>::kValueSteps][4];

// scores = Q K^T, not scaled. `q` and `k` are this lane's ldmatrix addresses.
template <typename T>
__device__ void multiply_keys(uint32_t q, uint32_t k, Scores& scores) {
    using Tokens = typename Layout<T>::Tokens;
#pragma unroll
    for (int step = 0; step < Layout<T>::kSteps; ++step) {
        uint32_t a[2][4];
        for (int tile = 0; tile < 2; ++tile) {
            ptx::ldmatrix_x4(a[tile], Tokens::along(q, step) + Tokens::at(tile * 16, 0));
        }
#pragma unroll
        for (int pair = 0; pair < kKeys / 16; ++pair) {
            uint32_t b[4];
            ptx::ldmatrix_x4(b, Tokens::along(k, step) + Tokens::at(pair * 16, 0));
            for (int tile = 0; tile < 2; ++tile) {
                ptx::mma_32_bytes<T>(scores[tile][2 * pair], a[tile], b[0], b[1]);
                ptx::mma_32_bytes<T>(scores[tile][2 * pair + 1], a[tile], b[2], b[3]);
            }
        }
    }
}

// Weights are 2^kHeadroom at the maximum that they are relative to. What lies above it may grow
// until a thread's of a row in a tile are too large: their sum, or in e4m3, which ends at 448, one
// of them.
template <typename T>
struct Range {
    static constexpr float kHeadroom = 0.0f, kLimit = 256.0f;
};
template <>
struct Range<__nv_fp8_e4m3> {
    static constexpr float kHeadroom = 6.0f, kLimit = 362.0f;
};

// Scores of 16 keys lie in registers as the left operand wants their weights: pairs (0, 1) of each
// eight, and for e4m3, whose values have their keys in the order of value_position_e4m3(), all
// four.
template <typename T>
__device__ void store_weights(const float (&p)[4], int half, int sixteen,
                              uint32_t (&weights)[Layout<T>::kValueSteps][4]) {
    if constexpr (kE4m3<T>) {
        weights[sixteen / 2][sixteen % 2 * 2 + half] = ptx::pack4_e4m3(p[0], p[1], p[2], p[3]);
    } else {
        weights[sixteen][half] = ptx::pack2<T>(p[0], p[1]);
        weights[sixteen][2 + half] = ptx::pack2<T>(p[2], p[3]);
    }
}

// weights = exp(score - maximum), and their sums. False, and nothing has changed but `weights`,
// where some are too large: then the maxima lag behind. scale: turns scores into exponents of two.
template <typename T>
__device__ bool weigh(const Scores& scores, float scale, Accumulators& acc, Weights<T>& weights) {
    bool too_large = false;
    float sums[2][2];
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float offset = acc.maximum[tile][half] * scale - Range<T>::kHeadroom;
            float sum = 0, largest = 0;
#pragma unroll
            for (int sixteen = 0; sixteen < kKeys / 16; ++sixteen) {
                float p[4];
                for (int i = 0; i < 4; ++i) {
                    const float score = scores[tile][2 * sixteen + i / 2][2 * half + i % 2];
                    p[i] = ptx::exp2_approximate(score * scale - offset);
                    sum += p[i];
                    if (kE4m3<T>) largest = fmaxf(largest, p[i]);
                }
                store_weights<T>(p, half, sixteen, weights[tile]);
            }
            too_large |= (kE4m3<T> ? largest : sum) > Range<T>::kLimit;
            sums[tile][half] = sum;
        }
    }
    if (__any_sync(kAllLanes, too_large)) return false;
    for (int i = 0; i < 4; ++i) acc.sum[i / 2][i % 2] += sums[i / 2][i % 2];
    return true;
}

// Raises the maxima to those of the scores, and rescales what was accumulated under the old ones.
__device__ void raise_maxima(const Scores& scores, float scale, Accumulators& acc) {
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
        float rescale[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float old = acc.maximum[tile][half];
            float maximum = old;
            for (int n = 0; n < kKeys / 8; ++n) {
                maximum =
                    fmaxf(maximum, fmaxf(scores[tile][n][2 * half], scores[tile][n][2 * half + 1]));
            }
            maximum = row_max(maximum);
            rescale[half] = ptx::exp2_approximate((old - maximum) * scale);
            acc.maximum[tile][half] = maximum;
            acc.sum[tile][half] *= rescale[half];
        }
        for (int n = 0; n < kHeadDim / 8; ++n) {
            for (int i = 0; i < 4; ++i) acc.out[tile][n][i] *= rescale[i / 2];
        }
    }
}

// The weights of a tile. Few tiles raise a maximum, so the others do not look for it: what tells
// is that weights are too large, and then the scores are computed once more.
template <typename T>
__device__ void online_softmax(uint32_t q, uint32_t k, float scale, Accumulators& acc,
                               Weights<T>& weights) {
    for (bool raise = false;; raise = true) {
        Scores scores = {};
        multiply_keys<T>(q, k, scores);
        if (raise) raise_maxima(scores, scale, acc);
        if (weigh<T>(scores, scale, acc, weights) || raise) return;
    }
}

// out += P V. `v` is this lane's ldmatrix address.
template <typename T>
__device__ void multiply_values(const Weights<T>& weights, uint32_t v, Accumulators& acc) {
    using Values = typename Layout<T>::Values;
#pragma unroll
    for (int step = 0; step < Layout<T>::kValueSteps; ++step) {
#pragma unroll
        for (int pair = 0; pair < kHeadDim / 16; ++pair) {
            uint32_t b[4];
            if constexpr (kE4m3<T>) {
                ptx::ldmatrix_x4(b, Values::along(v, step) + Values::at(pair * 16, 0));
            } else {
                ptx::ldmatrix_x4_transposed(b, Values::along(v, pair) + Values::at(step * 16, 0));
            }
            for (int tile = 0; tile < 2; ++tile) {
                ptx::mma_32_bytes<T>(acc.out[tile][2 * pair], weights[tile][step], b[0], b[1]);
                ptx::mma_32_bytes<T>(acc.out[tile][2 * pair + 1], weights[tile][step], b[2], b[3]);
            }
        }
    }
}

// Divides by the row sums and writes the warp's rows through its part of shared memory.
template <typename Out>
__device__ void write_rows(Accumulators& acc, float scale, char* tile, char* out,
                           int64_t row_stride) {
    using Results = Rows<kHeadDim * 2>;
    const int lane = lane_index();
    const int first = warp_index() * kWarpRows;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float factor = scale / row_sum(acc.sum[i / 2][i % 2]);
        const int row = first + i / 2 * 16 + i % 2 * 8 + lane / 4;
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
            const float* pair = acc.out[i / 2][n] + 2 * (i % 2);
            *reinterpret_cast<uint32_t*>(tile + Results::at(row, n) + lane % 4 * 4) =
                ptx::pack2<Out>(pair[0] * factor, pair[1] * factor);
        }
    }
    __syncwarp();
    constexpr int kChunks = Results::kChunks;
    for (int row = first + lane / kChunks; row < first + kWarpRows; row += kWarpSize / kChunks) {
        const int chunk = lane % kChunks;
        *reinterpret_cast<uint4*>(out + row * row_stride + chunk * 16) =
            *reinterpret_cast<const uint4*>(tile + Results::at(row, chunk));
    }
}

template <typename T, typename Out>
__global__ void __launch_bounds__(kThreads, 2) attention_kernel(BlockSparseAttention params) {
    using L = Layout<T>;
    extern __shared__ __align__(256) char shared[];
    const AttentionRow row = attention_row(params, blockIdx.x);
    const int tiles = row.count * kTilesPerWindow;

    const int64_t head_bytes = kHeadDim * sizeof(T), row_stride = params.heads * head_bytes;
    const int64_t first_token = int64_t{row.window} * kWindowTokens;
    const int64_t out_stride = int64_t{params.heads} * kHeadDim * 2;
    char* out = static_cast<char*>(params.out) + first_token * out_stride + row.head * kHeadDim * 2;
    if (tiles == 0) {
        constexpr int kChunks = L::Results::kChunks;
        const int chunk = threadIdx.x % kChunks;
        for (int token = threadIdx.x / kChunks; token < kWindowTokens;
             token += kThreads / kChunks) {
            *reinterpret_cast<uint4*>(out + token * out_stride + chunk * 16) = uint4{};
        }
        return;
    }
    const char* keys = static_cast<const char*>(params.k) + row.head * head_bytes;
    const char* values = static_cast<const char*>(params.v);
    const auto copy_keys = [&](uint32_t to, int32_t key_window, int tile) {
        const int64_t token = int64_t{key_window} * kWindowTokens + tile % kTilesPerWindow * kKeys;
        L::Tokens::template copy<kKeys>(to, keys + token * row_stride, row_stride);
    };
    const auto copy_values = [&](uint32_t to, int32_t key_window, int tile) {
        const int key = tile % kTilesPerWindow * kKeys;
        if constexpr (kE4m3<T>) {
            const int64_t matrix = int64_t{key_window} * params.heads + row.head;
            L::Values::template copy<kHeadDim>(to, values + matrix * kHeadDim * kWindowTokens + key,
                                               kWindowTokens);
        } else {
            const int64_t token = int64_t{key_window} * kWindowTokens + key;
            L::Values::template copy<kKeys>(to, values + token * row_stride + row.head * head_bytes,
                                            row_stride);
        }
    };

    // Addresses for ldmatrix: rows 0-7 and 8-15 of a tile, then the next chunk (Q, and V where rows
    // are keys); where rows are columns of the right operand, the next chunk comes first, so that
    // registers 0, 1 and 2, 3 are the operands of eight of them each.
    const int lane = lane_index();
    const uint32_t query_tile = ptx::shared_address(shared);
    const uint32_t ring = query_tile + L::kQueryBytes;
    const uint32_t query_lane =
        query_tile + L::Tokens::at(warp_index() * kWarpRows + lane % 16, lane / 16);
    const uint32_t key_lane = L::Tokens::at(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    const uint32_t value_lane = kE4m3<T> ? L::Values::at(lane % 8 + lane / 16 * 8, lane / 8 % 2)
                                         : L::Values::at(lane % 16, lane / 16);
    const float scale =
        kE4m3<T> ? params.q_scale * params.k_scale * kScoreToExponent : kScoreToExponent;

    L::Tokens::template copy<kWindowTokens>(
        query_tile,
        static_cast<const char*>(params.q) + first_token * row_stride + row.head * head_bytes,
        row_stride);
    copy_keys(ring, row.list[0], 0);
    ptx::cp_async_commit();
    copy_values(ring + L::kTileBytes, row.list[0], 0);
    ptx::cp_async_commit();

    Accumulators acc;
    for (int tile = 0; tile < 2; ++tile) {
        for (int n = 0; n < kHeadDim / 8; ++n) {
            for (int i = 0; i < 4; ++i) acc.out[tile][n][i] = 0;
        }
        for (int half = 0; half < 2; ++half) {
            acc.maximum[tile][half] = -INFINITY;
            acc.sum[tile][half] = 0;
        }
    }

    // The slot of the tile in use, and the one freed by the step before, which is filled next.
    uint32_t slot = 0, freed = 2 * L::kTileBytes;
    const auto advance = [&] {
        freed = slot;
        slot = slot == (kSlots - 1) * L::kTileBytes ? 0 : slot + L::kTileBytes;
    };
    int32_t next_window = row.list[1 / kTilesPerWindow];
    for (int tile = 0; tile < tiles; ++tile) {
        const bool more = tile + 1 < tiles;
        Weights<T> weights;

        ptx::cp_async_wait<1>();
        __syncthreads();
        if (more) copy_keys(ring + freed, next_window, tile + 1);
        ptx::cp_async_commit();
        online_softmax<T>(query_lane, ring + slot + key_lane, scale, acc, weights);
        advance();

        ptx::cp_async_wait<1>();
        __syncthreads();
        if (more) copy_values(ring + freed, next_window, tile + 1);
        ptx::cp_async_commit();
        if (tile + 2 < tiles) next_window = row.list[(tile + 2) / kTilesPerWindow];
        multiply_values<T>(weights, ring + slot + value_lane, acc);
        advance();
    }
    // In e4m3 the results take more than the query tile, which each warp has for itself.
    if (kE4m3<T>) __syncthreads();
    write_rows<Out>(acc, kE4m3<T> ? params.v_scale : 1.0f, shared, out, out_stride);
}

template <typename T, typename Out>
void launch(const BlockSparseAttention& params, CudaStream stream) {
    constexpr int kBytes = Layout<T>::kSharedBytes;
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(attention_kernel<T, Out>,
                                             cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes));
    attention_kernel<T, Out>
        <<<params.heads * params.query_windows, kThreads, kBytes, stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(attention_kernel);
}

}  // namespace

void block_sparse_attention_sm80(const BlockSparseAttention& params, CudaStream stream) {
    if (params.query_windows == 0 || params.heads == 0) return;
    order_attention_rows(params, stream);
    switch (params.type) {
        case ElementType::kFloat16: return launch<__half, __half>(params, stream);
        case ElementType::kBFloat16: return launch<__nv_bfloat16, __nv_bfloat16>(params, stream);
        case ElementType::kFloat8E4M3:
            require(current_cuda_device().e4m3, "attention in e4m3 needs compute capability 8.9");
            if (params.out_type == ElementType::kFloat16)
                return launch<__nv_fp8_e4m3, __half>(params, stream);
            return launch<__nv_fp8_e4m3, __nv_bfloat16>(params, stream);
        case ElementType::kFloat32: break;
    }
    throw std::invalid_argument("kernel parameters: element type");
}

}  // namespace flashvsr::kernels
