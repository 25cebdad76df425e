#ifndef FLASHVSR_PIPELINES_WEBRTC_CONNECTION_H_
#define FLASHVSR_PIPELINES_WEBRTC_CONNECTION_H_

#include <gio/gio.h>

#include <string>

#include "pipelines/webrtc/frame_meter.h"
#include "pipelines/webrtc/metered_stream.h"
#include "pipelines/webrtc/request_meter.h"

namespace webrtc {

/// One peer's connection, within limits.h: first for one HTTP request, then, where that asks for
/// it, for a WebSocket.
class Connection : public Meter {
  public:
    Connection(GSocket* socket, std::string address);
    ~Connection() override;

    /// From now on the bytes are frames of a WebSocket. False: frames have come before the server
    /// agreed, which nobody has counted; the peer is dropped.
    bool become_socket();
    /// A viewer's connection is neither closed to make room for another one, nor for its age.
    void set_viewer(bool viewer);
    /// So many bytes have been handed to the library to be sent. Drops a peer that does not read.
    void queue(size_t bytes);
    /// Ends it at once: whoever reads or writes finds it closed.
    void drop();

    const std::string& address() const { return address_; }
    bool is_waiting() const { return !viewer_ && !dropped_; }
    /// Nothing of its request has come, or its TLS handshake has not ended.
    bool is_silent() const { return is_waiting() && request_.bytes() == 0; }
    bool is_closed() const { return closed_; }
    /// Whether it has had its time: of its request, or as a viewer that says nothing any more.
    bool is_overdue(gint64 now) const;

  private:
    bool on_read(const uint8_t* data, size_t size) override;
    std::string last_words() override;
    void on_written(size_t size) override;
    void on_closing() override;
    void on_closed() override { closed_ = true; }

    GSocket* const socket_;
    const std::string address_;
    gint64 since_, heard_;
    RequestMeter request_;
    RequestMeter::Verdict request_verdict_ = RequestMeter::Verdict::kFine;
    size_t queued_ = 0;  // bytes that the peer has not taken yet
    FrameMeter frames_;
    FrameMeter::Verdict verdict_ = FrameMeter::Verdict::kFine;
    bool is_socket_ = false, viewer_ = false, dropped_ = false, closed_ = false;
    bool answering_ = false;  // some of the answer to the request has been sent
};

}  // namespace webrtc

#endif  // FLASHVSR_PIPELINES_WEBRTC_CONNECTION_H_
