// SPDX-License-Identifier: Apache-2.0
// Finds and opens libflashvsr.so.
#pragma once

#include <string>

#include "core/flashvsr.h"

namespace flashvsr {

// Opens the engine library and routes its log to the category "flashvsrengine". Tried in order: the
// file that the environment variable FLASHVSR_ENGINE names, and nothing else when it is set; the
// plugin's own folder; the folder above it; core/ beside the plugin's folder (a build tree); the
// dynamic linker's search path. Returns NULL and fills `error` with what went wrong and what to do.
// The library stays open for the life of the process: LibTorch does not survive dlclose. May be
// called from any thread, any number of times. Fails in a process without_engine().
const FlashvsrApi* load_engine(std::string* error);

// True in a process that was forked from one in which the engine is loaded: LibTorch's threads and
// locks, and the CUDA context, are not usable there, and neither are the element's threads.
bool without_engine();
// What to do about it.
extern const char kForkAdvice[];

}  // namespace flashvsr
