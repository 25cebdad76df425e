// SPDX-License-Identifier: Apache-2.0
// Whole pipelines with the element in them.
#pragma once

#include <gst/gst.h>

#include <string>
#include <vector>

// How a pipeline ended.
struct Outcome {
    std::string error;    // as name_of() gives it; empty: end of stream
    std::string message;  // of the error
    bool warned = false;
};

// "domain/code" of an error, as GLib numbers it.
std::string name_of(GQuark domain, int code);
// Takes what a message of type ERROR says; the message stays the caller's.
void read_error(GstMessage* message, Outcome* outcome);

// A pipeline made from a launch line. It is in NULL again when the object goes.
class TestPipeline {
  public:
    explicit TestPipeline(const std::string& line);
    ~TestPipeline();
    TestPipeline(const TestPipeline&) = delete;
    TestPipeline& operator=(const TestPipeline&) = delete;

    GstElement* get() const { return pipeline_; }
    GstBus* bus() const { return bus_; }
    // The element of that name, the pipeline's.
    GstElement* element(const char* name);

    void set_state(GstState state) { gst_element_set_state(pipeline_, state); }
    // Waits for the end or an error, 60 seconds at most, and answers LATENCY messages meanwhile.
    Outcome wait();
    Outcome run() {
        set_state(GST_STATE_PLAYING);
        return wait();
    }

  private:
    GstElement* pipeline_;
    GstBus* bus_;
    std::vector<GstElement*> elements_;
};

// A command that has run to its end in a process of its own.
struct Child {
    explicit Child(const std::string& command);

    int status = -1;  // 0: it succeeded
    double seconds = 0;
    std::string output;
    std::string errors;
};

// Calls `handler` for every buffer that reaches the sink pad of an element.
void on_buffers(GstElement* element, void (*handler)(GstBuffer*, gpointer), gpointer data);
