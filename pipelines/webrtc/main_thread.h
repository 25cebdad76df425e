#ifndef FLASHVSR_PIPELINES_WEBRTC_MAIN_THREAD_H_
#define FLASHVSR_PIPELINES_WEBRTC_MAIN_THREAD_H_

#include <functional>

namespace webrtc {

/// Has the main loop run it, soon and in order. From any thread.
void on_main_thread(std::function<void()> work);

}  // namespace webrtc

#endif  // FLASHVSR_PIPELINES_WEBRTC_MAIN_THREAD_H_
