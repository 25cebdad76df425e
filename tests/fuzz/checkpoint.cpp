// SPDX-License-Identifier: Apache-2.0
// Files of weights: safetensors and what torch.save writes.
#include "models/checkpoint/weights.h"
#include "models/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr int64_t kMax = 1 << 20;  // elements of a tensor: a few bytes can stand for any number
    try {
        flashvsr::Weights weights = flashvsr::Weights::open(fuzz::as_file(data, size));
        for (const std::string& name : weights.names()) {
            const std::vector<int64_t> shape = *weights.shape(name);
            if (c10::multiply_integers(shape) <= kMax)
                weights.take(name, shape).to(at::kFloat).sum();
        }
        weights.finish();
    } catch (const flashvsr::Error&) {
    }
    return 0;
}
