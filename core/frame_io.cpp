#include "core/frame_io.h"

#include <array>
#include <string>

#include "kernels/frame.h"
#include "models/error.h"
#include "models/kernel_args.h"
#include "models/window.h"

namespace flashvsr {
namespace {

// The spatial reach of the RoPE and window arithmetic: 1024 token rows or columns of 16 pixels.
constexpr int32_t kMaxSide = 16384;

struct PlaneSize {
    int64_t rows = 0;
    int64_t row_bytes = 0;
};

int plane_count(FlashvsrFormat format) {
    if (format == FLASHVSR_FORMAT_I420) return 3;
    return format == FLASHVSR_FORMAT_NV12 ? 2 : 1;
}

bool is_packed(FlashvsrFormat format) { return plane_count(format) == 1; }

int pixel_bytes(FlashvsrFormat format) {
    return format == FLASHVSR_FORMAT_RGB || format == FLASHVSR_FORMAT_BGR ? 3 : 4;
}

PlaneSize plane_size(const FlashvsrFrameInfo& info, int plane) {
    const int64_t width = info.width;
    const int64_t height = info.height;
    if (is_packed(info.format)) return {height, width * pixel_bytes(info.format)};
    if (plane == 0) return {height, width};
    const int64_t chroma_bytes = info.format == FLASHVSR_FORMAT_NV12 ? 2 : 1;
    return {(height + 1) / 2, (width + 1) / 2 * chroma_bytes};
}

kernels::PackedLayout packed_layout(FlashvsrFormat format) {
    kernels::PackedLayout layout;
    layout.pixel_bytes = pixel_bytes(format);
    if (format == FLASHVSR_FORMAT_BGR || format == FLASHVSR_FORMAT_BGRA ||
        format == FLASHVSR_FORMAT_BGRX) {
        layout.red = 2;
        layout.blue = 0;
    }
    layout.alpha = has_alpha(format) ? 3 : -1;
    return layout;
}

kernels::YuvCoding yuv_coding(const FlashvsrFrameInfo& info) {
    kernels::YuvCoding coding;
    switch (info.matrix) {
        case FLASHVSR_MATRIX_BT601: coding.kr = 0.299f, coding.kb = 0.114f; break;
        case FLASHVSR_MATRIX_BT2020: coding.kr = 0.2627f, coding.kb = 0.0593f; break;
        default: coding.kr = 0.2126f, coding.kb = 0.0722f; break;
    }
    coding.limited_range = info.range == FLASHVSR_RANGE_LIMITED;
    coding.chroma_x = info.chroma_site == FLASHVSR_CHROMA_CENTER ? 0.5f : 0.0f;
    coding.chroma_y = info.chroma_site == FLASHVSR_CHROMA_TOP_LEFT ? 0.0f : 0.5f;
    return coding;
}

kernels::Picture describe(const FlashvsrFrameInfo& info) {
    kernels::Picture picture;
    picture.width = info.width;
    picture.height = info.height;
    picture.packed = packed_layout(info.format);
    picture.yuv = yuv_coding(info);
    if (info.format == FLASHVSR_FORMAT_I420) picture.kind = kernels::Picture::Kind::kI420;
    if (info.format == FLASHVSR_FORMAT_NV12) picture.kind = kernels::Picture::Kind::kNv12;
    return picture;
}

kernels::Picture host_picture(const FlashvsrFrame& frame) {
    kernels::Picture picture = describe(frame.info);
    for (int i = 0; i < plane_count(frame.info.format); ++i) {
        picture.plane[i] = static_cast<uint8_t*>(frame.plane[i]);
        picture.stride[i] = frame.stride[i];
    }
    return picture;
}

// A plane of the caller's as a tensor [rows, row bytes] that aliases it.
at::Tensor plane_tensor(const FlashvsrFrame& frame, int plane) {
    const PlaneSize size = plane_size(frame.info, plane);
    return at::from_blob(frame.plane[plane], {size.rows, size.row_bytes}, {frame.stride[plane], 1},
                         at::kByte);
}

// The picture's planes on the device; `storage` owns them.
kernels::Picture device_picture(const FlashvsrFrameInfo& info, const at::Device& device,
                                std::array<at::Tensor, 3>& storage) {
    kernels::Picture picture = describe(info);
    for (int i = 0; i < plane_count(info.format); ++i) {
        const PlaneSize size = plane_size(info, i);
        storage[i] = at::empty({size.rows, size.row_bytes},
                               at::TensorOptions().dtype(at::kByte).device(device));
        picture.plane[i] = storage[i].mutable_data_ptr<uint8_t>();
        picture.stride[i] = static_cast<int>(size.row_bytes);
    }
    return picture;
}

kernels::RgbToPicture rgb_source(const at::Tensor& rgb, const at::Tensor& alpha) {
    kernels::RgbToPicture source;
    source.rgb = rgb.const_data_ptr();
    source.row_stride = rgb.stride(1);
    source.plane_stride = rgb.stride(0);
    source.alpha = alpha.defined() ? alpha.const_data_ptr<float>() : nullptr;
    source.type = element_type(rgb);
    return source;
}

[[noreturn]] void refuse(const std::string& message) {
    throw Error(Error::Kind::kInvalidArgument, message);
}

int64_t padded(int64_t size) { return (size + kWindowPixels - 1) / kWindowPixels * kWindowPixels; }

}  // namespace

void check_frame_info(const FlashvsrFrameInfo& info) {
    if (info.format < FLASHVSR_FORMAT_I420 || info.format > FLASHVSR_FORMAT_BGRX)
        refuse("unknown pixel format " + std::to_string(info.format));
    if (info.width < 1 || info.height < 1 || info.width > kMaxSide || info.height > kMaxSide)
        refuse("frame size " + std::to_string(info.width) + "x" + std::to_string(info.height) +
               " is not within 1x1 and 16384x16384");
    if (info.matrix < FLASHVSR_MATRIX_RGB || info.matrix > FLASHVSR_MATRIX_BT2020 ||
        info.range < FLASHVSR_RANGE_FULL || info.range > FLASHVSR_RANGE_LIMITED ||
        info.chroma_site < FLASHVSR_CHROMA_LEFT || info.chroma_site > FLASHVSR_CHROMA_TOP_LEFT)
        refuse("unknown colour matrix, range or chroma site");
    if (!is_packed(info.format) && info.matrix == FLASHVSR_MATRIX_RGB)
        refuse("a YUV frame needs a colour matrix");
}

void check_frame(const FlashvsrFrame& frame, const FlashvsrFrameInfo& expected) {
    const FlashvsrFrameInfo& info = frame.info;
    if (info.format != expected.format || info.width != expected.width ||
        info.height != expected.height || info.matrix != expected.matrix ||
        info.range != expected.range || info.chroma_site != expected.chroma_site)
        refuse("the frame's info differs from the stream's; open a new stream for another format");
    for (int i = 0; i < plane_count(info.format); ++i) {
        if (!frame.plane[i]) refuse("plane " + std::to_string(i) + " is NULL");
        if (frame.stride[i] < plane_size(info, i).row_bytes)
            refuse("stride " + std::to_string(frame.stride[i]) + " of plane " + std::to_string(i) +
                   " is shorter than a row");
    }
}

bool has_alpha(FlashvsrFormat format) {
    return format == FLASHVSR_FORMAT_RGBA || format == FLASHVSR_FORMAT_BGRA;
}

FrameReader::FrameReader(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                         const Placement& placement)
    : input_(input),
      placement_(placement),
      rows_(make_axis(input.height, output.height, placement)),
      columns_(make_axis(input.width, output.width, placement)),
      padded_height_(padded(output.height)),
      padded_width_(padded(output.width)),
      alpha_(has_alpha(input.format) && has_alpha(output.format)) {}

FrameReader::Axis FrameReader::make_axis(int in, int out, const Placement& placement) {
    kernels::ResizeTaps taps = kernels::bicubic_taps(in, out);
    const at::Tensor first = at::from_blob(taps.first.data(), {out}, at::kInt);
    const at::Tensor weight = at::from_blob(taps.weight.data(), {out, taps.count}, at::kFloat);
    return {in, out, taps.count, first.clone().to(placement.device),
            weight.clone().to(placement.device)};
}

FrameReader::Resized FrameReader::read(const FlashvsrFrame& frame) const {
    std::array<at::Tensor, 3> storage;
    kernels::Picture picture = host_picture(frame);
    if (placement_.device.is_cuda()) {
        picture = device_picture(input_, placement_.device, storage);
        for (int i = 0; i < plane_count(input_.format); ++i)
            storage[i].copy_(plane_tensor(frame, i));
    }
    at::Tensor rgb = at::empty({3, input_.height, input_.width}, placement_.fp32());
    at::Tensor alpha;
    if (alpha_) alpha = at::empty({1, input_.height, input_.width}, placement_.fp32());
    float* alpha_data = alpha_ ? alpha.mutable_data_ptr<float>() : nullptr;
#ifdef FLASHVSR_CUDA
    if (rgb.is_cuda())
        kernels::picture_to_rgb_cuda(picture, rgb.mutable_data_ptr<float>(), alpha_data,
                                     current_stream(rgb));
    else
#endif
        kernels::picture_to_rgb_cpu(picture, rgb.mutable_data_ptr<float>(), alpha_data);

    Resized resized;
    resized.rgb = resize(rgb, 2.0, -1.0, padded_height_, padded_width_, placement_);
    if (alpha_) {
        const Placement fp32{placement_.device, at::kFloat};
        resized.alpha = resize(alpha, 1.0, 0.0, rows_.out, columns_.out, fp32).squeeze(0);
    }
    return resized;
}

at::Tensor FrameReader::resize(const at::Tensor& planes, double gain, double offset, int64_t height,
                               int64_t width, const Placement& placement) const {
    auto taps = [](const Axis& axis) {
        return kernels::ResizeTapsView{axis.in, axis.out, axis.count,
                                       axis.first.const_data_ptr<int32_t>(),
                                       axis.weight.const_data_ptr<float>()};
    };
    const at::Tensor scratch =
        at::empty({planes.size(0), rows_.in, columns_.out}, placement.fp32());
    at::Tensor out = at::empty({planes.size(0), height, width}, placement.options());
    kernels::Resize params;
    params.in = planes.const_data_ptr<float>();
    params.scratch = scratch.mutable_data_ptr<float>();
    params.out = out.mutable_data_ptr();
    params.planes = static_cast<int>(planes.size(0));
    params.rows = taps(rows_);
    params.columns = taps(columns_);
    params.padded_height = static_cast<int>(height);
    params.padded_width = static_cast<int>(width);
    params.gain = static_cast<float>(gain);
    params.offset = static_cast<float>(offset);
    params.type = element_type(out);
    FLASHVSR_LAUNCH(resize, out, params);
    return out;
}

void write_frame(const at::Tensor& rgb, const at::Tensor& alpha, const FlashvsrFrame& frame) {
    TORCH_CHECK(rgb.stride(2) == 1 && rgb.size(1) == frame.info.height &&
                rgb.size(2) == frame.info.width);
    const kernels::RgbToPicture source = rgb_source(rgb, alpha);
#ifdef FLASHVSR_CUDA
    if (rgb.is_cuda()) {
        std::array<at::Tensor, 3> storage;
        kernels::rgb_to_picture_cuda(source, device_picture(frame.info, rgb.device(), storage),
                                     current_stream(rgb));
        for (int i = 0; i < plane_count(frame.info.format); ++i)
            plane_tensor(frame, i).copy_(storage[i]);
        return;
    }
#endif
    kernels::rgb_to_picture_cpu(source, host_picture(frame));
}

}  // namespace flashvsr
