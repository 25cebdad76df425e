// SPDX-License-Identifier: Apache-2.0
// FlashAttention-3's scheme (Shah et al., 2024) over lists of key windows: a block per (head, query
// window) of three warpgroups. One copies tiles of keys and values through a ring in shared memory;
// two hold 64 query rows each, and work on the weights of one window while the tensor cores
// multiply those of the window before with its values.
#include <climits>

#include "kernels/block_sparse_attention.h"
#include "kernels/block_sparse_attention_device.h"
#include "kernels/cuda_check.h"
#include "kernels/ptx_sm90.h"
#include "kernels/require.h"
#include "kernels/tensor_map.h"

namespace flashvsr::kernels {
namespace {

constexpr int kGroups = 2;
constexpr int kGroupRows = kWindowTokens / kGroups;
constexpr int kGroupThreads = 128;
constexpr int kGroupWarps = kGroupThreads / 32;
constexpr int kThreads = (1 + kGroups) * kGroupThreads;

// Shared memory, in slabs: rows of 128 bytes, swizzled by the copy engine.
constexpr int kSlabRowBytes = 128;
constexpr int kSlabBytes = kWindowTokens * kSlabRowBytes;
constexpr int kGroupSlabBytes = kGroupRows * kSlabRowBytes;
constexpr int kOutSlabs = 2;  // results have 16 bits

template <typename T>
struct Tile {  // 128 x 128
    static constexpr int kSlabColumns = kSlabRowBytes / sizeof(T);
    static constexpr int kSlabs = kHeadDim / kSlabColumns;
    static constexpr int kBytes = kSlabs * kSlabBytes;
    static constexpr int kSteps = kHeadDim * sizeof(T) / 32;  // a wgmma takes 32 bytes of each row
};

template <typename T>
struct Shared {
    static constexpr int kStages = 3;
    // A group's queries, and in the end its results.
    alignas(1024) char group[kGroups][kOutSlabs * kGroupSlabBytes];
    alignas(1024) char keys[kStages][Tile<T>::kBytes];
    alignas(1024) char values[kStages][Tile<T>::kBytes];
    uint64_t queries_full;
    uint64_t keys_full[kStages], keys_free[kStages];
    uint64_t values_full[kStages], values_free[kStages];
};

struct TensorMaps {
    CUtensorMap q, k, v, out;
};

// The place of a tile in its ring, and the parity of its barriers' phase.
template <int kStages>
struct Cursor {
    int stage = 0;
    uint32_t parity = 0;
    __device__ void advance() {
        if (++stage < kStages) return;
        stage = 0;
        parity ^= 1;
    }
};

__device__ void wait(const uint64_t& barrier, uint32_t parity) {
    ptx::mbarrier_wait(ptx::shared_address(&barrier), parity);
}

// ---- copies

// One warp.
template <typename T>
__device__ void copy_tiles(Shared<T>& shared, const TensorMaps& maps, const AttentionRow& row,
                           int heads) {
    constexpr int kSlabs = Tile<T>::kSlabs;
    const int lane = threadIdx.x % 32;
    const auto copy = [&](const CUtensorMap& map, uint64_t& full, char* to, int c1, int c2) {
        ptx::tma_load(ptx::shared_address(to), &map, ptx::shared_address(&full), 0, c1, c2);
    };
    const auto expect = [&](uint64_t& full) {
        ptx::mbarrier_arrive_expect(ptx::shared_address(&full), Tile<T>::kBytes);
    };
    if (lane == 0) {
        expect(shared.queries_full);
        for (int group = 0; group < kGroups; ++group) {
            copy(maps.q, shared.queries_full, shared.group[group],
                 row.window * kWindowTokens + group * kGroupRows, row.head * kSlabs);
        }
    }
    Cursor<Shared<T>::kStages> at;
    int32_t ahead = 0;  // lane i holds entry i of the next 32
    for (int i = 0; i < row.count; ++i, at.advance()) {
        if (i % 32 == 0) ahead = i + lane < row.count ? row.list[i + lane] : 0;
        const int32_t window = __shfl_sync(kAllLanes, ahead, i % 32);

        uint64_t& keys_full = shared.keys_full[at.stage];
        wait(shared.keys_free[at.stage], at.parity ^ 1);
        if (lane == 0) {
            expect(keys_full);
            copy(maps.k, keys_full, shared.keys[at.stage], window * kWindowTokens,
                 row.head * kSlabs);
        }
        uint64_t& values_full = shared.values_full[at.stage];
        wait(shared.values_free[at.stage], at.parity ^ 1);
        if (lane == 0) {
            expect(values_full);
            if constexpr (sizeof(T) == 1) {
                copy(maps.v, values_full, shared.values[at.stage], 0, window * heads + row.head);
            } else {
                copy(maps.v, values_full, shared.values[at.stage], window * kWindowTokens,
                     row.head * kSlabs);
            }
        }
    }
}

// ---- products

// A thread's part of a group's [64, 128] scores, weights or results (ptx_sm90.h): columns 8 i +
// 2 (lane % 4) and the next are elements 4 i and 4 i + 1 of its first row, 4 i + 2 and 4 i + 3 of
// its second.
constexpr int kElements = 64;
using Accumulators = float[kElements];
template <typename T>
using Operand = uint32_t[Tile<T>::kSteps][4];  // the same as a left operand

// Reads the warp's 16 rows of the group's queries.
template <typename T>
__device__ void load_queries(Operand<T>& q, const char* queries) {
    const int lane = threadIdx.x % 32, row = threadIdx.x % kGroupThreads / 32 * 16 + lane % 16;
    const uint32_t address = ptx::shared_address(queries) + row * kSlabRowBytes;
#pragma unroll
    for (int step = 0; step < Tile<T>::kSteps; ++step) {
        const int chunk = step % 4 * 2 + lane / 16;
        ptx::ldmatrix_x4(q[step], address + step / 4 * kGroupSlabBytes + (chunk ^ (row & 7)) * 16);
    }
}

// scores = Q K^T, not scaled.
template <typename T>
__device__ void multiply_keys(Accumulators& scores, const Operand<T>& q, const char* keys) {
    const uint64_t k = ptx::matrix_descriptor(ptx::shared_address(keys));
#pragma unroll
    for (int step = 0; step < Tile<T>::kSteps; ++step) {
        ptx::Wgmma<T>::multiply(scores, q[step],
                                ptx::advanced(k, step / 4 * kSlabBytes + step % 4 * 32), step > 0);
    }
    ptx::wgmma_commit();
}

// out = P V, or out += P V.
template <typename T>
__device__ void multiply_values(Accumulators& out, const Operand<T>& p, const char* values,
                                bool accumulate) {
    constexpr bool kTransposed = sizeof(T) == 2;  // tokens are rows: P V needs them innermost
    const uint64_t v = ptx::matrix_descriptor(ptx::shared_address(values), kSlabBytes, 1024);
#pragma unroll
    for (int step = 0; step < Tile<T>::kSteps; ++step) {
        ptx::Wgmma<T, kTransposed>::multiply(
            out, p[step], ptx::advanced(v, step * (kTransposed ? 16 * kSlabRowBytes : 32)),
            accumulate || step > 0);
    }
    ptx::wgmma_commit();
}

// ---- softmax

// The weights' exponents lie at most kHeadroom + kSlack above zero: those of the key that was the
// largest when the maximum was last raised are kHeadroom, and a maximum is raised only where it
// lags behind by more than kSlack, so that most tiles need not rescale what was accumulated.
template <typename T>
struct Range {
    static constexpr float kHeadroom = 0.0f, kSlack = 8.0f;
};
template <>
struct Range<__nv_fp8_e4m3> {  // at most 448, at least 2^-9
    static constexpr float kHeadroom = 6.0f, kSlack = 2.5f;
};

// The running state of a thread's two rows.
template <typename T>
class OnlineSoftmax {
  public:
    explicit __device__ OnlineSoftmax(float score_to_exponent) : scale_(score_to_exponent) {}

