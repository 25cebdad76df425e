#include "pipelines/common/access.h"

#include <gio/gio.h>

#include "pipelines/common/exit_code.h"

namespace pipelines {

bool is_loopback(const std::string& address) {
    if (address == "localhost") return true;
    GInetAddress* parsed = g_inet_address_new_from_string(address.c_str());
    if (!parsed) return false;
    const bool loopback = g_inet_address_get_is_loopback(parsed);
    g_object_unref(parsed);
    return loopback;
}

void check_address(const std::string& address, bool asks_who, bool open, const std::string& how) {
    if (is_loopback(address) || asks_who || open) return;
    throw Failure(ExitCode::kUsage, "others can reach " + address + ": protect it with " + how +
                                        ", or say --open to let everybody in");
}

bool same_secret(const std::string& a, const std::string& b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return difference == 0;
}

}  // namespace pipelines
