// SPDX-License-Identifier: Apache-2.0
// Several GPUs in one process, and many streams on one.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/core/nano_video.h"

namespace flashvsr::testing {
namespace {

int devices() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

// Loads and plays on every GPU at once; what each gave last.
std::vector<std::vector<uint8_t>> play_on_all(int frames) {
    std::vector<std::vector<uint8_t>> newest(devices());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < newest.size(); ++i)
        threads.emplace_back([&newest, i, frames] {
            const NanoEngine engine("cuda:" + std::to_string(i));
            ASSERT_EQ(engine.opened.status, FLASHVSR_OK) << engine.opened.message;
            NanoVideo video(engine);
            const Answer answer = video.play(frames);
            ASSERT_EQ(answer.status, FLASHVSR_OK) << answer.message;
            newest[i] = video.newest_frame();
        });
    for (std::thread& thread : threads) thread.join();
    return newest;
}

int largest_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
    int largest = 0;
    for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

// First of all tests: nothing in the process has used a GPU before. When several threads are the
// first to compute, one of them may get other last bits (2 of 255, seen on one GPU as well).
TEST(CudaDevices, LoadAndPlayBesideEachOther) {
    if (devices() < 2) GTEST_SKIP() << "needs two GPUs";
    const auto newest = play_on_all(61);
    for (int again = 0; again < 4; ++again)
        for (const auto& frame : play_on_all(61)) {
            ASSERT_EQ(frame.size(), newest[0].size());
            EXPECT_LE(largest_difference(frame, newest[0]), 3);
        }
}

// More than LibTorch has CUDA streams of its own for.
TEST(CudaDevices, FortyStreamsComeAndGoAroundOneThatLives) {
    if (devices() == 0) GTEST_SKIP() << "no GPU";
    const NanoEngine engine("cuda");
    ASSERT_EQ(engine.opened.status, FLASHVSR_OK) << engine.opened.message;
    NanoVideo alone(engine);
    ASSERT_EQ(alone.play(101).status, FLASHVSR_OK);

    std::atomic<bool> done{false};
    std::thread others([&] {
        for (int round = 0; round < 10; ++round) {
            std::vector<std::thread> threads;
            for (int i = 0; i < 4; ++i)
                threads.emplace_back([&] {
                    NanoVideo video(engine);
                    const Answer answer = video.play(37);
                    EXPECT_EQ(answer.status, FLASHVSR_OK) << answer.message;
                });
            for (std::thread& thread : threads) thread.join();
        }
        done = true;
    });
    do {
        NanoVideo living(engine);
        const Answer answer = living.play(101);
        EXPECT_EQ(answer.status, FLASHVSR_OK) << answer.message;
        EXPECT_EQ(living.newest_frame(), alone.newest_frame());
    } while (!done);
    others.join();
}

}  // namespace
}  // namespace flashvsr::testing
