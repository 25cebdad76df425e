#include "kernels/frame.h"

#include <algorithm>

#include "kernels/half.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

// NaN gives 0.
float clamp01(float value) { return std::min(std::max(0.0f, value), 1.0f); }

// A value in [0, 255] to the nearest integer.
uint8_t to_byte(float value) { return static_cast<uint8_t>(static_cast<int>(value + 0.5f)); }

// ---- packed RGB
// ----------------------------------------------------------------------------------

template <int kPixelBytes>
void unpack_row(const uint8_t* __restrict row, int offset, int width, float* __restrict out) {
    for (int x = 0; x < width; ++x) out[x] = row[x * kPixelBytes + offset] * kUnit;
}

template <int kPixelBytes>
void unpack(const Picture& picture, float* rgb, float* alpha) {
    const PackedLayout& layout = picture.packed;
    const int64_t area = int64_t{picture.width} * picture.height;
    for (int y = 0; y < picture.height; ++y) {
        const uint8_t* row = picture.plane[0] + int64_t{y} * picture.stride[0];
        float* out = rgb + int64_t{y} * picture.width;
        unpack_row<kPixelBytes>(row, layout.red, picture.width, out);
        unpack_row<kPixelBytes>(row, layout.green, picture.width, out + area);
        unpack_row<kPixelBytes>(row, layout.blue, picture.width, out + 2 * area);
        if (alpha && layout.alpha >= 0) {
            unpack_row<kPixelBytes>(row, layout.alpha, picture.width,
                                    alpha + int64_t{y} * picture.width);
        }
    }
}

template <int kPixelBytes>
void pack_row(const float* __restrict in, int offset, int width, uint8_t* __restrict row) {
    for (int x = 0; x < width; ++x) row[x * kPixelBytes + offset] = to_byte(in[x] * 255.0f);
}

// ---- Y'CbCr 4:2:0
// --------------------------------------------------------------------------------

// Where the samples of a chroma plane are: every `step` bytes.
struct ChromaPlane {
    uint8_t* data;
    int stride;
    int step;
    uint8_t* row(int y) const { return data + int64_t{y} * stride; }
};

ChromaPlane chroma_plane(const Picture& picture, int which) {  // 0: Cb, 1: Cr
    if (picture.kind == Picture::Kind::kNv12) {
        return {picture.plane[1] + which, picture.stride[1], 2};
    }
    return {picture.plane[1 + which], picture.stride[1 + which], 1};
}

template <int kStep>
void blend_rows(const uint8_t* __restrict a, const uint8_t* __restrict b, float weight_b, int count,
                float* __restrict out) {
    for (int i = 0; i < count; ++i) {
        out[i] = a[i * kStep] * (1.0f - weight_b) + b[i * kStep] * weight_b;
    }
}

// in: samples -1 to (width + 1) / 2.
void widen_row(const float* __restrict in, ChromaUpsample up, int width, float* __restrict out) {
    for (int i = 0; i < width / 2; ++i) {
        out[2 * i] = in[i - 1] * up.previous + in[i] * (1.0f - up.previous);
        out[2 * i + 1] = in[i] * (1.0f - up.next) + in[i + 1] * up.next;
    }
    if (width % 2) {
        const int i = width / 2;
        out[width - 1] = in[i - 1] * up.previous + in[i] * (1.0f - up.previous);
    }
}

// Chroma of luma row y at full width. `samples` has room for (width + 1) / 2 + 2.
void interpolate_chroma(const ChromaPlane& plane, const Picture& picture, int y,
                        std::vector<float>& samples, float* out) {
    const int columns = (picture.width + 1) / 2;
    const int rows = (picture.height + 1) / 2;
    const ChromaUpsample vertical = chroma_upsample(picture.yuv.chroma_y);
    const int near = y / 2;
    const int far = y % 2 ? std::min(near + 1, rows - 1) : std::max(near - 1, 0);
    const float weight = y % 2 ? vertical.next : vertical.previous;
    float* line = samples.data() + 1;
    if (plane.step == 1) {
        blend_rows<1>(plane.row(near), plane.row(far), weight, columns, line);
    } else {
        blend_rows<2>(plane.row(near), plane.row(far), weight, columns, line);
    }
    line[-1] = line[0];
    line[columns] = line[columns - 1];
    widen_row(line, chroma_upsample(picture.yuv.chroma_x), picture.width, out);
}

