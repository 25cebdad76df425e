// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/place.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
    throw Failure(ExitCode::kOutput, name + ": " + why);
}

std::string real_path(const std::string& path) {
    char* real = realpath(path.c_str(), nullptr);
    if (!real) return {};
    std::string copy(real);
    std::free(real);
    return copy;
}

// The folder with links followed, of which the end may be missing. `there`: what is not.
std::string real_folder(const std::string& folder, std::string* there) {
    *there = real_path(folder);
    if (!there->empty() || errno != ENOENT || folder == "/" || folder == ".") return *there;
    const std::string parent = real_folder(folder_of(folder), there);
    return parent.empty() ? parent : joined(parent, base_name(folder));
}

void check_folder(const std::string& folder, const std::string& name) {
    const long most = pathconf(folder.c_str(), _PC_NAME_MAX);
    const size_t size = base_name(name).size();
    if (most > 0 && size > static_cast<size_t>(most)) {
        refuse(name, "the name has " + std::to_string(size) + " bytes, of which " +
                         std::to_string(most) + " are allowed");
    }
    if (access(folder.c_str(), W_OK | X_OK) != 0) refuse(folder, g_strerror(errno));
}

Place open_descriptor(const std::string& name, int descriptor) {
    struct stat status {};
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fstat(descriptor, &status) != 0) refuse(name, g_strerror(errno));
    if ((flags & O_ACCMODE) == O_RDONLY) refuse(name, "is open for reading alone");
    Place place;
    place.name = name;
    place.stream = true;
    place.descriptor = descriptor;
    place.device = status.st_dev;
    place.inode = status.st_ino;
    return place;
}

// In a folder such as /tmp only its owner may replace a file.
bool belongs_to_another(const std::string& folder, const struct stat& file) {
    struct stat parent {};
    const uid_t self = geteuid();
    return stat(folder.c_str(), &parent) == 0 && (parent.st_mode & S_ISVTX) && self != 0 &&
           self != parent.st_uid && self != file.st_uid;
}

Place existing_place(const std::string& name, const std::string& path, const struct stat& status) {
    if (S_ISDIR(status.st_mode)) refuse(name, "is a folder");
    if (S_ISSOCK(status.st_mode)) refuse(name, "is a socket");
    Place place;
    place.name = name;
    place.path = path;
    place.stream = !S_ISREG(status.st_mode);
    place.exists = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
    place.device = status.st_dev;
    place.inode = status.st_ino;
    place.mode = status.st_mode & 0777;
    if (place.stream) {
        if (access(path.c_str(), W_OK) != 0) refuse(name, g_strerror(errno));
        return place;
    }
    check_folder(folder_of(path), path);
    if (belongs_to_another(folder_of(path), status)) refuse(name, g_strerror(EPERM));
    return place;
}

std::string read_link(const std::string& path) {
    char target[PATH_MAX];
    const ssize_t size = readlink(path.c_str(), target, sizeof target);
    return size < 0 ? std::string() : std::string(target, size);
}

}  // namespace

Place find_place(const std::string& name, bool new_folder) {
    constexpr int kMaxLinks = 40;  // the kernel's own limit
    if (name == "-") return open_descriptor("standard output", STDOUT_FILENO);
    const std::string descriptors = real_path("/proc/self/fd");
    std::string path = name;
    for (int links = 0; links < kMaxLinks; ++links) {
        std::string there;
        const std::string folder = real_folder(folder_of(path), &there);
        if (folder.empty() || (folder != there && !new_folder)) {
            refuse(folder_of(path), g_strerror(folder.empty() ? errno : ENOENT));
        }
        path = joined(folder, base_name(path));
        if (!descriptors.empty() && folder == descriptors) {
            return open_descriptor(name, std::atoi(base_name(path).c_str()));
        }
        struct stat status {};
        if (lstat(path.c_str(), &status) != 0) {
            const int why = errno;
            check_folder(there, path);
            if (why != ENOENT) refuse(name, g_strerror(why));
            Place place;
            place.name = name;
            place.path = path;
            return place;
        }
        if (!S_ISLNK(status.st_mode)) return existing_place(name, path, status);
        const std::string target = read_link(path);
        if (target.empty()) refuse(name, g_strerror(errno));
        path = g_path_is_absolute(target.c_str()) ? target : joined(folder, target);
    }
    refuse(name, g_strerror(ELOOP));
}

int open_stream(const Place& place) {
    if (place.descriptor >= 0) {
        const int copy = dup(place.descriptor);
        if (copy < 0) refuse(place.name, g_strerror(errno));
        return copy;
    }
    constexpr useconds_t kBetweenLooks = 20'000;
    struct stat status {};
    const bool pipe = stat(place.path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
    int descriptor = -1;
    while ((descriptor = open(place.path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 && pipe &&
           errno == ENXIO) {
        usleep(kBetweenLooks);
    }
    if (descriptor < 0) refuse(place.name, g_strerror(errno));
    fcntl(descriptor, F_SETFL, 0);
    return descriptor;
}

}  // namespace upscale
