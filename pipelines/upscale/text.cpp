// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/text.h"

#include <glib.h>

#include "pipelines/cli/redact.h"

namespace upscale {

namespace {

// form: of printf, for a character's number.
template <typename Plain>
std::string escaped(const std::string& text, const char* form, Plain is_plain) {
    gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
    std::string result;
    for (const gchar* at = valid; *at; at = g_utf8_next_char(at)) {
        const gunichar character = g_utf8_get_char(at);
        if (is_plain(character)) {
            result.append(at, g_utf8_next_char(at) - at);
            continue;
        }
        gchar code[16];
        g_snprintf(code, sizeof code, form, character);
        result += code;
    }
    g_free(valid);
    return result;
}

// Names of files stay as they are, whatever they look like.
std::string without_secrets(const std::string& text) {
    return is_address(text) ? pipelines::redacted(text) : text;
}

}  // namespace

bool is_address(const std::string& text) { return text.find("://") != std::string::npos; }

std::string printable(const std::string& text) {
    return escaped(without_secrets(text), "\\x%02x",
                   [](gunichar c) { return !g_unichar_iscntrl(c); });
}

std::string json_string(const std::string& text) {
    const auto is_plain = [](gunichar c) { return c >= 0x20 && c != '"' && c != '\\'; };
    return '"' + escaped(without_secrets(text), "\\u%04x", is_plain) + '"';
}

std::string size_text(int width, int height) {
    return std::to_string(width) + "x" + std::to_string(height);
}

}  // namespace upscale
