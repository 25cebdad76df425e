// SPDX-License-Identifier: Apache-2.0
// What ThreadSanitizer cannot see: buffers go from who has read them back to who writes them next
// through their pool's queue, which is without locks in a library that it does not look into.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

// Before the buffer whose picture begins at `pixels` is let go of.
inline void hand_back([[maybe_unused]] void* pixels) {
#ifdef __SANITIZE_THREAD__
    __tsan_release(pixels);
#endif
}

// Before that picture is written.
inline void take_over([[maybe_unused]] void* pixels) {
#ifdef __SANITIZE_THREAD__
    __tsan_acquire(pixels);
#endif
}
