// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/page.h"

#include <glib.h>

#include "pipelines/cli/exit_code.h"

namespace webrtc {

namespace {

std::string folder() {
    const char* given = g_getenv("FLASHVSR_PAGE_DIR");
    return given ? given : FLASHVSR_DATA_DIR "/webrtc";
}

std::string read(const std::string& path) {
    gchar* text = nullptr;
    gsize size = 0;
    GError* error = nullptr;
    if (!g_file_get_contents(path.c_str(), &text, &size, &error)) {
        const std::string why = error->message;
        g_error_free(error);
        throw pipelines::Failure(pipelines::ExitCode::kMissing,
                                 why + " (FLASHVSR_PAGE_DIR names the folder of the page)");
    }
    std::string result(text, size);
    g_free(text);
    return result;
}

}  // namespace

Page::Page() {
    struct Served {
        const char* path;
        const char* name;
        const char* type;
    };
    constexpr Served served[] = {
        {"/", "index.html", "text/html; charset=utf-8"},
        {"/page.css", "page.css", "text/css; charset=utf-8"},
        {"/page.js", "page.js", "text/javascript; charset=utf-8"},
        {"/peer.js", "peer.js", "text/javascript; charset=utf-8"},
        {"/measure.js", "measure.js", "text/javascript; charset=utf-8"},
    };
    for (const Served& file : served) {
        files_[file.path] = {file.type, read(folder() + "/" + file.name)};
    }
}

const Page::File* Page::find(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? nullptr : &found->second;
}

bool Page::is_public(const std::string& path) const { return path != "/" && find(path); }

}  // namespace webrtc
