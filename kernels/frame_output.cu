// The model's output to samples, in one pass: colour fix, clip, blend, crop and conversion. A
// thread makes eight neighbouring pixels, for 4:2:0 formats on the two rows that share their
// chroma.
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/frame.h"
#include "kernels/require.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

constexpr int kAcross = 8;
constexpr int kBlockX = 32, kBlockY = 4;

dim3 grid_for(int width, int rows) {
    return dim3((width + kBlockX * kAcross - 1) / (kBlockX * kAcross),
                (rows + kBlockY - 1) / kBlockY);
}

// Which accesses may be of a whole thread's pixels.
struct Aligned {
    bool planes, samples;
};

// ---- the model's planes as colour in [0, 1]
// --------------------------------------------------------

template <typename T>
struct Channel {
    const T* decoded;
    const T* reference;
    float gain = 1.0f, offset = 0.0f;
    bool fixed;

    __device__ Channel(const ModelToPicture& params, int channel)
        : decoded(static_cast<const T*>(params.decoded.data) +
                  channel * params.decoded.plane_stride),
          reference(static_cast<const T*>(params.reference.data) +
                    channel * params.reference.plane_stride),
          fixed(params.affine != nullptr) {
        if (fixed) {
            gain = params.affine[2 * channel];
            offset = params.affine[2 * channel + 1];
        }
    }

    __device__ float finish(float value, float from, float strength) const {
        float x = value * 2.0f - 1.0f;
        if (fixed) x = fminf(fmaxf(-1.0f, x * gain + offset), 1.0f);
        if (strength < 1.0f) x = from + (x - from) * strength;
        return __saturatef(x * 0.5f + 0.5f);
    }
};

// Eight elements at x, or the row's last where it ends.
template <typename T>
__device__ void load_pixels(const T* row, int x, int width, bool aligned, float (&to)[kAcross]) {
    if (aligned && x + kAcross <= width) return load8(row + x, to);
    for (int i = 0; i < kAcross; ++i) to[i] = to_float(row[min(x + i, width - 1)]);
}

// Colours of a channel at columns x to x + 7 of row y; outside the picture its border repeats.
template <typename T>
__device__ void read_colours(const ModelToPicture& params, const Channel<T>& channel, int x, int y,
                             bool aligned, float (&to)[kAcross]) {
    y = min(max(y, 0), params.picture.height - 1);
    const int width = params.picture.width;
    float from[kAcross] = {};
    load_pixels(channel.decoded + y * params.decoded.row_stride, x, width, aligned, to);
    if (params.strength < 1.0f) {
        load_pixels(channel.reference + y * params.reference.row_stride, x, width, aligned, from);
    }
    for (int i = 0; i < kAcross; ++i) to[i] = channel.finish(to[i], from[i], params.strength);
}

template <typename T>
__device__ float read_colour(const ModelToPicture& params, const Channel<T>& channel, int x,
                             int y) {
    x = max(x, 0);
    y = min(max(y, 0), params.picture.height - 1);
    const float from = params.strength < 1.0f
                           ? to_float(channel.reference[y * params.reference.row_stride + x])
                           : 0.0f;
    return channel.finish(to_float(channel.decoded[y * params.decoded.row_stride + x]), from,
                          params.strength);
}

// A value in [0, 255] or [0, 1023] to the nearest sample.
template <typename Sample>
__device__ uint32_t to_sample(float value) {
    return static_cast<uint32_t>(static_cast<int>(value + 0.5f)) << kSampleShift<Sample>;
}

// ---- packed RGB
// ----------------------------------------------------------------------------------

