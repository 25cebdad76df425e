// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/access.h"

#include <gio/gio.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

#include "pipelines/cli/exit_code.h"

namespace pipelines {

bool is_loopback(const std::string& address) {
    if (address == "localhost") return true;
    GInetAddress* parsed = g_inet_address_new_from_string(address.c_str());
    if (!parsed) return false;
    const bool loopback = g_inet_address_get_is_loopback(parsed);
    g_object_unref(parsed);
    return loopback;
}

void check_address(const std::string& address, bool asks_who, bool open, const std::string& how) {
    GInetAddress* parsed = g_inet_address_new_from_string(address.c_str());
    if (parsed) g_object_unref(parsed);
    if (!parsed && address != "localhost") {
        throw Failure(ExitCode::kUsage, "--address is '" + address + "', not an IP address");
    }
    if (is_loopback(address) || asks_who || open) return;
    throw Failure(ExitCode::kUsage, "others can reach " + address + ": protect it with " + how +
                                        ", or say --open to let everybody in");
}

bool same_secret(const std::string& a, const std::string& b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return difference == 0;
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

namespace {

std::string text_of(GInetAddress* address) {
    gchar* text = g_inet_address_to_string(address);
    const std::string result = text;
    g_free(text);
    return result;
}

}  // namespace

std::string network_of(const std::string& address) {
    GInetAddress* parsed = g_inet_address_new_from_string(address.c_str());
    if (!parsed) return address;
    std::string network = text_of(parsed);
    if (g_inet_address_get_family(parsed) == G_SOCKET_FAMILY_IPV6 &&
        !g_inet_address_get_is_loopback(parsed)) {
        std::array<guint8, 16> bytes{};
        std::copy_n(g_inet_address_to_bytes(parsed), bytes.size(), bytes.begin());
        const bool mapped =
            std::all_of(bytes.begin(), bytes.begin() + 10, [](guint8 b) { return b == 0; }) &&
            bytes[10] == 0xff && bytes[11] == 0xff;
        if (!mapped) std::fill(bytes.begin() + 8, bytes.end(), 0);
        GInetAddress* part =
            mapped ? g_inet_address_new_from_bytes(&bytes[12], G_SOCKET_FAMILY_IPV4)
                   : g_inet_address_new_from_bytes(bytes.data(), G_SOCKET_FAMILY_IPV6);
        network = text_of(part) + (mapped ? "" : "/64");
        g_object_unref(part);
    }
    g_object_unref(parsed);
    return network;
}

}  // namespace pipelines
