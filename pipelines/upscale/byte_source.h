// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "pipelines/upscale/libav.h"

namespace upscale {

// A file or a pipe as libavformat reads it. What stalls gives up when it is told to, and a demuxer
// that reads in circles is brought to its end.
class ByteSource {
  public:
    // stop: outlives it; null: nobody stops it. Throws Failure (kInput).
    ByteSource(const std::string& path, const Stop* stop);
    // A pipe of which `head` was read already. It takes the descriptor over.
    ByteSource(int fd, std::string head, const Stop* stop);
    ~ByteSource();
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    AVIOContext* context() const { return context_; }
    const Stop* stop() const { return stop_; }
    bool stopped() const { return stop_ && *stop_; }
    // A file's size; -1: it is a pipe.
    int64_t size() const { return size_; }
    // Four bytes for each place, which the demuxer reads instead of the file's own.
    using Patch = std::array<uint8_t, 4>;
    using Patches = std::map<int64_t, Patch>;
    void set_patches(Patches patches) { patches_ = std::move(patches); }
    // Hears all that the demuxer reads: the place in the file, the bytes, their number.
    using Listener = std::function<void(int64_t, const uint8_t*, size_t)>;
    void set_listener(Listener listener) { listener_ = std::move(listener); }
    // Reads at a place, without moving the demuxer's. Returns how many bytes there were.
    size_t peek(int64_t at, uint8_t* data, size_t size) const;
    // The demuxer begins something that ends within a file's length: a packet, a seek.
    void begin_step();
    // Back to the beginning of a file.
    void rewind();

  private:
    void make_context();
    int read(uint8_t* data, int size);
    int read_descriptor(uint8_t* data, int size);
    void patch(uint8_t* data, int size) const;
    int64_t seek(int64_t offset, int whence);
    bool wait_for_bytes() const;
    static int on_read(void* self, uint8_t* data, int size);
    static int64_t on_seek(void* self, int64_t offset, int whence);

    int fd_;
    std::string head_;
    const Stop* stop_;
    AVIOContext* context_ = nullptr;
    Patches patches_;
    Listener listener_;
    int64_t size_ = -1;
    int64_t place_ = 0;       // of the next byte
    int64_t bytes_left_ = 0;  // of this step
    int64_t seeks_left_ = 0;
};

}  // namespace upscale