    // Turns scores into weights.
    __device__ void update(Accumulators& s) {
        raised_ = __any_sync(kAllLanes, reaches_bound(s));
        if (raised_) raise(s);
#pragma unroll
        for (int i = 0; i < kElements; ++i) {
            s[i] = ptx::exp2_approximate(s[i] * scale_ - offset_[i / 2 % 2]);
        }
        float part[2][2] = {};
#pragma unroll
        for (int i = 0; i < kElements; ++i) part[i / 2 % 2][i % 2] += s[i];
        for (int half = 0; half < 2; ++half) sum_[half] += part[half][0] + part[half][1];
    }

    // Brings what was accumulated before the last update() to the present maxima.
    __device__ void rescale(Accumulators& out) const {
        if (!raised_) return;
#pragma unroll
        for (int i = 0; i < kElements; ++i) out[i] *= rescale_[i / 2 % 2];
    }

    // 1 / sum of a row, over the four threads that share it.
    __device__ float inverse_sum(int half) const { return 1.0f / row_sum(sum_[half]); }

  private:
    // Whether a score reaches its row's bound. Three at a time, as integers, which keep the
    // order of floats where the bound is not negative; other rows are always said to.
    __device__ bool reaches_bound(const Accumulators& s) const {
        bool result = false;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int part[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const auto score = [&](int j) {
                    return __float_as_int(s[16 * i + 4 * (j / 2) + 2 * half + j % 2]);
                };
                part[i] = __vimax3_s32(__vimax3_s32(score(0), score(1), score(2)),
                                       __vimax3_s32(score(3), score(4), score(5)),
                                       max(score(6), score(7)));
            }
            result |= __vimax3_s32(part[0], part[1], max(part[2], part[3])) >= bound_[half];
        }
        return result;
    }

