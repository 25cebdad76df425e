// SPDX-License-Identifier: Apache-2.0
// The description of a model beside its weights: what is taken holds together.
#include <cstdlib>

#include "models/description.h"
#include "models/error.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    fuzz::as_file(data, size);
    static const std::string folder = fuzz::folder_with("model.json");
    try {
        const flashvsr::TcDecoder::Graph graph = flashvsr::describe_model(folder).decoder;
        int64_t factor = graph.shuffle;
        for (const int64_t upsample : graph.upsample) factor *= upsample;
        if (factor < 1 || factor > 8 || factor != graph.patch) std::abort();
        if (!(graph.leak >= 0 && graph.leak <= 1)) std::abort();
    } catch (const flashvsr::Error&) {
    }
    return 0;
}
