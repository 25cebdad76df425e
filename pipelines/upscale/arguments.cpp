#include "pipelines/upscale/arguments.h"

#include <glib.h>

#include <cmath>
#include <regex>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

namespace {

constexpr char kConfig[] = "--config";

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
    static const std::regex form("(?:(?:([0-9]+):)?([0-9]{1,2}):)?([0-9]+(?:\\.[0-9]*)?)");
    std::smatch match;
    if (!std::regex_match(text, match, form)) {
        throw Failure(ExitCode::kUsage, option + " is '" + text +
                                            "': allowed are seconds (90, 1.5) and hours, minutes "
                                            "and seconds (1:30, 0:01:30.5)");
    }
    const double hours = g_ascii_strtod(match[1].str().c_str(), nullptr);
    const double minutes = g_ascii_strtod(match[2].str().c_str(), nullptr);
    const double seconds = g_ascii_strtod(match[3].str().c_str(), nullptr);
    return static_cast<unsigned long long>(
        std::llround((hours * 3600 + minutes * 60 + seconds) * 1e9));
}

}  // namespace upscale
