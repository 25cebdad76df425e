// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/error.h"

namespace flashvsr {
namespace {

constexpr size_t kMaxAtOnce = size_t{1} << 30;  // Linux reads less than 2 GiB in one call

Error system_error(const std::string& path, int code) {
    const auto kind =
        code == ENOENT || code == ENOTDIR ? Error::Kind::kNotFound : Error::Kind::kReadFailed;
    return Error(kind, path + ": " + std::strerror(code));
}

}  // namespace

File::File(const std::string& path)
    // O_NONBLOCK: a named pipe must be refused below, not waited for.
    : path_(path), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) throw system_error(path, errno);
    const int code = fstat(descriptor_, &opened_) != 0 ? errno : 0;
    if (code == 0 && S_ISREG(opened_.st_mode)) return;
    close(descriptor_);
    if (code != 0) throw system_error(path, code);
    throw Error(Error::Kind::kReadFailed, path + ": not a regular file");
}

File::~File() { close(descriptor_); }

void File::read(uint64_t offset, void* to, size_t size) const {
    for (size_t done = 0; done < size;) {
        const ssize_t got =
            pread(descriptor_, static_cast<char*>(to) + done, std::min(size - done, kMaxAtOnce),
                  static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw system_error(path_, errno);
        if (got == 0)
            throw Error(Error::Kind::kReadFailed,
                        path_ + ": cut short: nothing at byte " + std::to_string(offset + done) +
                            ", where there were " + std::to_string(this->size()) +
                            " bytes; put the whole file there and load it again");
        done += static_cast<size_t>(got);
    }
}

std::string File::text(uint64_t offset, size_t size) const {
    std::string bytes(size, '\0');
    read(offset, bytes.data(), size);
    return bytes;
}

void File::check_unchanged() const {
    struct stat now {};
    if (fstat(descriptor_, &now) != 0) throw system_error(path_, errno);
    if (now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec)
        return;
    throw Error(Error::Kind::kReadFailed,
                path_ + ": was written to while it was read; load it again when it is complete, " +
                    "and replace it by renaming another file");
}

}  // namespace flashvsr
