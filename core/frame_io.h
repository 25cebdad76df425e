// Frames of the C interface to and from the tensors of the networks.
#pragma once

#include <ATen/ATen.h>

#include "core/flashvsr.h"
#include "models/placement.h"

namespace flashvsr {

// Throws kInvalidArgument unless the info describes a frame that the engine knows.
void check_frame_info(const FlashvsrFrameInfo& info);
// The same for a frame that must match `expected` and hold its planes.
void check_frame(const FlashvsrFrame& frame, const FlashvsrFrameInfo& expected);

bool has_alpha(FlashvsrFormat format);

// Converts, resizes by bicubic to the output size and pads to multiples of 128 by repeating the
// border; the padding is at the right and at the bottom.
class FrameReader {
  public:
    FrameReader(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                const Placement& placement);

    struct Resized {
        at::Tensor rgb;    // [3, padded height, padded width] in [-1, 1], run dtype
        at::Tensor alpha;  // [height, width] in [0, 1], fp32; undefined unless both sides have one
    };
    Resized read(const FlashvsrFrame& frame) const;

    int64_t padded_height() const { return padded_height_; }
    int64_t padded_width() const { return padded_width_; }

  private:
    at::Tensor resize(const at::Tensor& planes, double gain, double offset, int64_t height,
                      int64_t width, const Placement& placement) const;

    struct Axis {
        int in = 0;
        int out = 0;
        int count = 0;
        at::Tensor first;   // [out], int32
        at::Tensor weight;  // [out, count], fp32
    };
    static Axis make_axis(int in, int out, const Placement& placement);

    FlashvsrFrameInfo input_;
    Placement placement_;
    Axis rows_, columns_;
    int64_t padded_height_, padded_width_;
    bool alpha_;
};

// rgb: [3, height, width] in [-1, 1], run dtype, rows contiguous; alpha: [height, width] or
// undefined. Returns when the pixels have been written.
void write_frame(const at::Tensor& rgb, const at::Tensor& alpha, const FlashvsrFrame& frame);

}  // namespace flashvsr
