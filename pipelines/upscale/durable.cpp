// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/durable.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/unfinished.h"

namespace upscale {

namespace {

[[noreturn]] void refuse(const std::string& path) {
    throw Failure(ExitCode::kFailed, path + ": " + g_strerror(errno));
}

// Some file systems cannot be told to write now, and some do not have to be.
bool is_refusal(int error) {
    return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EROFS;
}

class Descriptor {
  public:
    Descriptor(const std::string& path, int flags) : value_(open(path.c_str(), flags, 0666)) {
        if (value_ < 0) refuse(path);
    }
    ~Descriptor() { close(value_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    operator int() const { return value_; }  // NOLINT(google-explicit-constructor)

  private:
    int value_;
};

}  // namespace

void sync_descriptor(int descriptor, const std::string& name) {
    struct stat status {};
    const bool folder = fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    const int result = folder ? syncfs(descriptor) : fsync(descriptor);
    if (result != 0 && !is_refusal(errno)) refuse(name);
}

void sync_file(const std::string& path) {
    sync_descriptor(Descriptor(path, O_RDONLY | O_CLOEXEC), path);
}

void sync_folder(const std::string& folder) {
    const Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fsync(descriptor) != 0 && !is_refusal(errno)) refuse(folder);
}

void rename_durably(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) refuse(to);
    sync_folder(folder_of(to));
}

void write_durably(const std::string& path, const std::string& content) {
    const std::string unfinished = path + "." + unique_token() + ".new";
    const RemovedAtEnd removed(unfinished);
    {
        const Descriptor file(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
        for (size_t done = 0; done < content.size();) {
            const ssize_t count = write(file, content.data() + done, content.size() - done);
            if (count < 0 && errno != EINTR) refuse(unfinished);
            if (count > 0) done += count;
        }
        sync_descriptor(file, unfinished);
    }
    rename_durably(unfinished, path);
}

std::string unique_token() {
    constexpr size_t kDigits = 12;
    gchar* text = g_uuid_string_random();
    std::string token;
    for (const gchar* digit = text; token.size() < kDigits; ++digit) {
        if (*digit != '-') token += *digit;
    }
    g_free(text);
    return token;
}

}  // namespace upscale