void yuv_row_to_rgb(const YuvMaths& m, const uint8_t* __restrict luma, const float* __restrict cb,
                    const float* __restrict cr, int width, float* __restrict red,
                    float* __restrict green, float* __restrict blue) {
    for (int x = 0; x < width; ++x) {
        const float y = (luma[x] - m.luma_offset) * m.luma_scale;
        const float b = (cb[x] - 128.0f) * m.chroma_scale;
        const float r = (cr[x] - 128.0f) * m.chroma_scale;
        red[x] = clamp01(y + m.red_cr * r);
        green[x] = clamp01(y + m.green_cb * b + m.green_cr * r);
        blue[x] = clamp01(y + m.blue_cb * b);
    }
}

void yuv_to_rgb(const Picture& picture, float* rgb) {
    const YuvMaths maths = yuv_maths(picture.yuv);
    const int64_t area = int64_t{picture.width} * picture.height;
    std::vector<float> samples((picture.width + 1) / 2 + 2), cb(picture.width), cr(picture.width);
    for (int y = 0; y < picture.height; ++y) {
        interpolate_chroma(chroma_plane(picture, 0), picture, y, samples, cb.data());
        interpolate_chroma(chroma_plane(picture, 1), picture, y, samples, cr.data());
        float* out = rgb + int64_t{y} * picture.width;
        yuv_row_to_rgb(maths, picture.plane[0] + int64_t{y} * picture.stride[0], cb.data(),
                       cr.data(), picture.width, out, out + area, out + 2 * area);
    }
}

void luma_row(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
              const float* __restrict blue, int width, uint8_t* __restrict luma) {
    for (int x = 0; x < width; ++x) {
        const float y = m.kr * red[x] + m.kg * green[x] + m.kb * blue[x];
        luma[x] = to_byte(y * m.luma_range + m.luma_offset);
    }
}

// in: columns -1 to 2 (width + 1) / 2 - 1, rows already averaged.
void narrow_row(const float* __restrict in, ChromaDownsample down, int columns,
                float* __restrict out) {
    for (int i = 0; i < columns; ++i) {
        out[i] =
            in[2 * i - 1] * down.previous + in[2 * i] * down.centre + in[2 * i + 1] * down.next;
    }
}

template <int kStep>
void chroma_row(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
                const float* __restrict blue, int columns, uint8_t* __restrict cb,
                uint8_t* __restrict cr) {
    for (int i = 0; i < columns; ++i) {
        const float y = m.kr * red[i] + m.kg * green[i] + m.kb * blue[i];
        const float b = (blue[i] - y) * m.cb_scale * m.chroma_range + 128.0f;
        const float r = (red[i] - y) * m.cr_scale * m.chroma_range + 128.0f;
        cb[i * kStep] = to_byte(std::min(b, 255.0f));
        cr[i * kStep] = to_byte(std::min(r, 255.0f));
    }
}

// ---- the model's planes as rows of colour in [0, 1]
// ------------------------------------------------

template <typename T>
class RgbRows {
  public:
    RgbRows(const RgbToPicture& source, int width, int height)
        : source_(source), width_(width), height_(height) {}

    // Row y of a channel; rows outside the picture repeat its border.
    void read(int channel, int y, float* __restrict out) const {
        y = std::min(std::max(y, 0), height_ - 1);
        const T* __restrict row = static_cast<const T*>(source_.rgb) +
                                  channel * source_.plane_stride + y * source_.row_stride;
        for (int x = 0; x < width_; ++x) out[x] = clamp01(to_float(row[x]) * 0.5f + 0.5f);
    }

  private:
    const RgbToPicture& source_;
    int width_;
    int height_;
};

