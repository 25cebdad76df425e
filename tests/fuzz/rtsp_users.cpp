// SPDX-License-Identifier: Apache-2.0
// The file of --auth-file.
#include <cstdlib>

#include "pipelines/cli/exit_code.h"
#include "pipelines/rtsp/users.h"
#include "tests/fuzz/fuzz.h"

namespace {

/// A hash that says itself how long it takes may take hours.
bool is_costly(const std::string& line) {
    const size_t hash = line.find(":$");
    if (hash == std::string::npos) return false;
    const std::string method = line.substr(hash + 1, 3);
    return (method != "$5$" && method != "$6$") || line.find("rounds") != std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    for (const std::string& line : fuzz::lines(data, size)) {
        if (is_costly(line)) return 0;
    }
    try {
        const rtsp::Users users(fuzz::as_file(data, size));
        const bool digest = users.kind() == rtsp::Users::Kind::kDigest;
        // The realm stands in a header, between quotation marks.
        if (users.kind() == rtsp::Users::Kind::kNobody || users.realm().empty() ||
            users.realm().find_first_of("\"\r\n\\") != std::string::npos ||
            !users.ha1("").empty() || (!digest && users.check("", ""))) {
            std::abort();
        }
        for (const std::string& line : fuzz::lines(data, size)) {
            const std::string name = line.substr(0, line.find(':'));
            const bool known = !users.ha1(name).empty();
            if (known && digest && users.ha1(name).size() != 32) std::abort();
            if (known && line[0] == '#') std::abort();
        }
    } catch (const pipelines::Failure& failure) {
        if (failure.code() != pipelines::ExitCode::kUsage) std::abort();
    }
    return 0;
}
