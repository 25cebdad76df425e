// SPDX-License-Identifier: Apache-2.0
// The pickle inside what torch.save writes.
#include "models/checkpoint/pickle.h"

#include "models/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        flashvsr::read_pickled_tensors({reinterpret_cast<const char*>(data), size}, "input");
    } catch (const flashvsr::Error&) {
    }
    return 0;
}
