// SPDX-License-Identifier: Apache-2.0
// Frames of samples to the model's resized input, and the model's output to frames of samples.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/element_type.h"
#include "kernels/stream.h"

namespace flashvsr::kernels {

// Samples of one component of a picture.
struct Component {
    uint8_t* data = nullptr;  // the first; NULL: the picture has no such component
    int stride = 0;           // bytes from row to row
    int step = 1;             // samples from one to the next of a row
};

// Weights of Y'CbCr <-> R'G'B' for a matrix's (kr, kb), and the sample range. ITU-T H.273.
struct YuvCoding {
    float kr = 0.2126f;
    float kb = 0.0722f;
    bool limited_range = true;
    // Position of a chroma sample in luma pixels, relative to the centre of the top left luma pixel
    // of its block: 0 or 0.5 on each axis that has fewer chroma samples.
    float chroma_x = 0.0f;
    float chroma_y = 0.5f;
};

// One frame of samples, each a byte or, where more than 8 bits count, two bytes in host order.
// Components are R, G, B or Y, Cb, Cr or Y alone, and then alpha or what fills its place. Those
// with steps of more than 1 lie between each other in rows of one stride: in pixels of three bytes,
// of four bytes or of eight, or Cb and Cr in pairs.
struct Picture {
    enum class Colour { kRgb, kYuv, kGrey };
    Colour colour = Colour::kRgb;
    int bits = 8;   // of a sample that count
    int shift = 0;  // bits below them: ignored, and written as 0
    int sub_x = 0;  // 1: half as many columns of chroma, rounded up
    int sub_y = 0;  // the same of rows
    int width = 0;  // pixels
    int height = 0;
    Component component[4];  // of two bytes: even addresses and strides
    bool has_alpha = false;  // else component[3], where there is one, is written as the largest
    YuvCoding yuv;           // of RGB the range alone counts
};

// Filter taps of one axis: out[i] = sum over t of weight[i * count + t] * in[first[i] + t].
// PIL's bicubic: Keys' kernel with a = -0.5, widened when shrinking, taps outside dropped and the
// rest renormalised (docs/model.md section 2.1). Unused taps have weight 0 and stay in range.
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

// ---- input -----------------------------------------------------------------------------------

// A picture to the model's input: planar colour in [0, 1] with chroma interpolated linearly at its
// site, resized (horizontally first), clamped to [0, 1], mapped to [-1, 1], the last row and column
// repeated up to the padded size. Alpha is resized likewise, without mapping and padding.
struct PictureToModel {
    Picture picture;
    ResizeTapsView rows;     // of picture.height samples
    ResizeTapsView columns;  // of picture.width
    void* rgb = nullptr;     // [3, padded_height, padded_width]
    float* alpha = nullptr;  // [rows.out, columns.out]; NULL unless the picture has alpha
    int padded_height = 0;   // >= rows.out
    int padded_width = 0;    // >= columns.out
    ElementType type = ElementType::kFloat32;  // of rgb
};
// The reference goes in two steps, below. The CUDA kernels do the same operations in the same
// order, uncontracted: the two are equal to the last bit.
void picture_to_model_cpu(const PictureToModel& params);
void picture_to_model_cuda(const PictureToModel& params, CudaStream stream);

// First step. rgb: [3, height, width]; alpha: [height, width] or NULL, 1 where the picture has
// none.
void picture_to_rgb_cpu(const Picture& picture, float* rgb, float* alpha);

// Second step: y = resized * gain + offset.
struct Resize {
    const float* in = nullptr;  // [planes, rows.in, columns.in]
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

// ---- output ----------------------------------------------------------------------------------

// Three planes of a tensor [3, ., .], whose rows are contiguous.
struct ModelPlanes {
    const void* data = nullptr;
    int64_t plane_stride = 0;  // elements
    int64_t row_stride = 0;
};

// The model's output to a picture. With x = decoded * 2 - 1, clipped to [-1, 1] after gain and
// offset where there are any, the colour is reference + (x - reference) * strength, clipped to
// [-1, 1]; samples are rounded to nearest, chroma is averaged linearly at its site.
struct ModelToPicture {
    ModelPlanes decoded;                       // nominally in [0, 1]
    ModelPlanes reference;                     // in [-1, 1]; not read where strength is 1
    const float* affine = nullptr;             // [3, 2]: gain and offset per channel, or NULL
    float strength = 1.0f;                     // 0 to 1
    const float* alpha = nullptr;              // [height, width] in [0, 1], or NULL: opaque
    ElementType type = ElementType::kFloat32;  // of decoded and reference
    Picture picture;                           // written
};
// Equal to the last bit on both devices.
void model_to_picture_cpu(const ModelToPicture& params);
void model_to_picture_cuda(const ModelToPicture& params, CudaStream stream);

}  // namespace flashvsr::kernels
