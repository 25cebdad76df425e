// SPDX-License-Identifier: Apache-2.0
#include "core/frame_io.h"

#include <array>
#include <cstring>
#include <string>

#include "core/picture.h"
#include "models/error.h"
#include "models/kernel_args.h"
#include "models/window.h"

#ifdef FLASHVSR_CUDA
#include "kernels/cuda_check.h"
#endif

namespace flashvsr {
namespace {

// The spatial reach of the RoPE and window arithmetic: 1024 token rows or columns of 16 pixels.
constexpr int32_t kMaxSide = FLASHVSR_MAX_SIDE;
// Rows in our own memory begin at multiples of this: kernels then read and write 16 bytes at once.
constexpr int64_t kRowAlignment = 64;

int64_t aligned_row(const FlashvsrFrameInfo& info, int plane) {
    const int64_t bytes = format_of(info.format).row_bytes(plane, info.width);
    return (bytes + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

kernels::YuvCoding yuv_coding(const FlashvsrFrameInfo& info) {
    kernels::YuvCoding coding;
    switch (info.matrix) {
        case FLASHVSR_MATRIX_BT601: coding.kr = 0.299f, coding.kb = 0.114f; break;
        case FLASHVSR_MATRIX_BT2020: coding.kr = 0.2627f, coding.kb = 0.0593f; break;
        default: coding.kr = 0.2126f, coding.kb = 0.0722f; break;
    }
    coding.limited_range = info.range == FLASHVSR_RANGE_LIMITED;
    const FlashvsrChromaSite site = info.chroma_site;
    const bool between_columns = site == FLASHVSR_CHROMA_CENTER || site == FLASHVSR_CHROMA_TOP;
    const bool on_row = site == FLASHVSR_CHROMA_TOP_LEFT || site == FLASHVSR_CHROMA_TOP;
    coding.chroma_x = between_columns ? 0.5f : 0.0f;
    coding.chroma_y = on_row ? 0.0f : 0.5f;
    return coding;
}

kernels::Picture as_picture(const FlashvsrFrame& frame) {
    kernels::Picture picture = lay_out(format_of(frame.info.format), frame.plane, frame.stride);
    picture.width = frame.info.width;
    picture.height = frame.info.height;
    picture.yuv = yuv_coding(frame.info);
    return picture;
}

kernels::ModelPlanes planes_of(const at::Tensor& frame) {
    TORCH_CHECK(frame.stride(2) == 1);
    return {frame.const_data_ptr(), frame.stride(0), frame.stride(1)};
}

[[noreturn]] void refuse(const std::string& message) {
    throw Error(Error::Kind::kInvalidArgument, message);
}

// A kernel that is given a wrong pointer takes the whole process's context down.
void check_device_pointer(const void* plane, const at::Device& device) {
#ifdef FLASHVSR_CUDA
    cudaPointerAttributes attributes = {};
    // A thread that has not used CUDA yet has no context to look the pointer up in.
    cudaError_t status = cudaSetDevice(device.index());
    if (status == cudaSuccess) status = cudaPointerGetAttributes(&attributes, plane);
    if (status != cudaSuccess) (void)cudaGetLastError();
    if (status != cudaSuccess || attributes.devicePointer == nullptr ||
        attributes.device != device.index())
        refuse("a plane is not memory of device " + device.str() + " (" + cudaGetErrorName(status) +
               ", kind " + std::to_string(attributes.type) + ", device " +
               std::to_string(attributes.device) + ")");
#endif
    (void)plane;
    (void)device;
}

int64_t padded(int64_t size) { return windows_over(size) * kWindowPixels; }

}  // namespace

void check_frame_info(const FlashvsrFrameInfo& info, const at::Device& device) {
    if (!is_format(info.format)) refuse("unknown pixel format " + std::to_string(info.format));
    if (info.width < 1 || info.height < 1 || info.width > kMaxSide || info.height > kMaxSide)
        refuse("frame size " + std::to_string(info.width) + "x" + std::to_string(info.height) +
               " is not within 1x1 and 16384x16384");
    if (info.matrix < FLASHVSR_MATRIX_RGB || info.matrix > FLASHVSR_MATRIX_BT2020 ||
        info.range < FLASHVSR_RANGE_FULL || info.range > FLASHVSR_RANGE_LIMITED ||
        info.chroma_site < FLASHVSR_CHROMA_LEFT || info.chroma_site > FLASHVSR_CHROMA_TOP)
        refuse("unknown colour matrix, range or chroma site");
    if (!format_of(info.format).rgb && info.matrix == FLASHVSR_MATRIX_RGB)
        refuse("a YUV or grey frame needs a colour matrix");
    if (info.memory < FLASHVSR_MEMORY_HOST || info.memory > FLASHVSR_MEMORY_CUDA)
        refuse("unknown kind of memory");
    if (info.memory == FLASHVSR_MEMORY_CUDA && !device.is_cuda())
        refuse("frames in CUDA memory need an engine on a CUDA device");
}

void check_frame(const FlashvsrFrame& frame, const FlashvsrFrameInfo& expected,
                 const at::Device& device) {
    const FlashvsrFrameInfo& info = frame.info;
    if (info.format != expected.format || info.width != expected.width ||
        info.height != expected.height || info.matrix != expected.matrix ||
        info.range != expected.range || info.chroma_site != expected.chroma_site ||
        info.memory != expected.memory)
        refuse("the frame's info differs from the stream's; open a new stream for another format");
    const Format& format = format_of(info.format);
    for (int i = 0; i < format.planes; ++i) {
        if (!frame.plane[i]) refuse("plane " + std::to_string(i) + " is NULL");
        if (frame.stride[i] < format.row_bytes(i, info.width))
            refuse("stride " + std::to_string(frame.stride[i]) + " of plane " + std::to_string(i) +
                   " is shorter than a row");
        if (frame.stride[i] % format.sample_bytes() != 0 ||
            reinterpret_cast<uintptr_t>(frame.plane[i]) % format.sample_bytes() != 0)
            refuse("plane " + std::to_string(i) + " does not begin and go on at whole samples");
        if (info.memory == FLASHVSR_MEMORY_CUDA) check_device_pointer(frame.plane[i], device);
    }
}

bool has_alpha(FlashvsrFormat format) { return format_of(format).has_alpha; }

int64_t frame_bytes(const FlashvsrFrameInfo& info) {
    const Format& format = format_of(info.format);
    int64_t total = 0;
    for (int i = 0; i < format.planes; ++i)
        total += aligned_row(info, i) * format.rows(i, info.height);
    return total;
}

FrameBuffer::FrameBuffer(const FlashvsrFrameInfo& info, const at::TensorOptions& where)
    : bytes(at::empty({frame_bytes(info)}, where.dtype(at::kByte))), frame{} {
    const Format& format = format_of(info.format);
    frame.info = info;
    auto* plane = bytes.mutable_data_ptr<uint8_t>();
    for (int i = 0; i < format.planes; ++i) {
        frame.plane[i] = plane;
        frame.stride[i] = static_cast<int32_t>(aligned_row(info, i));
        plane += aligned_row(info, i) * format.rows(i, info.height);
    }
}

void copy_frame(const FlashvsrFrame& from, const FlashvsrFrame& to) {
    const FlashvsrFrameInfo& info = from.info;
    const Format& format = format_of(info.format);
    for (int i = 0; i < format.planes; ++i) {
        const auto* source = static_cast<const uint8_t*>(from.plane[i]);
        auto* target = static_cast<uint8_t*>(to.plane[i]);
        for (int64_t y = 0; y < format.rows(i, info.height); ++y)
            std::memcpy(target + y * to.stride[i], source + y * from.stride[i],
                        format.row_bytes(i, info.width));
    }
}

#ifdef FLASHVSR_CUDA
void copy_frame_on_device(const FlashvsrFrame& from, const FlashvsrFrame& to) {
    const FlashvsrFrameInfo& info = from.info;
    const Format& format = format_of(info.format);
    for (int i = 0; i < format.planes; ++i)
        FLASHVSR_CUDA_CHECK(cudaMemcpy2DAsync(to.plane[i], to.stride[i], from.plane[i],
                                              from.stride[i], format.row_bytes(i, info.width),
                                              format.rows(i, info.height), cudaMemcpyDeviceToDevice,
                                              c10::cuda::getCurrentCUDAStream().stream()));
}
#endif

kernels::ResizeTapsView FrameReader::Axis::view() const {
    return {in, out, count, first.const_data_ptr<int32_t>(), weight.const_data_ptr<float>()};
}

FrameReader::Axis FrameReader::make_axis(int in, int out, const at::Device& device) {
    kernels::ResizeTaps taps = kernels::bicubic_taps(in, out);
    const at::Tensor first = at::from_blob(taps.first.data(), {out}, at::kInt);
    const at::Tensor weight = at::from_blob(taps.weight.data(), {out, taps.count}, at::kFloat);
    return {in, out, taps.count, first.clone().to(device), weight.clone().to(device)};
}

FrameReader::FrameReader(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                         const Placement& placement)
    : rows_(make_axis(input.height, output.height, placement.device)),
      columns_(make_axis(input.width, output.width, placement.device)),
      padded_height_(padded(output.height)),
      padded_width_(padded(output.width)) {}

void FrameReader::read(const FlashvsrFrame& frame, const at::Tensor& rgb,
                       const at::Tensor& alpha) const {
    TORCH_CHECK(rgb.is_contiguous() && rgb.size(1) == padded_height_ &&
                rgb.size(2) == padded_width_);
    kernels::PictureToModel params;
    params.picture = as_picture(frame);
    params.rows = rows_.view();
    params.columns = columns_.view();
    params.rgb = rgb.mutable_data_ptr();
    params.alpha = alpha.defined() ? alpha.mutable_data_ptr<float>() : nullptr;
    params.padded_height = static_cast<int>(padded_height_);
    params.padded_width = static_cast<int>(padded_width_);
    params.type = element_type(rgb);
    FLASHVSR_LAUNCH(picture_to_model, rgb, params);
}

void write_frame(const ChunkOutput& output, int64_t index, const at::Tensor& alpha,
                 const FlashvsrFrame& frame) {
    const at::Tensor decoded = output.frames.decoded[index];
    const at::Tensor reference = output.frames.reference[index];
    TORCH_CHECK(decoded.scalar_type() == reference.scalar_type());
    TORCH_CHECK(frame.info.width == output.frames.width &&
                frame.info.height == output.frames.height);
    kernels::ModelToPicture params;
    params.decoded = planes_of(decoded);
    params.reference = planes_of(reference);
    if (output.affine.defined()) params.affine = output.affine[index].const_data_ptr<float>();
    params.strength = static_cast<float>(output.strength);
    params.alpha = alpha.defined() ? alpha.const_data_ptr<float>() : nullptr;
    params.type = element_type(decoded);
    params.picture = as_picture(frame);
    FLASHVSR_LAUNCH(model_to_picture, decoded, params);
}

}  // namespace flashvsr
