#include "models/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "models/error.h"

namespace flashvsr {
namespace {

Error system_error(const std::string& path, int code) {
    const auto kind =
        code == ENOENT || code == ENOTDIR ? Error::Kind::kNotFound : Error::Kind::kReadFailed;
    return Error(kind, path + ": " + std::strerror(code));
}

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
    // O_NONBLOCK: a named pipe must be refused below, not waited for.
    const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) throw system_error(path, errno);
    struct stat info {};
    if (fstat(file.fd, &info) != 0) throw system_error(path, errno);
    if (!S_ISREG(info.st_mode)) {
        throw Error(Error::Kind::kReadFailed, path + ": not a regular file");
    }
    if (info.st_size == 0) return;  // mmap refuses a length of 0

    void* data = mmap(nullptr, info.st_size, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (data == MAP_FAILED) throw system_error(path, errno);
    data_ = static_cast<const char*>(data);
    size_ = info.st_size;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

}  // namespace flashvsr
