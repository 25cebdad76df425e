// SPDX-License-Identifier: Apache-2.0
#include "pipelines/cli/redact.h"

#include <algorithm>
#include <cctype>

namespace pipelines {

namespace {

constexpr char kHidden[] = "***";
constexpr size_t kShortestKey = 20;  // of a part of a path; words and dates are shorter

// Parameters that say how to connect, not who does.
constexpr const char* kHarmless[] = {"mode",   "latency", "transport", "localport", "pkt_size",
                                     "fps",    "width",   "height",    "timeout",   "channel",
                                     "format", "subtype", "profile",   "resolution"};
// A name that holds one of these has a secret for a value.
constexpr const char* kSecret[] = {"pass", "pwd",  "token", "secret",   "key",     "sig",
                                   "auth", "cred", "hmac",  "playpath", "streamid"};

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool is_secret(const std::string& name) {
    const std::string small = lower(name);
    return std::any_of(std::begin(kSecret), std::end(kSecret),
                       [&](const char* word) { return small.find(word) != std::string::npos; });
}

bool is_harmless(const std::string& name) {
    const std::string small = lower(name);
    return std::any_of(std::begin(kHarmless), std::end(kHarmless),
                       [&](const char* word) { return small == word; });
}

// Long, and of letters and digits: no name that somebody chose to be read.
bool looks_like_key(const std::string& part) {
    const auto count = [&](auto kind) { return std::count_if(part.begin(), part.end(), kind); };
    const auto is = [](int (*kind)(int)) {
        return [kind](unsigned char c) { return kind(c) != 0; };
    };
    return part.size() >= kShortestKey && count(is(std::isdigit)) > 0 &&
           count(is(std::isalpha)) > 0 &&
           static_cast<size_t>(count([](char c) { return is_name(c) || c == '~' || c == '%'; })) ==
               part.size();
}

// "a=1&b=2": the values, but for harmless ones.
std::string without_values(const std::string& query) {
    std::string text;
    for (size_t at = 0; at < query.size();) {
        const size_t end = std::min(query.find_first_of("?&;#", at), query.size());
        const std::string pair = query.substr(at, end - at);
        const size_t equals = pair.find('=');
        if (equals == std::string::npos) {
            text += pair.empty() ? "" : kHidden;
        } else {
            const std::string name = pair.substr(0, equals);
            text += name + "=" + (is_harmless(name) ? pair.substr(equals + 1) : kHidden);
        }
        if (end < query.size()) text += query[end];
        at = end + 1;
    }
    return text;
}

std::string without_keys(const std::string& path, bool last_is_key) {
    const size_t last = path.find_last_not_of('/');
    std::string text;
    for (size_t at = 0; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        const std::string part = path.substr(at, end - at);
        const bool key = last_is_key && at <= last && last < end;
        const bool hide = key || looks_like_key(part) || part.find('=') != std::string::npos;
        text += hide ? kHidden : part;
        if (end < path.size()) text += '/';
        at = end + 1;
    }
    return text;
}

// What follows "scheme://".
std::string redacted_rest(const std::string& scheme, std::string rest) {
    if (lower(scheme) == "file") return rest;
    std::string text;
    const size_t at = rest.rfind('@');
    if (at != std::string::npos) {
        text = std::string(kHidden) + "@";
        rest = rest.substr(at + 1);
    }
    const size_t path = std::min(rest.find_first_of("/?#"), rest.size());
    const size_t query = std::min(rest.find_first_of("?#", path), rest.size());
    text += rest.substr(0, path);
    text += without_keys(rest.substr(path, query - path), lower(scheme).rfind("rtmp", 0) == 0);
    if (query < rest.size()) text += rest[query] + without_values(rest.substr(query + 1));
    return text;
}

// A word without "://": "name=value", "user:password@host".
std::string redacted_word(const std::string& word) {
    const size_t equals = word.find('=');
    if (equals != std::string::npos && equals + 1 < word.size() &&
        is_secret(word.substr(0, equals))) {
        return word.substr(0, equals + 1) + kHidden;
    }
    const size_t at = word.rfind('@'), colon = word.find(':');
    if (at != std::string::npos && colon < at) return kHidden + word.substr(at);
    return word;
}

// Where the scheme of the first URL at or behind `from` begins; npos: there is none.
size_t find_url(const std::string& text, size_t from) {
    const size_t mark = text.find("://", from);
    if (mark == std::string::npos) return mark;
    size_t scheme = mark;
    while (scheme > from && (is_name(text[scheme - 1]) || text[scheme - 1] == '+')) --scheme;
    return scheme;
}

}  // namespace

std::string redacted_url(const std::string& url) {
    size_t at = find_url(url, 0);
    if (at == std::string::npos) return redacted(url);
    std::string text = url.substr(0, at);
    while (at < url.size()) {
        const size_t rest = url.find("://", at) + 3;
        const size_t next = std::min(find_url(url, rest), url.size());
        text += url.substr(at, rest - at) +
                redacted_rest(url.substr(at, rest - 3 - at), url.substr(rest, next - rest));
        at = next;
    }
    return text;
}

std::string redacted(const std::string& line) {
    const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
    std::string text;
    for (auto at = line.begin(); at != line.end();) {
        const auto end = std::find_if(at, line.end(), is_space);
        std::string word(at, end);
        const bool named = word.size() > 1 && word.back() == ':';  // "URL: what went wrong"
        if (named) word.pop_back();
        text += word.find("://") == std::string::npos ? redacted_word(word) : redacted_url(word);
        if (named) text += ':';
        at = std::find_if_not(end, line.end(), is_space);
        text.append(end, at);
    }
    return text;
}

}  // namespace pipelines
