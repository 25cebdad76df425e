#ifndef FLASHVSR_PIPELINES_COMMON_ACCESS_H_
#define FLASHVSR_PIPELINES_COMMON_ACCESS_H_

#include <string>

namespace pipelines {

/// Whether nobody but this machine can reach the address: 127.0.0.0/8, ::1, localhost.
bool is_loopback(const std::string& address);

/// Throws Failure (kUsage) where others can reach the address and nothing asks who they are.
/// `how`: the options that would ask, as the message names them ("--user and --password").
/// `open`: the user has said that this is as it should be (--open).
void check_address(const std::string& address, bool asks_who, bool open, const std::string& how);

/// Whether two secrets are equal, in a time that does not tell where they differ.
bool same_secret(const std::string& a, const std::string& b);

}  // namespace pipelines

#endif  // FLASHVSR_PIPELINES_COMMON_ACCESS_H_
