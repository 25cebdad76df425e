// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gst/gst.h>

#include <cstdio>
#include <functional>
#include <string>

#include "pipelines/upscale/plan.h"
#include "pipelines/upscale/report.h"

namespace upscale {

// Codes frames and writes them. One thread at a time. Everything throws Failure (kFailed) when the
// system refuses to write.
class Writer {
  public:
    virtual ~Writer() = default;
    virtual void write(GstSample* sample) = 0;
    // Nothing comes any more: what is still on its way through the encoder is written.
    virtual void drain() {}
    // Nothing comes any more. end: where the video was cut short; NONE: it is whole.
    virtual void finish(GstClockTime end) = 0;
};

// Pictures one after the other into an open file or stream.
class PictureWriter : public Writer {
  public:
    // name: for messages. The descriptor stays open.
    PictureWriter(std::string name, int descriptor, const VideoPlan& plan, Report* report);
    ~PictureWriter() override;
    void write(GstSample* sample) override;
    void finish(GstClockTime end) override;

  private:
    std::string name_;
    const VideoPlan& plan_;
    Report* report_;
    FILE* file_;
};

// A file for each frame, in a folder, called by its number.
class ImageWriter : public Writer {
  public:
    struct Folder {
        std::string path;
        size_t first = 1;                         // number of the first frame
        size_t most = 1;                          // what comes after that many is dropped
        std::function<std::string(size_t)> name;  // of a number, for messages
    };

    ImageWriter(Folder folder, const VideoPlan& plan, Report* report);
    void write(GstSample* sample) override;
    void finish(GstClockTime) override {}

    static std::string path_in(const std::string& folder, size_t number);

  private:
    Folder folder_;
    const VideoPlan& plan_;
    Report* report_;
    size_t count_ = 0;
};

}  // namespace upscale
