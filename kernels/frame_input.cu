// SPDX-License-Identifier: Apache-2.0
// Samples to the model's resized input, in one pass. A block makes a tile of the output: it
// converts the source pixels that the tile depends on into shared memory, filters them along rows
// there, and then along columns into registers. Source rows come in bands and columns in chunks of
// fixed size, so any ratio of sizes works; enlarging by 4 takes one band of one chunk.
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/frame.h"
#include "kernels/require.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

constexpr int kTileWidth = 64, kTileHeight = 32;
constexpr int kThreads = 256;
constexpr int kBandRows = 16, kChunkColumns = 72;
constexpr int kAcross = 4;  // output pixels of a thread: side by side,
constexpr int kDown = 2;    // and in rows kTileHeight / kDown apart
constexpr int kThreadColumns = kTileWidth / kAcross;
static_assert(kThreads == kThreadColumns * kTileHeight / kDown);

// ---- source pixels

template <typename Sample>
__device__ float sample_at(const Component& component, int shift, int x, int y) {
    const auto* row =
        reinterpret_cast<const Sample*>(component.data + int64_t{y} * component.stride);
    return static_cast<float>(row[int64_t{x} * component.step] >> shift);
}

// Components that are colours, or alpha, each by itself.
template <typename Sample, int kCount>
struct PlainSource {
    static constexpr int kPlanes = kCount;
    Component component[kCount];
    int shift;
    float offset, scale;

    __device__ void read(int x, int y, float (&value)[kPlanes]) const {
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
            value[i] = __saturatef((sample_at<Sample>(component[i], shift, x, y) - offset) * scale);
        }
    }
};

// The two chroma samples around a luma position on one axis, and the weight of the farther one.
struct ChromaTaps {
    int near, far;
    float far_weight;
};
__device__ ChromaTaps chroma_taps(int position, int samples, ChromaUpsample up) {
    const int near = position / 2;
    return position % 2 ? ChromaTaps{near, min(near + 1, samples - 1), up.next}
                        : ChromaTaps{near, max(near - 1, 0), up.previous};
}

// kSubX, kSubY: as in Picture.
template <typename Sample, int kSubX, int kSubY>
struct YuvSource {
    static constexpr int kPlanes = 3;
    Component component[3];
    int shift;
    int columns, rows;  // of chroma
    YuvMaths maths;
    ChromaUpsample across, down;

    __device__ void read(int x, int y, float (&colour)[kPlanes]) const {
        const YuvMaths& m = maths;
        const float luma =
            (sample_at<Sample>(component[0], shift, x, y) - m.luma_offset) * m.luma_scale;
        const float cb = (chroma(component[1], x, y) - m.chroma_offset) * m.chroma_scale;
        const float cr = (chroma(component[2], x, y) - m.chroma_offset) * m.chroma_scale;
        colour[0] = __saturatef(luma + m.red_cr * cr);
        colour[1] = __saturatef(luma + m.green_cb * cb + m.green_cr * cr);
        colour[2] = __saturatef(luma + m.blue_cb * cb);
    }

  private:
    __device__ float chroma(const Component& samples, int x, int y) const {
        if (kSubX == 0) return blend_rows(samples, x, y);
        const ChromaTaps taps = chroma_taps(x, columns, across);
        return blend_rows(samples, taps.near, y) * (1.0f - taps.far_weight) +
               blend_rows(samples, taps.far, y) * taps.far_weight;
    }
    __device__ float blend_rows(const Component& samples, int column, int y) const {
        if (kSubY == 0) return sample_at<Sample>(samples, shift, column, y);
        const ChromaTaps taps = chroma_taps(y, rows, down);
        return sample_at<Sample>(samples, shift, column, taps.near) * (1.0f - taps.far_weight) +
               sample_at<Sample>(samples, shift, column, taps.far) * taps.far_weight;
    }
};

// ---- filters

// Source samples that outputs `first` to `last` of an axis depend on.
struct Reach {
    int begin, end;
};
__device__ Reach reach_of(const ResizeTapsView& taps, int first, int last) {
    first = min(first, taps.out - 1);
    last = min(last, taps.out - 1);
    return {taps.first[first], taps.first[last] + taps.count};
}

template <int kPlanes>
struct Tile {
    float source[kPlanes][kBandRows][kChunkColumns];
    alignas(16) float filtered[kPlanes][kBandRows][kTileWidth];
};

