// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "pipelines/upscale/libav.h"

struct AVFilterContext;
struct AVFilterGraph;

namespace upscale {

struct FreeGraph {
    void operator()(AVFilterGraph* graph) const;
};

// A chain of libavfilter for frames of one form.
class Filter {
  public:
    // description: as in ffmpeg's -vf. like: a frame of those that come. Throws Failure (kFailed).
    Filter(const std::string& description, const AVFrame* like);

    // Whether a frame is of the form that the filter was made for.
    bool takes(const AVFrame* frame) const;
    const std::string& description() const { return description_; }

    // Null: nothing comes any more.
    void push(Frame frame);
    // Null: more have to be pushed. Times are in nanoseconds on both sides.
    Frame pull();

  private:
    std::string description_;
    std::unique_ptr<AVFilterGraph, FreeGraph> graph_;
    AVFilterContext* input_ = nullptr;
    AVFilterContext* output_ = nullptr;
    int format_, width_, height_, range_, matrix_;
};

}  // namespace upscale
