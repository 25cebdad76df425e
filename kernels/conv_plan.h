// SPDX-License-Identifier: Apache-2.0
// How conv_sm90 divides a convolution, by what its tiles were seen to cost. Arithmetic; no GPU is
// asked.
#pragma once

#include "kernels/conv.h"

namespace flashvsr::kernels {

constexpr int kConvPieceBytes = 128;  // of a pixel's channels that are copied at a time

struct ConvPlan {
    int tile_channels = 128;  // of the output: 128, 96, 64, 48 or 32; for 1x1 only 128 or 96
    // Inputs are made of whole pieces, so that the tile need not look for the end of the last one.
    bool whole_pieces = false;
    // Pixels go through all output channels before the next pixels do, or the other way round.
    bool channels_first = true;
};

ConvPlan plan_conv(const Conv& params, const ConvShape& shape);

}  // namespace flashvsr::kernels