template <typename Source>
__device__ void load_chunk(const Source& source, int row, int rows, int column, int columns,
                           Tile<Source::kPlanes>& tile) {
    for (int r = threadIdx.x / 32; r < rows; r += kThreads / 32) {
        for (int c = threadIdx.x % 32; c < columns; c += 32) {
            float colour[Source::kPlanes];
            source.read(column + c, row + r, colour);
            for (int plane = 0; plane < Source::kPlanes; ++plane) {
                tile.source[plane][r][c] = colour[plane];
            }
        }
    }
}

// Adds to the tile's column x what the chunk of source columns [begin, end) gives.
template <int kPlanes>
__device__ void filter_chunk(const ResizeTapsView& taps, int x, int rows, int begin, int end,
                             bool first_chunk, Tile<kPlanes>& tile) {
    const int column = min(x, taps.out - 1);
    const int first = taps.first[column];
    const float* weight = taps.weight + int64_t{column} * taps.count;
    const int from = max(0, begin - first), to = min(taps.count, end - first);
    const int at = threadIdx.x % kTileWidth;
    for (int r = threadIdx.x / kTileWidth; r < rows; r += kThreads / kTileWidth) {
        float sum[kPlanes];
        for (int plane = 0; plane < kPlanes; ++plane) {
            sum[plane] = first_chunk ? 0.0f : tile.filtered[plane][r][at];
        }
        for (int t = from; t < to; ++t) {
            for (int plane = 0; plane < kPlanes; ++plane) {
                sum[plane] += weight[t] * tile.source[plane][r][first + t - begin];
            }
        }
        for (int plane = 0; plane < kPlanes; ++plane) tile.filtered[plane][r][at] = sum[plane];
    }
}

// Adds to the thread's pixels of output row y what the band of source rows [begin, end) gives.
template <int kPlanes>
__device__ void filter_band(const ResizeTapsView& taps, int y, int begin, int end,
                            const Tile<kPlanes>& tile, float (&sum)[kPlanes][kAcross]) {
    const int row = min(y, taps.out - 1);
    const int first = taps.first[row];
    const float* weight = taps.weight + int64_t{row} * taps.count;
    const int from = max(0, begin - first), to = min(taps.count, end - first);
    const int column = threadIdx.x % kThreadColumns * kAcross;
    for (int t = from; t < to; ++t) {
        for (int plane = 0; plane < kPlanes; ++plane) {
            const float4 in =
                *reinterpret_cast<const float4*>(&tile.filtered[plane][first + t - begin][column]);
            sum[plane][0] += weight[t] * in.x;
            sum[plane][1] += weight[t] * in.y;
            sum[plane][2] += weight[t] * in.z;
            sum[plane][3] += weight[t] * in.w;
        }
    }
}

// ---- output

// Four pixels at x, of which those before `width` are written, at once where all are and `aligned`.
template <typename T>
__device__ void store(const float (&value)[kAcross], T* row, int x, int width, bool aligned) {
    alignas(16) T rounded[kAcross];
    for (int i = 0; i < kAcross; ++i) rounded[i] = round_to<T>(value[i]);
    if (aligned && x + kAcross <= width) {
        using Vector = std::conditional_t<sizeof(T) == 4, uint4, uint2>;
        *reinterpret_cast<Vector*>(row + x) = *reinterpret_cast<const Vector*>(rounded);
        return;
    }
    for (int i = 0; i < kAcross; ++i) {
        if (x + i < width) row[x + i] = rounded[i];
    }
}

// Where the resized planes go, as value * gain + offset.
struct Target {
    void* data;
    int height, width;  // with the padding
    float gain, offset;
    bool aligned;  // four pixels may be stored at once

    Target(void* data, int height, int width, float gain, float offset)
        : data(data),
          height(height),
          width(width),
          gain(gain),
          offset(offset),
          aligned(width % kAcross == 0 && reinterpret_cast<uintptr_t>(data) % 16 == 0) {}
};

template <int kPlanes, typename T>
__device__ void store_row(const Target& target, int x, int y,
                          const float (&sum)[kPlanes][kAcross]) {
    if (y >= target.height) return;
    for (int plane = 0; plane < kPlanes; ++plane) {
        float value[kAcross];
        for (int i = 0; i < kAcross; ++i) {
            value[i] = __saturatef(sum[plane][i]) * target.gain + target.offset;
        }
        const int64_t row = int64_t{plane} * target.height + y;
        store(value, static_cast<T*>(target.data) + row * target.width, x, target.width,
              target.aligned);
    }
}

