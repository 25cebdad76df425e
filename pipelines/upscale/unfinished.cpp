// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/unfinished.h"

#include <fcntl.h>
#include <glib.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "pipelines/upscale/durable.h"
#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

constexpr char kEnding[] = ".part";

// What this process has at work, and what it has completed.
struct Ledger {
    std::mutex mutex;
    std::set<std::string> unfinished;
    int commits = 0;  // at work
    std::set<std::pair<dev_t, ino_t>> results;
};

Ledger& ledger() {
    static auto* ledger = new Ledger;  // outlives the threads that an abrupt end leaves running
    return *ledger;
}

[[noreturn]] void refuse(const std::string& name, int why) {
    throw Failure(ExitCode::kOutput, name + ": " + g_strerror(why));
}

void remove_at(const std::string& path) {
    if (unlink(path.c_str()) != 0 && (errno == EISDIR || errno == EPERM)) remove_folder(path);
}

// The process in a name such as ".large.mp4.1234.part"; 0: it is none of those.
long process_of(const std::string& name, const std::string& begin) {
    const size_t ending = sizeof kEnding - 1;
    if (name.size() <= begin.size() + ending || name.compare(0, begin.size(), begin) != 0 ||
        name.compare(name.size() - ending, ending, kEnding) != 0) {
        return 0;
    }
    const std::string number = name.substr(begin.size(), name.size() - begin.size() - ending);
    return number.find_first_not_of("0123456789") == std::string::npos ? std::atol(number.c_str())
                                                                       : 0;
}

// The lock tells, also of processes in other containers; the process number where a file system
// has no locks.
bool is_abandoned(const std::string& path, long process) {
    constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int descriptor = open(path.c_str(), O_RDWR | kFlags);  // some locks need that
    if (descriptor < 0) descriptor = open(path.c_str(), O_RDONLY | kFlags);
    if (descriptor < 0) return false;
    const bool free = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    const bool unknown = !free && errno != EWOULDBLOCK;
    close(descriptor);
    return free || (unknown && kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH);
}

void remove_abandoned(const std::string& folder, const std::string& begin) {
    GDir* dir = g_dir_open(folder.c_str(), 0, nullptr);
    if (!dir) return;
    std::vector<std::string> found;
    while (const gchar* name = g_dir_read_name(dir)) {
        const long process = process_of(name, begin);
        const std::string path = joined(folder, name);
        if (process > 0 && is_abandoned(path, process)) found.push_back(path);
    }
    g_dir_close(dir);
    for (const std::string& path : found) remove_at(path);
}

// 0, or why it could not be.
int rename_to(const std::string& from, const std::string& to, bool replace) {
    if (replace) return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    if (link(from.c_str(), to.c_str()) == 0) {  // file systems that cannot rename so
        unlink(from.c_str());
        return 0;
    }
    if (errno == EEXIST) return errno;
    if (exists(to)) return EEXIST;
    return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

// Whether this process wrote the file: two names may be one, as a.mp4 and A.mp4 are on some disks.
bool is_own_result(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return false;
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    return ledger().results.count({status.st_dev, status.st_ino}) != 0;
}

// Whoever may not read the file that is replaced may not read the new one either, from its start.
// Some file systems have no modes.
void keep_mode(int descriptor, const Place& place, mode_t more) {
    if (place.exists && fchmod(descriptor, place.mode | more) != 0) return;
}

void copy_content(const std::string& file, int to, const std::string& name) {
    const int from = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    ssize_t count = -1;
    while (from >= 0 && (count = sendfile(to, from, nullptr, 1 << 20)) > 0) continue;
    const int why = errno;
    close(from);
    if (count != 0) refuse(name, why);
}

void remember_result(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return;
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    ledger().results.insert({status.st_dev, status.st_ino});
}

}  // namespace

std::string hidden_beside(const std::string& path, const std::string& tail) {
    constexpr long kLongestTail = 30;
    const std::string folder = folder_of(path);
    const std::string name = base_name(path);
    const long most = pathconf(folder.c_str(), _PC_NAME_MAX);
    if (most < 0 || static_cast<long>(name.size()) + 1 + kLongestTail <= most) {
        return joined(folder, "." + name + tail);
    }
    constexpr size_t kDigits = 16;
    gchar* sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name.c_str(), -1);
    const std::string stand_in = ".flashvsr-" + std::string(sum, kDigits);
    g_free(sum);
    return joined(folder, stand_in + tail);
}

