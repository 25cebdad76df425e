// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/byte_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr int kBlock = 1 << 16;
constexpr int kPatienceMs = 100;  // of one look at `stop_`

}  // namespace

ByteSource::ByteSource(const std::string& path, const Stop* stop)
    : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), stop_(stop) {
    if (fd_ < 0) throw Failure(ExitCode::kInput, path + ": " + std::strerror(errno));
    struct stat status {};
    if (fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) size_ = status.st_size;
    make_context();
}

ByteSource::ByteSource(int fd, std::string head, const Stop* stop)
    : fd_(fd), head_(std::move(head)), stop_(stop) {
    make_context();
}

ByteSource::~ByteSource() {
    av_freep(&context_->buffer);
    avio_context_free(&context_);
    close(fd_);
}

void ByteSource::make_context() {
    auto* block = static_cast<unsigned char*>(av_malloc(kBlock));
    context_ = avio_alloc_context(block, kBlock, 0, this, on_read, nullptr,
                                  size_ >= 0 ? on_seek : nullptr);
    if (!block || !context_) {
        av_free(block);
        close(fd_);
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    begin_step();
}

void ByteSource::begin_step() {
    constexpr int64_t kSlack = 1 << 28;
    constexpr int64_t kSeeks = 1'000'000;
    bytes_left_ = size_ < 0 ? INT64_MAX : 4 * size_ + kSlack;
    seeks_left_ = kSeeks;
}

void ByteSource::rewind() {
    begin_step();
    avio_seek(context_, 0, SEEK_SET);
    context_->eof_reached = 0;
    context_->error = 0;
}

bool ByteSource::wait_for_bytes() const {
    struct pollfd waiting = {fd_, POLLIN, 0};
    while (!stopped()) {
        const int ready = poll(&waiting, 1, kPatienceMs);
        if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
    }
    return false;
}

int ByteSource::read(uint8_t* data, int size) {
    const int count = read_descriptor(data, size);
    if (count <= 0) return count;
    patch(data, count);
    if (listener_) listener_(place_, data, count);
    place_ += count;
    return count;
}

// What was read at `place_`.
void ByteSource::patch(uint8_t* data, int size) const {
    constexpr int64_t kSize = std::tuple_size<Patch>();
    for (auto it = patches_.upper_bound(place_ - kSize);
         it != patches_.end() && it->first < place_ + size; ++it) {
        const int64_t begin = std::max(it->first, place_);
        const int64_t end = std::min(it->first + kSize, place_ + size);
        std::copy(it->second.data() + (begin - it->first), it->second.data() + (end - it->first),
                  data + (begin - place_));
    }
}

// Never 0.
int ByteSource::read_descriptor(uint8_t* data, int size) {
    if (!head_.empty()) {
        const size_t count = std::min(head_.size(), static_cast<size_t>(size));
        std::memcpy(data, head_.data(), count);
        head_.erase(0, count);
        return static_cast<int>(count);
    }
    if (bytes_left_ <= 0) return AVERROR(ELOOP);
    ssize_t count = 0;
    do {
        if (!wait_for_bytes()) return AVERROR_EXIT;
        count = ::read(fd_, data, size);
    } while (count < 0 && (errno == EINTR || errno == EAGAIN));
    if (count < 0) return AVERROR(errno);
    if (count == 0) return AVERROR_EOF;
    if (size_ >= 0) bytes_left_ -= count;
    return static_cast<int>(count);
}

size_t ByteSource::peek(int64_t at, uint8_t* data, size_t size) const {
    size_t done = 0;
    while (size_ >= 0 && done < size) {
        const ssize_t count = pread(fd_, data + done, size - done, at + static_cast<int64_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += count;
    }
    return done;
}

int64_t ByteSource::seek(int64_t offset, int whence) {
    if (whence & AVSEEK_SIZE) return size_;
    if (stopped()) return AVERROR_EXIT;
    if (--seeks_left_ <= 0) return AVERROR(ELOOP);
    const int64_t position = lseek(fd_, offset, whence & ~AVSEEK_FORCE);
    if (position < 0) return AVERROR(errno);
    place_ = position;
    return position;
}

int ByteSource::on_read(void* self, uint8_t* data, int size) {
    return static_cast<ByteSource*>(self)->read(data, size);
}

int64_t ByteSource::on_seek(void* self, int64_t offset, int whence) {
    return static_cast<ByteSource*>(self)->seek(offset, whence);
}

}  // namespace upscale
