// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/command_line.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "pipelines/cli/exit_code.h"

namespace pipelines {

namespace {

// Levenshtein's distance.
size_t distance(const std::string& a, const std::string& b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

std::string nearest(const std::string& name, const std::vector<std::string>& names) {
    return *std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
        return distance(name, a) < distance(name, b);
    });
}

bool is_text(const GOptionEntry& entry) {
    return entry.arg == G_OPTION_ARG_STRING || entry.arg == G_OPTION_ARG_FILENAME;
}

bool is_list(const GOptionEntry& entry) {
    return entry.arg == G_OPTION_ARG_STRING_ARRAY || entry.arg == G_OPTION_ARG_FILENAME_ARRAY;
}

}  // namespace

CommandLine::CommandLine(const char* words, const char* description)
    : context_(g_option_context_new(words)), names_{"help"} {
    g_option_context_set_help_enabled(context_, FALSE);
    g_option_context_set_description(context_, description);
}

CommandLine::~CommandLine() {
    for (const GOptionEntry& entry : texts_) {
        if (is_list(entry)) {
            g_clear_pointer(static_cast<gchar***>(entry.arg_data), g_strfreev);
        } else {
            g_clear_pointer(static_cast<gchar**>(entry.arg_data), g_free);
        }
    }
    g_option_context_free(context_);
}

void CommandLine::add_group(const char* title, std::vector<GOptionEntry> entries, gpointer data) {
    for (const GOptionEntry& entry : entries) {
        names_.emplace_back(entry.long_name);
        if (is_text(entry) || is_list(entry)) texts_.push_back(entry);
    }
    entries.push_back({});
    GOptionGroup* group = g_option_group_new(title, title, title, data, nullptr);
    g_option_group_add_entries(group, entries.data());
    g_option_context_add_group(context_, group);
}

std::vector<std::string> CommandLine::parse(int argc, char** argv) {
    refuse_unknown(argc, argv);
    gboolean help = FALSE;
    add_group("Help:", {{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "This text", nullptr}});
    GError* error = nullptr;
    if (!g_option_context_parse(context_, &argc, &argv, &error)) {
        const std::string message = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kUsage, message);
    }
    if (help) {
        gchar* text = g_option_context_get_help(context_, FALSE, nullptr);
        const std::string shown = text;
        g_free(text);
        std::fputs(shown.c_str(), stdout);
        check_said();
        std::exit(static_cast<int>(ExitCode::kDone));
    }
    if (argc > 1 && std::strcmp(argv[1], "--") == 0) return {argv + 2, argv + argc};
    return {argv + 1, argv + argc};
}

// On the first word that looks like a long option and is none.
void CommandLine::refuse_unknown(int argc, char** argv) const {
    for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
        if (std::strncmp(argv[i], "--", 2) != 0) continue;
        const std::string word(argv[i] + 2);
        const std::string name = word.substr(0, word.find('='));
        if (std::find(names_.begin(), names_.end(), name) != names_.end()) continue;
        const std::string guess = nearest(name, names_);
        const bool close = distance(name, guess) <= std::max<size_t>(2, name.size() / 3);
        throw Failure(ExitCode::kUsage,
                      "unknown option --" + name +
                          (close ? ", did you mean --" + guess + "?" : ", see --help"));
    }
}

void check_said() {
    if ((std::fflush(stdout) == 0 && !std::ferror(stdout)) || errno == EPIPE) return;
    throw Failure(ExitCode::kFailed,
                  std::string("what was asked for cannot be written: ") + std::strerror(errno));
}

void check_range(const char* option, int value, int low, int high) {
    if (value < low || value > high) {
        throw Failure(ExitCode::kUsage, std::string(option) + " is " + std::to_string(value) +
                                            ": allowed are " + std::to_string(low) + " to " +
                                            std::to_string(high));
    }
}

}  // namespace pipelines
