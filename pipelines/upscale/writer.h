#ifndef FLASHVSR_PIPELINES_UPSCALE_WRITER_H_
#define FLASHVSR_PIPELINES_UPSCALE_WRITER_H_

#include <gst/gst.h>

#include <cstdio>
#include <string>
#include <vector>

namespace upscale {

/// Takes what the encoder makes. One thread at a time. Everything throws Failure (kFailed) when the
/// system refuses to write.
class Writer {
  public:
    virtual ~Writer() = default;
    /// Stream time of the input's first frame; comes before any sample.
    virtual void set_origin(GstClockTime) {}
    virtual void write(GstSample* sample) = 0;
    /// Nothing comes any more. end: where the video was cut short; NONE: it is whole.
    virtual void finish(GstClockTime end) = 0;
};

/// Bytes one after the other into a file or the standard output.
class RawWriter : public Writer {
  public:
    /// path: "-" is the standard output.
    explicit RawWriter(const std::string& path);
    ~RawWriter() override;
    void write(GstSample* sample) override;
    void finish(GstClockTime end) override;

  private:
    std::string path_;
    FILE* file_;
};

/// A file for each frame.
class ImageWriter : public Writer {
  public:
    /// The frames' names in their order; what comes after the last of them is dropped. A single
    /// pattern ("%04d.png") names any number, from 1.
    explicit ImageWriter(std::vector<std::string> names);
    void write(GstSample* sample) override;
    void finish(GstClockTime) override {}

  private:
    std::vector<std::string> names_;
    size_t count_ = 0;
};

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_WRITER_H_
