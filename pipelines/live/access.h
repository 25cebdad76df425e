// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace pipelines {

// Whether nobody but this machine can reach the address: 127.0.0.0/8, ::1, localhost.
bool is_loopback(const std::string& address);

// Throws Failure (kUsage) on what is no IP address, and where others can reach the address and
// nothing asks who they are. `how`: the options that would ask, as the message names them ("--user
// and --password"). `open`: the user has said that this is as it should be (--open).
void check_address(const std::string& address, bool asks_who, bool open, const std::string& how);

// Whether two secrets are equal, in a time that does not tell where they differ.
bool same_secret(const std::string& a, const std::string& b);

// 128 random bits in hexadecimal.
std::string make_token();

// What limits count as one peer: an IPv4 address, also one that is written as IPv6
// ("::ffff:192.0.2.1"), and of an IPv6 address the first 64 bits ("2001:db8::/64"), since whoever
// has one has all of these. No IP address: the same text.
std::string network_of(const std::string& address);

}  // namespace pipelines
