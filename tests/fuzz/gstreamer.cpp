// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/gstreamer.h"

#include <atomic>
#include <cstdlib>

#include "core/flashvsr.h"
#include "gst/engine_loader.h"

extern "C" {
void gst_plugin_flashvsr_register(void);
// A function of LeakSanitizer, where it is linked in.
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));
}

namespace flashvsr {

// In the place of gst/engine_loader.cpp.
const FlashvsrApi* load_engine(std::string*) { return flashvsr_api(FLASHVSR_ABI); }
bool without_engine() { return false; }
const char kForkAdvice[] = "";

}  // namespace flashvsr

namespace {

std::atomic<bool> reads_caps{false};

// A wrong call is a finding, a warning to the person who typed something is none.
void on_log(const gchar* domain, GLogLevelFlags level, const gchar* message, gpointer) {
    if (reads_caps || !(level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))) return;
    g_log_default_handler(domain, level, message, nullptr);
    std::abort();
}

}  // namespace

GstCaps* fuzz::caps_from(const std::string& text) {
    reads_caps = true;
    if (__lsan_disable) __lsan_disable();
    GstCaps* caps = gst_caps_from_string(text.c_str());
    if (__lsan_enable) __lsan_enable();
    // Made again, and its leaks looked for, where that is the element's affair.
    if (caps) {
        gst_caps_unref(caps);
        caps = gst_caps_from_string(text.c_str());
    }
    reads_caps = false;
    return caps;
}

void fuzz::start_gstreamer() {
    static const bool started = [] {
        for (const char* name : {"GST_PLUGIN_SYSTEM_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0",
                                 "GST_PLUGIN_PATH", "GST_PLUGIN_PATH_1_0"}) {
            setenv(name, "", 1);
        }
        setenv("GST_REGISTRY_DISABLE", "yes", 1);
        gst_init(nullptr, nullptr);
        gst_plugin_flashvsr_register();
        g_log_set_default_handler(on_log, nullptr);
        return true;
    }();
    static_cast<void>(started);
}
