// SPDX-License-Identifier: Apache-2.0
// A block goes down a strip of 128 columns, row by row. For every pixel of a row tensor cores make
// the 27 products of its channels with the taps of the three outputs; an output is the sum of nine
// of them, of three pixels of three rows. So each input is read once.
#include <algorithm>

#include "kernels/conv_out.h"
#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/device_element.h"
#include "kernels/ptx_sm90.h"
#include "kernels/require.h"
#include "kernels/tensor_map.h"

namespace flashvsr::kernels {
namespace {

constexpr int kPixels = 128;            // of a row, one per consumer thread
constexpr int kColumns = kPixels - 2;   // that it makes outputs for
constexpr int kProducts = 27;           // of a pixel: three outputs of nine taps
constexpr int kWeightRows = 32;         // the products, as wgmma wants them
constexpr int kThreads = kPixels + 32;  // and a warp that copies
constexpr int kRowBytes = 128;          // channels of a pixel at a time: a swizzled row
constexpr int kBlocksPerMultiprocessor = 2;

// Shared memory: weights, rows of pixels on their way in, two sets of products.
template <typename Element, int kPieceCount>
struct Layout {
    using T = Element;
    static constexpr int kPieces = kPieceCount;  // of a pixel's channels
    static constexpr int kChannels = kRowBytes / sizeof(T);
    static constexpr int kSlots = 4 / kPieces;
    static constexpr int kSlotBytes = kPieces * kPixels * kRowBytes;
    static constexpr int kWeightBytes = kPieces * kWeightRows * kRowBytes;
    // Floats from one product's pixels to the next's: no two of a warp's stores share a bank.
    static constexpr int kPitch = kPixels + 4;
    static constexpr int kProductFloats = kProducts * kPitch;

    static constexpr int kRows = kWeightBytes;
    static constexpr int kProductsAt = kRows + kSlots * kSlotBytes;
    static constexpr int kBarriers = kProductsAt + 2 * kProductFloats * 4;
    static constexpr int kSharedBytes = kBarriers + (2 * kSlots + 1) * 8 + 1024;
};

struct Geometry {
    int h, w, strips;  // per frame
    int64_t rows;      // of all strips of all frames
    const float* bias;
    float scale;
};

// The part of a strip's rows that a block makes: rows first to last - 1 of a frame.
struct Run {
    int frame, column, first, last;  // column: of the first pixel read
};

// Calls body(Run) for each of this block's runs: an equal share of all rows.
template <typename Body>
__device__ void for_each_run(const Geometry& g, Body body) {
    int64_t at = g.rows * blockIdx.x / gridDim.x;
    const int64_t end = g.rows * (blockIdx.x + 1) / gridDim.x;
    while (at < end) {
        const int strip = static_cast<int>(at / g.h), first = static_cast<int>(at % g.h);
        const int last = static_cast<int>(min(int64_t{g.h}, first + end - at));
        body(Run{strip / g.strips, strip % g.strips * kColumns - 1, first, last});
        at += last - first;
    }
}

template <typename L>
__device__ void copy_rows(const Geometry& g, const CUtensorMap* x, const CUtensorMap* weight,
                          uint32_t shared) {
    const uint32_t full = shared + L::kBarriers, empty = full + L::kSlots * 8;
    const uint32_t weight_full = empty + L::kSlots * 8;
    ptx::mbarrier_arrive_expect(weight_full, L::kWeightBytes);
    for (int piece = 0; piece < L::kPieces; ++piece) {
        ptx::tma_load(shared + piece * kWeightRows * kRowBytes, weight, weight_full,
                      piece * L::kChannels, 0);
    }
    int slot = 0;
    uint32_t parity = 1;
    for_each_run(g, [&](const Run& run) {
        for (int row = run.first - 1; row <= run.last; ++row) {
            ptx::mbarrier_wait(empty + slot * 8, parity);
            ptx::mbarrier_arrive_expect(full + slot * 8, L::kSlotBytes);
            for (int piece = 0; piece < L::kPieces; ++piece) {
                ptx::tma_load(
                    shared + L::kRows + slot * L::kSlotBytes + piece * kPixels * kRowBytes, x,
                    full + slot * 8, piece * L::kChannels, run.column, row, run.frame);
            }
            if (++slot == L::kSlots) {
                slot = 0;
                parity ^= 1;
            }
        }
    });
}

// products [27][pitch] = weights [32][channels] x row [128][channels]
template <typename L>
__device__ void multiply_row(uint32_t row, uint32_t weight, uint32_t empty, float* products) {
    float acc[2][kWeightRows / 2];
    ptx::wgmma_fence();
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int piece = 0; piece < L::kPieces; ++piece) {
            const uint64_t a = ptx::matrix_descriptor(row + (piece * kPixels + m * 64) * kRowBytes);
            const uint64_t b = ptx::matrix_descriptor(weight + piece * kWeightRows * kRowBytes);
#pragma unroll
            for (int k = 0; k < kRowBytes; k += 32) {
                ptx::Wgmma<typename L::T>::multiply(acc[m], ptx::advanced(a, k),
                                                    ptx::advanced(b, k), piece > 0 || k > 0);
            }
        }
    }
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>();
    if (threadIdx.x % 32 == 0) ptx::mbarrier_arrive(empty);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int i = 0; i < kWeightRows / 2; ++i) {
            const int product = i / 4 * 8 + lane % 4 * 2 + i % 2;
            const int pixel = m * 64 + warp * 16 + i / 2 % 2 * 8 + lane / 4;
            if (product < kProducts) products[product * L::kPitch + pixel] = acc[m][i];
        }
    }
}

