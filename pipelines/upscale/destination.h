// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/format.h"
#include "pipelines/upscale/options.h"
#include "pipelines/upscale/paths.h"
#include "pipelines/upscale/place.h"
#include "pipelines/upscale/source.h"

namespace upscale {

// What becomes of an input: in what form, under what names.
struct Destination {
    const Format* format = nullptr;
    std::string codec;
    std::string name;           // as the user sees it: a file, "-", a pattern, or a folder
    std::vector<Place> places;  // the file; of pictures one each
    // Pictures of a video, as many as it has frames; `places` are those that exist now.
    std::optional<NumberedName> numbered;
    // What a run with --resume left there before this one.
    enum class Before { kNothing, kResult, kResultAndParts } before = Before::kNothing;

    bool is_pictures() const;
    // For what lies beside the result; of pictures the first one's.
    Place first_place() const;
    bool is_stream() const { return !numbered && places.size() == 1 && places.front().stream; }
};

// Players turn the picture as the input's container says; else the frames have to be.
bool keeps_rotation(const Options& options, const Destination& destination);

// One input of the command and what becomes of it.
struct Task {
    std::string input;               // as the user typed it, or a file of the folder that he typed
    std::unique_ptr<Source> source;  // null: it cannot be read, see `failure`
    std::optional<Failure> failure;
    Destination destination;
};

// Decides, for all inputs at once and before anything is computed, what is written where. Makes
// the folders for it, except with --dry-run. Throws Failure: kUsage for an ending or codec that is
// not known or for two that do not go together; kOutput for what exists (without --overwrite),
// what is an input, two results of one name, and where nothing can be written.
//
// many: `options.output` is a folder for the results of several inputs. Tasks without a source,
// whose input cannot be read, get no destination.
void decide_destinations(const Options& options, bool many, std::vector<Task>* tasks);

}  // namespace upscale
