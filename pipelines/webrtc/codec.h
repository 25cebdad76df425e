// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <string>

namespace webrtc {

// How the videos are coded: VP8 or H.264, the two that every browser decodes.
struct Codec {
    const char* name;       // of the option --codec and of the page
    const char* encoder;    // the element
    const char* settings;   // of the encoder, for the least delay; may go on with "! caps"
    const char* rate;       // property of the encoder that holds the bit rate
    int rate_unit;          // its unit, in bits a second
    const char* payloader;  // element and settings
    const char* offer;      // caps that the browser is offered

    // "encoder name=... settings", as gst_parse_launch reads it.
    std::string encoder_line(const std::string& name) const;
    // Has the encoder's bit rate follow the size and rate of the frames that come to it:
    // `bits_per_pixel` of each frame. kbps: a fixed rate in kbit/s instead; 0: none.
    void control_rate(GstElement* encoder, double bits_per_pixel, int kbps) const;
};

// Throws Failure (kUsage) on a name that is none of them.
const Codec& find_codec(const std::string& name);

}  // namespace webrtc
