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
// ---------------------------------------------------------------------------------

template <int kChannels>
struct PackedSource {
    static constexpr int kPlanes = kChannels;  // the fourth is alpha
    Picture picture;

    __device__ void read(int x, int y, float (&colour)[kPlanes]) const {
        const PackedLayout& layout = picture.packed;
        const uint8_t* pixel =
            picture.plane[0] + int64_t{y} * picture.stride[0] + int64_t{x} * layout.pixel_bytes;
        colour[0] = pixel[layout.red] * kUnit;
        colour[1] = pixel[layout.green] * kUnit;
        colour[2] = pixel[layout.blue] * kUnit;
        if (kChannels == 4) colour[kChannels - 1] = pixel[layout.alpha] * kUnit;
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

template <typename Sample>
struct YuvSource {
    static constexpr int kPlanes = 3;
    Picture picture;
    YuvMaths maths;
    ChromaUpsample across, down;

    __device__ void read(int x, int y, float (&colour)[kPlanes]) const {
        const YuvMaths& m = maths;
        const ChromaTaps columns = chroma_taps(x, (picture.width + 1) / 2, across);
        const ChromaTaps rows = chroma_taps(y, (picture.height + 1) / 2, down);
        const float luma = (sample(0, y, x) - m.luma_offset) * m.luma_scale;
        const float cb = (chroma(0, rows, columns) - m.chroma_offset) * m.chroma_scale;
        const float cr = (chroma(1, rows, columns) - m.chroma_offset) * m.chroma_scale;
        colour[0] = __saturatef(luma + m.red_cr * cr);
        colour[1] = __saturatef(luma + m.green_cb * cb + m.green_cr * cr);
        colour[2] = __saturatef(luma + m.blue_cb * cb);
    }

  private:
    __device__ float sample(int plane, int row, int column) const {
        const auto* at = reinterpret_cast<const Sample*>(picture.plane[plane] +
                                                         int64_t{row} * picture.stride[plane]);
        return static_cast<float>(at[column] >> kSampleShift<Sample>);
    }
    // Cb (0) or Cr (1).
    __device__ float chroma_sample(int which, int row, int column) const {
        return picture.kind == Picture::Kind::kI420 ? sample(1 + which, row, column)
                                                    : sample(1, row, 2 * column + which);
    }
    __device__ float chroma(int which, ChromaTaps rows, ChromaTaps columns) const {
        const auto blend_rows = [&](int column) {
            return chroma_sample(which, rows.near, column) * (1.0f - rows.far_weight) +
                   chroma_sample(which, rows.far, column) * rows.far_weight;
        };
        return blend_rows(columns.near) * (1.0f - columns.far_weight) +
               blend_rows(columns.far) * columns.far_weight;
    }
};

// ---- filters
// ---------------------------------------------------------------------------------------

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
// ----------------------------------------------------------------------------------------

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

template <int kPlanes, typename T>
__device__ void store_row(const PictureToModel& params, int x, int y, bool aligned,
                          const float (&sum)[kPlanes][kAcross]) {
    float value[kAcross];
    if (y < params.padded_height) {
        for (int plane = 0; plane < 3; ++plane) {
            for (int i = 0; i < kAcross; ++i) {
                value[i] = __saturatef(sum[plane][i]) * 2.0f - 1.0f;
            }
            const int64_t row = int64_t{plane} * params.padded_height + y;
            store(value, static_cast<T*>(params.rgb) + row * params.padded_width, x,
                  params.padded_width, aligned);
        }
    }
    if (kPlanes == 4 && y < params.rows.out) {
        for (int i = 0; i < kAcross; ++i) value[i] = __saturatef(sum[kPlanes - 1][i]);
        store(value, params.alpha + int64_t{y} * params.columns.out, x, params.columns.out, false);
    }
}

template <typename Source, typename T>
__global__ void __launch_bounds__(kThreads)
    picture_to_model_kernel(Source source, PictureToModel params, bool aligned) {
    constexpr int kPlanes = Source::kPlanes;
    __shared__ Tile<kPlanes> tile;
    const int left = blockIdx.x * kTileWidth, top = blockIdx.y * kTileHeight;
    const Reach columns = reach_of(params.columns, left, left + kTileWidth - 1);
    const Reach rows = reach_of(params.rows, top, top + kTileHeight - 1);
    const int y = top + threadIdx.x / kThreadColumns;
    float sum[kDown][kPlanes][kAcross] = {};

    for (int row = rows.begin; row < rows.end; row += kBandRows) {
        const int band = min(kBandRows, rows.end - row);
        for (int column = columns.begin; column < columns.end; column += kChunkColumns) {
            const int chunk = min(kChunkColumns, columns.end - column);
            __syncthreads();  // what was there has been used
            load_chunk(source, row, band, column, chunk, tile);
            __syncthreads();
            filter_chunk(params.columns, left + threadIdx.x % kTileWidth, band, column,
                         column + chunk, column == columns.begin, tile);
        }
        __syncthreads();
        for (int i = 0; i < kDown; ++i) {
            filter_band(params.rows, y + i * (kTileHeight / kDown), row, row + band, tile, sum[i]);
        }
    }

    const int x = left + threadIdx.x % kThreadColumns * kAcross;
    for (int i = 0; i < kDown; ++i) {
        store_row<kPlanes, T>(params, x, y + i * (kTileHeight / kDown), aligned, sum[i]);
    }
}

template <typename Source>
void launch(const Source& source, const PictureToModel& params, CudaStream stream) {
    const dim3 grid((params.padded_width + kTileWidth - 1) / kTileWidth,
                    (params.padded_height + kTileHeight - 1) / kTileHeight);
    const bool aligned =
        params.padded_width % kAcross == 0 && reinterpret_cast<uintptr_t>(params.rgb) % 16 == 0;
    with_device_type(params.type, [&](auto tag) {
        picture_to_model_kernel<Source, decltype(tag)>
            <<<grid, kThreads, 0, stream>>>(source, params, aligned);
        FLASHVSR_CUDA_CHECK_LAUNCH(picture_to_model_kernel);
    });
}

template <typename Sample>
void launch_yuv(const PictureToModel& params, CudaStream stream) {
    const YuvCoding& yuv = params.picture.yuv;
    launch(YuvSource<Sample>{params.picture, yuv_maths(yuv, kSampleBits<Sample>),
                             chroma_upsample(yuv.chroma_x), chroma_upsample(yuv.chroma_y)},
           params, stream);
}

}  // namespace

void picture_to_model_cuda(const PictureToModel& params, CudaStream stream) {
    const Picture& picture = params.picture;
    require(params.rows.in == picture.height && params.columns.in == picture.width,
            "the taps are of the picture's size");
    require(params.padded_height >= params.rows.out && params.padded_width >= params.columns.out,
            "a picture is padded to no less than its resized size");
    if (picture.kind == Picture::Kind::kP010) return launch_yuv<uint16_t>(params, stream);
    if (picture.kind != Picture::Kind::kPacked) return launch_yuv<uint8_t>(params, stream);
    if (params.alpha) {
        launch(PackedSource<4>{picture}, params, stream);
    } else {
        launch(PackedSource<3>{picture}, params, stream);
    }
}

}  // namespace flashvsr::kernels
