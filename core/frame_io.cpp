#include "core/frame_io.h"

#include <array>
#include <cstring>
#include <string>

#include "models/error.h"
#include "models/kernel_args.h"
#include "models/window.h"

#ifdef FLASHVSR_CUDA
#include "kernels/cuda_check.h"
#endif

namespace flashvsr {
namespace {

// The spatial reach of the RoPE and window arithmetic: 1024 token rows or columns of 16 pixels.
constexpr int32_t kMaxSide = 16384;
// Of rows in our own memory: kernels then read and write 16 bytes at a time.
constexpr int64_t kRowAlignment = 64;

struct PlaneSize {
    int64_t rows = 0;
    int64_t row_bytes = 0;
};

int plane_count(FlashvsrFormat format) {
    switch (format) {
        case FLASHVSR_FORMAT_I420: return 3;
        case FLASHVSR_FORMAT_NV12:
        case FLASHVSR_FORMAT_P010: return 2;
        default: return 1;
    }
}

bool is_packed(FlashvsrFormat format) { return plane_count(format) == 1; }

int pixel_bytes(FlashvsrFormat format) {
    return format == FLASHVSR_FORMAT_RGB || format == FLASHVSR_FORMAT_BGR ? 3 : 4;
}

int sample_bytes(FlashvsrFormat format) { return format == FLASHVSR_FORMAT_P010 ? 2 : 1; }

PlaneSize plane_size(const FlashvsrFrameInfo& info, int plane) {
    const int64_t width = info.width;
    const int64_t height = info.height;
    if (is_packed(info.format)) return {height, width * pixel_bytes(info.format)};
    if (plane == 0) return {height, width * sample_bytes(info.format)};
    const int64_t chroma_samples = info.format == FLASHVSR_FORMAT_I420 ? 1 : 2;
    return {(height + 1) / 2, (width + 1) / 2 * chroma_samples * sample_bytes(info.format)};
}

int64_t aligned_row(const PlaneSize& size) {
    return (size.row_bytes + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
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

kernels::Picture::Kind picture_kind(FlashvsrFormat format) {
    switch (format) {
        case FLASHVSR_FORMAT_I420: return kernels::Picture::Kind::kI420;
        case FLASHVSR_FORMAT_NV12: return kernels::Picture::Kind::kNv12;
        case FLASHVSR_FORMAT_P010: return kernels::Picture::Kind::kP010;
        default: return kernels::Picture::Kind::kPacked;
    }
}

// Without its planes.
kernels::Picture describe(const FlashvsrFrameInfo& info) {
    kernels::Picture picture;
    picture.kind = picture_kind(info.format);
    picture.width = info.width;
    picture.height = info.height;
    picture.packed = packed_layout(info.format);
    picture.yuv = yuv_coding(info);
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

int64_t padded(int64_t size) { return (size + kWindowPixels - 1) / kWindowPixels * kWindowPixels; }

}  // namespace

void check_frame_info(const FlashvsrFrameInfo& info, const at::Device& device) {
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
    for (int i = 0; i < plane_count(info.format); ++i) {
        if (!frame.plane[i]) refuse("plane " + std::to_string(i) + " is NULL");
        if (frame.stride[i] < plane_size(info, i).row_bytes)
            refuse("stride " + std::to_string(frame.stride[i]) + " of plane " + std::to_string(i) +
                   " is shorter than a row");
        if (frame.stride[i] % sample_bytes(info.format) != 0 ||
            reinterpret_cast<uintptr_t>(frame.plane[i]) % sample_bytes(info.format) != 0)
            refuse("plane " + std::to_string(i) + " does not begin and go on at whole samples");
        if (info.memory == FLASHVSR_MEMORY_CUDA) check_device_pointer(frame.plane[i], device);
    }
}

bool has_alpha(FlashvsrFormat format) {
    return format == FLASHVSR_FORMAT_RGBA || format == FLASHVSR_FORMAT_BGRA;
}

kernels::Picture as_picture(const FlashvsrFrame& frame) {
    kernels::Picture picture = describe(frame.info);
    for (int i = 0; i < plane_count(frame.info.format); ++i) {
        picture.plane[i] = static_cast<uint8_t*>(frame.plane[i]);
        picture.stride[i] = frame.stride[i];
    }
    return picture;
}

int64_t frame_bytes(const FlashvsrFrameInfo& info) {
    int64_t total = 0;
    for (int i = 0; i < plane_count(info.format); ++i) {
        const PlaneSize size = plane_size(info, i);
        total += aligned_row(size) * size.rows;
    }
    return total;
}

FrameBuffer::FrameBuffer(const FlashvsrFrameInfo& info, const at::TensorOptions& where)
    : bytes(at::empty({frame_bytes(info)}, where.dtype(at::kByte))), picture(describe(info)) {
    auto* plane = bytes.mutable_data_ptr<uint8_t>();
    for (int i = 0; i < plane_count(info.format); ++i) {
        const PlaneSize size = plane_size(info, i);
        picture.plane[i] = plane;
        picture.stride[i] = static_cast<int>(aligned_row(size));
        plane += aligned_row(size) * size.rows;
    }
}

void copy_frame(const FlashvsrFrameInfo& info, const kernels::Picture& from,
                const kernels::Picture& to) {
    for (int i = 0; i < plane_count(info.format); ++i) {
        const PlaneSize size = plane_size(info, i);
        for (int64_t y = 0; y < size.rows; ++y)
            std::memcpy(to.plane[i] + y * to.stride[i], from.plane[i] + y * from.stride[i],
                        size.row_bytes);
    }
}

#ifdef FLASHVSR_CUDA
void copy_frame_on_device(const FlashvsrFrameInfo& info, const kernels::Picture& from,
                          const kernels::Picture& to) {
    for (int i = 0; i < plane_count(info.format); ++i) {
        const PlaneSize size = plane_size(info, i);
        FLASHVSR_CUDA_CHECK(cudaMemcpy2DAsync(
            to.plane[i], to.stride[i], from.plane[i], from.stride[i], size.row_bytes, size.rows,
            cudaMemcpyDeviceToDevice, c10::cuda::getCurrentCUDAStream().stream()));
    }
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

void FrameReader::read(const kernels::Picture& picture, const at::Tensor& rgb,
                       const at::Tensor& alpha) const {
    TORCH_CHECK(rgb.is_contiguous() && rgb.size(1) == padded_height_ &&
                rgb.size(2) == padded_width_);
    kernels::PictureToModel params;
    params.picture = picture;
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
                 const kernels::Picture& picture) {
    const at::Tensor decoded = output.frames.decoded[index];
    const at::Tensor reference = output.frames.reference[index];
    TORCH_CHECK(decoded.scalar_type() == reference.scalar_type());
    TORCH_CHECK(picture.width == output.frames.width && picture.height == output.frames.height);
    kernels::ModelToPicture params;
    params.decoded = planes_of(decoded);
    params.reference = planes_of(reference);
    if (output.affine.defined()) params.affine = output.affine[index].const_data_ptr<float>();
    params.strength = static_cast<float>(output.strength);
    params.alpha = alpha.defined() ? alpha.const_data_ptr<float>() : nullptr;
    params.type = element_type(decoded);
    params.picture = picture;
    FLASHVSR_LAUNCH(model_to_picture, decoded, params);
}

}  // namespace flashvsr
