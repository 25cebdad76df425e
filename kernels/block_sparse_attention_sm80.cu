// FlashAttention-2's scheme (Dao, 2023) over lists of key windows: a block of four warps per (head,
// query window), each warp with 32 of the 128 query rows, and 64 keys at a time.
#include "kernels/block_sparse_attention.h"
#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/ptx_sm80.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
constexpr int kWarpRows = kWindowTokens / kWarps;  // two tiles of 16
constexpr int kKeys = 64;                          // of one K or V tile
constexpr int kTilesPerWindow = kWindowTokens / kKeys;

// Shared memory: the query tile, then a ring through which K and V tiles pass in turn.
constexpr int kRowBytes = kHeadDim * 2;
constexpr int kChunks = kRowBytes / 16;
constexpr int kQueryBytes = kWindowTokens * kRowBytes;
constexpr int kTileBytes = kKeys * kRowBytes;
constexpr int kSlots = 3;
constexpr int kSharedBytes = kQueryBytes + kSlots * kTileBytes;
static_assert(kSharedBytes <= 99 * 1024, "what every card from 8.0 on gives a block");

// A row's 16-byte chunks are permuted by its index, so that eight rows of one column touch all
// banks.
__device__ uint32_t swizzled(int row, int chunk) {
    return row * kRowBytes + ((chunk ^ (row & 7)) * 16);
}

// Starts copying kRows rows of one head; consecutive threads take consecutive chunks.
template <int kRows>
__device__ void copy_rows(uint32_t to, const char* from, int64_t row_stride) {
    constexpr int kRowsAtOnce = kThreads / kChunks;
    static_assert(kRowsAtOnce % 8 == 0, "the swizzle repeats after eight rows");
    const int row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
    to += swizzled(row, chunk);
    from += row * row_stride + chunk * 16;
#pragma unroll
    for (int i = 0; i < kRows / kRowsAtOnce; ++i) {
        ptx::cp_async_16(to + i * kRowsAtOnce * kRowBytes, from);
        from += kRowsAtOnce * row_stride;
    }
}

// A warp's running state: for each of its two tiles of 16 rows, a thread holds rows lane / 4 and
// lane / 4 + 8, columns 2 (lane % 4) and the next of every eight.
struct Accumulators {
    float out[2][kHeadDim / 8][4];
    float maximum[2][2];
    float sum[2][2];  // over this thread's columns
};

using Scores = float[2][kKeys / 8][4];

// scores = Q K^T, not scaled. `q` and `k` are this lane's ldmatrix addresses.
template <typename T>
__device__ void multiply_keys(uint32_t q, uint32_t k, Scores& scores) {
#pragma unroll
    for (int step = 0; step < kHeadDim / 16; ++step) {
        uint32_t a[2][4];
        for (int tile = 0; tile < 2; ++tile) {
            ptx::ldmatrix_x4(a[tile], (q + tile * 16 * kRowBytes) ^ (step * 32));
        }
#pragma unroll
        for (int pair = 0; pair < kKeys / 16; ++pair) {
            uint32_t b[4];
            ptx::ldmatrix_x4(b, (k + pair * 16 * kRowBytes) ^ (step * 32));
            for (int tile = 0; tile < 2; ++tile) {
                ptx::mma_16x8x16<T>(scores[tile][2 * pair], a[tile], b[0], b[1]);
                ptx::mma_16x8x16<T>(scores[tile][2 * pair + 1], a[tile], b[2], b[3]);
            }
        }
    }
}

// How far, as an exponent of two, a row's maximum may lie above the one its weights are relative
// to. Weights stay below 2^8, and most tiles need not rescale what was accumulated.
constexpr float kSlack = 8.0f;

