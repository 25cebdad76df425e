// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/icc.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cstring>
#include <string_view>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

std::string icc_profile_of(const AVFrame* frame) {
    const AVFrameSideData* data = av_frame_get_side_data(frame, AV_FRAME_DATA_ICC_PROFILE);
    if (!data) return {};
    return {reinterpret_cast<const char*>(data->data), static_cast<size_t>(data->size)};
}

bool describes(const std::string& profile, AVPixelFormat format) {
    constexpr size_t kSpace = 16, kSpaceSize = 4;  // where a profile's header names its numbers
    if (profile.size() < kSpace + kSpaceSize) return false;
    const bool grey = av_pix_fmt_desc_get(format)->nb_components <= 2;
    return profile.compare(kSpace, kSpaceSize, grey ? "GRAY" : "RGB ") == 0;
}

void set_icc_profile(const std::string& profile, AVFrame* frame) {
    AVFrameSideData* data =
        av_frame_new_side_data(frame, AV_FRAME_DATA_ICC_PROFILE, profile.size());
    if (!data) throw Failure(ExitCode::kFailed, "out of memory");
    std::memcpy(data->data, profile.data(), profile.size());
}

bool has_icc_profile(const AVPacket* png) {
    const std::string_view file(reinterpret_cast<const char*>(png->data), png->size);
    return file.substr(0, file.find("IDAT")).find("iCCP") != std::string_view::npos;
}

}  // namespace upscale
