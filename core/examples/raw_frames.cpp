// SPDX-License-Identifier: Apache-2.0
// The engine without GStreamer: raw I420 frames in on the standard input, upscaled ones out on the
// standard output. core/flashvsr.h is all that it is compiled with; the library is loaded at run
// time, so the program itself needs neither LibTorch nor a GPU.
//
//     raw_frames libflashvsr.so MODEL_FOLDER WIDTH HEIGHT SCALE < in.i420 > out.i420
#include <dlfcn.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/flashvsr.h"

namespace {

/// A frame and the memory that it lies in.
struct Picture {
    explicit Picture(int width, int height) {
        info.format = FLASHVSR_FORMAT_I420;
        info.width = width;
        info.height = height;
        info.matrix = height < 720 ? FLASHVSR_MATRIX_BT601 : FLASHVSR_MATRIX_BT709;
        info.range = FLASHVSR_RANGE_LIMITED;
        info.chroma_site = FLASHVSR_CHROMA_LEFT;
        info.memory = FLASHVSR_MEMORY_HOST;
        const int chroma_width = (width + 1) / 2, chroma_height = (height + 1) / 2;
        const size_t luma = static_cast<size_t>(width) * height;
        const size_t chroma = static_cast<size_t>(chroma_width) * chroma_height;
        bytes.resize(luma + 2 * chroma);
        frame.info = info;
        frame.plane[0] = bytes.data();
        frame.plane[1] = bytes.data() + luma;
        frame.plane[2] = bytes.data() + luma + chroma;
        frame.stride[0] = width;
        frame.stride[1] = frame.stride[2] = chroma_width;
    }
    Picture(const Picture&) = delete;
    Picture& operator=(const Picture&) = delete;

    bool read(std::FILE* file) { return std::fread(bytes.data(), bytes.size(), 1, file) == 1; }
    void write(std::FILE* file) const {
        if (std::fwrite(bytes.data(), bytes.size(), 1, file) != 1) {
            throw std::runtime_error(std::string("cannot write: ") + std::strerror(errno));
        }
    }

    FlashvsrFrameInfo info = FLASHVSR_FRAME_INFO_INIT;
    FlashvsrFrame frame{};
    std::vector<unsigned char> bytes;
};

/// The engine's functions. The library stays loaded until the program ends.
const FlashvsrApi* load(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    const auto get = reinterpret_cast<decltype(&flashvsr_api)>(dlsym(library, "flashvsr_api"));
    const FlashvsrApi* api = get ? get(FLASHVSR_ABI) : nullptr;
    if (!api) throw std::runtime_error(std::string(path) + " is of another version");
    return api;
}

void check(FlashvsrStatus status, const FlashvsrError& error) {
    if (status != FLASHVSR_OK) throw std::runtime_error(error.message);
}

int show_progress(double fraction, const char* stage, void*) {
    std::fprintf(stderr, "\rloading: %s, %.0f %%   ", stage, 100 * fraction);
    return 1;  // go on
}

/// Writes every frame that is ready.
void pop(const FlashvsrApi* api, FlashvsrStream* stream, Picture* output) {
    FlashvsrError error;
    while (api->stream_ready(stream) > 0) {
        check(api->stream_pop(stream, &output->frame, &error), error);
        output->write(stdout);
    }
}

void upscale(const FlashvsrApi* api, FlashvsrEngine* engine, Picture* input, Picture* output) {
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = input->info;
    config.output = output->info;
    FlashvsrStream* stream = nullptr;
    FlashvsrError error;
    check(api->stream_open(engine, &config, &stream, &error), error);
    try {
        while (input->read(stdin)) {
            check(api->stream_push(stream, &input->frame, &error), error);
            pop(api, stream, output);
        }
        check(api->stream_drain(stream, &error), error);
        pop(api, stream, output);
    } catch (...) {
        api->stream_close(stream);
        throw;
    }
    api->stream_close(stream);
}

void run(char** argv) {
    const FlashvsrApi* api = load(argv[1]);
    const int width = std::atoi(argv[3]), height = std::atoi(argv[4]);
    const double scale = std::atof(argv[5]);
    if (width < 1 || height < 1 || scale < 1) throw std::runtime_error("a size or scale is wrong");
    Picture input(width, height);
    Picture output(static_cast<int>(width * scale + 0.5), static_cast<int>(height * scale + 0.5));

    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    config.model_dir = argv[2];
    FlashvsrEngine* engine = nullptr;
    FlashvsrError error;
    const FlashvsrStatus status =
        api->engine_open(&config, show_progress, nullptr, &engine, &error);
    std::fputc('\n', stderr);
    check(status, error);
    try {
        upscale(api, engine, &input, &output);
    } catch (...) {
        api->engine_close(engine);
        throw;
    }
    api->engine_close(engine);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr,
                     "raw_frames libflashvsr.so MODEL_FOLDER WIDTH HEIGHT SCALE < in > out\n");
        return 2;
    }
    try {
        run(argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "raw_frames: %s\n", error.what());
        return 1;
    }
    return 0;
}
