// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/users.h"

#include <crypt.h>
#include <glib.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "pipelines/cli/exit_code.h"
#include "pipelines/live/access.h"

namespace rtsp {

namespace {

using pipelines::ExitCode;
using pipelines::Failure;

constexpr char kRealm[] = "flashvsr-rtsp";  // where the file names none
constexpr size_t kLongestLine = 1024;
constexpr size_t kMaxUsers = 10000;
constexpr size_t kDigits = 32;  // of an MD5 sum

// What hashes may cost, see is_affordable.
constexpr char kRounds[] = "rounds=";
constexpr unsigned long kMostRounds = 500000;
constexpr char kMostOfBcrypt[] = "12";
// yescrypt's of crypt(5) from 1 to 7, where 5 is usual; scrypt's of 6 and 7.
constexpr const char* kAffordable[] = {
    "$y$j75$",  "$y$j85$",  "$y$j7T$",        "$y$j8T$",        "$y$j9T$",  "$y$jAT$",
    "$y$jBT$",  "$gy$j75$", "$gy$j85$",       "$gy$j7T$",       "$gy$j8T$", "$gy$j9T$",
    "$gy$jAT$", "$gy$jBT$", "$7$BU..../....", "$7$CU..../....",
};

std::string lower(std::string text) {
    for (char& c : text) c = g_ascii_tolower(c);
    return text;
}

bool is_sum(const std::string& text) {
    return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return std::isxdigit(c) != 0;
           });
}

// Whether it would end a text between quotation marks, or the line of a header.
bool is_no_text(unsigned char c) { return c == '"' || c == '\\' || g_ascii_iscntrl(c) != 0; }

std::string sum_of(const std::string& text) {
    gchar* sum = g_compute_checksum_for_string(G_CHECKSUM_MD5, text.data(),
                                               static_cast<gssize>(text.size()));
    const std::string result = sum;
    g_free(sum);
    return result;
}

// The hash of the password with the salt of `hash`; empty: it cannot be made.
std::string hashed(const std::string& password, const std::string& hash) {
    const auto data = std::make_unique<crypt_data>();
    const char* result = crypt_r(password.c_str(), hash.c_str(), data.get());
    return result && result[0] != '*' ? result : "";
}

// Whether a login takes at most 0.3 s, and 64 MB: hashes are made one after the other, and whoever
// guesses would hold up all who log in.
bool is_affordable(const std::string& hash) {
    const auto begins = [&](const std::string& with) { return hash.rfind(with, 0) == 0; };
    if (begins("$5$") || begins("$6$")) {
        return !begins(hash.substr(0, 3) + kRounds) ||
               std::strtoul(hash.c_str() + 3 + std::strlen(kRounds), nullptr, 10) <= kMostRounds;
    }
    if (begins("$2")) return hash.substr(4, 2) <= kMostOfBcrypt;
    return std::any_of(std::begin(kAffordable), std::end(kAffordable), begins);
}

}  // namespace

Users::Users(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw Failure(ExitCode::kUsage, "--auth-file " + path + " cannot be read");
    std::vector<char> line(kLongestLine + 1);
    for (int number = 1; file.getline(line.data(), static_cast<std::streamsize>(line.size()));
         ++number) {
        // What was read, but for the end of the line; a NUL in it is no part of a name.
        std::string text(line.data(), file.gcount() - (file.eof() ? 0 : 1));
        if (!text.empty() && text.back() == '\r') text.pop_back();
        if (text.empty() || text[0] == '#') continue;
        try {
            add(text);
        } catch (const Failure& failure) {
            throw Failure(failure.code(), "--auth-file " + path + ", line " +
                                              std::to_string(number) + ": " + failure.what());
        }
    }
    if (!file.eof())
        throw Failure(ExitCode::kUsage, "--auth-file " + path + " is no list of users");
    if (kind_ == Kind::kNobody) {
        throw Failure(ExitCode::kUsage, "--auth-file " + path + " names nobody");
    }
}

void Users::add(const std::string& line) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == line.size() ||
        line.find('\0') != std::string::npos || secrets_.size() == kMaxUsers) {
        throw Failure(ExitCode::kUsage,
                      "lines are NAME:REALM:HA1, NAME:$HASH or NAME:PASSWORD (docs/live.md)");
    }
    const std::string name = line.substr(0, colon), rest = line.substr(colon + 1);
    const size_t second = rest.rfind(':');
    const bool digest = second != std::string::npos && is_sum(rest.substr(second + 1));
    const bool hash = !digest && rest[0] == '$';
    const Kind kind = hash ? Kind::kHashes : Kind::kDigest;
    if (kind_ != Kind::kNobody && kind_ != kind) {
        throw Failure(ExitCode::kUsage,
                      "a hash beside lines of another kind: clients log in in one way only");
    }
    if (secrets_.count(name)) throw Failure(ExitCode::kUsage, "a name for the second time");
    kind_ = kind;
    if (!hash) {
        add_digest(name, digest ? rest.substr(0, second) : "",
                   digest ? rest.substr(second + 1) : rest);
        return;
    }
    const bool strong = crypt_checksalt(rest.c_str()) == CRYPT_SALT_OK;
    if (strong && !is_affordable(rest)) {
        throw Failure(ExitCode::kUsage,
                      "a hash that would take more than 0.3 s or 64 MB at each login; "
                      "'mkpasswd -m yescrypt' makes others");
    }
    if (!strong || hashed("", rest).size() != rest.size()) {
        throw Failure(ExitCode::kUsage,
                      "no hash of this system's crypt, or one that is too weak; "
                      "'mkpasswd -m yescrypt' makes them");
    }
    if (realm_.empty()) realm_ = kRealm;
    secrets_[name] = rest;
}

// Without a realm `secret` is the password.
void Users::add_digest(const std::string& name, const std::string& realm,
                       const std::string& secret) {
    const std::string own = realm.empty() ? kRealm : realm;
    if (!realm_.empty() && realm_ != own) {
        throw Failure(ExitCode::kUsage,
                      "a second realm: all lines have the same, that of lines "
                      "without one is flashvsr-rtsp");
    }
    if (std::any_of(own.begin(), own.end(), is_no_text)) {
        throw Failure(ExitCode::kUsage,
                      "a quotation mark, a backslash or a control character in the realm");
    }
    realm_ = own;
    has_passwords_ = has_passwords_ || realm.empty();
    secrets_[name] = realm.empty() ? sum_of(name + ":" + own + ":" + secret) : lower(secret);
}

std::string Users::ha1(const std::string& name) const {
    const auto found = secrets_.find(name);
    return found == secrets_.end() ? "" : found->second;
}

bool Users::check(const std::string& name, const std::string& password) const {
    const auto found = secrets_.find(name);
    const bool known = found != secrets_.end();
    const std::string& hash = known ? found->second : secrets_.begin()->second;
    return pipelines::same_secret(hashed(password, hash), hash) && known;
}

}  // namespace rtsp
