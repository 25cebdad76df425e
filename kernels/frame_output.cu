// SPDX-License-Identifier: Apache-2.0
// The model's output to samples, in one pass: colour fix, clip, blend, crop and conversion. A
// thread makes eight neighbouring pixels, for 4:2:0 formats on the two rows that share their
// chroma. Alpha in rows of its own takes another pass.
#include "kernels/cuda_check.h"
#include "kernels/frame_device.h"
#include "kernels/require.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

constexpr int kBlockX = 32, kBlockY = 4;

dim3 grid_for(int width, int rows) {
    return dim3((width + kBlockX * kAcross - 1) / (kBlockX * kAcross),
                (rows + kBlockY - 1) / kBlockY);
}

// Which accesses may be of a whole thread's pixels.
struct Aligned {
    bool planes, samples;
};

// ---- chroma of full size, or none

// The thread's pixels as samples: of R, G and B, or of Y, Cb and Cr.
template <bool kYuv, typename T>
__device__ void full_samples(const ModelToPicture& params, const YuvMaths& m, int x, int y,
                             bool aligned, uint32_t (&sample)[3][kAcross]) {
    float colour[3][kAcross];
    for (int c = 0; c < 3; ++c)
        read_colours(params, Channel<T>(params, c), x, y, aligned, colour[c]);
    const int shift = params.picture.shift;
    for (int i = 0; i < kAcross; ++i) {
        if (!kYuv) {
            for (int c = 0; c < 3; ++c) {
                sample[c][i] = to_sample(colour[c][i] * m.luma_range + m.luma_offset, shift);
            }
            continue;
        }
        const float red = colour[0][i], blue = colour[2][i];
        const float luma = m.kr * red + m.kg * colour[1][i] + m.kb * blue;
        const float cb = (blue - luma) * m.cb_scale * m.chroma_range + m.chroma_offset;
        const float cr = (red - luma) * m.cr_scale * m.chroma_range + m.chroma_offset;
        sample[0][i] = to_sample(luma * m.luma_range + m.luma_offset, shift);
        sample[1][i] = to_sample(fminf(cb, m.largest), shift);
        sample[2][i] = to_sample(fminf(cr, m.largest), shift);
    }
}

template <typename Sample, bool kYuv, typename T>
__global__ void planar_kernel(ModelToPicture params, YuvMaths maths, Aligned aligned) {
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || y >= picture.height) return;
    uint32_t sample[3][kAcross];
    full_samples<kYuv, T>(params, maths, x, y, aligned.planes, sample);
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        if (!picture.component[c].data) continue;  // grey
        store_samples(sample[c], sample_row<Sample>(picture.component[c], y) + x, picture.width - x,
                      aligned.samples);
    }
}

// Pixels of four bytes or of eight have a fourth component.
template <int kPixelBytes, bool kYuv, typename T>
__global__ void packed_kernel(ModelToPicture params, YuvMaths maths, Group group, Aligned aligned) {
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || y >= picture.height) return;
    uint32_t sample[3][kAcross];
    full_samples<kYuv, T>(params, maths, x, y, aligned.planes, sample);

    using Word = std::conditional_t<kPixelBytes == 8, uint64_t, uint32_t>;
    Word pixel[kAcross] = {};
    for (int c = 0; c < 3; ++c) {
        for (int i = 0; i < kAcross; ++i) pixel[i] |= Word{sample[c][i]} << group.bit[c];
    }
    if (kPixelBytes != 3) {
        float alpha[kAcross];
        read_alpha(params, x, y, alpha);
        for (int i = 0; i < kAcross; ++i) {
            pixel[i] |= Word{to_sample(alpha[i] * maths.largest, picture.shift)} << group.bit[3];
        }
    }
    store_pixels<kPixelBytes>(pixel,
                              group.data + int64_t{y} * group.stride + int64_t{x} * kPixelBytes,
                              picture.width - x, aligned.samples);
}

template <typename Sample>
__global__ void alpha_kernel(ModelToPicture params, float largest, Aligned aligned) {
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || y >= picture.height) return;
    float alpha[kAcross];
    uint32_t sample[kAcross];
    read_alpha(params, x, y, alpha);
    for (int i = 0; i < kAcross; ++i) sample[i] = to_sample(alpha[i] * largest, picture.shift);
    store_samples(sample, sample_row<Sample>(picture.component[3], y) + x, picture.width - x,
                  aligned.samples);
}

// ---- smaller chroma

