// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace webrtc {

// Has the main loop run it, soon and in order. From any thread.
void on_main_thread(std::function<void()> work);

}  // namespace webrtc
