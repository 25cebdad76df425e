// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/lock.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

std::string describe_self() {
    GDateTime* now = g_date_time_new_now_local();
    gchar* time = g_date_time_format(now, "%F %T");
    const std::string text =
        "process " + std::to_string(getpid()) + " on " + g_get_host_name() + ", since " + time;
    g_free(time);
    g_date_time_unref(now);
    return text;
}

std::string read_text(int descriptor) {
    char text[256];
    const ssize_t size = pread(descriptor, text, sizeof text, 0);
    return size > 0 ? std::string(text, size) : "another process";
}

}  // namespace

FolderLock::FolderLock(const std::string& folder) {
    // One that held it may have removed the folder meanwhile.
    while (!take(folder, joined(folder, kName))) continue;
}

FolderLock::~FolderLock() { close(descriptor_); }

// False: what was locked is no longer there.
bool FolderLock::take(const std::string& folder, const std::string& path) {
    if (g_mkdir_with_parents(folder.c_str(), 0777) != 0) {
        throw Failure(ExitCode::kOutput, folder + ": " + g_strerror(errno));
    }
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == ENOENT) return false;
    if (descriptor < 0) throw Failure(ExitCode::kOutput, path + ": " + g_strerror(errno));
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        const std::string holder = read_text(descriptor);
        close(descriptor);
        throw Failure(ExitCode::kOutput, folder + " is at work already: " + holder);
    }
    struct stat locked {
    }, there{};
    if (fstat(descriptor, &locked) != 0 || stat(path.c_str(), &there) != 0 ||
        locked.st_ino != there.st_ino) {
        close(descriptor);
        return false;
    }
    const std::string self = describe_self();
    const bool written =
        ftruncate(descriptor, 0) == 0 && pwrite(descriptor, self.data(), self.size(), 0) >= 0;
    if (!written) {
        const int why = errno;
        close(descriptor);
        throw Failure(ExitCode::kOutput, path + ": " + g_strerror(why));
    }
    descriptor_ = descriptor;
    return true;
}

}  // namespace upscale