// Cb and Cr at columns i to i + 3 of a row of theirs, in planes of their own or in pairs.
template <typename Sample>
__device__ void store_chroma(const Picture& picture, int i, int j, bool aligned,
                             const uint32_t (&cb)[kAcross / 2], const uint32_t (&cr)[kAcross / 2]) {
    const int count = (picture.width + 1) / 2 - i;
    if (picture.component[1].step == 1) {
        store_samples(cb, sample_row<Sample>(picture.component[1], j) + i, count, aligned);
        store_samples(cr, sample_row<Sample>(picture.component[2], j) + i, count, aligned);
        return;
    }
    const bool cb_first = picture.component[1].data < picture.component[2].data;
    uint32_t both[kAcross];
    for (int k = 0; k < kAcross / 2; ++k) {
        both[2 * k] = cb_first ? cb[k] : cr[k];
        both[2 * k + 1] = cb_first ? cr[k] : cb[k];
    }
    store_samples(both, sample_row<Sample>(picture.component[cb_first ? 1 : 2], j) + 2 * i,
                  2 * count, aligned);
}

// Which rows a row of chroma is made of: one; two; those and the one above them.
enum class ChromaRows { kOne, kTwo, kThree };

template <typename Sample, ChromaRows kFrom, typename T>
__global__ void __launch_bounds__(kBlockX* kBlockY, 5)
    subsampled_kernel(ModelToPicture params, YuvMaths m, ChromaDownsample across,
                      ChromaDownsample down, Aligned aligned) {
    constexpr int kLumaRows = kFrom == ChromaRows::kOne ? 1 : 2;
    constexpr int kFirst = kFrom == ChromaRows::kThree ? -1 : 0;
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int j = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || kLumaRows * j >= picture.height) return;

    const float row_weight[3] = {down.previous, down.centre, down.next};
    const float luma_weight[3] = {m.kr, m.kg, m.kb};
    float luma[kLumaRows][kAcross], chroma[3][kAcross / 2];
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const Channel<T> channel(params, c);
        float mean[1 + kAcross] = {};  // of the rows, from column x - 1 on
#pragma unroll
        for (int r = kFirst; r < kLumaRows; ++r) {
            const float weight = row_weight[1 + r];
            const int row = kLumaRows * j + r;
            float colour[kAcross];
            read_colours(params, channel, x, row, aligned.planes, colour);
            for (int i = 0; i < kAcross; ++i) mean[1 + i] += colour[i] * weight;
            if (across.previous != 0.0f) {
                mean[0] += read_colour(params, channel, x - 1, row) * weight;
            }
            if (r < 0) continue;
            for (int i = 0; i < kAcross; ++i) {
                float& sum = luma[r][i];
                sum = c == 0 ? luma_weight[c] * colour[i] : sum + luma_weight[c] * colour[i];
            }
        }
        for (int k = 0; k < kAcross / 2; ++k) {
            chroma[c][k] = mean[2 * k] * across.previous + mean[2 * k + 1] * across.centre +
                           mean[2 * k + 2] * across.next;
        }
    }

    for (int r = 0; r < kLumaRows && kLumaRows * j + r < picture.height; ++r) {
        uint32_t value[kAcross];
        for (int i = 0; i < kAcross; ++i) {
            value[i] = to_sample(luma[r][i] * m.luma_range + m.luma_offset, picture.shift);
        }
        store_samples(value, sample_row<Sample>(picture.component[0], kLumaRows * j + r) + x,
                      picture.width - x, aligned.samples);
    }
    uint32_t cb[kAcross / 2], cr[kAcross / 2];
    for (int k = 0; k < kAcross / 2; ++k) {
        const float red = chroma[0][k], blue = chroma[2][k];
        const float y = m.kr * red + m.kg * chroma[1][k] + m.kb * blue;
        const float b = (blue - y) * m.cb_scale * m.chroma_range + m.chroma_offset;
        const float r = (red - y) * m.cr_scale * m.chroma_range + m.chroma_offset;
        cb[k] = to_sample(fminf(b, m.largest), picture.shift);
        cr[k] = to_sample(fminf(r, m.largest), picture.shift);
    }
    store_chroma<Sample>(picture, x / 2, j, aligned.samples, cb, cr);
}

// ---- launch

bool aligned_planes(const ModelPlanes& planes) {
    return reinterpret_cast<uintptr_t>(planes.data) % 16 == 0 && planes.plane_stride % 8 == 0 &&
           planes.row_stride % 8 == 0;
}

// All components that lie between others. Nothing where each has rows of its own.
Group group_of(const Picture& picture) {
    Group group = {};
    for (const Component& component : picture.component) {
        if (!component.data || component.step == 1) continue;
        if (!group.data || component.data < group.data) group.data = component.data;
        group.stride = component.stride;
    }
    for (int i = 0; i < 4; ++i) {
        const Component& component = picture.component[i];
        if (!component.data || component.step == 1) continue;
        group.bit[i] = 8 * static_cast<int>(component.data - group.data);
    }
    return group;
}