Unfinished::Unfinished(const Place& place, Kind kind) : place_(place), kind_(kind) {
    const std::string begin = hidden_beside(place.path, ".");
    remove_abandoned(folder_of(begin), base_name(begin));
    // Another container may have a process of the same number.
    for (long number = getpid(); !make(begin + std::to_string(number) + kEnding);) number += 100000;
}

// False: the name is taken.
bool Unfinished::make(const std::string& path) {
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    const bool folder = kind_ == Kind::kFolder;
    if (folder && mkdir(path.c_str(), 0777) != 0) {
        if (errno == EEXIST) return false;
        refuse(place_.name, errno);
    }
    const int flags = folder ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT | O_EXCL;
    const int descriptor = open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST) return false;
    if (descriptor < 0) refuse(place_.name, errno);
    // One that looks for abandoned files may have been faster.
    struct stat status {};
    const bool taken = flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (taken || fstat(descriptor, &status) != 0 || status.st_nlink == 0) {
        close(descriptor);
        return false;
    }
    if (!folder) keep_mode(descriptor, place_, S_IRUSR | S_IWUSR);
    path_ = path;
    descriptor_ = descriptor;
    ledger().unfinished.insert(path_);
    return true;
}

Unfinished::~Unfinished() {
    if (!path_.empty()) {
        remove_at(path_);
        const std::lock_guard<std::mutex> lock(ledger().mutex);
        ledger().unfinished.erase(path_);
    }
    close(descriptor_);
}

void Unfinished::take_place(bool overwrite) {
    keep_mode(descriptor_, place_, 0);
    sync_descriptor(descriptor_, place_.name);
    take_place(path_, place_, overwrite);
    sync_folder(folder_of(place_.path));
    forget();
}

void Unfinished::take_place(const std::string& file, const Place& place, bool overwrite) {
    const bool replace = overwrite && !is_own_result(place.path);
    const int why = rename_to(file, place.path, replace);
    if (why == EXDEV) {  // a link that leads to another file system
        Unfinished copy(place, Kind::kFile);
        copy_content(file, copy.descriptor(), place.name);
        copy.take_place(overwrite);
        return;
    }
    if (why != 0) keep(place.name + ": " + g_strerror(why));
    remember_result(place.path);
}

// The work of hours does not go because of a name.
void Unfinished::keep(const std::string& why) {
    constexpr size_t kLongestStem = 200;
    const std::string folder = folder_of(place_.path), ending = ending_of(place_.path);
    const std::string stem = stem_of(place_.path).substr(0, kLongestStem);
    for (int number = 1;; ++number) {
        const std::string name = stem + "-" + std::to_string(number) +
                                 (kind_ == Kind::kFolder || ending.empty() ? "" : "." + ending);
        const int status = rename_to(path_, joined(folder, name), false);
        if (status == EEXIST) continue;
        if (status != 0) throw Failure(ExitCode::kOutput, why);
        forget();
        throw Failure(ExitCode::kOutput, why + "; the result is " + joined(folder, name));
    }
}

// It is nothing to be removed any more.
void Unfinished::forget() {
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    ledger().unfinished.erase(path_);
    path_.clear();
}

RemovedAtEnd::RemovedAtEnd(std::string path) : path_(std::move(path)) {
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    ledger().unfinished.insert(path_);
}

RemovedAtEnd::~RemovedAtEnd() {
    remove_at(path_);
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    ledger().unfinished.erase(path_);
}

Commit::Commit() {
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    ++ledger().commits;
}

Commit::~Commit() {
    const std::lock_guard<std::mutex> lock(ledger().mutex);
    --ledger().commits;
}

bool remove_unfinished(bool in_commit) {
    std::unique_lock<std::mutex> lock(ledger().mutex);
    if (ledger().commits > 0 && !in_commit) return false;
    for (const std::string& path : ledger().unfinished) remove_at(path);
    lock.release();  // nothing is begun after this
    return true;
}

}  // namespace upscale
