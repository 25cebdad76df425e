// SPDX-License-Identifier: Apache-2.0
#include "models/stage.h"

#ifdef FLASHVSR_CUDA
#include <nvtx3/nvToolsExt.h>
#endif

namespace flashvsr {
namespace {

thread_local Stage::Listener* listener = nullptr;

}  // namespace

Stage::Stage(const char* name) : name_(name) {
#ifdef FLASHVSR_CUDA
    nvtxRangePushA(name);
#endif
    if (listener) listener->begin(name_);
}

Stage::~Stage() {
    if (listener) listener->end(name_);
#ifdef FLASHVSR_CUDA
    nvtxRangePop();
#endif
}

void Stage::listen(Listener* new_listener) { listener = new_listener; }

}  // namespace flashvsr