template <int kPixelBytes, typename T>
__global__ void pack_kernel(ModelToPicture params, int fourth, Aligned aligned) {
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || y >= picture.height) return;

    // Each pixel as a word, its bytes where the layout has them.
    const PackedLayout& layout = picture.packed;
    const int offset[3] = {layout.red, layout.green, layout.blue};
    uint32_t pixel[kAcross] = {};
    for (int channel = 0; channel < 3; ++channel) {
        float colour[kAcross];
        read_colours(params, Channel<T>(params, channel), x, y, aligned.planes, colour);
        for (int i = 0; i < kAcross; ++i) {
            pixel[i] |= to_sample<uint8_t>(colour[i] * 255.0f) << 8 * offset[channel];
        }
    }
    if (kPixelBytes == 4) {
        const bool has_alpha = params.alpha && layout.alpha >= 0;
        const float* alpha = params.alpha + int64_t{y} * picture.width;
        for (int i = 0; i < kAcross; ++i) {
            const float value =
                has_alpha ? __saturatef(alpha[min(x + i, picture.width - 1)]) : 1.0f;
            pixel[i] |= to_sample<uint8_t>(value * 255.0f) << 8 * fourth;
        }
    }

    uint8_t* out = picture.plane[0] + int64_t{y} * picture.stride[0] + int64_t{x} * kPixelBytes;
    if (aligned.samples && x + kAcross <= picture.width) {
        uint32_t word[2 * kPixelBytes];
        for (int i = 0; i < 2 * kPixelBytes; ++i) {
            // Words of three-byte pixels hold the end of one and the beginning of the next.
            const int group = i / kPixelBytes * 4, part = i % kPixelBytes;
            word[i] = kPixelBytes == 4 ? pixel[i % kAcross]
                                       : pixel[group + part] >> 8 * part |
                                             pixel[(group + part + 1) % kAcross] << (24 - 8 * part);
        }
        for (int i = 0; i < kPixelBytes; ++i) {
            reinterpret_cast<uint2*>(out)[i] = {word[2 * i], word[2 * i + 1]};
        }
        return;
    }
    for (int i = 0; i < kAcross && x + i < picture.width; ++i) {
        for (int byte = 0; byte < kPixelBytes; ++byte) {
            out[i * kPixelBytes + byte] = static_cast<uint8_t>(pixel[i] >> 8 * byte);
        }
    }
}

// ---- Y'CbCr 4:2:0
// --------------------------------------------------------------------------------

// Samples side by side, of which those before `count` are written.
template <typename Sample, int kCount>
__device__ void store_samples(const uint32_t (&value)[kCount], Sample* to, int count,
                              bool aligned) {
    constexpr int kPerWord = 4 / sizeof(Sample), kWords = kCount / kPerWord;
    if (aligned && count >= kCount) {
        alignas(16) uint32_t word[kWords] = {};
        for (int i = 0; i < kCount; ++i) {
            word[i / kPerWord] |= value[i] << i % kPerWord * 8 * sizeof(Sample);
        }
        using Vector = std::conditional_t<kWords == 4, uint4,
                                          std::conditional_t<kWords == 2, uint2, uint32_t>>;
        *reinterpret_cast<Vector*>(to) = *reinterpret_cast<const Vector*>(word);
        return;
    }
    for (int i = 0; i < kCount && i < count; ++i) to[i] = static_cast<Sample>(value[i]);
}

template <typename Sample>
__device__ Sample* sample_row(const Picture& picture, int plane, int y) {
    return reinterpret_cast<Sample*>(picture.plane[plane] + int64_t{y} * picture.stride[plane]);
}

template <typename Sample>
__device__ void store_chroma(const Picture& picture, int i, int j, bool aligned,
                             const uint32_t (&cb)[kAcross / 2], const uint32_t (&cr)[kAcross / 2]) {
    const int count = (picture.width + 1) / 2 - i;
    if (picture.kind == Picture::Kind::kI420) {
        store_samples(cb, sample_row<Sample>(picture, 1, j) + i, count, aligned);
        store_samples(cr, sample_row<Sample>(picture, 2, j) + i, count, aligned);
        return;
    }
    uint32_t both[kAcross];
    for (int k = 0; k < kAcross / 2; ++k) both[2 * k] = cb[k], both[2 * k + 1] = cr[k];
    store_samples(both, sample_row<Sample>(picture, 1, j) + 2 * i, 2 * count, aligned);
}

