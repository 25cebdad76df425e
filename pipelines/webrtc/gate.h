// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libsoup/soup.h>

#include <string>
#include <vector>

namespace webrtc {

// Decides who may ask for the page and open the WebSocket.
class Gate {
  public:
    // token: what a request has to bring as "?token=", or as the cookie that it is exchanged for;
    // empty: nothing. open: without a token, let in who calls this machine by any name. origins:
    // of other pages that may connect ("https://example.org"), besides those of this server.
    Gate(std::string token, bool open, std::vector<std::string> origins);

    // Empty: the request may pass. Else why not, for the person who sent it.
    //
    // A request brings the token or the cookie, unless what it asks for `is_public`. Where there
    // is no token, as on loopback, its Host is this machine's: a name of somebody else's that
    // points here would let a page of theirs in. What an Origin is sent with (every WebSocket from
    // a browser is) comes from the server's own page or a listed one.
    std::string refusal(SoupServerMessage* message, bool is_public) const;

    // Whether the address that was asked for holds the token, from where it gets into histories
    // and screenshots.
    bool shows_token(SoupServerMessage* message) const;
    // Value of Set-Cookie that stands for the token. port: tells servers of one host apart;
    // secure: sent over TLS only.
    std::string cookie(int port, bool secure) const;

    const std::string& token() const { return token_; }

  private:
    bool brings_cookie(SoupServerMessage* message) const;
    bool is_own_origin(const std::string& origin, const std::string& host) const;

    std::string token_;
    std::string pass_;  // value of the cookie: made of the token, which cannot be told from it
    bool open_;
    std::vector<std::string> origins_;
};

}  // namespace webrtc
