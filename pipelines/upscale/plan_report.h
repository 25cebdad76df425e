// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "pipelines/upscale/part_plan.h"
#include "pipelines/upscale/trial.h"

namespace upscale {

// What --plan tells of a video.
struct PlanReport {
    std::string input, output;
    std::string folder;         // of the parts; empty: nothing is written
    int width = 0, height = 0;  // of the result
    std::vector<PartSpan> parts;
    std::vector<bool> made;  // which of them are there
    Trial trial;             // fps 0: none was made
};

// A line of JSON on the standard output.
void print_plan(const PlanReport& report);

// The same of an input that gets no plan. state: "done" or "failed"; output and error may be empty.
void print_no_plan(const std::string& state, const std::string& input, const std::string& output,
                   const std::string& error);

}  // namespace upscale