Aligned alignment(const ModelToPicture& params) {
    Aligned aligned = {aligned_planes(params.decoded) && aligned_planes(params.reference), true};
    const auto check = [&](const uint8_t* data, int stride) {
        aligned.samples =
            aligned.samples && stride % 16 == 0 && reinterpret_cast<uintptr_t>(data) % 16 == 0;
    };
    for (const Component& component : params.picture.component) {
        if (component.step == 1) check(component.data, component.stride);
    }
    const Group group = group_of(params.picture);
    check(group.data, group.stride);
    return aligned;
}

// What a launch is made of.
struct Launch {
    Launch(const ModelToPicture& params, CudaStream stream)
        : params(params),
          picture(params.picture),
          maths(yuv_maths(picture.yuv, picture.bits)),
          aligned(alignment(params)),
          stream(stream) {}
    dim3 grid(int rows) const { return grid_for(picture.width, rows); }

    const ModelToPicture& params;
    const Picture& picture;
    YuvMaths maths;
    Aligned aligned;
    CudaStream stream;
};
constexpr dim3 kBlock(kBlockX, kBlockY);

template <typename Sample, typename T>
void launch_subsampled(const Launch& all) {
    const Picture& picture = all.picture;
    const ChromaDownsample across = chroma_downsample(picture.yuv.chroma_x, picture.sub_x);
    const ChromaDownsample down = chroma_downsample(picture.yuv.chroma_y, picture.sub_y);
    const auto kernel = picture.sub_y == 0      ? subsampled_kernel<Sample, ChromaRows::kOne, T>
                        : down.previous == 0.0f ? subsampled_kernel<Sample, ChromaRows::kTwo, T>
                                                : subsampled_kernel<Sample, ChromaRows::kThree, T>;
    kernel<<<all.grid(chroma_samples(picture.height, picture.sub_y)), kBlock, 0, all.stream>>>(
        all.params, all.maths, across, down, all.aligned);
    FLASHVSR_CUDA_CHECK_LAUNCH(subsampled_kernel);
}

template <int kPixelBytes, bool kYuv, typename T>
void launch_packed(const Launch& all) {
    packed_kernel<kPixelBytes, kYuv, T><<<all.grid(all.picture.height), kBlock, 0, all.stream>>>(
        all.params, all.maths, group_of(all.picture), all.aligned);
    FLASHVSR_CUDA_CHECK_LAUNCH(packed_kernel);
}

template <typename Sample, bool kYuv, typename T>
void launch_full(const Launch& all) {
    const Picture& picture = all.picture;
    if (picture.component[0].step == 1) {
        planar_kernel<Sample, kYuv, T><<<all.grid(picture.height), kBlock, 0, all.stream>>>(
            all.params, all.maths, all.aligned);
        FLASHVSR_CUDA_CHECK_LAUNCH(planar_kernel);
    } else if (sizeof(Sample) == 2) {
        launch_packed<8, kYuv, T>(all);
    } else if (picture.component[3].data) {
        launch_packed<4, kYuv, T>(all);
    } else {
        launch_packed<3, kYuv, T>(all);
    }
}

template <typename Sample>
void launch_alpha(const Launch& all) {
    alpha_kernel<Sample><<<all.grid(all.picture.height), kBlock, 0, all.stream>>>(
        all.params, all.maths.largest, all.aligned);
    FLASHVSR_CUDA_CHECK_LAUNCH(alpha_kernel);
}

template <typename Sample>
void launch_all(const Launch& all) {
    const Picture& picture = all.picture;
    with_device_type(all.params.type, [&](auto tag) {
        using T = decltype(tag);
        if (picture.sub_x) return launch_subsampled<Sample, T>(all);
        if (picture.colour == Picture::Colour::kRgb) return launch_full<Sample, false, T>(all);
        launch_full<Sample, true, T>(all);
    });
    if (picture.component[3].data && picture.component[3].step == 1) launch_alpha<Sample>(all);
}

// Layouts beside those that frame.h tells of have no kernel.
void check_layout(const Picture& picture) {
    const Component* component = picture.component;
    const bool fourth = component[3].data != nullptr;
    const int luma = component[0].step, chroma = component[1].step;
    const bool planar = luma == 1 && (!fourth || component[3].step == 1);
    const bool packed = picture.bits > 8 ? luma == 4 && fourth : luma == (fourth ? 4 : 3);
    require(picture.sub_x >= picture.sub_y, "chroma of fewer rows has fewer columns");
    require(picture.sub_x ? planar && chroma <= 2 : packed || (planar && chroma == 1),
            "the picture's layout has a kernel");
}

}  // namespace

void model_to_picture_cuda(const ModelToPicture& params, CudaStream stream) {
    const Picture& picture = params.picture;
    require(picture.width > 0 && picture.height > 0, "a picture has pixels");
    check_layout(picture);
    const Launch all(params, stream);
    picture.bits > 8 ? launch_all<uint16_t>(all) : launch_all<uint8_t>(all);
}

}  // namespace flashvsr::kernels
