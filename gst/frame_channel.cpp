#include "gst/frame_channel.h"

namespace flashvsr {

using Lock = std::unique_lock<std::mutex>;

bool FrameChannel::send(Item* item) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] {
        return state_ != State::kOpen || !item->buffer || items_.frames() < capacity_;
    });
    if (state_ != State::kOpen) return false;
    items_.push(std::move(*item));
    changed_.notify_all();
    return true;
}

bool FrameChannel::wait_until_idle() {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ != State::kOpen || (items_.empty() && !busy_); });
    return state_ == State::kOpen;
}

std::vector<BufferPtr> FrameChannel::take_back(int count) {
    const Lock lock(mutex_);
    std::vector<BufferPtr> taken = items_.remove_frames(count);
    items_.mark_discont();
    changed_.notify_all();
    return taken;
}

bool FrameChannel::receive(Item* item) {
    Lock lock(mutex_);
    busy_ = false;
    changed_.notify_all();
    changed_.wait(lock, [&] {
        return state_ == State::kClosed || (state_ == State::kOpen && !items_.empty());
    });
    if (state_ == State::kClosed) return false;
    *item = items_.pop();
    busy_ = true;
    changed_.notify_all();
    return true;
}

bool FrameChannel::wait_for(std::chrono::milliseconds limit,
                            const std::function<bool()>& condition) {
    Lock lock(mutex_);
    changed_.wait_for(lock, limit, [&] { return state_ != State::kOpen || condition(); });
    return state_ == State::kOpen && condition();
}

bool FrameChannel::wait(const std::function<bool()>& condition) {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ != State::kOpen || condition(); });
    return state_ == State::kOpen && condition();
}

void FrameChannel::wake() {
    const Lock lock(mutex_);
    changed_.notify_all();
}

void FrameChannel::open() {
    const Lock lock(mutex_);
    state_ = State::kOpen;
}

void FrameChannel::close() {
    const Lock lock(mutex_);
    state_ = State::kClosed;
    items_ = {};
    changed_.notify_all();
}

void FrameChannel::begin_flush() {
    const Lock lock(mutex_);
    if (state_ == State::kOpen) state_ = State::kFlushing;
    changed_.notify_all();
}

FrameQueue FrameChannel::wait_until_quiet() {
    Lock lock(mutex_);
    changed_.wait(lock, [&] { return state_ == State::kClosed || !busy_; });
    return std::exchange(items_, {});
}

void FrameChannel::end_flush() {
    const Lock lock(mutex_);
    if (state_ == State::kFlushing) state_ = State::kOpen;
    changed_.notify_all();
}

bool FrameChannel::accepts() const {
    const Lock lock(mutex_);
    return state_ == State::kOpen;
}

bool FrameChannel::idle() const {
    const Lock lock(mutex_);
    return items_.empty() && !busy_;
}

bool FrameChannel::full() const {
    const Lock lock(mutex_);
    return items_.frames() >= capacity_;
}

int FrameChannel::frames() const {
    const Lock lock(mutex_);
    return items_.frames();
}

}  // namespace flashvsr
