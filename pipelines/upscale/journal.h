// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <glib.h>

#include <string>
#include <vector>

#include "pipelines/upscale/part_plan.h"
#include "pipelines/upscale/place.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// A part that has been made, in a file of its own. It names the file with the frames, which several
// may have made at the same time: the newest record counts.
struct PartRecord {
    std::string settings;  // as the journal's
    std::string file;      // name in the folder of the parts; empty: there are no frames
    guint64 frames = 0;
    guint64 bytes = 0;
    std::string sum;  // of the file's content
    std::vector<Loss> losses;

    // False: there is none, or it is damaged.
    bool read(const std::string& path);
    // Throws Failure (kFailed).
    void write(const std::string& path) const;
};

// What a work in parts is, in a file that is replaced as a whole.
struct Journal {
    std::string settings;  // stands for all that the frames depend on
    std::vector<PartSpan> parts;
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
