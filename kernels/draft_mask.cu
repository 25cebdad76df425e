// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/cluster.h"
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/draft_mask.h"
#include "kernels/draft_mask_plan.h"
#include "kernels/ptx_sm80.h"
#include "kernels/require.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWarps = 16;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kClusterBlocks = kDraftClusterBlocks;
constexpr int kTileKeys = 16, kTileQueries = kDraftTileQueries;
constexpr int kQueryPitch = kDraftQueryPitch;
static_assert(kQueryPitch == kHeadDim + 32);
// A weight is at most 1, so its bits lie below 2^30: three digits of ten bits tell all apart.
constexpr int kPasses = 3, kDigitBits = 10, kBins = 1 << kDigitBits;
constexpr int kBinsPerThread = kBins / kThreads;

struct Shared {
    int histogram[kPasses][kBins];
    int warp_count[kWarps];
    // Per pass: the bin that holds the threshold, -1 for none, and how many weights lie above it.
    int bin[kPasses];
    int above[kPasses];
};
static_assert(sizeof(Shared) <= kDraftStaticBytes);

// The query windows of one head and slice that a block works on, of which `kParts` blocks share a
// head and slice. Scores and weights are stored for allowed windows only: of row r those of key
// slice s begin at r * stride + s * length[r], in the order of windows.
template <typename T, int kParts>
struct Part {
    __device__ Part(const DraftMask& params, const DraftMaskLayout& layout, char* shared)
        : windows(params.windows), words(layout.words), stride(layout.stride) {
        const int rank = Cluster::rank();
        group = blockIdx.x / kParts;
        head = group / params.query_slices;
        window = rank * windows / kParts;
        rows = (rank + 1) * windows / kParts - window;
        query = group % params.query_slices * windows + window;
        keys = params.key_slices * windows;
        list = int64_t{head} * params.query_slices * windows + query;
        char* stored = static_cast<char*>(params.workspace) + blockIdx.x * layout.workspace_bytes();
        queries = reinterpret_cast<T*>(layout.rows_shared ? shared : stored);
        bits = reinterpret_cast<uint32_t*>(queries + layout.rows * kQueryPitch);
        before = reinterpret_cast<int*>(bits + layout.rows * words);
        length = before + layout.rows * words;
        char* after_rows = layout.weights_shared
                               ? shared + layout.row_bytes()
                               : stored + (layout.rows_shared ? 0 : layout.row_bytes());
        weights = reinterpret_cast<float*>(after_rows);
    }

    __device__ bool allowed(int row, int window) const {
        return bits[row * words + window / 32] >> window % 32 & 1;
    }
    // The place of an allowed window among those of its row and slice.
    __device__ int place(int row, int window) const {
        const int word = row * words + window / 32;
        return before[word] + __popc(bits[word] & ((1u << window % 32) - 1));
    }
    __device__ float* row_weights(int row) const { return weights + int64_t{row} * stride; }

    int windows, words, stride;
    int group;  // head and query slice
    int head;
    int window;      // the first, in its slice
    int rows;        // windows, perhaps none
    int query;       // the first, in all slices
    int keys;        // of all slices
    int64_t list;    // of the first: its row in the lists
    T* queries;      // [rows, kQueryPitch]
    uint32_t* bits;  // [rows, words]: which windows of a slice are allowed
    int* before;     // [rows, words]: how many in the words before
    int* length;     // [rows]: how many in all
    float* weights;  // [rows, stride]
};

__device__ unsigned lanes_below() { return (1u << lane_index()) - 1; }

