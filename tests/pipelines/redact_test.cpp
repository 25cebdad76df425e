// SPDX-License-Identifier: Apache-2.0
// What a log may show of URLs and options.
#include "pipelines/cli/redact.h"

#include <gtest/gtest.h>

namespace {

using pipelines::redacted;
using pipelines::redacted_url;

TEST(Redact, HidesWhatLetsOthersIn) {
    const struct {
        const char* url;
        const char* shown;
    } cases[] = {
        {"rtsp://user:secret@host:554/stream", "rtsp://***@host:554/stream"},
        {"RTSPS://secret@host/stream", "RTSPS://***@host/stream"},
        {"rtsp://user:sec/ret@host/stream", "rtsp://***@host/stream"},
        {"rtsp://user:sec?r#et@host/stream", "rtsp://***@host/stream"},
        {"rtsp://user:sec@ret@host/stream", "rtsp://***@host/stream"},
        {"srt://host:9000?mode=caller&latency=200&passphrase=secret",
         "srt://host:9000?mode=caller&latency=200&passphrase=***"},
        {"srt://host:9000?streamid=#!::u=admin,s=secret", "srt://host:9000?streamid=***#!::u=***"},
        {"http://host/a.m3u8?key=secret&b=secret;secret", "http://host/a.m3u8?key=***&b=***;***"},
        {"https://host/a?X-Amz-Credential=secret&X-Amz-Signature=secret",
         "https://host/a?X-Amz-Credential=***&X-Amz-Signature=***"},
        {"https://host/a?sv=secret&sig=se%2Fcret#t=secret", "https://host/a?sv=***&sig=***#t=***"},
        {"https://host/hdntl=exp=1~hmac=secret/index.m3u8", "https://host/***/index.m3u8"},
        {"https://host/5ecre7-0123456789abcdef/index.m3u8", "https://host/***/index.m3u8"},
        {"rtmp://host/live/secret", "rtmp://host/live/***"},
        {"rtmp://host/live/secret/", "rtmp://host/live/***/"},
        {"rtmps://host:443/rtmp/secret?backup=secret", "rtmps://host:443/rtmp/***?backup=***"},
        {"rtmp://host/live/secret live=1 playpath=secret", "rtmp://host/live/***"},
        {"turn://user:secret@host:3478", "turn://***@host:3478"},
        {"http://proxy/?url=rtsp://user:secret@host/", "http://proxy/?url=***rtsp://***@host/"},
        {"rtsp:/user:secret@host/", "***@host/"},
    };
    for (const auto& [url, shown] : cases) {
        const std::string text = redacted_url(url);
        EXPECT_EQ(text.find("secret"), std::string::npos) << text;
        EXPECT_EQ(text, shown);
        EXPECT_EQ(redacted_url(text), text) << "once more";
    }
}

TEST(Redact, LeavesTheRest) {
    for (const char* text :
         {"rtsp://host:554/stream/main", "http://host/videos/2026-11-29/clip.mp4", "test",
          "/dev/video0", "clips/summer.mp4", "udp://239.0.0.1:5000", "rtsp://[::1]:8554/live",
          "file:///videos/a@b?key=c.mp4", "srt://host:9000?mode=listener", "no picture for 5.0 s",
          "64x48 at 10/1, sound audio/x-opus"}) {
        EXPECT_EQ(redacted_url(text), text);
        EXPECT_EQ(redacted(text), text);
    }
}

TEST(Redact, FindsUrlsAndOptionsInLines) {
    EXPECT_EQ(redacted("Could not open \"rtsp://user:secret@host/a\" for reading."),
              "Could not open \"rtsp://***@host/a\" for reading.");
    EXPECT_EQ(redacted("Invalid URI 'srt://host:1?passphrase=secret': rtmp://host/app/secret"),
              "Invalid URI 'srt://host:1?passphrase=***: rtmp://host/app/***");
    EXPECT_EQ(redacted("--token=secret password=\"secret\" token=secret,mode=caller"),
              "--token=*** password=*** token=***");
    EXPECT_EQ(redacted("a://b/c,rtsp://user:secret@host/,rtmp://host/live/secret"),
              "a://b/c,rtsp://***@host/,rtmp://host/live/***");
}

}  // namespace
