// SPDX-License-Identifier: Apache-2.0
// Implicit GEMM on Hopper: a producer warpgroup that copies and two consumer warpgroups that each
// make tiles of 16 x 8 pixels by 32 to 128 channels.
//
//  - Per frame that a frame sees and 128 bytes of its channels the copy engine brings a warpgroup's
//    pixels with their halo, once. A tap is the same matrix with a later start: rows are swizzled
//    by their address, so that a matrix may start at any pixel.
//  - Where frames see earlier ones, the same pixels of all frames are made one after the other, so
//    that a frame is read from memory once and later from the cache.
//  - Both warpgroups use one tile of weights per tap; the second starts kLead steps behind the
//    first, so that one multiplies while the other writes.
//  - Results leave through shared memory and the copy engine while the next tile is made; a
//    residual comes the same way beforehand.
#include <algorithm>

#include "kernels/conv_plan.h"
#include "kernels/cuda_check.h"
#include "kernels/device.h"
#include "kernels/device_element.h"
#include "kernels/ptx_sm90.h"
#include "kernels/require.h"
#include "kernels/tensor_map.h"

namespace flashvsr::kernels {
namespace {

constexpr int kConsumers = 2;                     // warpgroups
constexpr int kThreads = (kConsumers + 1) * 128;  // the first warpgroup copies
constexpr int kRows = 16, kColumns = 8;           // pixels of a consumer's tile
constexpr int kPixels = kRows * kColumns;
constexpr int kRowBytes = kConvPieceBytes;  // of a pixel, or of a weight, at a time: a swizzled row
constexpr int kLead = 1;                    // steps; a step is a tap of 128 bytes of channels

// kOutChannels: of a tile. kWholePieces: inputs are made of whole 128 bytes of channels.
template <typename Element, int kKernelSize, int kOutChannels, bool kWholePieces>
struct Tiling {
    using T = Element;
    static constexpr int kKernel = kKernelSize, kTaps = kKernel * kKernel;
    static constexpr int kOut = kOutChannels;
    static constexpr bool kWhole = kWholePieces;
    static constexpr int kChannels = kRowBytes / sizeof(T);  // at a time
    // Results leave in boxes whose channels divide a tile's.
    static constexpr int kBoxChannels = kOut % 64 == 0 ? 64 : kOut % 32 == 0 ? 32 : 16;
    static constexpr int kBoxRow = kBoxChannels * sizeof(T);  // bytes of a pixel, swizzled
    static constexpr int kBoxBytes = kPixels * kBoxRow;
    static constexpr int kBoxes = kOut / kBoxChannels;

    static constexpr int kHaloRows = kRows + kKernel - 1, kHaloColumns = kColumns + kKernel - 1;
    static constexpr int kInputBytes = kHaloRows * kHaloColumns * kRowBytes;
    static constexpr int kInputPitch = (kInputBytes + 1023) / 1024 * 1024;
    static constexpr int kWeightBytes = kOut * kRowBytes;
    static constexpr int kStageBytes = kPixels * kOut * sizeof(T);
    // The consumers take turns at the slots for inputs.
    static constexpr int kInputSlots = 4;
    static constexpr int kWeightSlots = kOut >= 128 ? 4 : kOut >= 64 ? 6 : 8;

    static constexpr int kWeights = kInputSlots * kInputPitch;
    static constexpr int kStage = kWeights + kWeightSlots * kWeightBytes;
    static constexpr int kBarriers = kStage + kConsumers * kStageBytes;
    static constexpr int kBarrierCount = 2 * (kInputSlots + kWeightSlots) + kConsumers;
    // With what the start loses to alignment.
    static constexpr int kSharedBytes = kBarriers + kBarrierCount * 8 + 1024;
    static_assert(kSharedBytes <= 227 * 1024);
};

struct Geometry {
    int subtiles_per_frame, subtiles_per_row;  // tiles of one consumer
    int pairs;                                 // of subtiles
    int columns, blocks;                       // of output channels: all phases', one phase's
    bool columns_first;  // ConvPlan::channels_first: a pair of subtiles goes through all columns
    int in, in_blocks;   // channels of one input, in pieces of 128 bytes
    int last_slices;     // of 32 bytes in the last piece
    int n, inputs;
    int out, upsample, grow, pad;
    const float* bias;
    bool residual;
    float leak;