template <typename L, typename Y>
__device__ void consume(const Geometry& g, uint32_t shared, float* products, Y* y) {
    const uint32_t full = shared + L::kBarriers, empty = full + L::kSlots * 8;
    const int pixel = threadIdx.x;
    const int64_t area = int64_t{g.h} * g.w;
    float bias[3] = {};
    if (g.bias) {
        for (int o = 0; o < 3; ++o) bias[o] = g.bias[o];
    }
    ptx::mbarrier_wait(empty + L::kSlots * 8, 0);
    int slot = 0, set = 0;
    uint32_t parity = 0;
    for_each_run(g, [&](const Run& run) {
        const int column = run.column + pixel;
        const bool inside = pixel > 0 && pixel <= kColumns && column < g.w;
        Y* to = y + run.frame * 3 * area + column;
        // The sums so far of the output rows above and at the input row.
        float above[3] = {}, here[3] = {};
        for (int row = run.first - 1; row <= run.last; ++row) {
            float* set_products = products + set * L::kProductFloats;
            ptx::mbarrier_wait(full + slot * 8, parity);
            multiply_row<L>(shared + L::kRows + slot * L::kSlotBytes, shared, empty + slot * 8,
                            set_products);
            ptx::named_barrier_sync(1, kPixels);
            if (inside) {
#pragma unroll
                for (int o = 0; o < 3; ++o) {
                    const float* at = set_products + o * 9 * L::kPitch + pixel - 1;
                    const auto line = [&](int ky) {
                        const float* tap = at + ky * 3 * L::kPitch;
                        return tap[0] + tap[L::kPitch + 1] + tap[2 * L::kPitch + 2];
                    };
                    if (row > run.first) {
                        to[o * area + int64_t{row - 1} * g.w] =
                            round_to<Y>((above[o] + line(2)) * g.scale + bias[o]);
                    }
                    above[o] = here[o] + line(1);
                    here[o] = line(0);
                }
            }
            set ^= 1;
            if (++slot == L::kSlots) {
                slot = 0;
                parity ^= 1;
            }
        }
    });
}

