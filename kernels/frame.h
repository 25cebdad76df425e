// Frames of 8-bit samples to and from planar RGB, and the resize between input and output size.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// Byte offsets of R, G, B and A within a packed pixel; `alpha` < 0: no alpha to read, and a fourth
// byte, if the pixel has one, is written as 255.
struct PackedLayout {
    int pixel_bytes = 3;
    int red = 0;
    int green = 1;
    int blue = 2;
    int alpha = -1;
};

// Weights of Y'CbCr <-> R'G'B' for a matrix's (kr, kb), and the sample range. ITU-T H.273.
struct YuvCoding {
    float kr = 0.2126f;
    float kb = 0.0722f;
    bool limited_range = true;
    // Position of a chroma sample in luma pixels, relative to the centre of the top left luma pixel
    // of its 2x2 block: 0 or 0.5 on each axis.
    float chroma_x = 0.0f;
    float chroma_y = 0.5f;
};

// One frame of samples. Packed RGB uses plane[0]; I420 has planes Y, U, V; NV12 has Y and UV.
struct Picture {
    enum class Kind { kPacked, kI420, kNv12 };
    Kind kind = Kind::kPacked;
    uint8_t* plane[3] = {};
    int stride[3] = {};  // bytes
    int width = 0;       // pixels
    int height = 0;
    PackedLayout packed;
    YuvCoding yuv;
};

// Planar colour in [0, 1], chroma interpolated linearly at its site.
// rgb: [3, height, width]; alpha: [height, width] or NULL, 1 where the picture has none.
void picture_to_rgb_cpu(const Picture& picture, float* rgb, float* alpha);
void picture_to_rgb_cuda(const Picture& picture, float* rgb, float* alpha, CudaStream stream);

// The other way, rounded to nearest, chroma averaged linearly at its site. `rgb` holds values in
// [-1, 1] (clipped here) with row_stride >= width and plane_stride elements; `alpha` in [0, 1] or
// NULL (opaque), [height, width].
struct RgbToPicture {
    const void* rgb = nullptr;  // [3, ., .]
    int64_t row_stride = 0;
    int64_t plane_stride = 0;
    const float* alpha = nullptr;
    ElementType type = ElementType::kFloat32;  // of rgb
};
void rgb_to_picture_cpu(const RgbToPicture& source, const Picture& picture);
void rgb_to_picture_cuda(const RgbToPicture& source, const Picture& picture, CudaStream stream);

// Filter taps of one axis: out[i] = sum over t of weight[i * count + t] * in[first[i] + t].
// PIL's bicubic: Keys' kernel with a = -0.5, widened when shrinking, taps outside dropped and the
// rest renormalised (spec/flashvsr.md section 2.1). Unused taps have weight 0 and stay in range.
struct ResizeTaps {
    int in = 0;
    int out = 0;
    int count = 0;               // taps per output sample
    std::vector<int32_t> first;  // [out]
    std::vector<float> weight;   // [out, count]
};
ResizeTaps bicubic_taps(int in, int out);

// The same with its tables on the kernel's device.
struct ResizeTapsView {
    int in = 0;
    int out = 0;
    int count = 0;
    const int32_t* first = nullptr;
    const float* weight = nullptr;
};
inline ResizeTapsView view(const ResizeTaps& taps) {
    return {taps.in, taps.out, taps.count, taps.first.data(), taps.weight.data()};
}

// Separable resize, horizontal first, clamped to [0, 1], then y = x * gain + offset, with the last
// row and column repeated up to the padded size.
struct Resize {
    const float* in = nullptr;  // [planes, rows.in, columns.in]
    float* scratch = nullptr;   // [planes, rows.in, columns.out]
    void* out = nullptr;        // [planes, padded_height, padded_width]
    int planes = 3;
    ResizeTapsView rows;
    ResizeTapsView columns;
    int padded_height = 0;  // >= rows.out
    int padded_width = 0;   // >= columns.out
    float gain = 2.0f;
    float offset = -1.0f;
    ElementType type = ElementType::kFloat32;  // of out
};
void resize_cpu(const Resize& params);
void resize_cuda(const Resize& params, CudaStream stream);

}  // namespace flashvsr::kernels