template <typename Source, typename T>
__global__ void __launch_bounds__(kThreads, 4)
    resize_kernel(Source source, ResizeTapsView row_taps, ResizeTapsView column_taps,
                  Target target) {
    constexpr int kPlanes = Source::kPlanes;
    __shared__ Tile<kPlanes> tile;
    const int left = blockIdx.x * kTileWidth, top = blockIdx.y * kTileHeight;
    const Reach columns = reach_of(column_taps, left, left + kTileWidth - 1);
    const Reach rows = reach_of(row_taps, top, top + kTileHeight - 1);
    const int y = top + threadIdx.x / kThreadColumns;
    float sum[kDown][kPlanes][kAcross] = {};

    for (int row = rows.begin; row < rows.end; row += kBandRows) {
        const int band = min(kBandRows, rows.end - row);
        for (int column = columns.begin; column < columns.end; column += kChunkColumns) {
            const int chunk = min(kChunkColumns, columns.end - column);
            __syncthreads();  // what was there has been used
            load_chunk(source, row, band, column, chunk, tile);
            __syncthreads();
            filter_chunk(column_taps, left + threadIdx.x % kTileWidth, band, column, column + chunk,
                         column == columns.begin, tile);
        }
        __syncthreads();
        for (int i = 0; i < kDown; ++i) {
            filter_band(row_taps, y + i * (kTileHeight / kDown), row, row + band, tile, sum[i]);
        }
    }

    const int x = left + threadIdx.x % kThreadColumns * kAcross;
    for (int i = 0; i < kDown; ++i) {
        store_row<kPlanes, T>(target, x, y + i * (kTileHeight / kDown), sum[i]);
    }
}

template <typename T, typename Source>
void launch(const Source& source, const PictureToModel& params, const Target& target,
            CudaStream stream) {
    const dim3 grid((target.width + kTileWidth - 1) / kTileWidth,
                    (target.height + kTileHeight - 1) / kTileHeight);
    resize_kernel<Source, T>
        <<<grid, kThreads, 0, stream>>>(source, params.rows, params.columns, target);
    FLASHVSR_CUDA_CHECK_LAUNCH(resize_kernel);
}

template <typename Source>
void launch_colour(const Source& source, const PictureToModel& params, CudaStream stream) {
    const Target target(params.rgb, params.padded_height, params.padded_width, 2.0f, -1.0f);
    with_device_type(params.type,
                     [&](auto tag) { launch<decltype(tag)>(source, params, target, stream); });
}

template <typename Sample>
void launch_alpha(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    const PlainSource<Sample, 1> source = {{picture.component[3]},
                                           picture.shift,
                                           0.0f,
                                           1.0f / yuv_maths(picture.yuv, picture.bits).largest};
    const Target target(params.alpha, params.rows.out, params.columns.out, 1.0f, 0.0f);
    launch<float>(source, params, target, stream);
}

template <typename Sample>
void launch_plain(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    const YuvMaths maths = yuv_maths(picture.yuv, picture.bits);
    const bool grey = picture.colour == Picture::Colour::kGrey;
    const PlainSource<Sample, 3> source = {
        {picture.component[0], picture.component[grey ? 0 : 1], picture.component[grey ? 0 : 2]},
        picture.shift,
        maths.luma_offset,
        maths.luma_scale};
    launch_colour(source, params, stream);
}

template <typename Sample, int kSubX, int kSubY>
void launch_yuv(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    const YuvSource<Sample, kSubX, kSubY> source = {
        {picture.component[0], picture.component[1], picture.component[2]},
        picture.shift,
        chroma_samples(picture.width, kSubX),
        chroma_samples(picture.height, kSubY),
        yuv_maths(picture.yuv, picture.bits),
        chroma_upsample(picture.yuv.chroma_x, kSubX),
        chroma_upsample(picture.yuv.chroma_y, kSubY)};
    launch_colour(source, params, stream);
}

template <typename Sample>
void launch_all(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    if (params.alpha) launch_alpha<Sample>(params, stream);
    if (picture.colour != Picture::Colour::kYuv) return launch_plain<Sample>(params, stream);
    if (picture.sub_y) return launch_yuv<Sample, 1, 1>(params, stream);
    if (picture.sub_x) return launch_yuv<Sample, 1, 0>(params, stream);
    launch_yuv<Sample, 0, 0>(params, stream);
}

}  // namespace

void picture_to_model_cuda(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    require(params.rows.in == picture.height && params.columns.in == picture.width,
            "the taps are of the picture's size");
    require(params.padded_height >= params.rows.out && params.padded_width >= params.columns.out,
            "a picture is padded to no less than its resized size");
    require(!params.alpha || picture.has_alpha, "alpha is of pictures that have it");
    require(picture.sub_x >= picture.sub_y, "chroma of fewer rows has fewer columns");
    picture.bits > 8 ? launch_all<uint16_t>(params, stream) : launch_all<uint8_t>(params, stream);
}

}  // namespace flashvsr::kernels
