// SPDX-License-Identifier: Apache-2.0
// What a disk, a codec and a clock do when they fail, for a program that loads this first:
//
//   LD_PRELOAD=libfaults.so FLASHVSR_FAULT_FOLDER=... FLASHVSR_FAULT=write:3:28 program
//
// FLASHVSR_FAULT="CALL:N:ERRNO" makes the Nth such call (from 1) of the process fail, and with
// "CALL:N+:ERRNO" that one and all after it; of several bytes the first of those then writes one
// half, as a disk does that gets full. CALL is one of
//   open, write, truncate, sync, close, rename, link, mkdir, unlink: a change of what lies under
//       FLASHVSR_FAULT_FOLDER, by any function of the C library but those of stdio;
//   a function of libavcodec or libavformat that is listed below.
//
// FLASHVSR_FAULT_LOG=FILE writes down every such change, in order; tests/support/power_loss.py
// reads it. FLASHVSR_FAULT_CLOCK=SECONDS makes the wall clock jump to and fro by so many.
#undef _FILE_OFFSET_BITS  // or open() and open64() would be one function here
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>

namespace {

template <typename Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define REAL(name) (real<decltype(name)>(#name))

std::string variable(const char* name) {
    const char* value = getenv(name);
    return value ? value : "";
}

// ---- what is to fail -------------------------------------------------------------------------

enum class Verdict { kDone, kFails, kHalf };

class Plan {
  public:
    Plan() {
        const std::string text = variable("FLASHVSR_FAULT");
        char number[16] = "";
        if (sscanf(text.c_str(), "%31[^:]:%15[^:]:%d", call_, number, &error_) != 3) return;
        nth_ = atoi(number);
        lasts_ = std::string(number).back() == '+';
    }

    Verdict verdict(const std::string& call) {
        if (call != call_) return Verdict::kDone;
        const int count = ++calls_;
        if (count < nth_ || (count > nth_ && !lasts_)) return Verdict::kDone;
        errno = error_;
        return lasts_ && count == nth_ ? Verdict::kHalf : Verdict::kFails;
    }
    int error() const { return error_; }

  private:
    char call_[32] = "";
    int nth_ = 0;
    int error_ = 0;
    bool lasts_ = false;
    std::atomic<int> calls_{0};
};

Plan& plan() {
    static auto* plan = new Plan;
    return *plan;
}

// ---- what is written down --------------------------------------------------------------------

// Held while a change is made and written down, so that the order is that of the changes.
std::recursive_mutex& order() {
    static auto* mutex = new std::recursive_mutex;
    return *mutex;
}
using Order = std::lock_guard<std::recursive_mutex>;

const std::string& folder() {
    static const auto* folder = new std::string(variable("FLASHVSR_FAULT_FOLDER"));
    return *folder;
}

bool is_ours(const std::string& path) {
    return !folder().empty() &&
           (path == folder() || path.compare(0, folder().size() + 1, folder() + "/") == 0);
}

// "" if there is none.
std::string path_of(int descriptor) {
    char path[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
    const ssize_t size = readlink(link.c_str(), path, sizeof path);
    return size > 0 ? std::string(path, size) : "";
}

std::string path_at(int directory, const char* path) {
    if (*path == '/') return path;
    if (directory != AT_FDCWD) return path_of(directory) + "/" + path;
    char* current = getcwd(nullptr, 0);
    const std::string whole = std::string(current ? current : "") + "/" + path;
    free(current);
    return whole;
}

bool is_ours(int descriptor) {
    const int error = errno;
    const bool ours = !folder().empty() && is_ours(path_of(descriptor));
    errno = error;
    return ours;
}

unsigned long inode_of(int descriptor) {
    struct stat status {};
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

// A line, and the bytes that it announces.
void note(const std::string& line, const void* data = nullptr, size_t size = 0) {
    static const int log = [] {
        const std::string name = variable("FLASHVSR_FAULT_LOG");
        constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        return name.empty() ? -1 : REAL(open)(name.c_str(), kFlags, 0666);
    }();
    if (log < 0) return;
    const int error = errno;
    std::string entry = line + "\n";
    entry.append(static_cast<const char*>(data), data ? size : 0);
    if (REAL(write)(log, entry.data(), entry.size()) < 0) abort();
    errno = error;
}

void note_bytes(int descriptor, off_t offset, const void* data, ssize_t size) {
    if (size <= 0) return;
    note("write\t" + std::to_string(inode_of(descriptor)) + "\t" + std::to_string(offset) + "\t" +
             std::to_string(size),
         data, size);
}

// ---- files -----------------------------------------------------------------------------------

template <typename Open>
int open_and_note(const std::string& path, int flags, Open open) {
    if (!is_ours(path) || !(flags & (O_CREAT | O_TRUNC))) return open();
    const Order order(::order());
    if (plan().verdict("open") != Verdict::kDone) return -1;
    const bool is_new = access(path.c_str(), F_OK) != 0;
    const int descriptor = open();
    if (descriptor < 0) return descriptor;
    const std::string inode = std::to_string(inode_of(descriptor));
    if (is_new) {
        note("create\t" + path + "\t" + inode);
    } else if (flags & O_TRUNC) {
        note("truncate\t" + inode + "\t0");
    }
    return descriptor;
}

// `write` of so many bytes, at the offset or, where it is negative, where the file stands.
template <typename Write>
ssize_t write_and_note(int descriptor, const void* data, size_t size, off_t offset, Write write) {
    if (!is_ours(descriptor)) return write(size);
    const Order order(::order());
    const Verdict verdict = plan().verdict("write");
    if (verdict == Verdict::kFails || (verdict == Verdict::kHalf && size < 2)) return -1;
    if (offset < 0) {
        const bool appends = fcntl(descriptor, F_GETFL) & O_APPEND;
        offset = lseek(descriptor, 0, appends ? SEEK_END : SEEK_CUR);
    }
    const ssize_t count = write(verdict == Verdict::kHalf ? size / 2 : size);
    note_bytes(descriptor, offset, data, count);
    return count;
}

template <typename Change>
int change_and_note(bool ours, const char* call, const std::string& line, Change change) {
    if (!ours) return change();
    const Order order(::order());
    if (plan().verdict(call) != Verdict::kDone) return -1;
    const int status = change();
    if (status == 0) note(line);
    return status;
}

int sync_and_note(int descriptor, int (*sync)(int)) {
    const bool ours = is_ours(descriptor);
    struct stat status {};
    const bool is_folder = ours && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode);
    const std::string line = !ours       ? ""
                             : is_folder ? "sync-folder\t" + path_of(descriptor)
                                         : "sync\t" + std::to_string(inode_of(descriptor));
    return change_and_note(ours, "sync", line, [&] { return sync(descriptor); });
}

mode_t mode_of(int flags, va_list list) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

// ---- the clock -------------------------------------------------------------------------------

time_t jump() {
    static const time_t seconds = atol(variable("FLASHVSR_FAULT_CLOCK").c_str());
    static std::atomic<unsigned> calls{0};
    return seconds == 0 ? 0 : calls++ % 2 ? seconds : -seconds;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_and_note(path_at(AT_FDCWD, path), flags,
                         [&] { return REAL(open)(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    const mode_t mode = mode_of(flags, list);
    va_end(list);
    return open_and_note(path_at(AT_FDCWD, path), flags,
                         [&] { return REAL(open)(path, flags | O_LARGEFILE, mode); });
}

ssize_t write(int descriptor, const void* data, size_t size) {
    return write_and_note(descriptor, data, size, -1,
                          [&](size_t some) { return REAL(write)(descriptor, data, some); });
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
    return write_and_note(descriptor, data, size, offset, [&](size_t some) {
        return REAL(pwrite)(descriptor, data, some, offset);
    });
}

ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t offset) {
    return pwrite(descriptor, data, size, offset);
}

int ftruncate(int descriptor, off_t size) {
    const std::string line =
        "truncate\t" + std::to_string(inode_of(descriptor)) + "\t" + std::to_string(size);
    return change_and_note(is_ours(descriptor), "truncate", line,
                           [&] { return REAL(ftruncate)(descriptor, size); });
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int fsync(int descriptor) { return sync_and_note(descriptor, REAL(fsync)); }

int fdatasync(int descriptor) { return sync_and_note(descriptor, REAL(fdatasync)); }

int syncfs(int descriptor) {
    return change_and_note(is_ours(descriptor), "sync", "sync-all",
                           [&] { return REAL(syncfs)(descriptor); });
}

// The descriptor is gone, whatever is answered, as it is in Linux.
int close(int descriptor) {
    const bool ours = is_ours(descriptor);
    const int status = REAL(close)(descriptor);
    const Order order(::order());
    return ours && plan().verdict("close") != Verdict::kDone ? -1 : status;
}

int rename(const char* from, const char* to) {
    const std::string path = path_at(AT_FDCWD, to);
    return change_and_note(is_ours(path), "rename",
                           "rename\t" + path_at(AT_FDCWD, from) + "\t" + path,
                           [&] { return REAL(rename)(from, to); });
}

int renameat2(int old_folder, const char* from, int new_folder, const char* to, unsigned flags) {
    const std::string path = path_at(new_folder, to);
    return change_and_note(
        is_ours(path), "rename", "rename\t" + path_at(old_folder, from) + "\t" + path,
        [&] { return REAL(renameat2)(old_folder, from, new_folder, to, flags); });
}

int link(const char* from, const char* to) {
    const std::string path = path_at(AT_FDCWD, to);
    return change_and_note(is_ours(path), "link", "link\t" + path_at(AT_FDCWD, from) + "\t" + path,
                           [&] { return REAL(link)(from, to); });
}

int mkdir(const char* name, mode_t mode) {
    const std::string path = path_at(AT_FDCWD, name);
    return change_and_note(is_ours(path), "mkdir", "mkdir\t" + path,
                           [&] { return REAL(mkdir)(name, mode); });
}

int rmdir(const char* name) {
    const std::string path = path_at(AT_FDCWD, name);
    return change_and_note(is_ours(path), "unlink", "rmdir\t" + path,
                           [&] { return REAL(rmdir)(name); });
}

int unlink(const char* name) {
    const std::string path = path_at(AT_FDCWD, name);
    return change_and_note(is_ours(path), "unlink", "unlink\t" + path,
                           [&] { return REAL(unlink)(name); });
}

int clock_gettime(clockid_t clock, struct timespec* time) {
    const int status = REAL(clock_gettime)(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += jump();
    return status;
}

time_t time(time_t* result) {
    const time_t now = REAL(time)(nullptr) + jump();
    if (result) *result = now;
    return now;
}

// Functions of libavcodec and libavformat answer with what POSIX calls the error, negated.
#define FAILS(name)                                                          \
    int name(void* a, void* b, void* c) {                                    \
        if (plan().verdict(#name) != Verdict::kDone) return -plan().error(); \
        return real<int(void*, void*, void*)>(#name)(a, b, c);               \
    }
FAILS(avcodec_open2)
FAILS(avcodec_send_frame)
FAILS(avcodec_receive_packet)
FAILS(avformat_write_header)
FAILS(av_interleaved_write_frame)
FAILS(av_write_trailer)

}  // extern "C"
