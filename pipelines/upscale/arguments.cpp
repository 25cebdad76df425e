// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/arguments.h"

#include <glib.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr char kConfig[] = "--config";
constexpr size_t kShown = 80;  // bytes of a bad value that its error repeats

std::string trimmed(const std::string& text) {
    const size_t begin = text.find_first_not_of(" \t\r");
    if (begin == std::string::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string> read_config(const std::string& path) {
    gchar* text = nullptr;
    GError* error = nullptr;
    if (!g_file_get_contents(path.c_str(), &text, nullptr, &error)) {
        const std::string why = error->message;
        g_error_free(error);
        throw Failure(ExitCode::kUsage, "--config: " + why);
    }
    constexpr char kByteOrderMark[] = "\xef\xbb\xbf";  // as editors on Windows put it first
    const bool marked = g_str_has_prefix(text, kByteOrderMark);
    std::vector<std::string> words;
    gchar** lines = g_strsplit(text + (marked ? sizeof kByteOrderMark - 1 : 0), "\n", -1);
    g_free(text);
    for (gchar** line = lines; *line; ++line) {
        const std::string option = trimmed(*line);
        if (option.empty() || option[0] == '#') continue;
        const size_t equals = option.find('=');
        words.push_back("--" + trimmed(option.substr(0, equals)));
        if (equals != std::string::npos) words.back() += "=" + trimmed(option.substr(equals + 1));
    }
    g_strfreev(lines);
    return words;
}

bool is_digits(const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// Reads "[[HOURS:]MINUTES:]SECONDS", the last with or without a fraction.
std::optional<double> seconds_of(const std::string& text) {
    const size_t last = text.rfind(':');
    const std::string seconds = last == std::string::npos ? text : text.substr(last + 1);
    const size_t point = std::min(seconds.find('.'), seconds.size());
    const std::string fraction = seconds.substr(std::min(point + 1, seconds.size()));
    if (!is_digits(seconds.substr(0, point)) || !(fraction.empty() || is_digits(fraction))) {
        return {};
    }
    double total = g_ascii_strtod(seconds.c_str(), nullptr);
    if (last == std::string::npos) return total;
    const size_t first = text.find(':');
    const std::string hours = first < last ? text.substr(0, first) : "0";
    const std::string minutes =
        first < last ? text.substr(first + 1, last - first - 1) : text.substr(0, last);
    if (!is_digits(hours) || !is_digits(minutes) || minutes.size() > 2) return {};
    total += 60 * g_ascii_strtod(minutes.c_str(), nullptr);
    return total + 3600 * g_ascii_strtod(hours.c_str(), nullptr);
}

}  // namespace

std::vector<std::string> expand_arguments(int argc, char** argv) {
    std::vector<std::string> configured, typed;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const bool joined = word.rfind(std::string(kConfig) + "=", 0) == 0;
        if (word != kConfig && !joined) {
            typed.push_back(word);
            continue;
        }
        if (!joined && ++i == argc) throw Failure(ExitCode::kUsage, "--config needs a file");
        const auto words = read_config(joined ? word.substr(sizeof kConfig) : argv[i]);
        configured.insert(configured.end(), words.begin(), words.end());
    }
    configured.insert(configured.end(), typed.begin(), typed.end());
    return configured;
}

unsigned long long parse_time(const std::string& option, const std::string& text) {
    constexpr double kLongest = 9e9;  // seconds, whose nanoseconds a 64-bit number holds
    const std::optional<double> seconds = seconds_of(text);
    if (!seconds || *seconds > kLongest) {
        throw Failure(ExitCode::kUsage, option + " is '" + text.substr(0, kShown) +
                                            "': allowed are seconds (90, 1.5) and hours, minutes "
                                            "and seconds (1:30, 0:01:30.5)");
    }
    return static_cast<unsigned long long>(std::llround(*seconds * 1e9));
}

}  // namespace upscale