// The part's queries, and which windows they may attend to; a warp per row.
template <typename T, int kParts>
__device__ void load_rows(const DraftMask& params, const Part<T, kParts>& part, int rows,
                          int key_slices) {
    const int64_t dim = int64_t{params.heads} * kHeadDim;
    const T* q = static_cast<const T*>(params.q_mean) + part.query * dim + part.head * kHeadDim;
    for (int row = warp_index(); row < rows; row += kWarps) {
        const bool real = row < part.rows;
        if (lane_index() < kHeadDim / 8) {
            const int at = lane_index() * 8;
            *reinterpret_cast<uint4*>(part.queries + row * kQueryPitch + at) =
                real ? *reinterpret_cast<const uint4*>(q + row * dim + at) : uint4{};
        }
        const bool* allowed = params.local_mask + int64_t{part.window + row} * part.windows;
        int count = 0;
        for (int word = 0; word < part.words; ++word) {
            const int window = word * 32 + lane_index();
            const unsigned votes =
                __ballot_sync(kAllLanes, real && window < part.windows && allowed[window]);
            part.bits[row * part.words + word] = votes;
            part.before[row * part.words + word] = count;
            count += __popc(votes);
        }
        part.length[row] = count;
        if (count * key_slices > part.stride) __trap();  // most_allowed is wrong
    }
}

// A row of 128 elements in fragments for mma: the order of the summands is free, so a lane takes 8
// neighbours of each 32 where the instruction's own order has pairs.
template <typename T>
__device__ void load_fragments(const T* row, uint4 (&to)[4]) {
    for (int i = 0; i < 4; ++i) {
        to[i] = *reinterpret_cast<const uint4*>(row + 32 * i + 8 * (lane_index() % 4));
    }
}

// Two of the 16 keys from first_key on: the one of this lane's group of four, and the eighth after
// it. A key past the last stands for the last.
struct KeyFragments {
    template <typename T, int kParts>
    __device__ void load(const DraftMask& params, const Part<T, kParts>& part, int first_key) {
        const int64_t dim = int64_t{params.heads} * kHeadDim;
        const T* k = static_cast<const T*>(params.k_mean) + part.head * kHeadDim;
        const int key = first_key + lane_index() / 4;
        load_fragments(k + min(key, part.keys - 1) * dim, low);
        load_fragments(k + min(key + 8, part.keys - 1) * dim, high);
    }
    uint4 low[4], high[4];
};

// d[key][query] of 16 keys and 8 queries.
template <typename T>
__device__ void multiply(const KeyFragments& keys, const uint4 (&queries)[4], float (&d)[4]) {
    for (int i = 0; i < 4; ++i) {
        ptx::mma_32_bytes<T>(d, {keys.low[i].x, keys.high[i].x, keys.low[i].y, keys.high[i].y},
                             queries[i].x, queries[i].y);
        ptx::mma_32_bytes<T>(d, {keys.low[i].z, keys.high[i].z, keys.low[i].w, keys.high[i].w},
                             queries[i].z, queries[i].w);
    }
}

// Scores of one tile's allowed pairs.
template <typename T, int kParts>
__device__ void score_tile(const Part<T, kParts>& part, const KeyFragments& fragments,
                           int first_key, int first_row) {
    // This lane's results: two keys, two rows of each.
    const int row = first_row + lane_index() % 4 * 2;
    int window[2], slice[2];
    bool allowed[4];
    for (int i = 0; i < 2; ++i) {
        const int key = first_key + lane_index() / 4 + 8 * i;
        slice[i] = key / part.windows;
        window[i] = key % part.windows;
        allowed[2 * i] = key < part.keys && part.allowed(row, window[i]);
        allowed[2 * i + 1] = key < part.keys && part.allowed(row + 1, window[i]);
    }
    if (!__any_sync(kAllLanes, allowed[0] || allowed[1] || allowed[2] || allowed[3])) return;

    uint4 queries[4];
    load_fragments(part.queries + (first_row + lane_index() / 4) * kQueryPitch, queries);
    float d[4] = {};
    multiply<T>(fragments, queries, d);
    const float root = sqrtf(static_cast<float>(kHeadDim));
    for (int i = 0; i < 4; ++i) {
        if (!allowed[i]) continue;
        const int of = row + i % 2;
        part.row_weights(of)[slice[i / 2] * part.length[of] + part.place(of, window[i / 2])] =
            rounded<T>(rounded<T>(d[i]) / root);
    }
}

