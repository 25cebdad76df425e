// A file in memory, read only, for as long as the object lives.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flashvsr {

// Owns a read-only mapping of a whole regular file. Pages come from the page cache when they are
// touched, so opening costs address space, not memory. Safe to read from several threads. The file
// must not be cut shorter while it is mapped (the system answers that with SIGBUS); replacing it by
// rename is fine.
class MappedFile {
  public:
    // Throws Error kNotFound when there is no such file, kReadFailed when it cannot be mapped.
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const std::string& path() const { return path_; }
    std::string_view bytes() const { return {data_, size_}; }

  private:
    std::string path_;
    const char* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace flashvsr
