// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gio/gio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace pipelines {

// Is told of every byte that passes through a metered stream. On the thread that reads or writes,
// which may be two.
class Meter {
  public:
    virtual ~Meter() = default;

    // Bytes have come. False: the reader gets an error in their place, and none from then on.
    virtual bool on_read(const uint8_t* data, size_t size) = 0;
    // What the peer is told, once, after on_read has returned false; may be empty.
    virtual std::string last_words() = 0;
    virtual void on_written(size_t size) = 0;
    // There was no room to write: the peer does not read.
    virtual void on_blocked() {}
    // The stream closes now, and waits until the peer has taken what TLS says at the end.
    virtual void on_closing() = 0;
    // The stream is gone.
    virtual void on_closed() = 0;
};

// `base`, whose streams have to be pollable, with a meter in between. Takes a reference to base.
GIOStream* metered_stream_new(GIOStream* base, std::shared_ptr<Meter> meter);

}  // namespace pipelines
