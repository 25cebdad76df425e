// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/gate.h"

#include <algorithm>

#include "pipelines/live/access.h"

namespace webrtc {

namespace {

constexpr char kCookie[] = "flashvsr-webrtc-";  // and the port

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

// "example.org:8080" to "example.org", "[::1]:8080" to "::1".
std::string without_port(const std::string& host) {
    if (!host.empty() && host[0] == '[') return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
}

// The same at every start, so that pages find back to a server that was started again.
std::string pass_for(const std::string& token) {
    if (token.empty()) return {};
    gchar* text =
        g_compute_hmac_for_string(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(token.data()),
                                  token.size(), "cookie of flashvsr-webrtc", -1);
    std::string pass = text;
    g_free(text);
    return pass;
}

}  // namespace

Gate::Gate(std::string token, bool open, std::vector<std::string> origins)
    : token_(std::move(token)),
      pass_(pass_for(token_)),
      open_(open),
      origins_(std::move(origins)) {}

std::string Gate::refusal(SoupServerMessage* message, bool is_public) const {
    const std::string host = header(message, "Host");
    if (!token_.empty()) {
        if (!is_public && !shows_token(message) && !brings_cookie(message)) {
            return "open the address that the server printed, with its token, in a browser that "
                   "takes cookies";
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

bool Gate::shows_token(SoupServerMessage* message) const {
    return !token_.empty() && pipelines::same_secret(token_of(message), token_);
}

// A cookie of any port: a server behind a proxy does not know which one its viewers see.
bool Gate::brings_cookie(SoupServerMessage* message) const {
    const char* cookies =
        soup_message_headers_get_list(soup_server_message_get_request_headers(message), "Cookie");
    if (!cookies) return false;
    bool found = false;
    gchar** pairs = g_strsplit_set(cookies, ";,", -1);
    for (gchar** pair = pairs; *pair; ++pair) {
        const std::string text = g_strstrip(*pair);
        const size_t equals = text.find('=');
        found = found || (text.rfind(kCookie, 0) == 0 && equals != std::string::npos &&
                          pipelines::same_secret(text.substr(equals + 1), pass_));
    }
    g_strfreev(pairs);
    return found;
}

// Lax: who follows a link to the page from elsewhere brings it, what a page from elsewhere asks
// for does not.
std::string Gate::cookie(int port, bool secure) const {
    return kCookie + std::to_string(port) + "=" + pass_ + "; Path=/; HttpOnly; SameSite=Lax" +
           (secure ? "; Secure" : "");
}

bool Gate::is_own_origin(const std::string& origin, const std::string& host) const {
    return origin == "http://" + host || origin == "https://" + host ||
           std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

}  // namespace webrtc