// Softmax of each row in place, a warp per row, and the histogram of the weights' first digit.
template <typename T, int kParts>
__device__ void softmax_rows(const Part<T, kParts>& part, int key_slices, int* histogram) {
    for (int row = warp_index(); row < part.rows; row += kWarps) {
        float* weight = part.row_weights(row);
        const int count = part.length[row] * key_slices;
        float maximum = -INFINITY;
        for (int i = lane_index(); i < count; i += kWarpSize) maximum = fmaxf(maximum, weight[i]);
        maximum = warp_max(maximum);
        float sum = 0;
        for (int i = lane_index(); i < count; i += kWarpSize) {
            weight[i] = expf(weight[i] - maximum);
            sum += weight[i];
        }
        sum = warp_sum(sum);
        for (int i = lane_index(); i < count; i += kWarpSize) {
            weight[i] /= sum;
            const uint32_t bits = __float_as_uint(weight[i]);
            if (bits != 0) atomicAdd(&histogram[bits >> (kPasses - 1) * kDigitBits], 1);
        }
    }
}

// Which bin holds the rank-th weight from above. Each thread sums its bins over the cluster, from
// the highest bin on.
template <int kParts>
__device__ void find_bin(int pass, int64_t rank, Shared& shared) {
    static_assert(kBinsPerThread == 2);
    const int low_bin = kBins - 2 - threadIdx.x * kBinsPerThread;
    int2 count = {0, 0};
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
        const int2 of_part = *reinterpret_cast<const int2*>(
            Cluster::shared_of(&shared.histogram[pass][low_bin], part));
        count.x += of_part.x;
        count.y += of_part.y;
    }
    const int sum = count.x + count.y;
    int before = sum;  // of this and the preceding lanes, then of all preceding threads
    for (int offset = 1; offset < kWarpSize; offset *= 2) {
        const int other = __shfl_up_sync(kAllLanes, before, offset);
        if (lane_index() >= offset) before += other;
    }
    if (lane_index() == kWarpSize - 1) shared.warp_count[warp_index()] = before;
    __syncthreads();
    for (int warp = 0; warp < kWarps; ++warp) {
        before += warp < warp_index() ? shared.warp_count[warp] : 0;
    }
    before -= sum;
    if (before < rank && rank <= before + sum) {
        const bool is_high = rank <= before + count.y;
        shared.bin[pass] = low_bin + is_high;
        shared.above[pass] = before + (is_high ? 0 : count.y);
    }
    __syncthreads();
}

// The rank-th largest of the cluster's weights, digit by digit; the first digit is counted.
template <typename T, int kParts>
__device__ float select(const Part<T, kParts>& part, int key_slices, int64_t rank, Shared& shared) {
    uint32_t found = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const int shift = (kPasses - 1 - pass) * kDigitBits;
        for (int row = warp_index(); pass > 0 && row < part.rows; row += kWarps) {
            const float* weight = part.row_weights(row);
            const int count = part.length[row] * key_slices;
            for (int i = lane_index(); i < count; i += kWarpSize) {
                const uint32_t bits = __float_as_uint(weight[i]);
                if (bits >> shift >> kDigitBits == found && bits != 0) {
                    atomicAdd(&shared.histogram[pass][bits >> shift & (kBins - 1)], 1);
                }
            }
        }
        Cluster::sync();
        find_bin<kParts>(pass, rank, shared);
        if (shared.bin[pass] < 0) return 0.0f;  // fewer than that many lie above 0
        found = found << kDigitBits | shared.bin[pass];
        rank -= shared.above[pass];
    }
    return __uint_as_float(found);
}

