// SPDX-License-Identifier: Apache-2.0
// Times every CUDA kernel at the full-size network's shapes (output 768x1408), see timer.h. GB/s
// counts each input and output once.
//
//   kernel_bench [WORD]   only kernels that have WORD in their name
#include "tests/kernels/bench/timer.h"

namespace flashvsr::kernels {
namespace {

void bench_all() {
    cudaDeviceProp device;
    FLASHVSR_CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
    std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
    Timer timer;
    bench_attention(timer);
    bench_norms(timer);
    bench_convolutions(timer);
    bench_frames(timer);
}

}  // namespace
}  // namespace flashvsr::kernels

int main(int argc, char** argv) {
    using namespace flashvsr::kernels;
    if (!have_gpu()) {
        std::printf("no GPU\n");
        return 77;
    }
    if (argc > 1) g_only = argv[1];
    try {
        bench_all();
    } catch (const CudaError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