// Turns scores into weights relative to the row maxima; raises the maxima and rescales what was
// accumulated under the old ones where they lag behind too far.
__device__ void online_softmax(Scores& scores, Accumulators& acc) {
    float rescale[2][2];
    bool raised = false;
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float old = acc.maximum[tile][half];
            float maximum = old;
            for (int n = 0; n < kKeys / 8; ++n) {
                maximum =
                    fmaxf(maximum, fmaxf(scores[tile][n][2 * half], scores[tile][n][2 * half + 1]));
            }
            maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 1));
            maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 2));
            if ((maximum - old) * kScoreToExponent <= kSlack) maximum = old;
            raised |= maximum > old;
            const float offset = maximum * kScoreToExponent;
            rescale[tile][half] = ptx::exp2_approximate((old - maximum) * kScoreToExponent);
            acc.maximum[tile][half] = maximum;

            float sum = acc.sum[tile][half] * rescale[tile][half];
            for (int n = 0; n < kKeys / 8; ++n) {
                for (int i = 2 * half; i < 2 * half + 2; ++i) {
                    scores[tile][n][i] =
                        ptx::exp2_approximate(scores[tile][n][i] * kScoreToExponent - offset);
                    sum += scores[tile][n][i];
                }
            }
            acc.sum[tile][half] = sum;
        }
    }
    if (!__any_sync(0xffffffffu, raised)) return;
#pragma unroll
    for (int tile = 0; tile < 2; ++tile) {
        for (int n = 0; n < kHeadDim / 8; ++n) {
            for (int i = 0; i < 4; ++i) acc.out[tile][n][i] *= rescale[tile][i / 2];
        }
    }
}

// out += P V. The scores' registers are already laid out as the left operand.
template <typename T>
__device__ void multiply_values(const Scores& p, uint32_t v, Accumulators& acc) {
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
        uint32_t a[2][4];
        for (int tile = 0; tile < 2; ++tile) {
            for (int i = 0; i < 4; ++i) {
                const float* pair = p[tile][2 * step + i / 2] + 2 * (i % 2);
                a[tile][i] = ptx::pack2<T>(pair[0], pair[1]);
            }
        }
#pragma unroll
        for (int pair = 0; pair < kHeadDim / 16; ++pair) {
            uint32_t b[4];
            ptx::ldmatrix_x4_transposed(b, (v + step * 16 * kRowBytes) ^ (pair * 32));
            for (int tile = 0; tile < 2; ++tile) {
                ptx::mma_16x8x16<T>(acc.out[tile][2 * pair], a[tile], b[0], b[1]);
                ptx::mma_16x8x16<T>(acc.out[tile][2 * pair + 1], a[tile], b[2], b[3]);
            }
        }
    }
}

