#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/frame.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

constexpr int kBlockX = 32;
constexpr int kBlockY = 8;

dim3 grid_for(int width, int height) {
    return dim3((width + kBlockX - 1) / kBlockX, (height + kBlockY - 1) / kBlockY);
}

// A value in [0, 255] to the nearest integer.
__device__ uint8_t to_byte(float value) {
    return static_cast<uint8_t>(static_cast<int>(value + 0.5f));
}

// ---- packed RGB
// ----------------------------------------------------------------------------------

__global__ void unpack_kernel(Picture picture, float* rgb, float* alpha) {
    const int x = blockIdx.x * kBlockX + threadIdx.x;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    if (x >= picture.width || y >= picture.height) return;
    const PackedLayout& layout = picture.packed;
    const uint8_t* pixel =
        picture.plane[0] + int64_t{y} * picture.stride[0] + int64_t{x} * layout.pixel_bytes;
    const int64_t area = int64_t{picture.width} * picture.height;
    const int64_t at = int64_t{y} * picture.width + x;
    rgb[at] = pixel[layout.red] * kUnit;
    rgb[at + area] = pixel[layout.green] * kUnit;
    rgb[at + 2 * area] = pixel[layout.blue] * kUnit;
    if (alpha) alpha[at] = layout.alpha >= 0 ? pixel[layout.alpha] * kUnit : 1.0f;
}

struct Colour {
    float red, green, blue;
};

// The model's colour at (x, y) in [0, 1]; outside the picture its border repeats.
template <typename T>
__device__ Colour read_colour(const RgbToPicture& source, const Picture& picture, int x, int y) {
    x = min(max(x, 0), picture.width - 1);
    y = min(max(y, 0), picture.height - 1);
    const T* at = static_cast<const T*>(source.rgb) + y * source.row_stride + x;
    return {__saturatef(to_float(at[0]) * 0.5f + 0.5f),
            __saturatef(to_float(at[source.plane_stride]) * 0.5f + 0.5f),
            __saturatef(to_float(at[2 * source.plane_stride]) * 0.5f + 0.5f)};
}

template <typename T>
__global__ void pack_kernel(RgbToPicture source, Picture picture, int fourth) {
    const int x = blockIdx.x * kBlockX + threadIdx.x;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    if (x >= picture.width || y >= picture.height) return;
    const PackedLayout& layout = picture.packed;
    uint8_t* pixel =
        picture.plane[0] + int64_t{y} * picture.stride[0] + int64_t{x} * layout.pixel_bytes;
    const Colour colour = read_colour<T>(source, picture, x, y);
    pixel[layout.red] = to_byte(colour.red * 255.0f);
    pixel[layout.green] = to_byte(colour.green * 255.0f);
    pixel[layout.blue] = to_byte(colour.blue * 255.0f);
    if (layout.pixel_bytes != 4) return;
    const bool has_alpha = source.alpha && layout.alpha >= 0;
    const float alpha =
        has_alpha ? __saturatef(source.alpha[int64_t{y} * picture.width + x]) : 1.0f;
    pixel[fourth] = to_byte(alpha * 255.0f);
}

// ---- Y'CbCr 4:2:0
// --------------------------------------------------------------------------------

// First chroma sample and the byte distance between neighbours, for Cb (0) and Cr (1).
__device__ uint8_t* chroma_row(const Picture& picture, int which, int y) {
    return picture.kind == Picture::Kind::kNv12
               ? picture.plane[1] + int64_t{y} * picture.stride[1] + which
               : picture.plane[1 + which] + int64_t{y} * picture.stride[1 + which];
}
__device__ int chroma_step(const Picture& picture) {
    return picture.kind == Picture::Kind::kNv12 ? 2 : 1;
}

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

__device__ float read_chroma(const Picture& picture, int which, ChromaTaps rows,
                             ChromaTaps columns) {
    const int step = chroma_step(picture);
    const uint8_t* near = chroma_row(picture, which, rows.near);
    const uint8_t* far = chroma_row(picture, which, rows.far);
    const auto down = [&](int column) {
        return near[column * step] * (1.0f - rows.far_weight) +
               far[column * step] * rows.far_weight;
    };
    return down(columns.near) * (1.0f - columns.far_weight) +
           down(columns.far) * columns.far_weight;
}

