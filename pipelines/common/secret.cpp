#include "pipelines/common/secret.h"

#include <cstdlib>
#include <fstream>

#include "pipelines/common/exit_code.h"

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

}  // namespace pipelines
