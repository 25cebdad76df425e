// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/head_trial.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_complaints.h"

namespace upscale {

namespace {

// A file without a name.
class Memory {
  public:
    Memory() : descriptor_(memfd_create("head", MFD_CLOEXEC)) {
        if (descriptor_ < 0) throw Failure(ExitCode::kFailed, "out of memory");
    }
    ~Memory() { close(descriptor_); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

  private:
    int descriptor_;
};

bool write_head(AVFormatContext* file, const Memory& memory, const char* flags) {
    AVDictionary* settings = nullptr;
    if (flags) av_dict_set(&settings, "movflags", flags, 0);
    int status = avio_open(&file->pb, ("file:" + memory.path()).c_str(), AVIO_FLAG_WRITE);
    if (status >= 0) status = avformat_write_header(file, &settings);
    av_dict_free(&settings);
    if (file->pb) avio_flush(file->pb);
    return status >= 0;
}

}  // namespace

void FreeTrial::operator()(AVFormatContext* file) const {
    avio_closep(&file->pb);
    avformat_free_context(file);
}

TrialFile make_trial(const AVOutputFormat* format) {
    AVFormatContext* file = nullptr;
    if (avformat_alloc_output_context2(&file, format, nullptr, nullptr) < 0) {
        throw Failure(ExitCode::kFailed, "out of memory");
    }
    file->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    return TrialFile(file);
}

bool takes_tracks(AVFormatContext* file) {
    const LibavComplaints unheard;
    return write_head(file, Memory(), nullptr);
}

InputFile head_as_read(AVFormatContext* file, bool keys) {
    const LibavComplaints unheard;
    const Memory memory;
    const char* flags =
        keys ? "+empty_moov+frag_custom+use_metadata_tags" : "+empty_moov+frag_custom";
    if (!write_head(file, memory, flags)) return nullptr;
    return open_input(memory.path(), "the head");
}

}  // namespace upscale