__global__ void yuv_to_rgb_kernel(Picture picture, YuvMaths m, ChromaUpsample across,
                                  ChromaUpsample down, float* rgb, float* alpha) {
    const int x = blockIdx.x * kBlockX + threadIdx.x;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    if (x >= picture.width || y >= picture.height) return;
    const ChromaTaps columns = chroma_taps(x, (picture.width + 1) / 2, across);
    const ChromaTaps rows = chroma_taps(y, (picture.height + 1) / 2, down);
    const float luma =
        (picture.plane[0][int64_t{y} * picture.stride[0] + x] - m.luma_offset) * m.luma_scale;
    const float cb = (read_chroma(picture, 0, rows, columns) - 128.0f) * m.chroma_scale;
    const float cr = (read_chroma(picture, 1, rows, columns) - 128.0f) * m.chroma_scale;
    const int64_t area = int64_t{picture.width} * picture.height;
    const int64_t at = int64_t{y} * picture.width + x;
    rgb[at] = __saturatef(luma + m.red_cr * cr);
    rgb[at + area] = __saturatef(luma + m.green_cb * cb + m.green_cr * cr);
    rgb[at + 2 * area] = __saturatef(luma + m.blue_cb * cb);
    if (alpha) alpha[at] = 1.0f;
}

__device__ float luma_of(const YuvMaths& m, const Colour& colour) {
    return m.kr * colour.red + m.kg * colour.green + m.kb * colour.blue;
}

// A thread per chroma sample, that is per 2x2 luma samples.
template <typename T>
__global__ void rgb_to_yuv_kernel(RgbToPicture source, Picture picture, YuvMaths m,
                                  ChromaDownsample across, ChromaDownsample down) {
    const int i = blockIdx.x * kBlockX + threadIdx.x;
    const int j = blockIdx.y * kBlockY + threadIdx.y;
    if (i >= (picture.width + 1) / 2 || j >= (picture.height + 1) / 2) return;
    const float column_weight[3] = {across.previous, across.centre, across.next};
    const float row_weight[3] = {down.previous, down.centre, down.next};
    Colour mean = {0, 0, 0};
    for (int r = 0; r < 3; ++r) {
        for (int c = 0; c < 3; ++c) {
            const int x = 2 * i - 1 + c, y = 2 * j - 1 + r;
            const Colour colour = read_colour<T>(source, picture, x, y);
            const float weight = row_weight[r] * column_weight[c];
            mean.red += colour.red * weight;
            mean.green += colour.green * weight;
            mean.blue += colour.blue * weight;
            if (r > 0 && c > 0 && x < picture.width && y < picture.height) {
                picture.plane[0][int64_t{y} * picture.stride[0] + x] =
                    to_byte(luma_of(m, colour) * m.luma_range + m.luma_offset);
            }
        }
    }
    const float luma = luma_of(m, mean);
    const float cb = (mean.blue - luma) * m.cb_scale * m.chroma_range + 128.0f;
    const float cr = (mean.red - luma) * m.cr_scale * m.chroma_range + 128.0f;
    const int at = i * chroma_step(picture);
    chroma_row(picture, 0, j)[at] = to_byte(fminf(cb, 255.0f));
    chroma_row(picture, 1, j)[at] = to_byte(fminf(cr, 255.0f));
}

}  // namespace

void picture_to_rgb_cuda(const Picture& picture, float* rgb, float* alpha, CudaStream stream) {
    if (picture.width == 0 || picture.height == 0) return;
    const dim3 grid = grid_for(picture.width, picture.height), block(kBlockX, kBlockY);
    if (picture.kind == Picture::Kind::kPacked) {
        unpack_kernel<<<grid, block, 0, stream>>>(picture, rgb, alpha);
        FLASHVSR_CUDA_CHECK_LAUNCH(unpack_kernel);
        return;
    }
    yuv_to_rgb_kernel<<<grid, block, 0, stream>>>(
        picture, yuv_maths(picture.yuv), chroma_upsample(picture.yuv.chroma_x),
        chroma_upsample(picture.yuv.chroma_y), rgb, alpha);
    FLASHVSR_CUDA_CHECK_LAUNCH(yuv_to_rgb_kernel);
}

void rgb_to_picture_cuda(const RgbToPicture& source, const Picture& picture, CudaStream stream) {
    if (picture.width == 0 || picture.height == 0) return;
    const dim3 block(kBlockX, kBlockY);
    with_device_type(source.type, [&](auto tag) {
        using T = decltype(tag);
        if (picture.kind == Picture::Kind::kPacked) {
            pack_kernel<T><<<grid_for(picture.width, picture.height), block, 0, stream>>>(
                source, picture, fourth_byte(picture.packed));
            FLASHVSR_CUDA_CHECK_LAUNCH(pack_kernel);
            return;
        }
        const dim3 grid = grid_for((picture.width + 1) / 2, (picture.height + 1) / 2);
        rgb_to_yuv_kernel<T><<<grid, block, 0, stream>>>(source, picture, yuv_maths(picture.yuv),
                                                         chroma_downsample(picture.yuv.chroma_x),
                                                         chroma_downsample(picture.yuv.chroma_y));
        FLASHVSR_CUDA_CHECK_LAUNCH(rgb_to_yuv_kernel);
    });
}

}  // namespace flashvsr::kernels
