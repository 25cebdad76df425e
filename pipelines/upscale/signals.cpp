// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/signals.h"

#include <glib.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/unfinished.h"

namespace upscale {

namespace {

// The work that a signal has come to its end. Outlives the threads that an abrupt end leaves.
struct Work {
    std::mutex mutex;
    std::function<void()> interrupt;  // empty: none, or one that waits for nothing
};

Work& work() {
    static auto* work = new Work;
    return *work;
}

gboolean interrupt_work(gpointer) {
    std::function<void()> interrupt;
    {
        const std::lock_guard<std::mutex> lock(work().mutex);
        interrupt = work().interrupt;
    }
    if (interrupt) interrupt();
    return G_SOURCE_REMOVE;
}

bool is_work() {
    const std::lock_guard<std::mutex> lock(work().mutex);
    return static_cast<bool>(work().interrupt);
}

bool comes_within(const sigset_t& signals, time_t seconds) {
    const struct timespec patience = {seconds, 0};
    return sigtimedwait(&signals, nullptr, &patience) > 0;
}

[[noreturn]] void end_process(const sigset_t& signals) {
    constexpr int kPatience = 4;
    bool removed = false;
    for (int second = 0; !removed; ++second) {
        const bool in_commit = second == kPatience || (second > 0 && comes_within(signals, 1));
        removed = remove_unfinished(in_commit);
    }
    _exit(static_cast<int>(ExitCode::kInterrupted));
}

void watch(const sigset_t& signals) {
    constexpr time_t kPatience = 5, kPatienceWithTwo = 1;
    int signal = 0;
    sigwait(&signals, &signal);
    if (is_work()) {
        g_main_context_invoke(nullptr, interrupt_work, nullptr);
        if (comes_within(signals, kPatience)) {
            g_main_context_invoke(nullptr, interrupt_work, nullptr);
            comes_within(signals, kPatienceWithTwo);
        }
    }
    end_process(signals);
}

}  // namespace

void catch_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        sigaction(signal, nullptr, &action);
        if (action.sa_handler != SIG_IGN) sigaddset(&signals, signal);
    }
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread(watch, signals).detach();
}

Interruption::Interruption(std::function<void()> interrupt) {
    const std::lock_guard<std::mutex> lock(work().mutex);
    work().interrupt = std::move(interrupt);
}

Interruption::~Interruption() {
    const std::lock_guard<std::mutex> lock(work().mutex);
    work().interrupt = nullptr;
}

}  // namespace upscale
