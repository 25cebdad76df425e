// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/secret.h"

#include <cstdlib>
#include <fstream>

#include "pipelines/cli/exit_code.h"
#include "pipelines/cli/redact.h"

namespace pipelines {

namespace {

constexpr std::streamsize kLongest = 4096;

std::string first_line(const std::string& option, const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kLongest + 1, '\0');
    file.read(text.data(), kLongest + 1);  // no more, were it /dev/zero
    if (file.bad() || file.gcount() == 0) {
        throw Failure(ExitCode::kUsage, option + " " + path + " cannot be read, or is empty");
    }
    text.resize(file.gcount());
    text = text.substr(0, text.find_first_of(std::string("\r\n\0", 3)));
    if (text.empty() || text.size() > kLongest) {
        throw Failure(ExitCode::kUsage, option + " " + path + ": its first line is to hold the " +
                                            "secret, of at most 4096 bytes");
    }
    return text;
}

}  // namespace

std::string read_secret(const SecretSources& sources) {
    const std::string option = sources.option;
    if (sources.word && sources.file) {
        throw Failure(ExitCode::kUsage, "either " + option + " or " + option + "-file");
    }
    if (sources.word) return sources.word;
    if (sources.file) return first_line(option + "-file", sources.file);
    const char* value = std::getenv(sources.variable);
    return value ? value : "";
}

GOptionEntry source_file_entry(gchar** file) {
    return {"source-file",
            0,
            0,
            G_OPTION_ARG_FILENAME,
            file,
            "SOURCE from a file's first line, or from FLASHVSR_SOURCE: not seen by other users",
            "FILE"};
}

std::string read_place(const std::vector<std::string>& words, const char* file) {
    if (words.size() > 1) {
        throw Failure(ExitCode::kUsage,
                      "one source, please, not also '" + redacted(words[1]) + "'");
    }
    if (!words.empty() && file) {
        throw Failure(ExitCode::kUsage, "either a source or --source-file");
    }
    const char* word = words.empty() ? nullptr : words[0].c_str();
    const std::string place = read_secret({"--source", word, file, "FLASHVSR_SOURCE"});
    if (place.empty()) {
        throw Failure(ExitCode::kUsage, "no source: name a URL, a camera, a file or 'test'");
    }
    return place;
}

}  // namespace pipelines
