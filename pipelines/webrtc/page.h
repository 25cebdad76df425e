// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace webrtc {

// The files of the page, read once.
class Page {
  public:
    struct File {
        const char* type;  // of its content
        std::string text;
    };

    // Looks in $FLASHVSR_PAGE_DIR, else in the installed data folder. Throws Failure (kMissing).
    Page();

    // By the path of a request; null: there is no such file.
    const File* find(const std::string& path) const;

    // Whether the path is that of a style or script. They hold no secret, and a browser asks for
    // them by their bare names, without the token that the page was opened with.
    bool is_public(const std::string& path) const;

  private:
    std::map<std::string, File> files_;
};

}  // namespace webrtc