    __device__ int tiles() const { return pairs * columns; }
    __device__ int steps(int taps) const { return inputs * in_blocks * taps; }
};

// Maps of y or of the residual: of the pixels of even and of odd columns, or of all where nothing
// is resized.
struct OutputMaps {
    CUtensorMap of_column[2];
};

// A ring of slots in shared memory with barriers for full and empty.
struct Ring {
    uint32_t data, barriers;
    int pitch, slots;
    int slot = 0;
    uint32_t parity = 0;

    __device__ uint32_t address() const { return data + slot * pitch; }
    __device__ uint32_t full() const { return barriers + slot * 8; }
    __device__ uint32_t empty() const { return barriers + (slots + slot) * 8; }
    __device__ void advance() {
        if (++slot == slots) {
            slot = 0;
            parity ^= 1;
        }
    }
};

template <typename Tile>
struct Shared {
    uint32_t base;
    __device__ Ring inputs() const {
        return {base, base + Tile::kBarriers, Tile::kInputPitch, Tile::kInputSlots};
    }
    __device__ Ring weights() const {
        return {base + Tile::kWeights, base + Tile::kBarriers + 16 * Tile::kInputSlots,
                Tile::kWeightBytes, Tile::kWeightSlots};
    }
    // A consumer's results on their way out, or its residual on its way in.
    __device__ uint32_t stage(int consumer) const {
        return base + Tile::kStage + consumer * Tile::kStageBytes;
    }
    __device__ uint32_t residual_full(int consumer) const {
        return base + Tile::kBarriers +
               (2 * (Tile::kInputSlots + Tile::kWeightSlots) + consumer) * 8;
    }
};

// What a consumer makes of the tile of this number.
struct Work {
    int phase, channel;      // the first of its output channels
    int f, py, px;           // the phase's frame, row and column
    int frame, row, column;  // the first pixel; outside, where there are no more
    int y_frame;             // as output_map counts them
    __device__ Work() {}
    __device__ Work(const Geometry& g, int tile, int consumer, int channels) {
        const int index = g.columns_first ? tile % g.columns : tile / g.pairs;
        const int pair = g.columns_first ? tile / g.columns : tile % g.pairs;
        phase = index / g.blocks;
        channel = index % g.blocks * channels;
        px = phase % g.upsample;
        py = phase / g.upsample % g.upsample;
        f = phase / (g.upsample * g.upsample);
        const int subtile = pair * kConsumers + consumer;
        const int place = g.inputs > 1 ? subtile / g.n : subtile % g.subtiles_per_frame;
        frame = g.inputs > 1 ? subtile % g.n : subtile / g.subtiles_per_frame;
        row = place / g.subtiles_per_row * kRows;
        column = place % g.subtiles_per_row * kColumns;
        y_frame = frame * g.grow + f;
    }
};

// ---- producers: one thread each

template <typename Tile>
__device__ void copy_inputs(const Geometry& g, const CUtensorMap* x, const CUtensorMap* past,
                            Ring ring) {
    for (int tile = blockIdx.x; tile < g.tiles(); tile += gridDim.x) {
        const Work work[kConsumers] = {{g, tile, 0, Tile::kOut}, {g, tile, 1, Tile::kOut}};
        const int above = g.upsample == 2 ? 1 - work[0].py : g.pad;
        const int before = g.upsample == 2 ? 1 - work[0].px : g.pad;
        for (int input = 0; input < g.inputs; ++input) {
            for (int block = 0; block < g.in_blocks; ++block) {
#pragma unroll
                for (int consumer = 0; consumer < kConsumers; ++consumer) {
                    const Work& to = work[consumer];
                    const int frame = to.frame - input;
                    ptx::mbarrier_wait(ring.empty(), ring.parity ^ 1);
                    ptx::mbarrier_arrive_expect(ring.full(), Tile::kInputBytes);
                    ptx::tma_load(ring.address(), frame < 0 ? past : x, ring.full(),
                                  block * Tile::kChannels, to.column - before, to.row - above,
                                  frame < 0 ? frame + g.inputs - 1 : frame);
                    ring.advance();
                }
            }
        }
    }
}

// Where `in` is no multiple of a piece, the rest of the last one meets zeros of the input.
template <typename Tile>
__device__ void copy_weights(const Geometry& g, const CUtensorMap* map, Ring ring) {
    for (int tile = blockIdx.x; tile < g.tiles(); tile += gridDim.x) {
        const Work work(g, tile, 0, Tile::kOut);
        for (int input = 0; input < g.inputs; ++input) {
            for (int block = 0; block < g.in_blocks; ++block) {
                for (int tap = 0; tap < Tile::kTaps; ++tap) {
                    ptx::mbarrier_wait(ring.empty(), ring.parity ^ 1);
                    ptx::mbarrier_arrive_expect(ring.full(), Tile::kWeightBytes);
                    ptx::tma_load(ring.address(), map, ring.full(),
                                  (tap * g.inputs + input) * g.in + block * Tile::kChannels,
                                  work.phase * g.out + work.channel);
                    ring.advance();
                }
            }
        }
    }
}

// ---- consumers

constexpr int kLeadBarrier = 1;
constexpr int kConsumerBarrier = 2;  // and 3

// Two matrices of 64 pixels (8 x 8) by a tile's channels.
template <typename Tile>
using Accumulators = float[2][Tile::kOut / 2];

__device__ inline bool first_lane() { return threadIdx.x % 32 == 0; }
__device__ inline bool first_thread() { return threadIdx.x % 128 == 0; }

// The products of the first kSlices times 32 bytes of channels.
template <typename Tile, int kSlices>
__device__ void multiply_slices(uint32_t input, uint32_t weight, bool accumulate,
                                Accumulators<Tile>& acc) {
    constexpr int kLineBytes = Tile::kHaloColumns * kRowBytes;
    const uint64_t a = ptx::matrix_descriptor(input, 16, kLineBytes);
    const uint64_t b = ptx::matrix_descriptor(weight);
    ptx::wgmma_fence();
#pragma unroll
    for (int k = 0; k < kSlices * 32; k += 32) {
#pragma unroll
        for (int m = 0; m < 2; ++m) {
            ptx::Wgmma<typename Tile::T>::multiply(acc[m], ptx::advanced(a, m * 8 * kLineBytes + k),
                                                   ptx::advanced(b, k), accumulate || k > 0);
        }
    }
    ptx::wgmma_commit();
}

// slices: 1 to 4; fewer than 4 where the rest of a piece is no channels of the input.
template <typename Tile>
__device__ void multiply_tap(uint32_t input, uint32_t weight, int slices, bool accumulate,
                             Accumulators<Tile>& acc) {
    if (Tile::kWhole || slices == 4)
        return multiply_slices<Tile, 4>(input, weight, accumulate, acc);
    if (slices == 3) return multiply_slices<Tile, 3>(input, weight, accumulate, acc);
    if (slices == 2) return multiply_slices<Tile, 2>(input, weight, accumulate, acc);
    multiply_slices<Tile, 1>(input, weight, accumulate, acc);
}

// The biases of this thread's columns: two of every eight.
template <typename Tile>
using Bias = float2[Tile::kOut / 8];

template <typename Tile>
__device__ void load_bias(const Geometry& g, int channel, Bias<Tile>& bias) {
    channel += threadIdx.x % 4 * 2;
#pragma unroll
    for (int j = 0; j < Tile::kOut / 8; ++j) {
        bias[j] = g.bias && channel + j * 8 < g.out
                      ? __ldg(reinterpret_cast<const float2*>(g.bias + channel + j * 8))
                      : float2{};
    }
}

// The stage is [channel boxes][pixels] of rows of 128, 64 or 32 bytes, swizzled: of 128 bytes of
// rows, the copy engine's number of eight turns the 16-byte chunks within a row. This lane's
// address for ldmatrix and stmatrix of 16 pixels by 16 channels; chunk c of a row is at ^ (c * 16).
template <typename Tile>
__device__ uint32_t stage_lane(uint32_t stage) {
    constexpr int kChunks = Tile::kBoxRow / 16, kRowsPerTurn = 8 / kChunks;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4;
    const int pixel = warp * 16 + lane % 16;
    return stage + pixel * Tile::kBoxRow + ((lane / 16) ^ (pixel / kRowsPerTurn % kChunks)) * 16;
}

template <typename Tile>
__device__ void finish(const Geometry& g, uint32_t stage, const Bias<Tile>& bias,
                       const Accumulators<Tile>& acc) {
    using T = typename Tile::T;
    constexpr int kChunks = Tile::kBoxRow / 16;
    const uint32_t lane_address = stage_lane<Tile>(stage);
#pragma unroll
    for (int j = 0; j < Tile::kOut / 8; j += 2) {
#pragma unroll
        for (int m = 0; m < 2; ++m) {
            const uint32_t address =
                (lane_address + j / kChunks * Tile::kBoxBytes + m * 64 * Tile::kBoxRow) ^
                (j % kChunks * 16);
            uint32_t packed[4] = {};
            if (g.residual) ptx::ldmatrix_x4(packed, address);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const float* pair = acc[m] + (j + i / 2) * 4 + i % 2 * 2;
                const float2 added = ptx::unpack2<T>(packed[i]);
                const float low = pair[0] + bias[j + i / 2].x + added.x;
                const float high = pair[1] + bias[j + i / 2].y + added.y;
                packed[i] = ptx::pack2<T>(fmaxf(low, g.leak * low), fmaxf(high, g.leak * high));
            }
            ptx::stmatrix_x4(address, packed);
        }
    }
}

template <typename Tile>
__device__ void consume(const Geometry& g, const OutputMaps& y, const OutputMaps& residual,
                        const Shared<Tile>& shared, int consumer) {
    Ring weights = shared.weights(), inputs = shared.inputs();
    if (consumer == 1) inputs.advance();
    const uint32_t stage = shared.stage(consumer);
    const uint32_t residual_full = shared.residual_full(consumer);
    uint32_t residual_parity = 0;

    const int lead_step = min(kLead, g.steps(Tile::kTaps) - 1);
    if (consumer == 1) ptx::named_barrier_sync(kLeadBarrier, kConsumers * 128);
    bool leading = consumer == 0;

    for (int tile = blockIdx.x; tile < g.tiles(); tile += gridDim.x) {
        Work work;
        Accumulators<Tile> acc;
        uint32_t used_weight = 0, used_input = 0;
        int step = 0;
        for (int block = 0, piece = 0; block < g.inputs * g.in_blocks; ++block) {
            const bool last_piece = ++piece == g.in_blocks;
            const int slices = last_piece ? g.last_slices : kRowBytes / 32;
            if (last_piece) piece = 0;
            ptx::mbarrier_wait(inputs.full(), inputs.parity);
#pragma unroll
            for (int tap = 0; tap < Tile::kTaps; ++tap, ++step) {
                ptx::mbarrier_wait(weights.full(), weights.parity);
                const int shift = tap / Tile::kKernel * Tile::kHaloColumns + tap % Tile::kKernel;
                multiply_tap<Tile>(inputs.address() + shift * kRowBytes, weights.address(), slices,
                                   step > 0, acc);
                ptx::wgmma_wait<1>();
                if (step > 0 && first_lane()) {
                    ptx::mbarrier_arrive(used_weight);
                    if (tap == 0) ptx::mbarrier_arrive(used_input);
                }
                if (leading && step == lead_step) {
                    ptx::named_barrier_arrive(kLeadBarrier, kConsumers * 128);
                    leading = false;
                }
                used_weight = weights.empty();
                weights.advance();
            }
            used_input = inputs.empty();
            inputs.advance();
            inputs.advance();
            // Behind the multiplications; by now the stage has long been read.
            if (block > 0) continue;
            work = Work(g, tile, consumer, Tile::kOut);
            if (first_thread()) {
                ptx::tma_store_wait_read<0>();
                if (g.residual) {
                    ptx::mbarrier_arrive_expect(residual_full, Tile::kStageBytes);
                    for (int box = 0; box < Tile::kBoxes; ++box) {
                        ptx::tma_load(stage + box * Tile::kBoxBytes, &residual.of_column[work.px],
                                      residual_full, work.channel + box * Tile::kBoxChannels,
                                      work.column, work.py, work.row, work.y_frame);
                    }
                }
            }
        }
        Bias<Tile> bias;
        load_bias<Tile>(g, work.channel, bias);
        ptx::wgmma_wait<0>();
        if (first_lane()) {
            ptx::mbarrier_arrive(used_weight);
            ptx::mbarrier_arrive(used_input);
        }

        ptx::named_barrier_sync(kConsumerBarrier + consumer, 128);
        if (g.residual) {
            ptx::mbarrier_wait(residual_full, residual_parity);
            residual_parity ^= 1;
        }
        finish<Tile>(g, stage, bias, acc);
        ptx::fence_proxy_async();
        ptx::named_barrier_sync(kConsumerBarrier + consumer, 128);
        if (first_thread()) {
            for (int box = 0; box < Tile::kBoxes; ++box) {
                const int channel = work.channel + box * Tile::kBoxChannels;
                if (channel >= g.out) break;
                ptx::tma_store(&y.of_column[work.px], stage + box * Tile::kBoxBytes, channel,
                               work.column, work.py, work.row, work.y_frame);
            }
            ptx::tma_store_commit();
        }
    }
    if (first_thread()) ptx::tma_store_wait_read<0>();
}

template <typename Tile>
__global__ void __launch_bounds__(kThreads, 1)
    conv_kernel(const __grid_constant__ Geometry g, const __grid_constant__ CUtensorMap x,
                const __grid_constant__ CUtensorMap past,
                const __grid_constant__ CUtensorMap weight,
                const __grid_constant__ OutputMaps residual, const __grid_constant__ OutputMaps y) {
    extern __shared__ char dynamic_shared[];
    const Shared<Tile> shared{(ptx::shared_address(dynamic_shared) + 1023) / 1024 * 1024};
    if (threadIdx.x == 0) {
        Ring inputs = shared.inputs(), weights = shared.weights();
        for (; inputs.parity == 0; inputs.advance()) {
            ptx::mbarrier_init(inputs.full(), 1);
            ptx::mbarrier_init(inputs.empty(), 4);  // the consumer's warps
        }
        for (; weights.parity == 0; weights.advance()) {
            ptx::mbarrier_init(weights.full(), 1);
            ptx::mbarrier_init(weights.empty(), kConsumers * 4);
        }
        for (int consumer = 0; consumer < kConsumers; ++consumer) {
            ptx::mbarrier_init(shared.residual_full(consumer), 1);
        }
        ptx::mbarrier_init_fence();
    }
    __syncthreads();

    const int warpgroup = threadIdx.x / 128;
    if (warpgroup == 0) {
        ptx::decrease_registers<56>();
        if (threadIdx.x == 0) copy_weights<Tile>(g, &weight, shared.weights());
        if (threadIdx.x == 32) copy_inputs<Tile>(g, &x, &past, shared.inputs());
    } else {
        ptx::increase_registers<224>();
        consume<Tile>(g, y, residual, shared, warpgroup - 1);
    }
}

// ---- host

int ceil_div(int a, int b) { return (a + b - 1) / b; }

template <typename T>
constexpr CUtensorMapDataType kMapType =
    std::is_same_v<T, __half> ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;

template <typename Tile>
CUtensorMap input_map(const Conv& params, const Conv::Strides& strides, const void* data,
                      int frames) {
    constexpr cuuint64_t kSize = sizeof(typename Tile::T);
    return encode(
        {data,
         kMapType<typename Tile::T>,
         {cuuint64_t(params.in), cuuint64_t(params.w), cuuint64_t(params.h), cuuint64_t(frames)},
         {strides.pixel * kSize, strides.row * kSize, strides.frame * kSize},
         {Tile::kChannels, Tile::kHaloColumns, Tile::kHaloRows, 1}});
}

template <typename Tile>
CUtensorMap weight_map(const Conv& params, const ConvShape& shape) {
    constexpr cuuint64_t kSize = sizeof(typename Tile::T);
    const cuuint64_t k = cuuint64_t(shape.taps) * shape.inputs * params.in;
    return encode({params.weight,
                   kMapType<typename Tile::T>,
                   {k, cuuint64_t(shape.phases) * params.out},
                   {k * kSize},
                   {Tile::kChannels, Tile::kOut}});
}

// [frames, row pairs, row of the pair, column pairs, channel], where pairs are of one when nothing
// is resized.
template <typename Tile>
CUtensorMap output_map(const Conv& params, const ConvShape& shape, const Conv::Strides& strides,
                       const void* data, int column) {
    using T = typename Tile::T;
    constexpr CUtensorMapSwizzle kSwizzle = Tile::kBoxRow == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
                                            : Tile::kBoxRow == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                                                                  : CU_TENSOR_MAP_SWIZZLE_32B;
    const cuuint64_t up = params.upsample, row = strides.row * sizeof(T);
    return encode({static_cast<const T*>(data) + column * strides.pixel,
                   kMapType<T>,
                   {cuuint64_t(params.out), shape.w / up, up, shape.h / up,
                    cuuint64_t(params.n) * params.grow},
                   {up * strides.pixel * sizeof(T), row, up * row, strides.frame * sizeof(T)},
                   {Tile::kBoxChannels, kColumns, 1, kRows, 1},
                   kSwizzle});
}

template <typename Tile>
OutputMaps output_maps(const Conv& params, const ConvShape& shape, const Conv::Strides& strides,
                       const void* data) {
    OutputMaps maps;
    for (int column = 0; column < 2; ++column) {
        maps.of_column[column] =
            output_map<Tile>(params, shape, strides, data, column % params.upsample);
    }
    return maps;
}

template <typename Tile>
Geometry geometry(const Conv& params, const ConvShape& shape, const ConvPlan& plan) {
    Geometry g = {};
    g.subtiles_per_row = ceil_div(shape.w / params.upsample, kColumns);
    g.subtiles_per_frame = ceil_div(shape.h / params.upsample, kRows) * g.subtiles_per_row;
    g.pairs = ceil_div(params.n * g.subtiles_per_frame, kConsumers);
    g.blocks = ceil_div(params.out, Tile::kOut);
    g.columns = shape.phases * g.blocks;
    g.columns_first = plan.channels_first;
    g.in = params.in;
    g.in_blocks = ceil_div(params.in, Tile::kChannels);
    g.last_slices = ceil_div(params.in - (g.in_blocks - 1) * Tile::kChannels, Tile::kChannels / 4);
    g.n = params.n;
    g.inputs = shape.inputs;
    g.out = params.out;
    g.upsample = params.upsample;
    g.grow = params.grow;
    g.pad = params.kernel == 3 ? params.pad : 0;
    g.bias = params.bias;
    g.residual = params.residual != nullptr;
    g.leak = params.leak;
    return g;
}

template <typename Tile>
void launch(const Conv& params, const ConvShape& shape, const ConvPlan& plan, CudaStream stream) {
    const Geometry g = geometry<Tile>(params, shape, plan);
    const CUtensorMap x = input_map<Tile>(params, shape.x, params.x, params.n);
    const CUtensorMap past =
        params.past ? input_map<Tile>(params, shape.x, params.past, params.history) : x;
    const CUtensorMap weight = weight_map<Tile>(params, shape);
    const OutputMaps y = output_maps<Tile>(params, shape, shape.y, params.y);
    const OutputMaps residual =
        g.residual ? output_maps<Tile>(params, shape, shape.residual, params.residual) : y;
    FLASHVSR_CUDA_CHECK(cudaFuncSetAttribute(
        conv_kernel<Tile>, cudaFuncAttributeMaxDynamicSharedMemorySize, Tile::kSharedBytes));
    conv_kernel<Tile><<<std::min(g.pairs * g.columns, current_cuda_device().multiprocessors),
                        kThreads, Tile::kSharedBytes, stream>>>(g, x, past, weight, residual, y);
    FLASHVSR_CUDA_CHECK_LAUNCH(conv_kernel);
}

template <typename T, int kKernel, int kOut>
void launch_tile(const Conv& params, const ConvShape& shape, const ConvPlan& plan,
                 CudaStream stream) {
    if (plan.whole_pieces)
        launch<Tiling<T, kKernel, kOut, kOut >= 64>>(params, shape, plan, stream);
    else
        launch<Tiling<T, kKernel, kOut, false>>(params, shape, plan, stream);
}

template <typename T, int kKernel>
void launch_kernel(const Conv& params, const ConvShape& shape, CudaStream stream) {
    const ConvPlan plan = plan_conv(params, shape);
    switch (plan.tile_channels) {
        case 128: return launch_tile<T, kKernel, 128>(params, shape, plan, stream);
        case 96: return launch_tile<T, kKernel, 96>(params, shape, plan, stream);
    }
    if constexpr (kKernel > 1) {
        switch (plan.tile_channels) {
            case 64: return launch_tile<T, kKernel, 64>(params, shape, plan, stream);
            case 48: return launch_tile<T, kKernel, 48>(params, shape, plan, stream);
            case 32: return launch_tile<T, kKernel, 32>(params, shape, plan, stream);
        }
    }
}

template <typename T>
void launch_type(const Conv& params, const ConvShape& shape, CudaStream stream) {
    switch (params.kernel) {
        case 1: return launch_kernel<T, 1>(params, shape, stream);
        case 2: return launch_kernel<T, 2>(params, shape, stream);
        case 3: return launch_kernel<T, 3>(params, shape, stream);
    }
}

}  // namespace

void conv_sm90(const Conv& params, CudaStream stream) {
    const ConvShape shape = conv_shape(params);
    require(params.in % 8 == 0 && params.out % 8 == 0, "conv_sm90 takes channels in eights");
    if (params.n == 0) return;
    switch (params.type) {
        case ElementType::kFloat16: return launch_type<__half>(params, shape, stream);
        case ElementType::kBFloat16: return launch_type<__nv_bfloat16>(params, shape, stream);
        default: throw std::invalid_argument("conv_sm90 takes 16-bit tensors");
    }
}

}  // namespace flashvsr::kernels