    __device__ void raise(const Accumulators& s) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float old = maximum_[half];
            float maximum = old;
#pragma unroll
            for (int i = 2 * half; i < kElements; i += 4) {
                maximum = fmaxf(maximum, fmaxf(s[i], s[i + 1]));
            }
            maximum = row_max(maximum);
            if ((maximum - old) * scale_ <= Range<T>::kSlack) maximum = old;
            maximum_[half] = maximum;
            rescale_[half] = ptx::exp2_approximate((old - maximum) * scale_);
            sum_[half] *= rescale_[half];
            offset_[half] = maximum * scale_ - Range<T>::kHeadroom;
            const float bound = maximum + Range<T>::kSlack / scale_;
            bound_[half] = bound >= 0 ? __float_as_int(bound) : INT_MIN;
        }
    }

    float scale_;
    float maximum_[2] = {-INFINITY, -INFINITY};
    float sum_[2] = {};  // over this thread's columns
    float offset_[2];    // of the exponents
    float rescale_[2];
    int bound_[2] = {INT_MIN, INT_MIN};
    bool raised_;
};

// Weights as the left operand of P V: the accumulators' layout is the operand's, for fp8 with the
// keys in the order of value_position_e4m3().
template <typename T>
__device__ void pack(const Accumulators& s, Operand<T>& p) {
#pragma unroll
    for (int step = 0; step < Tile<T>::kSteps; ++step) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if constexpr (sizeof(T) == 1) {
                const float* from = s + 16 * step + i / 2 * 8 + i % 2 * 2;
                p[step][i] = ptx::pack4_e4m3(from[0], from[1], from[4], from[5]);
            } else {
                p[step][i] = ptx::pack2<T>(s[8 * step + 2 * i], s[8 * step + 2 * i + 1]);
            }
        }
        ptx::hold(p[step]);
    }
}

// ---- a group's rows

// Writes the group's 64 rows through its part of shared memory.
template <typename Out>
__device__ void write_rows(const Accumulators& out, const float (&factor)[2], char* tile,
                           const CUtensorMap& map, int first_row, int head) {
    const int thread = threadIdx.x % kGroupThreads, lane = threadIdx.x % 32;
    __syncwarp();  // the warp's queries lay in these rows
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = thread / 32 * 16 + half * 8 + lane / 4;
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
            char* const slab = tile + n / 8 * kGroupSlabBytes + row * kSlabRowBytes;
            *reinterpret_cast<uint32_t*>(slab + ((n % 8) ^ (row & 7)) * 16 + lane % 4 * 4) =
                ptx::pack2<Out>(out[4 * n + 2 * half] * factor[half],
                                out[4 * n + 2 * half + 1] * factor[half]);
        }
    }
    ptx::fence_proxy_async();
    ptx::named_barrier_sync(threadIdx.x / kGroupThreads, kGroupThreads);
    if (thread == 0) {
        ptx::tma_store(&map, ptx::shared_address(tile), 0, first_row, head * kOutSlabs);
        ptx::tma_store_commit();
        ptx::tma_store_wait_read<0>();
    }
}

