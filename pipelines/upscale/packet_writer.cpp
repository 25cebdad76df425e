// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/packet_writer.h"

#include "pipelines/upscale/exit_code.h"

namespace upscale {

PacketWriter::PacketWriter(AVFormatContext* output, std::string name)
    : output_(output),
      name_(std::move(name)),
      sent_(output->nb_streams),
      refused_(output->nb_streams) {}

void PacketWriter::write(AVPacket* packet) {
    ++sent_.at(packet->stream_index);
    const int status = av_interleaved_write_frame(output_, packet);
    av_packet_unref(packet);
    if (status < 0) find_refused(status);
}

void PacketWriter::flush() {
    const int status = av_interleaved_write_frame(output_, nullptr);
    if (status < 0) find_refused(status);
}

// Each error costs the packet that it is about; the streams count those that were written.
void PacketWriter::find_refused(int error) {
    for (int status = error; status < 0; status = av_interleaved_write_frame(output_, nullptr)) {
        error = status;
        if (output_->pb->error < 0) error = output_->pb->error;
        if (error == AVERROR(ENOMEM) || output_->pb->error < 0) {
            throw Failure(ExitCode::kFailed, name_ + ": writing: " + libav_error(error));
        }
    }
    for (size_t i = 0; i < sent_.size(); ++i) {
        const int64_t missing = sent_[i] - output_->streams[i]->nb_frames;
        if (missing > refused_[i].packets) refused_[i] = {missing, error};
    }
}

}  // namespace upscale
