// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <string>
#include <vector>

#include "pipelines/upscale/place.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// What is known about a part of --resume.
struct PartRecord {
    bool there = false;  // made, and its file is as it was written
    guint64 frames = 0;  // 0: there is no file
    bool last = false;
    guint64 bytes = 0;
    std::string sum;  // of its file's content
};

// The state of a work in parts, in a file that is replaced as a whole.
struct Journal {
    std::string settings;  // stands for all that the frames depend on
    std::vector<PartRecord> parts;
    std::vector<Loss> losses;
    std::string result;  // the file that takes the result's name; empty: not joined yet

    // False: there is none, or it is damaged.
    bool read(const std::string& path);
    // Throws Failure (kFailed).
    void write(const std::string& path) const;
};

// Folder for the parts of a result, beside it.
std::string parts_folder(const Place& place);
std::string journal_in(const std::string& parts_folder);

// Tells a file that was renamed from all others. Empty: it is not there.
std::string identity_of(const std::string& path);

// Whether what exists at this place is the result of parts that still lie beside it: the work was
// ended between the two last steps.
bool is_joined_result(const Place& place);

}  // namespace upscale
