// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipelines/upscale/format.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/source.h"

namespace upscale {

// A name that a result may have.
struct ResultName {
    std::string plain;
    std::string qualified;  // with the input's own ending in it, where `plain` is taken
    std::string input;      // file that it is made of
};

// What an input's results are called, before anybody has looked whether that can be.
struct ResultNames {
    std::string shown;                // as the user sees all of them
    std::vector<ResultName> results;  // the file, or one for each picture
    // Pictures of a video: `results` has what stands before the number.
    std::optional<NumberedName> numbered;
};

bool names_folder(const std::string& path);

// Throws Failure (kUsage) where there is none.
const Format& choose_format(const Options& options, const Source& source);

// many: the results of several inputs are in a folder. Throws Failure (kUsage) where a single
// picture is named for many; kInput where no image is in the window.
ResultNames name_results(const Options& options, const Source& source, const Format& format,
                         bool many);

}  // namespace upscale