template <typename T, typename Out>
__device__ void attend(Shared<T>& shared, const TensorMaps& maps, const AttentionRow& row,
                       const BlockSparseAttention& params) {
    const int group = threadIdx.x / kGroupThreads - 1;
    const auto release = [](uint64_t& barrier) {
        if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(ptx::shared_address(&barrier));
    };
    const auto is_full = [](const uint64_t& barrier, uint32_t parity) {
        return ptx::mbarrier_test(ptx::shared_address(&barrier), parity);
    };

    Operand<T> q, p;
    Accumulators scores, out;
    const bool scaled = sizeof(T) == 1;
    OnlineSoftmax<T> softmax(scaled ? params.q_scale * params.k_scale * kScoreToExponent
                                    : kScoreToExponent);
    Cursor<Shared<T>::kStages> keys, values;

    wait(shared.queries_full, 0);
    load_queries<T>(q, shared.group[group]);
    wait(shared.keys_full[0], 0);
    ptx::wgmma_fence();
    multiply_keys<T>(scores, q, shared.keys[0]);
    ptx::wgmma_wait<0>();
    ptx::hold(scores);
    release(shared.keys_free[0]);
    keys.advance();
    softmax.update(scores);
    ptx::hold(scores);

    // Ends the product with the values before, if any, and readies weights and results for the
    // next.
    const auto settle = [&](bool first) {
        ptx::wgmma_wait<0>();
        ptx::hold(out);
        pack<T>(scores, p);
        if (first) return;
        release(shared.values_free[values.stage]);
        values.advance();
        softmax.rescale(out);
    };
    bool keys_here = false;
    for (int i = 1; i < row.count; ++i) {
        // This wait is a branch between the exponentials and the end of the product before: where
        // there is none, the compiler ends the product first and nothing overlaps.
        if (!keys_here) wait(shared.keys_full[keys.stage], keys.parity);
        settle(i == 1);
        const bool values_here = is_full(shared.values_full[values.stage], values.parity);
        ptx::wgmma_fence();
        multiply_keys<T>(scores, q, shared.keys[keys.stage]);
        if (!values_here) wait(shared.values_full[values.stage], values.parity);
        multiply_values<T>(out, p, shared.values[values.stage], i > 1);
        ptx::wgmma_wait<1>();
        ptx::hold(scores);
        release(shared.keys_free[keys.stage]);
        keys.advance();
        keys_here = is_full(shared.keys_full[keys.stage], keys.parity);
        softmax.update(scores);
        ptx::hold(scores);
    }
    // The last values, which lie one behind those that are multiplied now.
    Cursor<Shared<T>::kStages> last = values;
    if (row.count > 1) last.advance();
    wait(shared.values_full[last.stage], last.parity);
    settle(row.count == 1);
    ptx::wgmma_fence();
    multiply_values<T>(out, p, shared.values[last.stage], row.count > 1);
    float factor[2];
    for (int half = 0; half < 2; ++half) {
        factor[half] = softmax.inverse_sum(half) * (scaled ? params.v_scale : 1.0f);
    }
    ptx::wgmma_wait<0>();
    ptx::hold(out);
    write_rows<Out>(out, factor, shared.group[group], maps.out,
                    row.window * kWindowTokens + group * kGroupRows, row.head);
}

// An empty list.
__device__ void write_zeros(const AttentionRow& row, const BlockSparseAttention& params) {
    constexpr int kChunks = kHeadDim * 2 / 16;
    uint4* const out = static_cast<uint4*>(params.out);
    for (int i = threadIdx.x; i < kWindowTokens * kChunks; i += kThreads) {
        const int64_t token = int64_t{row.window} * kWindowTokens + i / kChunks;
        out[(token * params.heads + row.head) * kChunks + i % kChunks] = uint4{};
    }
}

template <typename T>
__device__ void init_barriers(Shared<T>& shared) {
    const auto init = [](uint64_t& barrier, int arrivals) {
        ptx::mbarrier_init(ptx::shared_address(&barrier), arrivals);
    };
    init(shared.queries_full, 1);
    for (int stage = 0; stage < Shared<T>::kStages; ++stage) {
        init(shared.keys_full[stage], 1);
        init(shared.values_full[stage], 1);
        init(shared.keys_free[stage], kGroups * kGroupWarps);
        init(shared.values_free[stage], kGroups * kGroupWarps);
    }
    ptx::mbarrier_init_fence();
}

