// SPDX-License-Identifier: Apache-2.0
// A file that is read piece by piece.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace flashvsr {

// Owns the descriptor of a regular file that is open for reading. What is read is a copy: somebody
// who cuts the file short or writes to it meanwhile causes an Error, where a mapping would end the
// process with SIGBUS. Who replaces it by rename does not disturb: the old file is read to its end.
// Safe to read from several threads.
class File {
  public:
    // Throws Error kNotFound when there is no such file, kReadFailed when it cannot be opened or is
    // not a regular one; it does not wait for a named pipe.
    explicit File(const std::string& path);
    ~File();
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    const std::string& path() const { return path_; }
    uint64_t size() const { return static_cast<uint64_t>(opened_.st_size); }  // when it was opened

    // Copies the `size` bytes from `offset` on. Throws Error kReadFailed when the file holds fewer
    // or the system refuses.
    void read(uint64_t offset, void* to, size_t size) const;
    std::string text(uint64_t offset, size_t size) const;

    // Throws Error kReadFailed when the file has been written to since it was opened, so that what
    // was read may be of two versions.
    void check_unchanged() const;

  private:
    std::string path_;
    int descriptor_;
    struct stat opened_ {};
};

}  // namespace flashvsr
