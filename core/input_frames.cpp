// SPDX-License-Identifier: Apache-2.0
#include "core/input_frames.h"

#include "core/schedule.h"

namespace flashvsr {
namespace {

static_assert(2 * kLaterInput <= kFirstInput, "two later chunks lie where the first one lay");

}  // namespace

InputFrames::Upload::Upload(const FlashvsrFrameInfo& info)
    : pinned(info, at::TensorOptions().pinned_memory(true)) {}

InputFrames::InputFrames(const FlashvsrFrameInfo& input, const FlashvsrFrameInfo& output,
                         const Placement& placement)
    : input_(input),
      output_(output),
      placement_(placement),
      reader_(input, output, placement),
      stream_(placement.device, /*urgent=*/true) {}

// The memory goes back to the conversions' stream, so the other one must be done with it.
InputFrames::~InputFrames() {
    converted_.settle();
    for (const CudaEvent& used : used_) used.settle();
}

int64_t InputFrames::size() const { return first_ ? kFirstInput : kLaterInput; }

int64_t InputFrames::outputs() const { return size() - kLookAhead; }

// Memory that the conversions write first belongs to their stream.
void InputFrames::allocate() {
    const ComputeScope scope(stream_);
    rgb_ = at::empty({kFirstInput, 3, padded_height(), padded_width()}, placement_.options());
    if (has_alpha(input_.format) && has_alpha(output_.format))
        alpha_ = at::empty({kFirstInput, output_.height, output_.width}, placement_.fp32());
    if (!placement_.device.is_cuda() || input_.memory == FLASHVSR_MEMORY_CUDA) return;
    for (int64_t i = 0; i < kChunk; ++i) uploads_.push_back(std::make_unique<Upload>(input_));
    received_ = std::make_unique<FrameBuffer>(input_, placement_.options());
}

void InputFrames::wait_for_place() {
    if (first_ || base_ == 0) stream_.wait_for(used_[0]);
    if (first_ || base_ != 0) stream_.wait_for(used_[1]);
}

// The frame where the model runs.
const FlashvsrFrame& InputFrames::bring(const FlashvsrFrame& frame) {
    if (uploads_.empty()) return frame;
    Upload& upload = *uploads_[next_upload_];
    next_upload_ = (next_upload_ + 1) % uploads_.size();
    upload.sent.synchronize();
    copy_frame(frame, upload.pinned.frame);
    received_->bytes.copy_(upload.pinned.bytes, /*non_blocking=*/true);
    upload.sent.record(stream_);
    return received_->frame;
}

void InputFrames::push(const FlashvsrFrame& frame) {
    TORCH_CHECK(missing() > 0);
    if (!rgb_.defined()) allocate();
    const ComputeScope scope(stream_);
    const FlashvsrFrame& here = bring(frame);
    wait_for_place();
    const int64_t at = base_ + filled_;
    reader_.read(here, rgb_[at], alpha_.defined() ? alpha_[at] : at::Tensor());
    converted_.record(stream_);
    if (input_.memory == FLASHVSR_MEMORY_CUDA) converted_.synchronize();
    ++filled_;
}

void InputFrames::repeat(const CudaStream& compute) {
    const ComputeScope scope(compute);
    compute.wait_for(converted_);
    const int64_t at = base_ + filled_;
    rgb_[at].copy_(rgb_[at - 1]);
    if (alpha_.defined()) alpha_[at].copy_(alpha_[at - 1]);
    ++filled_;
}

at::Tensor InputFrames::take(const CudaStream& compute) {
    TORCH_CHECK(missing() == 0);
    compute.wait_for(converted_);
    return rgb_.narrow(0, base_, size());
}

at::Tensor InputFrames::alpha() const {
    return alpha_.defined() ? alpha_.narrow(0, base_, size()) : at::Tensor();
}

void InputFrames::advance(const CudaStream& compute) {
    const ComputeScope scope(compute);
    const int64_t owed = base_ + size() - kLookAhead;
    const int64_t next = first_ || base_ != 0 ? 0 : kLaterInput;
    rgb_.narrow(0, next, kLookAhead).copy_(rgb_.narrow(0, owed, kLookAhead));
    if (alpha_.defined())
        alpha_.narrow(0, next, kLookAhead).copy_(alpha_.narrow(0, owed, kLookAhead));
    if (first_ || base_ == 0) used_[0].record(compute);
    if (first_ || base_ != 0) used_[1].record(compute);
    base_ = next;
    filled_ = kLookAhead;
    first_ = false;
}

void InputFrames::start_afresh(const CudaStream& compute) {
    for (CudaEvent& used : used_) used.record(compute);
    base_ = 0;
    filled_ = 0;
    first_ = true;
}

}  // namespace flashvsr
