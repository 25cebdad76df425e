// SPDX-License-Identifier: Apache-2.0
#include "kernels/cluster.h"
#include "kernels/cuda_check.h"
#include "kernels/norm_device.h"
#include "kernels/qk_prepare.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr int kMaxDim = 2048;
constexpr int kSumRows = 4;  // in which a block's warps add up their columns

// How q or k of a window is shared out. A cluster of four small blocks, of one warp per processor
// quarter each, fits wherever there is room, so that no part of the card stays without. On cards
// without clusters it is one block.
template <int kBlocks>
struct Share {
    static constexpr int kParts = kBlocks;
    static constexpr int kTokens = kWindowTokens / kParts;  // of a block
    static constexpr int kWarps = 16 / kParts;
    static constexpr int kThreads = kWarps * kWarpSize;
    static constexpr int kBlocksPerProcessor = kParts;
};
using ClusterShare = Share<4>;
using BlockShare = Share<1>;

// The rows that a cluster takes and what it makes of them.
template <typename T, typename S>
struct Part {
    __device__ explicit Part(const QkPrepare& params) {
        const int cluster = blockIdx.x / S::kParts;
        const int window = cluster / 2;
        const bool is_k = cluster % 2;
        first = int64_t{window} * kWindowTokens + blockIdx.x % S::kParts * S::kTokens;
        from = static_cast<const T*>(params.qk) + is_k * params.dim;
        weight = static_cast<const T*>(is_k ? params.norm_k : params.norm_q);
        to = is_k ? params.k : params.q;
        const float scale = is_k ? params.k_scale : params.q_scale;
        e4m3 = scale > 0;
        inverse_scale = e4m3 ? 1.0f / scale : 1.0f;
        mean = static_cast<T*>(is_k ? params.k_mean : params.q_mean) + int64_t{window} * params.dim;
    }
    int64_t first;  // row of the block
    const T* from;
    const T* weight;
    void* to;
    bool e4m3;
    float inverse_scale;
    T* mean;
};

// The columns' sums of a block from its warps', [kSumRows, dim] in shared memory: every fourth warp
// adds to one row, in the order of their numbers.
template <typename S, int kVectors>
__device__ void add_up(const float (&sum)[kVectors][kVector], int dim, float* sums) {
    const int warp = warp_index();
    float* row = sums + warp % kSumRows * dim;
    for (int turn = 0; turn < S::kWarps / kSumRows; ++turn) {
        if (warp / kSumRows == turn) {
#pragma unroll
            for (int v = 0; v < kVectors; ++v) {
                const int begin = vector_begin(v);
                if (begin >= dim) continue;
                float total[kVector] = {};
                if (turn > 0) load8(row + begin, total);
                for (int i = 0; i < kVector; ++i) total[i] += sum[v][i];
                store8(total, row + begin);
            }
        }
        __syncthreads();
    }
}

// The mean of a window from the sums of its blocks. Each block finishes its share of the columns.
template <typename T, typename S>
__device__ void write_mean(float* sums, int dim, T* mean) {
    for (int column = threadIdx.x; column < dim; column += S::kThreads) {
        float sum = 0;
        for (int row = 0; row < kSumRows; ++row) sum += sums[row * dim + column];
        sums[column] = sum;
    }
    Cluster::sync();
    const int share = dim / S::kParts;
    for (int i = threadIdx.x; i < share; i += S::kThreads) {
        const int column = S::kParts > 1 ? Cluster::rank() * share + i : i;
        float sum = 0;
        for (int part = 0; part < S::kParts; ++part) sum += Cluster::shared_of(sums, part)[column];
        mean[column] = round_to<T>(sum / kWindowTokens);
    }
    Cluster::sync();  // no block ends while another reads its sums
}

template <typename T, typename S, int kVectors>
__global__ __launch_bounds__(S::kThreads,
                             S::kBlocksPerProcessor) void qk_prepare_kernel(QkPrepare params) {
    extern __shared__ float sums[];  // [kSumRows, dim]
    const Part<T, S> part(params);
    const int dim = params.dim;
    const int warp = warp_index();

    float sum[kVectors][kVector] = {};
    Vector<T> next[kVectors];
    load_row(part.from + (part.first + warp) * params.row_stride, dim, next);
#pragma unroll 1
    for (int token = warp; token < S::kTokens; token += S::kWarps) {
        const int64_t row = part.first + token;
        Vector<T> x[kVectors];
        for (int v = 0; v < kVectors; ++v) x[v] = next[v];
        if (token + S::kWarps < S::kTokens) {
            load_row(part.from + (row + S::kWarps) * params.row_stride, dim, next);
        }
        float turn[kVector];  // the same four pairs of a head in each of this lane's vectors
        load8(params.cos_sin + row * kHeadDim + vector_begin(0) % kHeadDim, turn);
        const float inverse = inverse_rms(x, dim, params.eps);
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int begin = vector_begin(v);
            if (begin >= dim) continue;
            const Vector<T> weight = *reinterpret_cast<const Vector<T>*>(part.weight + begin);
            Vector<T> y;
            float values[kVector];  // of y
            for (int i = 0; i < kVector; i += 2) {
                const float2 normed = norm_pair<T>(x[v].pair[i / 2], inverse, weight.pair[i / 2]);
                y.pair[i / 2] = pack<T>(turn_pair(normed, turn[i], turn[i + 1]));
                const float2 turned = unpack<T>(y.pair[i / 2]);
                sum[v][i] += turned.x;
                sum[v][i + 1] += turned.y;
                values[i] = turned.x * part.inverse_scale;
                values[i + 1] = turned.y * part.inverse_scale;
            }
            const int64_t at = row * dim + begin;
            if (part.e4m3)
                store8_e4m3(values, static_cast<uint8_t*>(part.to) + at);
            else
                *reinterpret_cast<Vector<T>*>(static_cast<T*>(part.to) + at) = y;
        }
    }
    add_up<S>(sum, dim, sums);
    write_mean<T, S>(sums, dim, part.mean);
}

template <typename S, typename Kernel>
void launch(Kernel* kernel, const QkPrepare& params, CudaStream stream) {
    launch_clusters(kernel, params.windows * 2 * S::kParts, S::kParts, S::kThreads,
                    kSumRows * params.dim * sizeof(float), stream, params);
}

template <typename T, int kVectors>
void prepare(const QkPrepare& params, CudaStream stream) {
    const auto clusters = qk_prepare_kernel<T, ClusterShare, kVectors>;
    if (has_clusters(clusters)) return launch<ClusterShare>(clusters, params, stream);
    launch<BlockShare>(qk_prepare_kernel<T, BlockShare, kVectors>, params, stream);
}

}  // namespace

void qk_prepare_cuda(const QkPrepare& params, CudaStream stream) {
    require(params.dim > 0 && params.dim % kHeadDim == 0 && params.dim <= kMaxDim,
            "qk_prepare takes a dim of at most 2048 that 128 divides");
    require(params.row_stride >= 2 * params.dim && params.row_stride % kVector == 0,
            "rows of qk overlap or are not aligned");
    if (params.windows == 0) return;
    with_device_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        if constexpr (sizeof(T) == 2) {
            with_vectors(params.dim, [&](auto vectors) {
                if constexpr (vectors <= kMaxDim / (kWarpSize * kVector)) {
                    prepare<T, vectors>(params, stream);
                }
            });
        } else {
            require(false, "qk_prepare takes 16-bit elements on CUDA");
        }
    });
}

}  // namespace flashvsr::kernels
