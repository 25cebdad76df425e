// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/main_thread.h"

#include <glib.h>

#include "pipelines/live/guard.h"

namespace webrtc {

namespace {

using Work = std::function<void()>;

gboolean run(gpointer work) {
    pipelines::guarded("on the main thread", [&] { (*static_cast<Work*>(work))(); });
    return G_SOURCE_REMOVE;
}

void free_work(gpointer work) { delete static_cast<Work*>(work); }

}  // namespace

void on_main_thread(Work work) {
    g_idle_add_full(G_PRIORITY_DEFAULT, run, new Work(std::move(work)), free_work);
}

}  // namespace webrtc
