// SPDX-License-Identifier: Apache-2.0
// The quality gate of reduced precisions: how far they are from the same engine in bf16, on
// footage.
//
//     quality [--device D] [--model released|DIR] [--footage FILE] [--floor DB]
//             [--reference PRECISION] [--kv-cache device|int8|host|host-int8] PRECISION ...
//
// Each PRECISION (as in bench; "plain" is bf16 by LibTorch's operations alone) upscales the footage
// four times, and the PSNR of its RGB frames against the reference's (bf16) is printed: the mean
// over all frames and the worst frame. --kv-cache is theirs; the reference keeps its past on the
// device. Exit status 1 if a mean lies under --floor; equal frames count as 99 dB. FILE holds I420
// frames of 160x96.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/stream.h"
#include "models/error.h"
#include "tests/bench/subject.h"
#include "tests/support/kv_cache.h"
#include "tests/support/precision.h"

namespace {

using flashvsr::Error;

constexpr int kWidth = 160;
constexpr int kHeight = 96;
constexpr int kScale = 4;

struct Options {
    std::string device = "auto";
    std::string model = "released";
    std::string footage = "tests/data/footage/bunny-160x96.i420";
    std::string reference = "bf16";
    flashvsr::KvStorage kv_cache = flashvsr::KvStorage::kDevice;
    double floor = 0.0;
    std::vector<std::string> precisions;
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name.rfind("--", 0) != 0) {
            options.precisions.push_back(name);
            continue;
        }
        if (i + 1 == argc) throw Error(Error::Kind::kInvalidArgument, name + " needs a value");
        const std::string value = argv[++i];
        if (name == "--device")
            options.device = value;
        else if (name == "--model")
            options.model = value;
        else if (name == "--footage")
            options.footage = value;
        else if (name == "--reference")
            options.reference = value;
        else if (name == "--kv-cache")
            options.kv_cache = flashvsr::parse_kv_storage(value);
        else if (name == "--floor")
            options.floor = std::stod(value);
        else
            throw Error(Error::Kind::kInvalidArgument, "unknown option " + name);
    }
    return options;
}

using Bytes = std::vector<uint8_t>;

Bytes read_footage(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    Bytes bytes((std::istreambuf_iterator<char>(file)), {});
    constexpr size_t kFrame = kWidth * kHeight * 3 / 2;
    if (bytes.empty() || bytes.size() % kFrame != 0)
        throw Error(Error::Kind::kReadFailed, path + " does not hold I420 frames of 160x96");
    return bytes;
}

std::shared_ptr<const flashvsr::Engine> open_engine(const Options& options,
                                                    const std::string& precision) {
    const bool plain = precision == "plain";
    flashvsr::Placement placement =
        flashvsr::testing::placement_of(options.device, plain ? "bf16" : precision);
    placement.plain = plain;
    return flashvsr::testing::open_engine(options.model, {}, placement);
}

FlashvsrStreamConfig stream_config() {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = {FLASHVSR_FORMAT_I420,
                    kWidth,
                    kHeight,
                    FLASHVSR_MATRIX_BT709,
                    FLASHVSR_RANGE_LIMITED,
                    FLASHVSR_CHROMA_LEFT,
                    FLASHVSR_MEMORY_HOST};
    config.output = {FLASHVSR_FORMAT_RGB, kWidth * kScale,     kHeight * kScale,
                     FLASHVSR_MATRIX_RGB, FLASHVSR_RANGE_FULL, FLASHVSR_CHROMA_LEFT,
                     FLASHVSR_MEMORY_HOST};
    return config;
}

std::vector<Bytes> upscale(const Options& options, const std::string& precision,
                           flashvsr::KvStorage kv_cache, Bytes footage) {
    FlashvsrStreamConfig config = stream_config();
    flashvsr::testing::keep_kv_cache(kv_cache, &config);
    flashvsr::Stream stream(open_engine(options, precision), config);
    std::vector<Bytes> frames;
    auto pop = [&] {
        while (stream.ready() > 0) {
            Bytes frame(static_cast<size_t>(config.output.width) * config.output.height * 3);
            FlashvsrFrame output = {};
            output.info = config.output;
            output.plane[0] = frame.data();
            output.stride[0] = config.output.width * 3;
            stream.pop(output);
            frames.push_back(std::move(frame));
        }
    };
    constexpr size_t kLuma = kWidth * kHeight;
    for (size_t at = 0; at < footage.size(); at += kLuma * 3 / 2) {
        FlashvsrFrame input = {};
        input.info = config.input;
        input.plane[0] = footage.data() + at;
        input.plane[1] = footage.data() + at + kLuma;
        input.plane[2] = footage.data() + at + kLuma * 5 / 4;
        input.stride[0] = kWidth;
        input.stride[1] = input.stride[2] = kWidth / 2;
        stream.push(input);
        pop();
    }
    stream.drain();
    pop();
    return frames;
}

double psnr(double mean_square) {
    return mean_square > 0 ? 10 * std::log10(255.0 * 255.0 / mean_square) : 99.0;
}

double mean_square(const Bytes& a, const Bytes& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - b[i];
        sum += difference * difference;
    }
    return sum / static_cast<double>(a.size());
}

// Prints a line; true if the mean is at or over the floor.
bool compare(const Options& options, const std::string& precision,
             const std::vector<Bytes>& reference, const Bytes& footage) {
    const std::vector<Bytes> frames = upscale(options, precision, options.kv_cache, footage);
    double sum = 0, worst = 0;
    for (size_t i = 0; i < frames.size(); ++i) {
        const double error = mean_square(frames[i], reference[i]);
        sum += error;
        worst = std::max(worst, error);
    }
    const double mean = psnr(sum / static_cast<double>(frames.size()));
    std::printf("%-12s %-9s %6.2f dB, worst frame %6.2f dB\n", precision.c_str(),
                flashvsr::kv_storage_name(options.kv_cache), mean, psnr(worst));
    return mean >= options.floor;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse(argc, argv);
        const Bytes footage = read_footage(options.footage);
        const std::vector<Bytes> reference =
            upscale(options, options.reference, flashvsr::KvStorage::kDevice, footage);
        std::printf("against %s, %zu frames, model %s\n", options.reference.c_str(),
                    reference.size(), options.model.c_str());
        bool passed = true;
        for (const std::string& precision : options.precisions)
            passed = compare(options, precision, reference, footage) && passed;
        return passed ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "quality: %s\n", error.what());
        return 2;
    }
}
