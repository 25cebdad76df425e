// SPDX-License-Identifier: Apache-2.0
// Loading of a model, beside everything else.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "core/flashvsr.h"
#include "gst/properties.h"

namespace flashvsr {

// Opens an engine on a thread of its own. PROGRESS messages with the code "load-model" tell the
// application how far it is; what fails is posted as an element error as well.
class ModelLoad {
  public:
    // `on_done` is called by the loading thread when done() has become true.
    ModelLoad(GstElement* element, std::function<void()> on_done);

    // All by the thread that changes the element's state. start() returns false, and an error has
    // been posted, if there is no model to be found or loading it fails at once; it throws where no
    // thread can be had.
    bool start(const FlashvsrApi* api, const Properties& properties);
    void cancel();  // asks the loading thread to give up; does not wait for it
    void close();   // cancels, waits, and closes the engine

    bool done() const { return done_; }
    // Once it is done: the engine, NULL when the load failed or was cancelled.
    FlashvsrEngine* engine() const { return engine_.get(); }

  private:
    struct EngineClose {
        const FlashvsrApi* api;
        void operator()(FlashvsrEngine* engine) const { api->engine_close(engine); }
    };

    void load();
    void open_engine();
    void warn_of_other_decoder();
    bool report(double fraction, const char* stage);
    void post_progress(GstProgressType type, const std::string& text);

    GstElement* const element_;
    const std::function<void()> on_done_;
    const FlashvsrApi* api_ = nullptr;
    Properties properties_;
    std::string model_dir_;
    std::thread thread_;
    std::unique_ptr<FlashvsrEngine, EngineClose> engine_{nullptr, EngineClose{nullptr}};
    int percent_ = 0;  // last reported
    std::atomic<bool> cancelled_{false};
    std::atomic<bool> done_{false};
    std::promise<void> loaded_;  // the thread is at its end
};

}  // namespace flashvsr
