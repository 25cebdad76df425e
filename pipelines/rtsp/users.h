// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace rtsp {

// Who may watch, as a file says. Its lines are all of one kind, which decides how clients log in:
//
//     NAME:REALM:HA1   as htdigest writes them: Digest. The password is neither in the file nor on
//                      its way. HA1 is MD5 of "NAME:REALM:PASSWORD", one realm in all lines.
//     NAME:$HASH       a hash of crypt(5), such as yescrypt's: Basic. The password can be read on
//                      its way, so that needs TLS.
//     NAME:PASSWORD    the password itself: Digest.
//
// Empty lines, and lines that begin with '#', are left out.
class Users {
  public:
    enum class Kind { kNobody, kDigest, kHashes };

    Users() = default;
    // Throws Failure (kUsage) that names `path` and the line, and repeats nothing of it.
    explicit Users(const std::string& path);

    Kind kind() const { return kind_; }
    const std::string& realm() const { return realm_; }
    // Whether the file holds a password that can be read there.
    bool has_passwords() const { return has_passwords_; }

    // HA1 of the user; empty: there is no such user. For kDigest.
    std::string ha1(const std::string& name) const;
    // Takes tens of milliseconds and of MB, as the hash wants it; as long for an unknown name. For
    // kHashes. Any thread.
    bool check(const std::string& name, const std::string& password) const;

  private:
    void add(const std::string& line);
    void add_digest(const std::string& name, const std::string& realm, const std::string& ha1);

    Kind kind_ = Kind::kNobody;
    std::string realm_;
    bool has_passwords_ = false;
    std::map<std::string, std::string> secrets_;  // by name: HA1 or hash
};

}  // namespace rtsp