template <int kPixelBytes, typename T>
void pack(const RgbToPicture& source, const Picture& picture) {
    const PackedLayout& layout = picture.packed;
    const RgbRows<T> rows(source, picture.width, picture.height);
    const int offset[3] = {layout.red, layout.green, layout.blue};
    std::vector<float> line(picture.width);
    for (int y = 0; y < picture.height; ++y) {
        uint8_t* out = picture.plane[0] + int64_t{y} * picture.stride[0];
        for (int channel = 0; channel < 3; ++channel) {
            rows.read(channel, y, line.data());
            pack_row<kPixelBytes>(line.data(), offset[channel], picture.width, out);
        }
        if (kPixelBytes != 4) continue;
        std::fill(line.begin(), line.end(), 1.0f);
        if (source.alpha && layout.alpha >= 0) {
            const float* alpha = source.alpha + int64_t{y} * picture.width;
            std::transform(alpha, alpha + picture.width, line.begin(), clamp01);
        }
        pack_row<kPixelBytes>(line.data(), fourth_byte(layout), picture.width, out);
    }
}

template <typename T>
void rgb_to_yuv(const RgbToPicture& source, const Picture& picture) {
    const YuvMaths maths = yuv_maths(picture.yuv);
    const int width = picture.width;
    const int columns = (width + 1) / 2;
    const ChromaPlane cb = chroma_plane(picture, 0), cr = chroma_plane(picture, 1);
    const ChromaDownsample across = chroma_downsample(picture.yuv.chroma_x);
    const ChromaDownsample down = chroma_downsample(picture.yuv.chroma_y);
    const RgbRows<T> rows(source, width, picture.height);
    std::vector<float> line[3], average(2 * columns + 1), narrow[3];
    for (auto& buffer : line) buffer.resize(3 * width);  // luma rows 2 j - 1, 2 j, 2 j + 1
    for (auto& buffer : narrow) buffer.resize(columns);

    for (int j = 0; j < (picture.height + 1) / 2; ++j) {
        for (int channel = 0; channel < 3; ++channel) {
            float* in = line[channel].data();
            for (int r = 0; r < 3; ++r) rows.read(channel, 2 * j - 1 + r, in + r * width);
            float* mean = average.data() + 1;
            for (int x = 0; x < width; ++x) {
                mean[x] = in[x] * down.previous + in[width + x] * down.centre +
                          in[2 * width + x] * down.next;
            }
            mean[-1] = mean[0];
            if (width % 2) mean[width] = mean[width - 1];
            narrow_row(mean, across, columns, narrow[channel].data());
        }
        for (int y = 2 * j; y < std::min(2 * j + 2, picture.height); ++y) {
            const int at = (y - 2 * j + 1) * width;
            luma_row(maths, &line[0][at], &line[1][at], &line[2][at], width,
                     picture.plane[0] + int64_t{y} * picture.stride[0]);
        }
        const auto write = cb.step == 1 ? chroma_row<1> : chroma_row<2>;
        write(maths, narrow[0].data(), narrow[1].data(), narrow[2].data(), columns, cb.row(j),
              cr.row(j));
    }
}

}  // namespace

void picture_to_rgb_cpu(const Picture& picture, float* rgb, float* alpha) {
    const bool packed = picture.kind == Picture::Kind::kPacked;
    if (alpha && !(packed && picture.packed.alpha >= 0)) {
        std::fill(alpha, alpha + int64_t{picture.width} * picture.height, 1.0f);
    }
    if (!packed) {
        yuv_to_rgb(picture, rgb);
    } else if (picture.packed.pixel_bytes == 4) {
        unpack<4>(picture, rgb, alpha);
    } else {
        unpack<3>(picture, rgb, alpha);
    }
}

void rgb_to_picture_cpu(const RgbToPicture& source, const Picture& picture) {
    with_host_type(source.type, [&](auto tag) {
        using T = decltype(tag);
        if (picture.kind != Picture::Kind::kPacked) {
            rgb_to_yuv<T>(source, picture);
        } else if (picture.packed.pixel_bytes == 4) {
            pack<4, T>(source, picture);
        } else {
            pack<3, T>(source, picture);
        }
    });
}

}  // namespace flashvsr::kernels