template <typename T, typename Out>
__global__ void __launch_bounds__(kThreads, 1)
    attention_kernel(const __grid_constant__ TensorMaps maps, const BlockSparseAttention params) {
    extern __shared__ char memory[];
    const uint32_t padding = -ptx::shared_address(memory) % alignof(Shared<T>);
    Shared<T>& shared = *reinterpret_cast<Shared<T>*>(memory + padding);
    const AttentionRow row = attention_row(params, blockIdx.x);
    if (row.count == 0) return write_zeros(row, params);
    if (threadIdx.x == 0) init_barriers(shared);
    __syncthreads();
    if (threadIdx.x < kGroupThreads) {
        ptx::decrease_registers<24>();
        if (threadIdx.x < 32) copy_tiles(shared, maps, row, params.heads);
    } else {
        ptx::increase_registers<240>();
        attend<T, Out>(shared, maps, row, params);
    }
}

// ---- launch

template <typename T>
constexpr CUtensorMapDataType map_type() {
    if (std::is_same_v<T, __half>) return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    if (std::is_same_v<T, __nv_bfloat16>) return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    return CU_TENSOR_MAP_DATA_TYPE_UINT8;
}

// Slabs of `rows` tokens of one head of [windows, 128, heads, 128].
template <typename T>
CUtensorMap token_map(const void* data, int windows, int heads, uint32_t rows) {
    constexpr uint32_t kColumns = Tile<T>::kSlabColumns, kSlabs = Tile<T>::kSlabs;
    const cuuint64_t tokens = cuuint64_t(windows) * kWindowTokens;
    return encode({data,
                   map_type<T>(),
                   {kColumns, tokens, cuuint64_t(heads) * kSlabs},
                   {cuuint64_t(heads) * kHeadDim * sizeof(T), kSlabRowBytes},
                   {kColumns, rows, kSlabs}});
}

template <typename T>
CUtensorMap value_map(const BlockSparseAttention& params) {
    if (sizeof(T) == 2) return token_map<T>(params.v, params.key_windows, params.heads, 128);
    const cuuint64_t tiles = cuuint64_t(params.key_windows) * params.heads;
    return encode({params.v,
                   map_type<T>(),
                   {kWindowTokens, kHeadDim, tiles},
                   {kWindowTokens, kWindowTokens * kHeadDim},
                   {kWindowTokens, kHeadDim, 1}});
}

template <typename T, typename Out>
void launch(const BlockSparseAttention& params, CudaStream stream) {
    const TensorMaps maps{
        token_map<T>(params.q, params.query_windows, params.heads, kGroupRows),
        token_map<T>(params.k, params.key_windows, params.heads, kWindowTokens),
        value_map<T>(params),
        token_map<Out>(params.out, params.query_windows, params.heads, kGroupRows)};
    constexpr int kSharedBytes = sizeof(Shared<T>) + alignof(Shared<T>);
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(
        attention_kernel<T, Out>, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes));
    attention_kernel<T, Out>
        <<<params.heads * params.query_windows, kThreads, kSharedBytes, stream>>>(maps, params);
    FLASHVSR_CUDA_CHECK_LAUNCH(attention_kernel);
}

}  // namespace

void block_sparse_attention_sm90(const BlockSparseAttention& params, CudaStream stream) {
    if (params.query_windows == 0 || params.heads == 0) return;
    order_attention_rows(params, stream);
    switch (params.type) {
        case ElementType::kFloat16: return launch<__half, __half>(params, stream);
        case ElementType::kBFloat16: return launch<__nv_bfloat16, __nv_bfloat16>(params, stream);
        case ElementType::kFloat8E4M3:
            if (params.out_type == ElementType::kFloat16) {
                return launch<__nv_fp8_e4m3, __half>(params, stream);
            }
            require(params.out_type == ElementType::kBFloat16, "out type");
            return launch<__nv_fp8_e4m3, __nv_bfloat16>(params, stream);
        case ElementType::kFloat32: break;
    }
    throw std::invalid_argument("kernel parameters: element type");
}

}  // namespace flashvsr::kernels
