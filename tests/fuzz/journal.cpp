// SPDX-License-Identifier: Apache-2.0
// The journal of a work in parts: what can be read is the same after it was written.
#include "pipelines/upscale/journal.h"

#include <cstdlib>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    upscale::Journal journal, again;
    if (!journal.read(fuzz::as_file(data, size))) return 0;
    static const std::string copy = fuzz::folder_with("journal") + "/copy";
    journal.write(copy);
    if (!again.read(copy) || again.settings != journal.settings || again.result != journal.result ||
        again.parts.size() != journal.parts.size()) {
        std::abort();
    }
    return 0;
}
