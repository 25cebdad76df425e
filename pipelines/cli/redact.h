// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pipelines {

// A URL for the log, with "***" in place of
//
// - user and password, of whatever scheme:      rtsp://***@camera.example/stream
// - values of a query, but for harmless ones:    srt://host:9000?mode=caller&passphrase=***
// - the stream key of RTMP, its last path part:  rtmp://host/live/***
// - parts of a path that look like a key:        https://host/***/index.m3u8
//
// Rather too much than too little: with a password that holds '/' or '?' the host is hidden too.
// What is no URL is treated as a line. What has been redacted stays as it is. Any thread.
std::string redacted_url(const std::string& url);

// A line for the log, each URL in it redacted, and the values of words that are named like a
// secret: "playpath=***", "--token=***", "***@host".
std::string redacted(const std::string& line);

}  // namespace pipelines
