// SPDX-License-Identifier: Apache-2.0
// Linked into what runs under ThreadSanitizer. GLib's mutexes and conditions stand on futexes,
// which it does not know: without these it takes what GStreamer's threads hand to each other, and
// to the main loop, for races.
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

namespace {

template <class Function>
Function* next(Function*, const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// What a thread has the main loop do.
struct Work {
    GSourceFunc function;
    gpointer data;
    GDestroyNotify notify;

    static gboolean run(gpointer self) {
        __tsan_acquire(self);
        const auto* work = static_cast<Work*>(self);
        return work->function(work->data);
    }
    static void free(gpointer self) {
        __tsan_acquire(self);
        auto* work = static_cast<Work*>(self);
        if (work->notify) work->notify(work->data);
        delete work;
    }
};

}  // namespace

extern "C" {

guint g_idle_add_full(gint priority, GSourceFunc function, gpointer data, GDestroyNotify notify) {
    static auto* const add = next(g_idle_add_full, "g_idle_add_full");
    auto* work = new Work{function, data, notify};
    __tsan_release(work);
    return add(priority, Work::run, work, Work::free);
}

void g_mutex_lock(GMutex* mutex) {
    static auto* const lock = next(g_mutex_lock, "g_mutex_lock");
    lock(mutex);
    __tsan_acquire(mutex);
}

gboolean g_mutex_trylock(GMutex* mutex) {
    static auto* const trylock = next(g_mutex_trylock, "g_mutex_trylock");
    const gboolean locked = trylock(mutex);
    if (locked) __tsan_acquire(mutex);
    return locked;
}

void g_mutex_unlock(GMutex* mutex) {
    static auto* const unlock = next(g_mutex_unlock, "g_mutex_unlock");
    __tsan_release(mutex);
    unlock(mutex);
}

void g_cond_wait(GCond* cond, GMutex* mutex) {
    static auto* const wait = next(g_cond_wait, "g_cond_wait");
    __tsan_release(mutex);
    wait(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond* cond, GMutex* mutex, gint64 end) {
    static auto* const wait = next(g_cond_wait_until, "g_cond_wait_until");
    __tsan_release(mutex);
    const gboolean signalled = wait(cond, mutex, end);
    __tsan_acquire(mutex);
    return signalled;
}

}  // extern "C"
