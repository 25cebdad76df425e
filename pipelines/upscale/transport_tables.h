#ifndef FLASHVSR_PIPELINES_UPSCALE_TRANSPORT_TABLES_H_
#define FLASHVSR_PIPELINES_UPSCALE_TRANSPORT_TABLES_H_

#include <cstdint>
#include <map>
#include <utility>

#include "pipelines/upscale/byte_source.h"

namespace upscale {

/// The tables (PMT) of an MPEG transport stream, which say how each stream is coded, as often as
/// they come. libavformat goes by the first one, and cuts what is coded otherwise into garbage.
class TransportTables {
  public:
    /// Looks at a file's bytes from where it was to `end`. Sees nothing of a pipe.
    void see(const ByteSource& bytes, int64_t end);

    /// Whether the stream is coded otherwise at `place`, a byte of the file, than at first.
    bool is_other(int stream_id, int64_t place) const;

  private:
    void see_packet(const uint8_t* packet, int64_t place);
    void see_section(const uint8_t* section, int size, int64_t place);
    void see_form(int program, int stream_id, int form, int64_t place);

    using Forms = std::map<int64_t, int>;           // from a place on
    std::map<std::pair<int, int>, Forms> streams_;  // by stream and program
    int64_t seen_ = 0;                              // bytes
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_TRANSPORT_TABLES_H_