// Lists of the weights above the threshold, a warp per row.
template <typename T, int kParts>
__device__ void write_lists(const DraftMask& params, const Part<T, kParts>& part, float threshold) {
    for (int row = warp_index(); row < part.rows; row += kWarps) {
        const int64_t list = part.list + row;
        int32_t* index = params.block_index + list * part.keys;
        int32_t count = 0;
        for (int slice = 0; slice < params.key_slices; ++slice) {
            const float* weights = part.row_weights(row) + slice * part.length[row];
            for (int word = 0; word < part.words; ++word) {
                const int at = row * part.words + word;
                const uint32_t bits = part.bits[at];
                const bool allowed = bits >> lane_index() & 1;
                const float weight =
                    allowed ? weights[part.before[at] + __popc(bits & lanes_below())] : 0.0f;
                const unsigned votes = __ballot_sync(kAllLanes, weight > threshold);
                const bool kept = votes >> lane_index() & 1;
                const int window = word * 32 + lane_index();
                const int key = slice * part.windows + window;
                if (kept) index[count + __popc(votes & lanes_below())] = key;
                count += __popc(votes);
                if (window >= part.windows) continue;
                if (params.mask) params.mask[list * part.keys + key] = kept;
                if (params.weight) params.weight[list * part.keys + key] = weight;
            }
        }
        if (lane_index() == 0) params.block_count[list] = count;
    }
}

// kParts blocks, which form a cluster, per head and query slice.
template <typename T, int kParts>
__global__ __launch_bounds__(kThreads) void draft_mask_kernel(DraftMask params,
                                                              DraftMaskLayout layout) {
    __shared__ Shared shared;
    extern __shared__ __align__(16) char dynamic[];
    const Part<T, kParts> part(params, layout, dynamic);

    // A warp per 16 keys; its first are under way while the rows are prepared.
    KeyFragments fragments;
    int first_key = warp_index() * kTileKeys;
    if (first_key < part.keys) fragments.load(params, part, first_key);
    load_rows(params, part, layout.rows, params.key_slices);
    for (int i = threadIdx.x; i < kPasses * kBins; i += kThreads) shared.histogram[0][i] = 0;
    if (threadIdx.x < kPasses) shared.bin[threadIdx.x] = -1;
    __syncthreads();
    while (first_key < part.keys) {
        for (int row = 0; row < part.rows; row += kTileQueries) {
            score_tile(part, fragments, first_key, row);
        }
        first_key += kWarps * kTileKeys;
        if (first_key < part.keys) fragments.load(params, part, first_key);
    }
    __syncthreads();

    softmax_rows(part, params.key_slices, shared.histogram[0]);
    const int64_t all = int64_t{part.windows} * part.keys;
    const float threshold =
        select(part, params.key_slices, min(all - 1, params.budget) + 1, shared);
    write_lists(params, part, threshold);
    if (params.threshold && threadIdx.x == 0 && Cluster::rank() == 0) {
        params.threshold[part.group] = threshold;
    }
    Cluster::sync();  // no block ends while another reads its shared memory
}

template <typename T>
DraftMaskPlan plan(const DraftMask& params) {
    return plan_draft_mask(params, current_cuda_device(),
                           has_clusters(draft_mask_kernel<T, kClusterBlocks>));
}

template <typename T>
void launch(const DraftMask& params, CudaStream stream) {
    const DraftMaskPlan how = plan<T>(params);
    require(params.workspace || how.workspace_bytes() == 0, "draft_mask wants a workspace");
    launch_clusters(how.parts > 1 ? draft_mask_kernel<T, kClusterBlocks> : draft_mask_kernel<T, 1>,
                    how.blocks, how.parts, kThreads, how.layout.shared_bytes(), stream, params,
                    how.layout);
}

template <typename Body>
void with_16_bit_type(ElementType type, Body body) {
    require(type == ElementType::kFloat16 || type == ElementType::kBFloat16,
            "draft_mask takes 16-bit means on CUDA");
    if (type == ElementType::kFloat16) return body(__half{});
    return body(__nv_bfloat16{});
}

}  // namespace

size_t draft_mask_workspace(const DraftMask& params) {
    size_t bytes = 0;
    with_16_bit_type(params.type,
                     [&](auto tag) { bytes = plan<decltype(tag)>(params).workspace_bytes(); });
    return bytes;
}

void draft_mask_cuda(const DraftMask& params, CudaStream stream) {
    require(params.budget >= 0, "a draft mask's budget is at least 0");
    if (params.heads * params.query_slices * params.windows == 0) return;
    with_16_bit_type(params.type, [&](auto tag) { launch<decltype(tag)>(params, stream); });
}

}  // namespace flashvsr::kernels
