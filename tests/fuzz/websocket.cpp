// SPDX-License-Identifier: Apache-2.0
// Frames of a viewer's WebSocket. The first byte says into which pieces they come cut, the second
// how fast.
#include <algorithm>
#include <cstdlib>

#include "pipelines/webrtc/frame_meter.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    const size_t piece = 1 + data[0];
    const int64_t step = int64_t{data[1]} * 1000;
    webrtc::FrameMeter whole, cut;
    using Verdict = webrtc::FrameMeter::Verdict;
    const Verdict expected = whole.take(data + 2, size - 2, 0);
    Verdict verdict = Verdict::kFine;
    int64_t now = 0;
    for (size_t at = 2; at < size && verdict == Verdict::kFine; at += piece, now += step) {
        verdict = cut.take(data + at, std::min(piece, size - at), now);
    }
    // What is too long is so however it comes; more may come in more time.
    if (step == 0 && verdict != expected) std::abort();
    if (verdict == Verdict::kFine &&
        cut.take_answers() > 2 * size + webrtc::limits::kLongestMessage) {
        std::abort();
    }
    return 0;
}
