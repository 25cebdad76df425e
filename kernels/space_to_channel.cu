// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/require.h"
#include "kernels/space_to_channel.h"
#include "kernels/warp.h"

namespace flashvsr::kernels {
namespace {

constexpr int kVector = 8;
// A lane has half a row of a token, a warp one plane of it.
constexpr int kTokensPerBlock = 8;

template <typename T>
__global__ void __launch_bounds__(kWarpSize* kTokensPerBlock)
    space_to_channel_kernel(SpaceToChannel p) {
    const int lane = threadIdx.x;
    const int x = blockIdx.x * kTokensPerBlock + threadIdx.y;
    if (x >= p.width) return;
    const int y = blockIdx.y;
    const int64_t plane = blockIdx.z;
    const int64_t row = (plane * p.height + y) * kTokenSide + lane / 2;
    float v[kVector];
    load8(static_cast<const T*>(p.frames) + (row * p.width + x) * kTokenSide + lane % 2 * kVector,
          v);
    const int channel = static_cast<int>(plane % 3) * kTokenSide * kTokenSide + lane * kVector;
    put_taps<T>(
        p.stack, {p.frame_count, p.height, p.width, kTokenChannels}, plane / 3, y, x, channel,
        [&](T* to) { store8(v, to); },
        [](const T* from, T* to) {
            float old[kVector];
            load8(from, old);
            store8(old, to);
        });
}

}  // namespace

void space_to_channel_cuda(const SpaceToChannel& p, CudaStream stream) {
    require(p.stack.group >= 2 && p.stack.group % 2 == 0 && p.frame_count % p.stack.group == 0,
            "space_to_channel takes groups of an even number of frames");
    if (p.frame_count == 0) return;
    const dim3 blocks((p.width + kTokensPerBlock - 1) / kTokensPerBlock, p.height,
                      static_cast<unsigned>(p.frame_count * 3));
    with_device_type(p.type, [&](auto tag) {
        space_to_channel_kernel<decltype(tag)>
            <<<blocks, dim3(kWarpSize, kTokensPerBlock), 0, stream>>>(p);
        FLASHVSR_CUDA_CHECK_LAUNCH(space_to_channel_kernel);
    });
}

}  // namespace flashvsr::kernels
