// SPDX-License-Identifier: Apache-2.0
// What servers say about an old GStreamer.
#include <gtest/gtest.h>

#include "pipelines/live/gstreamer_age.h"

namespace pipelines {
namespace {

TEST(GStreamerAge, OneWithTheFixesIsNotSpokenOf) {
    EXPECT_EQ(note_on(kSafeGStreamer, "GStreamer source release"), "");
    EXPECT_EQ(note_on({1, 30, 0}, ""), "");
}

TEST(GStreamerAge, AnOldOneIsToBeUpdated) {
    for (const char* own :
         {"GStreamer source release", "GStreamer git", "Unknown package release", ""}) {
        const std::string note = note_on({1, 26, 11}, own);
        EXPECT_NE(note.find("1.26.11 lacks security fixes"), std::string::npos) << note;
    }
}

TEST(GStreamerAge, ADistributionMendsTheNumberThatItHas) {
    const std::string note = note_on({1, 22, 0}, "GStreamer (Debian)");
    EXPECT_NE(note.find("updates of GStreamer (Debian)"), std::string::npos) << note;
}

}  // namespace
}  // namespace pipelines
