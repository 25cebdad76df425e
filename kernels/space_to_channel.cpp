// SPDX-License-Identifier: Apache-2.0
#include "kernels/space_to_channel.h"

#include "kernels/half.h"
#include "kernels/require.h"

namespace flashvsr::kernels {

void space_to_channel_cpu(const SpaceToChannel& p) {
    require(p.stack.group >= 2 && p.stack.group % 2 == 0 && p.frame_count % p.stack.group == 0,
            "space_to_channel takes groups of an even number of frames");
    const Im2colShape shape = {p.frame_count, p.height, p.width, kTokenChannels};
    with_host_type(p.type, [&](auto tag) {
        using T = decltype(tag);
        const T* pixel = static_cast<const T*>(p.frames);
        const auto move = [](const T* from, T* to) { *to = *from; };
        for (int64_t plane = 0; plane < p.frame_count * 3; ++plane)
            for (int row = 0; row < p.height * kTokenSide; ++row)
                for (int column = 0; column < p.width * kTokenSide; ++column, ++pixel) {
                    const int channel =
                        (static_cast<int>(plane % 3) * kTokenSide + row % kTokenSide) * kTokenSide +
                        column % kTokenSide;
                    put_taps<T>(
                        p.stack, shape, plane / 3, row / kTokenSide, column / kTokenSide, channel,
                        [&](T* to) { *to = *pixel; }, move);
                }
    });
}

}  // namespace flashvsr::kernels
