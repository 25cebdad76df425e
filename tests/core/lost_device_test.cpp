// SPDX-License-Identifier: Apache-2.0
// A GPU that fails for good, in the middle of two streams.
#include <cuda_runtime_api.h>

#include "tests/core/nano_video.h"

namespace flashvsr::testing {
namespace {

// What a defect in any kernel of the process may do.
void break_current_device() {
    static const char kWriteToNowhere[] =
        ".version 7.0\n.target sm_80\n.address_size 64\n"
        ".visible .entry write_to_nowhere() {\n"
        ".reg .b64 %address; .reg .b32 %value;\n"
        "mov.u64 %address, 16; mov.u32 %value, 1;\n"
        "st.global.u32 [%address], %value; ret; }\n";
    cudaLibrary_t library = nullptr;
    cudaKernel_t kernel = nullptr;
    ASSERT_EQ(
        cudaLibraryLoadData(&library, kWriteToNowhere, nullptr, nullptr, 0, nullptr, nullptr, 0),
        cudaSuccess);
    ASSERT_EQ(cudaLibraryGetKernel(&kernel, library, "write_to_nowhere"), cudaSuccess);
    ASSERT_EQ(cudaLaunchKernel(kernel, dim3(1), dim3(1), nullptr, 0, nullptr), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
}

TEST(LostCudaDevice, FailsItsStreamsByNameAndLeavesTheOthersAlone) {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no GPU";
    const NanoEngine gpu("cuda:0"), cpu("cpu");
    ASSERT_EQ(gpu.opened.status, FLASHVSR_OK) << gpu.opened.message;
    ASSERT_EQ(cpu.opened.status, FLASHVSR_OK) << cpu.opened.message;
    NanoVideo first(gpu), second(gpu), third(cpu);
    for (NanoVideo* video : {&first, &second, &third}) {
        const Answer result = video->play(25);
        ASSERT_EQ(result.status, FLASHVSR_OK) << result.message;
    }
    break_current_device();

    for (NanoVideo* video : {&first, &second}) {
        const Answer result = video->play(40);
        EXPECT_EQ(result.status, FLASHVSR_DEVICE_FAILED);
        EXPECT_NE(result.message.find("cuda:0 has failed (an illegal memory access"),
                  std::string::npos)
            << result.message;
    }
    const NanoEngine again("cuda:0");
    EXPECT_EQ(again.opened.status, FLASHVSR_DEVICE_FAILED);
    EXPECT_NE(again.opened.message.find("start the process anew"), std::string::npos)
        << again.opened.message;
    EXPECT_EQ(third.play(25).status, FLASHVSR_OK);
}

}  // namespace
}  // namespace flashvsr::testing