template <typename L, typename Y>
__global__ void __launch_bounds__(kThreads, kBlocksPerMultiprocessor)
    conv_out_kernel(const __grid_constant__ Geometry g, const __grid_constant__ CUtensorMap x,
                    const __grid_constant__ CUtensorMap weight, Y* y) {
    extern __shared__ char dynamic_shared[];
    const uint32_t start = ptx::shared_address(dynamic_shared);
    const uint32_t shared = (start + 1023) / 1024 * 1024;
    if (threadIdx.x == 0) {
        const uint32_t full = shared + L::kBarriers, empty = full + L::kSlots * 8;
        for (int slot = 0; slot < L::kSlots; ++slot) {
            ptx::mbarrier_init(full + slot * 8, 1);
            ptx::mbarrier_init(empty + slot * 8, kPixels / 32);
        }
        ptx::mbarrier_init(empty + L::kSlots * 8, 1);  // the weights' full
        ptx::mbarrier_init_fence();
    }
    __syncthreads();
    if (threadIdx.x == kPixels) copy_rows<L>(g, &x, &weight, shared);
    if (threadIdx.x < kPixels) {
        float* products =
            reinterpret_cast<float*>(dynamic_shared + (shared - start) + L::kProductsAt);
        consume<L>(g, shared, products, y);
    }
}

template <typename T>
constexpr CUtensorMapDataType kMapType = CU_TENSOR_MAP_DATA_TYPE_UINT8;
template <>
constexpr CUtensorMapDataType kMapType<__half> = CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
template <>
constexpr CUtensorMapDataType kMapType<__nv_bfloat16> = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;

template <typename L, typename Y>
void launch(const ConvOut& params, CudaStream stream) {
    using T = typename L::T;
    const cuuint64_t in = params.in, w = params.w, h = params.h, n = params.n;
    const cuuint64_t pixel = in * sizeof(T);
    const CUtensorMap x = encode({params.x,
                                  kMapType<T>,
                                  {in, w, h, n},
                                  {pixel, w * pixel, h * w * pixel},
                                  {L::kChannels, kPixels, 1, 1}});
    const CUtensorMap weight =
        encode({params.weight, kMapType<T>, {in, kProducts}, {pixel}, {L::kChannels, kWeightRows}});
    Geometry g = {};
    g.h = params.h;
    g.w = params.w;
    g.strips = (params.w + kColumns - 1) / kColumns;
    g.rows = int64_t{params.n} * g.strips * g.h;
    g.bias = params.bias;
    g.scale = params.scale;
    const int64_t room = int64_t{current_cuda_device().multiprocessors} * kBlocksPerMultiprocessor;
    const int blocks = static_cast<int>(std::min(g.rows, room));
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(
        conv_out_kernel<L, Y>, cudaFuncAttributeMaxDynamicSharedMemorySize, L::kSharedBytes));
    conv_out_kernel<L>
        <<<blocks, kThreads, L::kSharedBytes, stream>>>(g, x, weight, static_cast<Y*>(params.y));
    FLASHVSR_CUDA_CHECK_LAUNCH(conv_out_kernel);
}

template <typename T, typename Y>
void launch_pieces(const ConvOut& params, CudaStream stream) {
    constexpr int kChannels = kRowBytes / sizeof(T);
    require(params.in == kChannels || params.in == 2 * kChannels,
            "conv_out_sm90 takes pixels of 128 or 256 bytes");
    if (params.in == kChannels) return launch<Layout<T, 1>, Y>(params, stream);
    launch<Layout<T, 2>, Y>(params, stream);
}

}  // namespace

void conv_out_sm90(const ConvOut& params, CudaStream stream) {
    if (params.n == 0) return;
    const bool half = params.y_type == ElementType::kFloat16;
    require(half || params.y_type == ElementType::kBFloat16, "conv_out_sm90 makes 16-bit floats");
    if (params.type == ElementType::kFloat8E4M3) {
        return half ? launch_pieces<__nv_fp8_e4m3, __half>(params, stream)
                    : launch_pieces<__nv_fp8_e4m3, __nv_bfloat16>(params, stream);
    }
    require(params.y_type == params.type, "conv_out makes what it takes, unless that is e4m3");
    half ? launch_pieces<__half, __half>(params, stream)
         : launch_pieces<__nv_bfloat16, __nv_bfloat16>(params, stream);
}

}  // namespace flashvsr::kernels
