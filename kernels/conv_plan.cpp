// SPDX-License-Identifier: Apache-2.0
#include "kernels/conv_plan.h"

#include <initializer_list>

namespace flashvsr::kernels {
namespace {

constexpr int kElementBytes = 2;
constexpr int64_t kCacheable = 24 << 20;  // bytes of weights that stay in the L2 cache

// The tile that makes the fewest channels in vain; a tile's pixels cost as much as 32 channels.
int fewest_in_vain(int out) {
    const auto cost = [out](int channels) {
        return (out + channels - 1) / channels * (channels + 32);
    };
    int best = 128;
    for (const int channels : {96, 64, 48, 32})
        if (cost(channels) < cost(best)) best = channels;
    return best;
}

}  // namespace

ConvPlan plan_conv(const Conv& params, const ConvShape& shape) {
    ConvPlan plan;
    plan.tile_channels = fewest_in_vain(params.out);
    // 1x1 convolutions are cheap: fewer tiles are compiled for them.
    if (params.kernel == 1 && plan.tile_channels < 96) plan.tile_channels = 96;
    // Narrow results are made of narrow inputs.
    plan.whole_pieces =
        plan.tile_channels >= 64 && params.in % (kConvPieceBytes / kElementBytes) == 0;
    // Weights that stay in the cache are gone through for each pair of subtiles, so that inputs are
    // read once; larger ones are read once, by all pixels.
    plan.channels_first = int64_t{shape.phases} * params.out * shape.taps * shape.inputs *
                              params.in * kElementBytes <=
                          kCacheable;
    return plan;
}

}  // namespace flashvsr::kernels
