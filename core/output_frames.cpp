// SPDX-License-Identifier: Apache-2.0
#include "core/output_frames.h"

namespace flashvsr {

OutputFrames::Slot::Slot(const FlashvsrFrameInfo& info, const Placement& placement)
    : buffer(info, placement.options()) {
    if (placement.device.is_cuda() && info.memory == FLASHVSR_MEMORY_HOST)
        pinned.emplace(info, at::TensorOptions().pinned_memory(true));
}

OutputFrames::OutputFrames(const FlashvsrFrameInfo& info, const Placement& placement)
    : info_(info), placement_(placement), copies_(placement.device, /*urgent=*/true) {}

OutputFrames::~OutputFrames() {
    clear();
    for (const auto& slot : free_) slot->copied.settle();
}

std::unique_ptr<OutputFrames::Slot> OutputFrames::free_slot() {
    if (free_.empty()) return std::make_unique<Slot>(info_, placement_);
    std::unique_ptr<Slot> slot = std::move(free_.back());
    free_.pop_back();
    return slot;
}

void OutputFrames::emit(const ChunkOutput& chunk, const at::Tensor& alpha, int64_t count,
                        const CudaStream& compute) {
    const ComputeScope scope(compute);
    for (int64_t i = 0; i < count; ++i) {
        std::unique_ptr<Slot> slot = free_slot();
        compute.wait_for(slot->copied);
        write_frame(chunk, i, alpha.defined() ? alpha[i] : alpha, slot->buffer.frame);
        slot->converted.record(compute);
        if (slot->pinned) {
            const ComputeScope copying(copies_);
            copies_.wait_for(slot->converted);
            slot->pinned->bytes.copy_(slot->buffer.bytes, /*non_blocking=*/true);
            slot->copied.record(copies_);
        }
        ready_.push_back(std::move(slot));
    }
}

void OutputFrames::pop(const FlashvsrFrame& frame) {
    Slot& slot = *ready_.front();
    if (info_.memory == FLASHVSR_MEMORY_HOST) {
        slot.copied.synchronize();
        const FrameBuffer& buffer = slot.pinned ? *slot.pinned : slot.buffer;
        copy_frame(buffer.frame, frame);
    } else {
#ifdef FLASHVSR_CUDA
        const ComputeScope copying(copies_);
        copies_.wait_for(slot.converted);
        copy_frame_on_device(slot.buffer.frame, frame);
        slot.copied.record(copies_);
        slot.copied.synchronize();
#endif
    }
    drop();
}

void OutputFrames::drop() {
    free_.push_back(std::move(ready_.front()));
    ready_.pop_front();
}

void OutputFrames::clear() {
    while (!ready_.empty()) drop();
}

}  // namespace flashvsr