// kBelowTop: chroma lies between rows 2 j and 2 j + 1 and needs none above them.
template <typename Sample, bool kBelowTop, typename T>
__global__ void __launch_bounds__(kBlockX* kBlockY, 5)
    yuv_kernel(ModelToPicture params, YuvMaths m, ChromaDownsample across, ChromaDownsample down,
               Aligned aligned) {
    const int x = (blockIdx.x * kBlockX + threadIdx.x) * kAcross;
    const int j = blockIdx.y * kBlockY + threadIdx.y;
    const Picture& picture = params.picture;
    if (x >= picture.width || 2 * j >= picture.height) return;

    constexpr int kFirst = kBelowTop ? 0 : -1, kRows = 2 - kFirst;
    const float row_weight[3] = {down.previous, down.centre, down.next};
    const float luma_weight[3] = {m.kr, m.kg, m.kb};
    float luma[2][kAcross], chroma[3][kAcross / 2];
#pragma unroll
    for (int c = 0; c < 3; ++c) {
        const Channel<T> channel(params, c);
        float mean[1 + kAcross] = {};  // of the rows, from column x - 1 on
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
            const float weight = row_weight[kFirst + 1 + r];
            const int row = 2 * j + kFirst + r;
            float colour[kAcross];
            read_colours(params, channel, x, row, aligned.planes, colour);
            for (int i = 0; i < kAcross; ++i) mean[1 + i] += colour[i] * weight;
            if (across.previous != 0.0f) {
                mean[0] += read_colour(params, channel, x - 1, row) * weight;
            }
            if (kFirst + r < 0) continue;
            for (int i = 0; i < kAcross; ++i) {
                float& sum = luma[kFirst + r][i];
                sum = c == 0 ? luma_weight[c] * colour[i] : sum + luma_weight[c] * colour[i];
            }
        }
        for (int k = 0; k < kAcross / 2; ++k) {
            chroma[c][k] = mean[2 * k] * across.previous + mean[2 * k + 1] * across.centre +
                           mean[2 * k + 2] * across.next;
        }
    }

    for (int r = 0; r < 2 && 2 * j + r < picture.height; ++r) {
        uint32_t value[kAcross];
        for (int i = 0; i < kAcross; ++i) {
            value[i] = to_sample<Sample>(luma[r][i] * m.luma_range + m.luma_offset);
        }
        store_samples(value, sample_row<Sample>(picture, 0, 2 * j + r) + x, picture.width - x,
                      aligned.samples);
    }
    uint32_t cb[kAcross / 2], cr[kAcross / 2];
    for (int k = 0; k < kAcross / 2; ++k) {
        const float red = chroma[0][k], blue = chroma[2][k];
        const float y = m.kr * red + m.kg * chroma[1][k] + m.kb * blue;
        const float b = (blue - y) * m.cb_scale * m.chroma_range + m.chroma_offset;
        const float r = (red - y) * m.cr_scale * m.chroma_range + m.chroma_offset;
        cb[k] = to_sample<Sample>(fminf(b, m.largest));
        cr[k] = to_sample<Sample>(fminf(r, m.largest));
    }
    store_chroma<Sample>(picture, x / 2, j, aligned.samples, cb, cr);
}

// ---- launch
// ------------------------------------------------------------------------------------------

bool aligned_planes(const ModelPlanes& planes) {
    return reinterpret_cast<uintptr_t>(planes.data) % 16 == 0 && planes.plane_stride % 8 == 0 &&
           planes.row_stride % 8 == 0;
}

Aligned alignment(const ModelToPicture& params) {
    Aligned aligned = {aligned_planes(params.decoded) && aligned_planes(params.reference), true};
    for (int i = 0; i < 3; ++i) {
        aligned.samples = aligned.samples && params.picture.stride[i] % 16 == 0 &&
                          reinterpret_cast<uintptr_t>(params.picture.plane[i]) % 16 == 0;
    }
    return aligned;
}

template <typename Sample, typename T>
void launch_yuv(const ModelToPicture& params, CudaStream stream) {
    const Picture& picture = params.picture;
    const ChromaDownsample down = chroma_downsample(picture.yuv.chroma_y);
    const auto kernel =
        down.previous == 0.0f ? yuv_kernel<Sample, true, T> : yuv_kernel<Sample, false, T>;
    kernel<<<grid_for(picture.width, (picture.height + 1) / 2), dim3(kBlockX, kBlockY), 0,
             stream>>>(params, yuv_maths(picture.yuv, kSampleBits<Sample>),
                       chroma_downsample(picture.yuv.chroma_x), down, alignment(params));
    FLASHVSR_CUDA_CHECK_LAUNCH(yuv_kernel);
}

template <int kPixelBytes, typename T>
void launch_packed(const ModelToPicture& params, CudaStream stream) {
    pack_kernel<kPixelBytes, T>
        <<<grid_for(params.picture.width, params.picture.height), dim3(kBlockX, kBlockY), 0,
           stream>>>(params, fourth_byte(params.picture.packed), alignment(params));
    FLASHVSR_CUDA_CHECK_LAUNCH(pack_kernel);
}

}  // namespace

void model_to_picture_cuda(const ModelToPicture& params, CudaStream stream) {
    const Picture& picture = params.picture;
    require(picture.width > 0 && picture.height > 0, "a picture has pixels");
    with_device_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        if (picture.kind == Picture::Kind::kP010) return launch_yuv<uint16_t, T>(params, stream);
        if (picture.kind != Picture::Kind::kPacked) return launch_yuv<uint8_t, T>(params, stream);
        if (picture.packed.pixel_bytes == 4) return launch_packed<4, T>(params, stream);
        launch_packed<3, T>(params, stream);
    });
}

}  // namespace flashvsr::kernels
