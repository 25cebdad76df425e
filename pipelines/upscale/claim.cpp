// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/claim.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr double kWritesPerLease = 12;

std::string first_line(const char* path) {
    gchar* text = nullptr;
    if (!g_file_get_contents(path, &text, nullptr, nullptr)) return "-";
    std::string line(g_strchomp(text));
    g_free(text);
    return line.empty() ? "-" : line;
}

// The machine, and what it has been since it was started.
struct Machine {
    std::string host, id, boot;
};

const Machine& this_machine() {
    static const Machine machine = {g_get_host_name(), first_line("/etc/machine-id"),
                                    first_line("/proc/sys/kernel/random/boot_id")};
    return machine;
}

// What stands in the file: "HOST MACHINE BOOT PROCESS FRAMES WRITES". BOOT is "-" without a lock.
struct State {
    std::string text;
    Machine machine;
    std::string process = "?";

    bool read(const std::string& path) {
        gchar* content = nullptr;
        if (!g_file_get_contents(path.c_str(), &content, nullptr, nullptr)) return false;
        text = content;
        gchar** words = g_strsplit_set(content, " \n", 5);
        if (g_strv_length(words) == 5) {
            machine = {words[0], words[1], words[2]};
            process = words[3];
        }
        g_strfreev(words);
        g_free(content);
        return true;
    }

    std::string holder() const { return "process " + process + " on " + machine.host; }
};

// For one machine alone; a lock that cannot be had for other reasons says nothing.
bool is_unlocked(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return false;
    const bool free = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    close(descriptor);
    return free;
}

bool is_dead(const State& state, const std::string& path) {
    const Machine& here = this_machine();
    if (state.machine.boot.empty() || state.machine.boot == "-" || here.boot == "-") return false;
    if (state.machine.boot == here.boot) return is_unlocked(path);
    return state.machine.host == here.host && state.machine.id == here.id && here.id != "-";
}

std::string numbered(const std::string& path, long number) {
    return path + "-" + std::to_string(number);
}

// 0: there is no claim.
long highest_number(const std::string& path) {
    const std::string begin = base_name(path) + "-";
    GDir* dir = g_dir_open(folder_of(path).c_str(), 0, nullptr);
    long highest = 0;
    while (const gchar* name = dir ? g_dir_read_name(dir) : nullptr) {
        if (g_str_has_prefix(name, begin.c_str())) {
            highest = std::max(highest, std::atol(name + begin.size()));
        }
    }
    if (dir) g_dir_close(dir);
    return highest;
}

// Looks at one holder after the other.
class Watch {
  public:
    explicit Watch(double lease) : lease_(lease) {}

    // Whether the holder of this file is to be taken over from.
    bool is_over(const std::string& path) {
        State state;
        if (!state.read(path)) return false;  // it has gone: there may be another
        const bool first = path != path_;
        if (first || state.text != state_.text) since_ = Clock::now();
        path_ = path;
        state_ = state;
        return is_dead(state, path) || Seconds(Clock::now() - since_).count() > lease_;
    }

    const State& state() const { return state_; }

  private:
    const double lease_;
    std::string path_;
    State state_;
    Clock::time_point since_ = Clock::now();
};

}  // namespace

std::unique_ptr<Claim> Claim::take(const std::string& path, double lease,
                                   const std::function<bool()>& is_done, const Say& say) {
    constexpr gulong kBetweenLooks = G_USEC_PER_SEC / 2;
    Watch watch(lease);
    bool said = false;
    while (!is_done()) {
        const long number = highest_number(path);
        if (number > 0 && !watch.is_over(numbered(path, number))) {
            if (!said) say("waiting for " + watch.state().holder() + " (" + path + ")");
            said = true;
            g_usleep(kBetweenLooks);
            continue;
        }
        const std::string own = numbered(path, number + 1);
        const int descriptor = open(own.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno == EEXIST) {  // what a folder lists may be seconds old
            g_usleep(kBetweenLooks);
            continue;
        }
        if (descriptor < 0) throw Failure(ExitCode::kOutput, own + ": " + g_strerror(errno));
        for (long old = number; old > 0; --old) g_unlink(numbered(path, old).c_str());
        std::unique_ptr<Claim> claim(new Claim(own, descriptor, lease));
        if (is_done()) return nullptr;
        return claim;
    }
    return nullptr;
}

Claim::Claim(const std::string& path, int descriptor, double lease)
    : file_(path), descriptor_(descriptor), lease_(lease) {
    const bool locked = flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    const Machine& here = this_machine();
    holder_ = here.host + " " + here.id + " " + (locked ? here.boot : "-") + " " +
              std::to_string(getpid());
    write_state();
    thread_ = std::thread([this] { renew(); });
}

Claim::~Claim() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
    close(descriptor_);
}

void Claim::set_frames(guint64 frames) {
    const std::lock_guard<std::mutex> lock(mutex_);
    frames_ = frames;
}

// Where it cannot be written, another may take over, which is harmless.
void Claim::write_state() {
    gchar numbers[64];  // of one length always
    g_snprintf(numbers, sizeof numbers, " %12" G_GUINT64_FORMAT " %12" G_GUINT64_FORMAT "\n",
               frames_, ++writes_);
    const std::string text = holder_ + numbers;
    if (pwrite(descriptor_, text.data(), text.size(), 0) > 0) fdatasync(descriptor_);
}

void Claim::renew() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!changed_.wait_for(lock, Seconds(lease_ / kWritesPerLease), [this] { return ended_; })) {
        write_state();
    }
}

}  // namespace upscale
