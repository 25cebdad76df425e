// SPDX-License-Identifier: Apache-2.0
// Requests to flashvsr-webrtc, and who gets past its gate: nobody without the token, whatever is
// said.
#include <libsoup/soup.h>

#include <cstdlib>
#include <cstring>

#include "pipelines/live/access.h"
#include "pipelines/webrtc/gate.h"
#include "pipelines/webrtc/request_meter.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr size_t kLongestMethod = 7;  // OPTIONS

struct Server {
    Server() : soup(soup_server_new(nullptr, nullptr)) {
        soup_server_add_early_handler(soup, nullptr, on_request, this, nullptr);
    }
    static void on_request(SoupServer*, SoupServerMessage* message, const char*, GHashTable*,
                           gpointer data) {
        const auto* self = static_cast<Server*>(data);
        // libsoup keeps it for ever.
        if (std::strlen(soup_server_message_get_method(message)) > kLongestMethod) std::abort();
        const bool past = self->closed.refusal(message, false).empty();
        if (past || self->closed.shows_token(message)) std::abort();
        const std::string why = self->known.refusal(message, false);
        const std::string cookie =
            self->known.shows_token(message) ? self->known.cookie(8080, true) : why;
        self->local.refusal(message, true);
        soup_message_headers_append(soup_server_message_get_response_headers(message), "Connection",
                                    "close");
        soup_server_message_set_status(message, SOUP_STATUS_OK, nullptr);
        soup_server_message_set_response(message, "text/plain", SOUP_MEMORY_COPY, cookie.data(),
                                         cookie.size());
    }

    webrtc::Gate closed{pipelines::make_token(), true, {"https://example.org"}};
    webrtc::Gate known{"secret", true, {"https://example.org"}};
    webrtc::Gate local{"", false, {}};
    SoupServer* soup;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Server server;
    webrtc::RequestMeter meter;
    if (meter.take(data, size) != webrtc::RequestMeter::Verdict::kFine) return 0;
    GInputStream* in =
        g_memory_input_stream_new_from_data(data, static_cast<gssize>(size), nullptr);
    GOutputStream* out = g_memory_output_stream_new_resizable();
    GIOStream* stream = g_simple_io_stream_new(in, out);
    GSocketAddress* address = g_inet_socket_address_new_from_string("127.0.0.1", 1);
    soup_server_accept_iostream(server.soup, stream, address, address, nullptr);
    while (g_main_context_iteration(nullptr, FALSE)) {
    }
    for (gpointer object : {gpointer(stream), gpointer(in), gpointer(out), gpointer(address)}) {
        g_object_unref(object);
    }
    return 0;
}
