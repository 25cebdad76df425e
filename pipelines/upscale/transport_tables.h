// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace upscale {

// The tables (PMT) of an MPEG transport stream, which say how each stream is coded, as often as
// they come. libavformat goes by the first one, and cuts what is coded otherwise into garbage.
class TransportTables {
  public:
    // Bytes of the file, as they are read: from anywhere, and again.
    void hear(int64_t place, const uint8_t* data, size_t size);

    // Whether the stream is coded otherwise at `place`, a byte of the file, than at first.
    bool is_other(int stream_id, int64_t place) const;

  private:
    void see_packet(const uint8_t* packet, int64_t place);
    void see_section(const uint8_t* section, int size, int64_t place);
    void see_form(int program, int stream_id, int form, int64_t place);

    struct Forms {
        std::map<int64_t, int> from;  // a place on
        int latest = 0;               // since a place was skipped; 0: none yet
    };
    std::map<std::pair<int, int>, Forms> streams_;  // by stream and program
    std::vector<uint8_t> rest_;                     // less than a packet, as far as was heard
    int64_t end_ = 0;                               // where that ends in the file
};

}  // namespace upscale
