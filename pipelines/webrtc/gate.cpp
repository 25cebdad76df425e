#include "pipelines/webrtc/gate.h"

#include <algorithm>
#include <cstdio>
#include <random>

#include "pipelines/common/access.h"

namespace webrtc {

namespace {

std::string header(SoupServerMessage* message, const char* name) {
    const char* value =
        soup_message_headers_get_one(soup_server_message_get_request_headers(message), name);
    return value ? value : "";
}

std::string token_of(SoupServerMessage* message) {
    const char* query = g_uri_get_query(soup_server_message_get_uri(message));
    GHashTable* fields = query ? soup_form_decode(query) : nullptr;
    if (!fields) return {};
    const char* value = static_cast<const char*>(g_hash_table_lookup(fields, "token"));
    std::string token = value ? value : "";
    g_hash_table_unref(fields);
    return token;
}

/// "example.org:8080" to "example.org", "[::1]:8080" to "::1".
std::string without_port(const std::string& host) {
    if (!host.empty() && host[0] == '[') return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

}  // namespace

Gate::Gate(std::string token, bool open, std::vector<std::string> origins)
    : token_(std::move(token)), open_(open), origins_(std::move(origins)) {}

std::string Gate::refusal(SoupServerMessage* message, bool is_public) const {
    const std::string host = header(message, "Host");
    if (!token_.empty()) {
        if (!is_public && !pipelines::same_secret(token_of(message), token_)) {
            return "open the address that the server printed, with its token";
        }
    } else if (!open_ && !pipelines::is_loopback(without_port(host))) {
        return "this server is for its own machine: open it as localhost";
    }
    const std::string origin = header(message, "Origin");
    if (!origin.empty() && !is_own_origin(origin, host)) {
        return "pages of " + origin + " may not connect (--origin lets them)";
    }
    return {};
}

bool Gate::is_own_origin(const std::string& origin, const std::string& host) const {
    return origin == "http://" + host || origin == "https://" + host ||
           std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

std::string make_token() {
    std::random_device random;  // the kernel's
    std::string token;
    for (int i = 0; i < 4; ++i) {
        char word[9];
        std::snprintf(word, sizeof word, "%08x", random());
        token += word;
    }
    return token;
}

}  // namespace webrtc
