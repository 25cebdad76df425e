#include "kernels/frame.h"

#include <algorithm>

#include "kernels/half.h"
#include "kernels/require.h"
#include "kernels/yuv.h"

namespace flashvsr::kernels {
namespace {

// NaN gives the lower end.
float clamp(float value, float low, float high) { return std::min(std::max(low, value), high); }
float clamp01(float value) { return clamp(value, 0.0f, 1.0f); }

// A value in [0, largest] to the nearest integer.
template <typename Sample>
Sample to_sample(float value) {
    return static_cast<Sample>(static_cast<int>(value + 0.5f) << kSampleShift<Sample>);
}
uint8_t to_byte(float value) { return to_sample<uint8_t>(value); }

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

template <typename Sample>
Sample* sample_row(const Picture& picture, int plane, int y) {
    return reinterpret_cast<Sample*>(picture.plane[plane] + int64_t{y} * picture.stride[plane]);
}

// Calls body(Sample{}) with the type of the picture's samples.
template <typename Body>
void with_sample(const Picture& picture, Body body) {
    picture.kind == Picture::Kind::kP010 ? body(uint16_t{}) : body(uint8_t{});
}

// Where the samples of Cb (0) or Cr (1) are: every `step` samples.
template <typename Sample>
struct ChromaPlane {
    ChromaPlane(const Picture& picture, int which)
        : picture(picture),
          planar(picture.kind == Picture::Kind::kI420),
          which(which),
          step(planar ? 1 : 2) {}
    Sample* row(int y) const {
        return planar ? sample_row<Sample>(picture, 1 + which, y)
                      : sample_row<Sample>(picture, 1, y) + which;
    }
    const Picture& picture;
    bool planar;
    int which;
    int step;
};

template <int kStep, typename Sample>
void blend_rows(const Sample* __restrict a, const Sample* __restrict b, float weight_b, int count,
                float* __restrict out) {
    for (int i = 0; i < count; ++i) {
        const int near = a[i * kStep] >> kSampleShift<Sample>;
        const int far = b[i * kStep] >> kSampleShift<Sample>;
        out[i] = near * (1.0f - weight_b) + far * weight_b;
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
template <typename Sample>
void interpolate_chroma(const ChromaPlane<Sample>& plane, int y, std::vector<float>& samples,
                        float* out) {
    const Picture& picture = plane.picture;
    const int columns = (picture.width + 1) / 2;
    const int rows = (picture.height + 1) / 2;
    const ChromaUpsample vertical = chroma_upsample(picture.yuv.chroma_y);
    const int near = y / 2;
    const int far = y % 2 ? std::min(near + 1, rows - 1) : std::max(near - 1, 0);
    const float weight = y % 2 ? vertical.next : vertical.previous;
    float* line = samples.data() + 1;
    const auto blend = plane.step == 1 ? blend_rows<1, Sample> : blend_rows<2, Sample>;
    blend(plane.row(near), plane.row(far), weight, columns, line);
    line[-1] = line[0];
    line[columns] = line[columns - 1];
    widen_row(line, chroma_upsample(picture.yuv.chroma_x), picture.width, out);
}

template <typename Sample>
void yuv_row_to_rgb(const YuvMaths& m, const Sample* __restrict luma, const float* __restrict cb,
                    const float* __restrict cr, int width, float* __restrict red,
                    float* __restrict green, float* __restrict blue) {
    for (int x = 0; x < width; ++x) {
        const float y = ((luma[x] >> kSampleShift<Sample>)-m.luma_offset) * m.luma_scale;
        const float b = (cb[x] - m.chroma_offset) * m.chroma_scale;
        const float r = (cr[x] - m.chroma_offset) * m.chroma_scale;
        red[x] = clamp01(y + m.red_cr * r);
        green[x] = clamp01(y + m.green_cb * b + m.green_cr * r);
        blue[x] = clamp01(y + m.blue_cb * b);
    }
}

template <typename Sample>
void yuv_to_rgb(const Picture& picture, float* rgb) {
    const YuvMaths maths = yuv_maths(picture.yuv, kSampleBits<Sample>);
    const ChromaPlane<Sample> cb_plane(picture, 0), cr_plane(picture, 1);
    const int64_t area = int64_t{picture.width} * picture.height;
    std::vector<float> samples((picture.width + 1) / 2 + 2), cb(picture.width), cr(picture.width);
    for (int y = 0; y < picture.height; ++y) {
        interpolate_chroma(cb_plane, y, samples, cb.data());
        interpolate_chroma(cr_plane, y, samples, cr.data());
        float* out = rgb + int64_t{y} * picture.width;
        yuv_row_to_rgb(maths, sample_row<Sample>(picture, 0, y), cb.data(), cr.data(),
                       picture.width, out, out + area, out + 2 * area);
    }
}

template <typename Sample>
void luma_row(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
              const float* __restrict blue, int width, Sample* __restrict luma) {
    for (int x = 0; x < width; ++x) {
        const float y = m.kr * red[x] + m.kg * green[x] + m.kb * blue[x];
        luma[x] = to_sample<Sample>(y * m.luma_range + m.luma_offset);
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

template <int kStep, typename Sample>
void chroma_row(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
                const float* __restrict blue, int columns, Sample* __restrict cb,
                Sample* __restrict cr) {
    for (int i = 0; i < columns; ++i) {
        const float y = m.kr * red[i] + m.kg * green[i] + m.kb * blue[i];
        const float b = (blue[i] - y) * m.cb_scale * m.chroma_range + m.chroma_offset;
        const float r = (red[i] - y) * m.cr_scale * m.chroma_range + m.chroma_offset;
        cb[i * kStep] = to_sample<Sample>(std::min(b, m.largest));
        cr[i * kStep] = to_sample<Sample>(std::min(r, m.largest));
    }
}

// ---- the model's planes as rows of colour in [0, 1]
// ------------------------------------------------

template <typename T>
class ColourRows {
  public:
    explicit ColourRows(const ModelToPicture& params) : params_(params) {}

    // Row y of a channel; rows outside the picture repeat its border.
    void read(int channel, int y, float* __restrict out) const {
        const int width = params_.picture.width;
        const float strength = params_.strength;
        y = std::min(std::max(y, 0), params_.picture.height - 1);
        const T* __restrict decoded = row(params_.decoded, channel, y);
        for (int x = 0; x < width; ++x) out[x] = to_float(decoded[x]) * 2.0f - 1.0f;
        if (params_.affine) {
            const float gain = params_.affine[2 * channel],
                        offset = params_.affine[2 * channel + 1];
            for (int x = 0; x < width; ++x) out[x] = clamp(out[x] * gain + offset, -1.0f, 1.0f);
        }
        if (strength < 1.0f) {
            const T* __restrict reference = row(params_.reference, channel, y);
            for (int x = 0; x < width; ++x) {
                const float from = to_float(reference[x]);
                out[x] = from + (out[x] - from) * strength;
            }
        }
        for (int x = 0; x < width; ++x) out[x] = clamp01(out[x] * 0.5f + 0.5f);
    }

  private:
    static const T* row(const ModelPlanes& planes, int channel, int y) {
        return static_cast<const T*>(planes.data) + channel * planes.plane_stride +
               y * planes.row_stride;
    }

    const ModelToPicture& params_;
};

template <int kPixelBytes, typename T>
void pack(const ModelToPicture& params) {
    const Picture& picture = params.picture;
    const PackedLayout& layout = picture.packed;
    const ColourRows<T> rows(params);
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
        if (params.alpha && layout.alpha >= 0) {
            const float* alpha = params.alpha + int64_t{y} * picture.width;
            std::transform(alpha, alpha + picture.width, line.begin(), clamp01);
        }
        pack_row<kPixelBytes>(line.data(), fourth_byte(layout), picture.width, out);
    }
}

template <typename T, typename Sample>
void rgb_to_yuv(const ModelToPicture& params) {
    const Picture& picture = params.picture;
    const YuvMaths maths = yuv_maths(picture.yuv, kSampleBits<Sample>);
    const int width = picture.width;
    const int columns = (width + 1) / 2;
    const ChromaPlane<Sample> cb(picture, 0), cr(picture, 1);
    const ChromaDownsample across = chroma_downsample(picture.yuv.chroma_x);
    const ChromaDownsample down = chroma_downsample(picture.yuv.chroma_y);
    const ColourRows<T> rows(params);
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
                     sample_row<Sample>(picture, 0, y));
        }
        const auto write = cb.step == 1 ? chroma_row<1, Sample> : chroma_row<2, Sample>;
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
        with_sample(picture, [&](auto sample) { yuv_to_rgb<decltype(sample)>(picture, rgb); });
    } else if (picture.packed.pixel_bytes == 4) {
        unpack<4>(picture, rgb, alpha);
    } else {
        unpack<3>(picture, rgb, alpha);
    }
}

void picture_to_model_cpu(const PictureToModel& params) {
    const Picture& picture = params.picture;
    require(params.rows.in == picture.height && params.columns.in == picture.width,
            "the taps are of the picture's size");
    const size_t area = size_t(picture.width) * picture.height;
    std::vector<float> rgb(3 * area), alpha(params.alpha ? area : 0);
    picture_to_rgb_cpu(picture, rgb.data(), params.alpha ? alpha.data() : nullptr);
    Resize resize;
    resize.rows = params.rows;
    resize.columns = params.columns;
    if (params.alpha) {
        resize.in = alpha.data();
        resize.out = params.alpha;
        resize.planes = 1;
        resize.padded_height = params.rows.out;
        resize.padded_width = params.columns.out;
        resize.gain = 1.0f;
        resize.offset = 0.0f;
        resize_cpu(resize);
    }
    resize.in = rgb.data();
    resize.out = params.rgb;
    resize.planes = 3;
    resize.padded_height = params.padded_height;
    resize.padded_width = params.padded_width;
    resize.gain = 2.0f;
    resize.offset = -1.0f;
    resize.type = params.type;
    resize_cpu(resize);
}

void model_to_picture_cpu(const ModelToPicture& params) {
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        if (params.picture.kind != Picture::Kind::kPacked) {
            with_sample(params.picture,
                        [&](auto sample) { rgb_to_yuv<T, decltype(sample)>(params); });
        } else if (params.picture.packed.pixel_bytes == 4) {
            pack<4, T>(params);
        } else {
            pack<3, T>(params);
        }
    });
}

}  // namespace flashvsr::kernels
