// SPDX-License-Identifier: Apache-2.0
// Frames of the C interface: what they must look like, and their way into and out of tensors.
#pragma once

#include <ATen/ATen.h>

#include "core/chunk.h"
#include "core/flashvsr.h"
#include "kernels/frame.h"
#include "models/placement.h"

namespace flashvsr {

// Throws kInvalidArgument unless the info describes a frame that an engine on `device` knows.
void check_frame_info(const FlashvsrFrameInfo& info, const at::Device& device);
// The same for a frame that must match `expected` and hold its planes.
void check_frame(const FlashvsrFrame& frame, const FlashvsrFrameInfo& expected,
                 const at::Device& device);

bool has_alpha(FlashvsrFormat format);

// What a frame takes in a FrameBuffer.
int64_t frame_bytes(const FlashvsrFrameInfo& info);

// A frame in memory of our own.
struct FrameBuffer {
    FrameBuffer(const FlashvsrFrameInfo& info, const at::TensorOptions& where);
    at::Tensor bytes;  // all planes, rows aligned to 64 bytes
    FlashvsrFrame frame;
};

// Between frames of one format and size, both in host memory.
void copy_frame(const FlashvsrFrame& from, const FlashvsrFrame& to);
#ifdef FLASHVSR_CUDA
// Both on the device; queued on the current CUDA stream.
void copy_frame_on_device(const FlashvsrFrame& from, const FlashvsrFrame& to);
#endif

// Converts, resizes by bicubic to the output size and pads to multiples of 128 by repeating the
// border; the padding is at the right and at the bottom.
class FrameReader {
  public:
    FrameReader(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                const Placement& placement);

    // Reads a frame that lies where the model runs. rgb: [3, padded height, padded width], run
    // dtype, gets values in [-1, 1]; alpha: [height, width], fp32, in [0, 1], or undefined.
    void read(const FlashvsrFrame& frame, const at::Tensor& rgb, const at::Tensor& alpha) const;

    int64_t padded_height() const { return padded_height_; }
    int64_t padded_width() const { return padded_width_; }

  private:
    struct Axis {
        int in = 0;
        int out = 0;
        int count = 0;
        at::Tensor first;   // [out], int32
        at::Tensor weight;  // [out, count], fp32
        kernels::ResizeTapsView view() const;
    };
    static Axis make_axis(int in, int out, const at::Device& device);

    Axis rows_, columns_;
    int64_t padded_height_, padded_width_;
};

// Finishes frame `index` of a chunk and converts it into one that lies where the chunk does.
// alpha: [height, width] or undefined.
void write_frame(const ChunkOutput& output, int64_t index, const at::Tensor& alpha,
                 const FlashvsrFrame& frame);

}  // namespace flashvsr
