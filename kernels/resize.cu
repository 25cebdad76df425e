#include "kernels/cuda_check.h"
#include "kernels/device_element.h"
#include "kernels/frame.h"
#include "kernels/require.h"

namespace flashvsr::kernels {
namespace {

constexpr int kBlockX = 32;
constexpr int kBlockY = 8;

dim3 grid_for(int width, int height, int planes) {
    return dim3((width + kBlockX - 1) / kBlockX, (height + kBlockY - 1) / kBlockY, planes);
}

// A thread per sample of the scratch.
__global__ void resize_columns_kernel(Resize params) {
    const ResizeTapsView& taps = params.columns;
    const int x = blockIdx.x * kBlockX + threadIdx.x;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    if (x >= taps.out || y >= params.rows.in) return;
    const int64_t row = int64_t{blockIdx.z} * params.rows.in + y;
    const float* in = params.in + row * taps.in + taps.first[x];
    const float* weight = taps.weight + int64_t{x} * taps.count;
    float sum = 0;
    for (int t = 0; t < taps.count; ++t) sum += weight[t] * in[t];
    params.scratch[row * taps.out + x] = sum;
}

// A thread per sample of the padded output; padding repeats the last row and column.
template <typename T>
__global__ void resize_rows_kernel(Resize params) {
    const ResizeTapsView& taps = params.rows;
    const int x = blockIdx.x * kBlockX + threadIdx.x;
    const int y = blockIdx.y * kBlockY + threadIdx.y;
    if (x >= params.padded_width || y >= params.padded_height) return;
    const int column = min(x, params.columns.out - 1);
    const int row = min(y, taps.out - 1);
    const float* in = params.scratch +
                      (int64_t{blockIdx.z} * taps.in + taps.first[row]) * params.columns.out +
                      column;
    const float* weight = taps.weight + int64_t{row} * taps.count;
    float sum = 0;
    for (int t = 0; t < taps.count; ++t) sum += weight[t] * in[int64_t{t} * params.columns.out];
    const float value = __saturatef(sum) * params.gain + params.offset;
    static_cast<T*>(
        params.out)[(int64_t{blockIdx.z} * params.padded_height + y) * params.padded_width + x] =
        round_to<T>(value);
}

}  // namespace

void resize_cuda(const Resize& params, CudaStream stream) {
    require(params.padded_height >= params.rows.out && params.padded_width >= params.columns.out,
            "resize pads to no less than the resized size");
    if (params.planes == 0) return;
    const dim3 block(kBlockX, kBlockY);
    resize_columns_kernel<<<grid_for(params.columns.out, params.rows.in, params.planes), block, 0,
                            stream>>>(params);
    FLASHVSR_CUDA_CHECK_LAUNCH(resize_columns_kernel);
    with_device_type(params.type, [&](auto tag) {
        resize_rows_kernel<decltype(tag)>
            <<<grid_for(params.padded_width, params.padded_height, params.planes), block, 0,
               stream>>>(params);
        FLASHVSR_CUDA_CHECK_LAUNCH(resize_rows_kernel);
    });
}

}  // namespace flashvsr::kernels
