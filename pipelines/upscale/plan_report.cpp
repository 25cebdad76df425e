// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/plan_report.h"

#include <algorithm>
#include <cstdio>

#include "pipelines/upscale/text.h"

namespace upscale {

namespace {

double seconds(GstClockTime time) { return static_cast<double>(time) / GST_SECOND; }

void print_part(const PartSpan& part, size_t number, bool made) {
    std::printf("{\"part\": %zu, \"start\": %.6f", number, seconds(part.window.start));
    if (GST_CLOCK_TIME_IS_VALID(part.window.end)) {
        std::printf(", \"end\": %.6f", seconds(part.window.end));
    }
    std::printf(
        ", \"frames\": %llu, \"lead_in\": %.6f, \"run_out\": %llu, \"at_cut\": %s, "
        "\"made\": %s}",
        static_cast<unsigned long long>(part.frames), seconds(part.lead_in),
        static_cast<unsigned long long>(part.run_out), part.at_cut ? "true" : "false",
        made ? "true" : "false");
}

}  // namespace

void print_plan(const PlanReport& report) {
    guint64 frames = 0;
    for (const PartSpan& part : report.parts) frames += part.frames;
    std::printf(
        "{\"state\": \"planned\", \"input\": %s, \"output\": %s, \"width\": %d, "
        "\"height\": %d, \"frames\": %llu",
        json_string(report.input).c_str(), json_string(report.output).c_str(), report.width,
        report.height, static_cast<unsigned long long>(frames));
    if (!report.folder.empty()) {
        std::printf(", \"folder\": %s", json_string(report.folder).c_str());
    }
    if (report.trial.memory > 0) {
        std::printf(", \"memory\": %llu", static_cast<unsigned long long>(report.trial.memory));
    }
    if (report.trial.fps > 0) {
        std::printf(", \"fps\": %.3f, \"seconds\": %.1f", report.trial.fps,
                    static_cast<double>(frames) / report.trial.fps);
    }
    std::printf(", \"parts\": [");
    for (size_t number = 0; number < report.parts.size(); ++number) {
        if (number > 0) std::printf(", ");
        print_part(report.parts[number], number, report.made[number]);
    }
    std::printf("]}\n");
    std::fflush(stdout);
}

void print_no_plan(const std::string& state, const std::string& input, const std::string& output,
                   const std::string& error) {
    std::printf("{\"state\": \"%s\", \"input\": %s", state.c_str(), json_string(input).c_str());
    if (!output.empty()) std::printf(", \"output\": %s", json_string(output).c_str());
    if (!error.empty()) std::printf(", \"error\": %s", json_string(error).c_str());
    std::printf("}\n");
    std::fflush(stdout);
}

}  // namespace upscale
