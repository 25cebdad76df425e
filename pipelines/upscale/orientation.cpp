// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/orientation.h"

#include <cstdlib>
#include <cstring>

#include "pipelines/upscale/libav_versions.h"

namespace upscale {

namespace {

// A pixel at (x, y) is shown at (a x + c y, b x + d y), each of them -1, 0 or 1.
Orientation turned(int a, int b, int c, int d) {
    if (b != 0 && c != 0) {
        const char* transpose = b > 0 ? (c > 0 ? "transpose=cclock_flip" : "transpose=clock")
                                      : (c > 0 ? "transpose=cclock" : "transpose=clock_flip");
        return {transpose, true, true};
    }
    if (a < 0 && d < 0) return {"hflip,vflip", false, true};
    if (a < 0) return {"hflip", false, true};
    if (d < 0) return {"vflip", false, true};
    return {};
}

// matrix: nine numbers in the order of ISO base media files.
Orientation of_matrix(const uint8_t* data) {
    int32_t matrix[9];
    std::memcpy(matrix, data, sizeof matrix);
    const int64_t straight = std::llabs(int64_t{matrix[0]}) + std::llabs(int64_t{matrix[4]});
    const int64_t crossed = std::llabs(int64_t{matrix[1]}) + std::llabs(int64_t{matrix[3]});
    const auto sign = [](int32_t number) { return (number > 0) - (number < 0); };
    if (crossed * 50 < straight) return turned(sign(matrix[0]), 0, 0, sign(matrix[4]));
    if (straight * 50 < crossed) return turned(0, sign(matrix[1]), sign(matrix[3]), 0);
    return {"", false, false};
}

// 1 to 8, as EXIF counts them.
Orientation of_exif(int number) {
    switch (number) {
        case 2: return turned(-1, 0, 0, 1);
        case 3: return turned(-1, 0, 0, -1);
        case 4: return turned(1, 0, 0, -1);
        case 5: return turned(0, 1, 1, 0);
        case 6: return turned(0, 1, -1, 0);
        case 7: return turned(0, -1, -1, 0);
        case 8: return turned(0, -1, 1, 0);
        default: return {};
    }
}

}  // namespace

std::optional<Orientation> orientation_of(const AVStream* stream) {
    size_t size = 0;
    const uint8_t* matrix = stream_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (!matrix || size < 9 * sizeof(int32_t)) return std::nullopt;
    return of_matrix(matrix);
}

Orientation orientation_of(const AVFrame* frame) {
    const AVFrameSideData* matrix = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
    if (matrix && matrix->size >= 9 * sizeof(int32_t)) return of_matrix(matrix->data);
    const AVDictionaryEntry* exif = av_dict_get(frame->metadata, "Orientation", nullptr, 0);
    return exif ? of_exif(std::atoi(exif->value)) : Orientation{};
}

}  // namespace upscale