// Divides by the row sums and writes the warp's rows through its part of the query tile.
template <typename T>
__device__ void write_rows(Accumulators& acc, char* tile, char* out, int64_t row_stride) {
    const int lane = threadIdx.x % 32;
    const int first = threadIdx.x / 32 * kWarpRows;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float sum = acc.sum[i / 2][i % 2];
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        const float inverse = 1.0f / sum;
        const int row = first + i / 2 * 16 + i % 2 * 8 + lane / 4;
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
            const float* pair = acc.out[i / 2][n] + 2 * (i % 2);
            *reinterpret_cast<uint32_t*>(tile + swizzled(row, n) + lane % 4 * 4) =
                ptx::pack2<T>(pair[0] * inverse, pair[1] * inverse);
        }
    }
    __syncwarp();
    for (int row = first + lane / kChunks; row < first + kWarpRows; row += 32 / kChunks) {
        const int chunk = lane % kChunks;
        *reinterpret_cast<uint4*>(out + row * row_stride + chunk * 16) =
            *reinterpret_cast<const uint4*>(tile + swizzled(row, chunk));
    }
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 2) attention_kernel(BlockSparseAttention params) {
    extern __shared__ __align__(256) char shared[];
    const AttentionRow row = attention_row(params, blockIdx.x);
    const int tiles = row.count * kTilesPerWindow;

    const int64_t row_stride = int64_t{params.heads} * kRowBytes;
    const int64_t head_offset = int64_t{row.head} * kRowBytes;
    const int64_t query_offset = int64_t{row.window} * kWindowTokens * row_stride + head_offset;
    char* out = static_cast<char*>(params.out) + query_offset;
    if (tiles == 0) {
        const int chunk = threadIdx.x % kChunks;
        for (int token = threadIdx.x / kChunks; token < kWindowTokens;
             token += kThreads / kChunks) {
            *reinterpret_cast<uint4*>(out + token * row_stride + chunk * 16) = uint4{};
        }
        return;
    }
    const char* keys = static_cast<const char*>(params.k) + head_offset;
    const char* values = static_cast<const char*>(params.v) + head_offset;
    const auto tile_offset = [&](int32_t key_window, int tile) {
        return (int64_t{key_window} * kWindowTokens + tile % kTilesPerWindow * kKeys) * row_stride;
    };

    // Addresses for ldmatrix: rows 0-7 and 8-15 of a tile, then the next chunk (Q and V); for K the
    // next chunk comes first, so that registers 0, 1 and 2, 3 are the operands of eight keys each.
    const int lane = threadIdx.x % 32;
    const int warp_row = threadIdx.x / 32 * kWarpRows;
    const uint32_t query_tile = ptx::shared_address(shared);
    const uint32_t ring = query_tile + kQueryBytes;
    const uint32_t query_lane = query_tile + swizzled(warp_row + lane % 16, lane / 16);
    const uint32_t key_lane = swizzled(lane % 8 + lane / 16 * 8, lane / 8 % 2);
    const uint32_t value_lane = swizzled(lane % 16, lane / 16);

    int64_t next = tile_offset(row.list[0], 0);
    copy_rows<kWindowTokens>(query_tile, static_cast<const char*>(params.q) + query_offset,
                             row_stride);
    copy_rows<kKeys>(ring, keys + next, row_stride);
    ptx::cp_async_commit();
    copy_rows<kKeys>(ring + kTileBytes, values + next, row_stride);
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
    uint32_t slot = 0, freed = 2 * kTileBytes;
    const auto advance = [&] {
        freed = slot;
        slot = slot == (kSlots - 1) * kTileBytes ? 0 : slot + kTileBytes;
    };
    int32_t next_window = row.list[1 / kTilesPerWindow];
    for (int tile = 0; tile < tiles; ++tile) {
        const bool more = tile + 1 < tiles;
        next = tile_offset(next_window, tile + 1);

        ptx::cp_async_wait<1>();
        __syncthreads();
        if (more) copy_rows<kKeys>(ring + freed, keys + next, row_stride);
        ptx::cp_async_commit();
        Scores scores = {};
        multiply_keys<T>(query_lane, ring + slot + key_lane, scores);
        advance();
        online_softmax(scores, acc);

        ptx::cp_async_wait<1>();
        __syncthreads();
        if (more) copy_rows<kKeys>(ring + freed, values + next, row_stride);
        ptx::cp_async_commit();
        if (tile + 2 < tiles) next_window = row.list[(tile + 2) / kTilesPerWindow];
        multiply_values<T>(scores, ring + slot + value_lane, acc);
        advance();
    }
    write_rows<T>(acc, shared, out, row_stride);
}

template <typename T>
void launch(const BlockSparseAttention& params, CudaStream stream) {
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(
        attention_kernel<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes));
    attention_kernel<T>
        <<<params.heads * params.query_windows, kThreads, kSharedBytes, stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(attention_kernel);
}

}  // namespace

void block_sparse_attention_sm80(const BlockSparseAttention& params, CudaStream stream) {
    if (params.query_windows == 0 || params.heads == 0) return;
    order_attention_rows(params, stream);
    switch (params.type) {
        case ElementType::kFloat16: return launch<__half>(params, stream);
        case ElementType::kBFloat16: return launch<__nv_bfloat16>(params, stream);
        case ElementType::kFloat32:
        case ElementType::kFloat8E4M3: break;
    }
    throw std::invalid_argument("kernel parameters: element type");
}

}  // namespace flashvsr::kernels
