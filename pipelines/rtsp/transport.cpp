// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/transport.h"

#include <glib.h>

#include <algorithm>
#include <vector>

#include "pipelines/rtsp/limits.h"

namespace rtsp {

namespace {

constexpr int kLastPort = 65535;
constexpr int kLastChannel = 255;

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == at) {
            parts.emplace_back();
        } else if (c != ' ' && c != '\t' && c != '"') {
            parts.back() += g_ascii_tolower(c);
        }
    }
    return parts;
}

// -1: it is none.
int number(const std::string& text) {
    if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != text.npos) {
        return -1;
    }
    return std::stoi(text);
}

// "A-B" as it is, "A" as "A-A+1"; empty where they are not numbers from `low` to `high`.
std::string pair_within(const std::string& text, int low, int high) {
    const size_t dash = text.find('-');
    const int first = number(text.substr(0, dash));
    const int second = dash == text.npos ? first + 1 : number(text.substr(dash + 1));
    if (std::min(first, second) < low || std::max(first, second) > high) return {};
    return std::to_string(first) + "-" + std::to_string(second);
}

// One way of the header.
std::string usable_way(const std::string& way, bool udp) {
    const std::vector<std::string> parts = split(way, ';');
    const bool tcp = parts[0] == "rtp/avp/tcp";
    if (!tcp && (!udp || (parts[0] != "rtp/avp" && parts[0] != "rtp/avp/udp"))) return {};
    std::string pair;
    for (size_t i = 1; i < parts.size(); ++i) {
        const size_t equals = parts[i].find('=');
        const std::string name = parts[i].substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : parts[i].substr(equals + 1);
        if (name == "multicast" || (name == "mode" && value != "play")) return {};
        if (name != (tcp ? "interleaved" : "client_port")) continue;
        if (!pair.empty()) return {};
        pair = tcp ? pair_within(value, 0, kLastChannel)
                   : pair_within(value, limits::kLowestPort, kLastPort);
        if (pair.empty()) return {};
    }
    if (tcp) return "RTP/AVP/TCP;unicast" + (pair.empty() ? pair : ";interleaved=" + pair);
    return pair.empty() ? "" : "RTP/AVP;unicast;client_port=" + pair;
}

}  // namespace

std::string usable_transport(const std::string& offered, bool udp) {
    for (const std::string& way : split(offered, ',')) {
        std::string usable = usable_way(way, udp);
        if (!usable.empty()) return usable;
    }
    return {};
}

}  // namespace rtsp
