// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/password_thread.h"

#include <glib.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

namespace rtsp {

namespace {

struct Job {
    std::function<void()> work, then;
    GMainContext* context;  // of who has asked
    std::mutex mutex;       // from one thread to the other and back
};

void work(Job* job) {
    const std::lock_guard lock(job->mutex);
    job->work();
}

gboolean end(gpointer data) {
    auto* job = static_cast<Job*>(data);
    const std::lock_guard lock(job->mutex);
    job->then();
    return G_SOURCE_REMOVE;
}

// The job is its context's.
void hand_back(Job* job) {
    GMainContext* context = job->context;
    GSource* source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, end, job, [](gpointer job) { delete static_cast<Job*>(job); });
    g_source_attach(source, context);
    g_source_unref(source);
    g_main_context_unref(context);
}

}  // namespace

struct PasswordThread::State {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job*> jobs;
    bool ended = false;

    // Null: there will be none.
    Job* next() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return ended || !jobs.empty(); });
        if (jobs.empty()) return nullptr;
        Job* job = jobs.front();
        jobs.pop_front();
        return job;
    }
};

PasswordThread::PasswordThread() : state_(std::make_shared<State>()) {
    std::thread([state = state_] {
        while (Job* job = state->next()) {
            work(job);
            hand_back(job);
        }
    }).detach();
}

PasswordThread::~PasswordThread() {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
    state_->changed.notify_one();
}

void PasswordThread::ask(std::function<void()> work, std::function<void()> then) {
    GMainContext* context = g_source_get_context(g_main_current_source());
    auto* job = new Job{std::move(work), std::move(then), g_main_context_ref(context), {}};
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(job);
    state_->changed.notify_one();
}

}  // namespace rtsp
