// SPDX-License-Identifier: Apache-2.0
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

// ---- rows of samples

template <typename Sample>
void read_samples(const Sample* __restrict row, int step, int shift, int count,
                  float* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = static_cast<float>(row[int64_t{i} * step] >> shift);
}

template <typename Sample>
void write_samples(const float* __restrict in, int step, int shift, int count,
                   Sample* __restrict row) {
    for (int i = 0; i < count; ++i) {
        row[int64_t{i} * step] = static_cast<Sample>(static_cast<int>(in[i] + 0.5f) << shift);
    }
}

// Calls body(pointer to the row's first sample).
template <typename Body>
void with_row(const Picture& picture, int component, int y, Body body) {
    const Component& samples = picture.component[component];
    uint8_t* row = samples.data + int64_t{y} * samples.stride;
    picture.bits > 8 ? body(reinterpret_cast<uint16_t*>(row)) : body(row);
}

// The row's first samples as numbers.
void read_row(const Picture& picture, int component, int y, int count, float* out) {
    with_row(picture, component, y, [&](const auto* row) {
        read_samples(row, picture.component[component].step, picture.shift, count, out);
    });
}

// Values in [0, largest] to the nearest samples.
void write_row(const Picture& picture, int component, int y, int count, const float* values) {
    with_row(picture, component, y, [&](auto* row) {
        write_samples(values, picture.component[component].step, picture.shift, count, row);
    });
}

// ---- samples to colour

void blend_rows(const float* __restrict near, const float* __restrict far, float weight_far,
                int count, float* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = near[i] * (1.0f - weight_far) + far[i] * weight_far;
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

// Reads chroma for each pixel of a row of luma.
class ChromaReader {
  public:
    explicit ChromaReader(const Picture& picture)
        : picture_(picture),
          columns_(chroma_samples(picture.width, picture.sub_x)),
          rows_(chroma_samples(picture.height, picture.sub_y)),
          near_(columns_),
          far_(columns_),
          line_(columns_ + 2) {}

    void read(int component, int y, float* out) {
        const ChromaUpsample down = chroma_upsample(picture_.yuv.chroma_y, picture_.sub_y);
        const int near = y >> picture_.sub_y;
        const bool odd = (y & picture_.sub_y) != 0;
        const int far = odd ? std::min(near + 1, rows_ - 1) : std::max(near - 1, 0);
        read_row(picture_, component, near, columns_, near_.data());
        read_row(picture_, component, far, columns_, far_.data());
        float* line = picture_.sub_x ? line_.data() + 1 : out;
        blend_rows(near_.data(), far_.data(), odd ? down.next : down.previous, columns_, line);
        if (!picture_.sub_x) return;
        line[-1] = line[0];
        line[columns_] = line[columns_ - 1];
        widen_row(line, chroma_upsample(picture_.yuv.chroma_x, 1), picture_.width, out);
    }

  private:
    const Picture& picture_;
    int columns_, rows_;
    std::vector<float> near_, far_, line_;
};

// `red` holds luma when it comes in.
void yuv_row_to_rgb(const YuvMaths& m, const float* __restrict cb, const float* __restrict cr,
                    int width, float* __restrict red, float* __restrict green,
                    float* __restrict blue) {
    for (int x = 0; x < width; ++x) {
        const float y = (red[x] - m.luma_offset) * m.luma_scale;
        const float b = (cb[x] - m.chroma_offset) * m.chroma_scale;
        const float r = (cr[x] - m.chroma_offset) * m.chroma_scale;
        red[x] = clamp01(y + m.red_cr * r);
        green[x] = clamp01(y + m.green_cb * b + m.green_cr * r);
        blue[x] = clamp01(y + m.blue_cb * b);
    }
}

void scale_row(float offset, float scale, int width, float* row) {
    for (int x = 0; x < width; ++x) row[x] = clamp01((row[x] - offset) * scale);
}

// ---- the model's planes as rows of colour in [0, 1]

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

// ---- colour to samples

template <typename T>
void write_rgb(const ModelToPicture& params) {
    const Picture& picture = params.picture;
    const YuvMaths m = yuv_maths(picture.yuv, picture.bits);
    const ColourRows<T> rows(params);
    std::vector<float> line(picture.width);
    for (int y = 0; y < picture.height; ++y) {
        for (int channel = 0; channel < 3; ++channel) {
            rows.read(channel, y, line.data());
            for (float& value : line) value = value * m.luma_range + m.luma_offset;
            write_row(picture, channel, y, picture.width, line.data());
        }
    }
}

void write_alpha(const ModelToPicture& params) {
    const Picture& picture = params.picture;
    const float largest = yuv_maths(picture.yuv, picture.bits).largest;
    std::vector<float> line(picture.width, largest);
    for (int y = 0; y < picture.height; ++y) {
        if (picture.has_alpha && params.alpha) {
            const float* alpha = params.alpha + int64_t{y} * picture.width;
            for (int x = 0; x < picture.width; ++x) line[x] = clamp01(alpha[x]) * largest;
        }
        write_row(picture, 3, y, picture.width, line.data());
    }
}

void luma_row(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
              const float* __restrict blue, int width, float* __restrict luma) {
    for (int x = 0; x < width; ++x) {
        const float y = m.kr * red[x] + m.kg * green[x] + m.kb * blue[x];
        luma[x] = y * m.luma_range + m.luma_offset;
    }
}

void chroma_rows(const YuvMaths& m, const float* __restrict red, const float* __restrict green,
                 const float* __restrict blue, int columns, float* __restrict cb,
                 float* __restrict cr) {
    for (int i = 0; i < columns; ++i) {
        const float y = m.kr * red[i] + m.kg * green[i] + m.kb * blue[i];
        cb[i] = std::min((blue[i] - y) * m.cb_scale * m.chroma_range + m.chroma_offset, m.largest);
        cr[i] = std::min((red[i] - y) * m.cr_scale * m.chroma_range + m.chroma_offset, m.largest);
    }
}

// in: columns -1 to 2 (width + 1) / 2 - 1, rows already averaged.
void narrow_row(const float* __restrict in, ChromaDownsample across, int columns,
                float* __restrict out) {
    for (int i = 0; i < columns; ++i) {
        out[i] = in[2 * i - 1] * across.previous + in[2 * i] * across.centre +
                 in[2 * i + 1] * across.next;
    }
}

// One channel of the rows of luma that share a row of chroma, of the one above and the one below.
struct ChannelRows {
    explicit ChannelRows(const Picture& picture)
        : line(3 * size_t(picture.width)), mean(picture.width + 2), narrow(picture.width) {}

    // From the rows before, at and after that of a row of chroma.
    void average(const Picture& picture, ChromaDownsample down, ChromaDownsample across) {
        const int width = picture.width;
        const float* in = line.data();
        float* out = picture.sub_x ? mean.data() + 1 : narrow.data();
        for (int x = 0; x < width; ++x) {
            out[x] =
                in[x] * down.previous + in[width + x] * down.centre + in[2 * width + x] * down.next;
        }
        if (!picture.sub_x) return;
        out[-1] = out[0];
        out[width] = out[width - 1];
        narrow_row(out, across, chroma_samples(width, 1), narrow.data());
    }

    std::vector<float> line;    // three rows
    std::vector<float> mean;    // of them, from column -1 to `width`
    std::vector<float> narrow;  // as wide as chroma
};

// Luma alone where the picture is grey.
template <typename T>
void write_yuv(const ModelToPicture& params) {
    const Picture& picture = params.picture;
    const YuvMaths m = yuv_maths(picture.yuv, picture.bits);
    const int width = picture.width, sub_y = picture.sub_y;
    const int columns = chroma_samples(width, picture.sub_x);
    const ChromaDownsample across = chroma_downsample(picture.yuv.chroma_x, picture.sub_x);
    const ChromaDownsample down = chroma_downsample(picture.yuv.chroma_y, sub_y);
    const ColourRows<T> rows(params);
    ChannelRows channel[3] = {ChannelRows(picture), ChannelRows(picture), ChannelRows(picture)};
    std::vector<float> luma(width), cb(columns), cr(columns);

    for (int j = 0; j < chroma_samples(picture.height, sub_y); ++j) {
        const int first = j << sub_y;
        for (int c = 0; c < 3; ++c) {
            for (int r = -sub_y; r <= sub_y; ++r) {
                rows.read(c, first + r, &channel[c].line[size_t(1 + r) * width]);
            }
            if (picture.colour == Picture::Colour::kYuv) {
                channel[c].average(picture, down, across);
            }
        }
        for (int y = first; y < std::min(first + 1 + sub_y, picture.height); ++y) {
            const size_t at = size_t(1 + y - first) * width;
            luma_row(m, &channel[0].line[at], &channel[1].line[at], &channel[2].line[at], width,
                     luma.data());
            write_row(picture, 0, y, width, luma.data());
        }
        if (picture.colour == Picture::Colour::kGrey) continue;
        chroma_rows(m, channel[0].narrow.data(), channel[1].narrow.data(), channel[2].narrow.data(),
                    columns, cb.data(), cr.data());
        write_row(picture, 1, j, columns, cb.data());
        write_row(picture, 2, j, columns, cr.data());
    }
}

}  // namespace

