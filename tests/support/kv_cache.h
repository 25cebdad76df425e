// SPDX-License-Identifier: Apache-2.0
// The C interface's two words for one KvStorage.
#pragma once

#include "core/flashvsr.h"
#include "models/kv_cache.h"

namespace flashvsr::testing {

inline void keep_kv_cache(KvStorage storage, FlashvsrStreamConfig* config) {
    config->kv_memory =
        keeps_on_host(storage) ? FLASHVSR_KV_MEMORY_HOST : FLASHVSR_KV_MEMORY_DEVICE;
    config->kv_type = keeps_int8(storage) ? FLASHVSR_KV_TYPE_INT8 : FLASHVSR_KV_TYPE_COMPUTED;
}

}  // namespace flashvsr::testing
