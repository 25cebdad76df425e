// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <exception>
#include <utility>

#include "pipelines/cli/redact.h"

namespace pipelines {

// Runs the body of a callback that C code calls: an exception must not unwind through C. It ends
// here with a line in the log that names `where`, and `otherwise` is returned.
//
//     static gboolean on_second(gpointer self) {
//         return guarded("on_second", G_SOURCE_CONTINUE, [&] { ...; return G_SOURCE_CONTINUE; });
//     }
template <class Result, class Work>
Result guarded(const char* where, Result otherwise, Work&& work) noexcept {
    try {
        return std::forward<Work>(work)();
    } catch (const std::exception& error) {
        g_warning("%s: %s", where, redacted(error.what()).c_str());
    } catch (...) {
        g_warning("%s: an error of an unknown kind", where);
    }
    return otherwise;
}

// The same for a callback that returns nothing. Returns whether the work got to its end.
template <class Work>
bool guarded(const char* where, Work&& work) noexcept {
    return guarded(where, false, [&] {
        std::forward<Work>(work)();
        return true;
    });
}

}  // namespace pipelines
