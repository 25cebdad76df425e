// SPDX-License-Identifier: Apache-2.0
// The Transport header of SETUP.
#include <cstdlib>
#include <string>

#include "pipelines/rtsp/transport.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string offered(data, data + size);
    for (const bool udp : {false, true}) {
        const std::string usable = rtsp::usable_transport(offered, udp);
        if (usable.empty()) continue;
        // There is one way in it, and nothing that it would not take again.
        if (rtsp::usable_transport(usable, udp) != usable || usable.size() > 64) std::abort();
        if (!udp && usable.rfind("RTP/AVP/TCP;unicast", 0) != 0) std::abort();
    }
    return 0;
}