void picture_to_rgb_cpu(const Picture& picture, float* rgb, float* alpha) {
    const YuvMaths m = yuv_maths(picture.yuv, picture.bits);
    const int width = picture.width;
    const int64_t area = int64_t{width} * picture.height;
    ChromaReader chroma(picture);
    std::vector<float> cb(width), cr(width);
    for (int y = 0; y < picture.height; ++y) {
        float* row[3];
        for (int c = 0; c < 3; ++c) row[c] = rgb + c * area + int64_t{y} * width;
        read_row(picture, 0, y, width, row[0]);
        switch (picture.colour) {
            case Picture::Colour::kYuv:
                chroma.read(1, y, cb.data());
                chroma.read(2, y, cr.data());
                yuv_row_to_rgb(m, cb.data(), cr.data(), width, row[0], row[1], row[2]);
                break;
            case Picture::Colour::kRgb:
                read_row(picture, 1, y, width, row[1]);
                read_row(picture, 2, y, width, row[2]);
                for (float* one : row) scale_row(m.luma_offset, m.luma_scale, width, one);
                break;
            case Picture::Colour::kGrey:
                scale_row(m.luma_offset, m.luma_scale, width, row[0]);
                for (int c = 1; c < 3; ++c) std::copy(row[0], row[0] + width, row[c]);
                break;
        }
        if (alpha && picture.has_alpha) {
            read_row(picture, 3, y, width, alpha + int64_t{y} * width);
            scale_row(0.0f, 1.0f / m.largest, width, alpha + int64_t{y} * width);
        }
    }
    if (alpha && !picture.has_alpha) std::fill(alpha, alpha + area, 1.0f);
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
    const Picture& picture = params.picture;
    with_host_type(params.type, [&](auto tag) {
        using T = decltype(tag);
        picture.colour == Picture::Colour::kRgb ? write_rgb<T>(params) : write_yuv<T>(params);
    });
    if (picture.component[3].data) write_alpha(params);
}

}  // namespace flashvsr::kernels
