#include "kernels/cluster.h"
#include "kernels/cuda_check.h"
#include "kernels/norm_device.h"
#include "kernels/qk_prepare.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

// A cluster makes q or k of a window. Four small blocks of one warp per processor quarter each fit
// wherever there is room, so that no part of the card stays without.
constexpr int kParts = 4;
constexpr int kTokens = kWindowTokens / kParts;  // of a block
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;
constexpr int kBlocksPerProcessor = 4;
constexpr int kMaxDim = 2048;

// The rows that a cluster takes and what it makes of them.
template <typename T>
struct Part {
    __device__ explicit Part(const QkPrepare& params) {
        const int cluster = blockIdx.x / kParts;
        const int window = cluster / 2;
        const bool is_k = cluster % 2;
        first = int64_t{window} * kWindowTokens + blockIdx.x % kParts * kTokens;
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

// The mean of a window from the sums of its blocks' warps, [kWarps, dim] in shared memory. Each
// block finishes its share of the columns.
template <typename T>
__device__ void write_mean(float* sums, int dim, T* mean) {
    __syncthreads();
    for (int column = threadIdx.x; column < dim; column += kThreads) {
        float sum = 0;
        for (int warp = 0; warp < kWarps; ++warp) sum += sums[warp * dim + column];
        sums[column] = sum;
    }
    Cluster::sync();
    const int share = dim / kParts;
    for (int i = threadIdx.x; i < share; i += kThreads) {
        const int column = Cluster::rank() * share + i;
        float sum = 0;
        for (int part = 0; part < kParts; ++part) sum += Cluster::shared_of(sums, part)[column];
        mean[column] = round_to<T>(sum / kWindowTokens);
    }
    Cluster::sync();  // no block ends while another reads its sums
}

template <typename T, int kVectors>
__global__ __launch_bounds__(kThreads,
                             kBlocksPerProcessor) void qk_prepare_kernel(QkPrepare params) {
    extern __shared__ float sums[];  // [kWarps, dim]
    const Part<T> part(params);
    const int dim = params.dim;
    const int warp = threadIdx.x / kWarpSize;

    float sum[kVectors][kVector] = {};
    Vector<T> next[kVectors];
    load_row(part.from + (part.first + warp) * params.row_stride, dim, next);
#pragma unroll 1
    for (int token = warp; token < kTokens; token += kWarps) {
        const int64_t row = part.first + token;
        Vector<T> x[kVectors];
        for (int v = 0; v < kVectors; ++v) x[v] = next[v];
        if (token + kWarps < kTokens) {
            load_row(part.from + (row + kWarps) * params.row_stride, dim, next);
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
    // Not where the card is told to behave as one without clusters either.
    if (Cluster::kAvailable && Cluster::size() == kParts) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int begin = vector_begin(v);
            if (begin < dim) store8(sum[v], sums + warp * dim + begin);
        }
        write_mean(sums, dim, part.mean);
    }
}

// For cards without clusters: a thread per mean reads q or k again.
template <typename T>
__global__ void window_mean_kernel(const T* rows, T* mean, int dim) {
    const int column = blockIdx.y * blockDim.x + threadIdx.x;
    if (column >= dim) return;
    const T* first = rows + int64_t{blockIdx.x} * kWindowTokens * dim + column;
    float sum = 0;
    for (int token = 0; token < kWindowTokens; ++token)
        sum += to_float(first[int64_t{token} * dim]);
    mean[int64_t{blockIdx.x} * dim + column] = round_to<T>(sum / kWindowTokens);
}

template <typename T>
void window_means(const QkPrepare& params, const void* rows, void* mean, CudaStream stream) {
    const dim3 grid(params.windows, (params.dim + kThreads - 1) / kThreads);
    window_mean_kernel<<<grid, kThreads, 0, stream>>>(static_cast<const T*>(rows),
                                                      static_cast<T*>(mean), params.dim);
    FLASHVSR_CUDA_CHECK_LAUNCH(window_mean_kernel);
}

template <typename T, int kVectors>
void prepare(const QkPrepare& params, CudaStream stream) {
    const auto kernel = qk_prepare_kernel<T, kVectors>;
    const bool fused = has_clusters(kernel);
    require(fused || (params.q_scale == 0 && params.k_scale == 0),
            "qk_prepare stores e4m3 on cards with clusters only");
    launch_clusters(kernel, params.windows * 2 * kParts, fused ? kParts : 1, kThreads,
                    fused ? kWarps * params.dim * sizeof(float) : 0, stream, params);
    if (fused) return;
    window_means<T>(params, params.q, params.q_mean, stream);
    window_means<T>(params, params.k, params.k_mean, stream);
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
