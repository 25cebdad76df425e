// SPDX-License-Identifier: Apache-2.0
// Whether a stream fits into the device's memory, and what is given up where it does not.
#pragma once

#include <string>

#include "core/memory_estimate.h"

namespace flashvsr {

// What is left for a stream.
struct FreeMemory {
    bool known = false;  // false: on the CPU without a limit
    int64_t bytes = 0;
};

// What is free of the device and what LibTorch's allocator holds of it unused. With a limit, in
// bytes, as if the device had no more than that in all. On the CPU the limit less `weights`.
FreeMemory free_memory(const at::Device& device, int64_t limit, int64_t weights);

// Keeps LibTorch's allocator from taking more than a device of that size would have; 0: what it
// has. Holds for the process until the next call.
void limit_allocator(const at::Device& device, int64_t limit);

struct MemoryPlan {
    KvStorage storage = KvStorage::kDevice;
    Tiling tiling;
    MemoryEstimate estimate;
    FreeMemory free;
    std::string changes;  // "kv-cache=int8 tile-vae=true": beside what was asked for; or nothing
};

// The query as it is, or, if it does not fit and `automatic` is true, the first step of the ladder
// that does (docs/memory.md). Throws Error kNoMemory, which says what is needed and free, and which
// settings would fit.
MemoryPlan plan_memory(const MemoryQuery& query, const FreeMemory& free, bool automatic);

// "device", "int8", "host" or "host-int8"; parse throws Error kInvalidArgument for anything else.
const char* kv_storage_name(KvStorage storage);
KvStorage parse_kv_storage(const std::string& name);

}  // namespace flashvsr
