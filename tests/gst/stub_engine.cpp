// SPDX-License-Identifier: Apache-2.0
// An engine without a model: the true schedule, and nearest-neighbour pictures whose first
// component is multiplied by the setting `strength` of their chunk; in the colours that are asked
// for.
//
// FLASHVSR_STUB_FAIL="CALL:STATUS:N" makes the Nth such call (from 1) on an engine or a stream fail
// with that status; without N every call. CALL is "chunk" or a call's name without "stream_" and
// "engine_", but "engine_open" and "stream_open". FLASHVSR_STUB_CHUNK_MS makes every chunk take
// that long. Both are read when an engine or a stream is opened. FLASHVSR_STUB_NUMBERS makes the
// first component of each picture its number since the start. FLASHVSR_STUB_LOAD_MS makes
// engine_open take that long, also where it fails. FLASHVSR_STUB_DEVICE is the device that
// engine_info tells of; if it is "cuda", chunks are computed behind the caller's back.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/formats.h"
#include "tests/gst/hand_over.h"
#include "tests/gst/stub_colours.h"

namespace {

using stub::Pixel;

using Clock = std::chrono::steady_clock;

struct Picture {
    int width = 0;
    int height = 0;
    FlashvsrFrameInfo info = {};
    std::vector<Pixel> pixels;
    Clock::time_point done = {};  // when the chunk that it is of has been computed
};

// Address of component `c` of pixel (x, y); NULL when the format has none.
uint8_t* component(const FlashvsrFrame& frame, int c, int x, int y) {
    const flashvsr::Format& format = flashvsr::format_of(frame.info.format);
    const flashvsr::Format::Component& place = format.component[c];
    if (place.step == 0) return nullptr;
    if (c == 1 || c == 2) x >>= format.sub_x, y >>= format.sub_y;
    return static_cast<uint8_t*>(frame.plane[place.plane]) + y * frame.stride[place.plane] +
           (place.first + x * place.step) * format.sample_bytes();
}

uint16_t get(const FlashvsrFrame& frame, const uint8_t* sample) {
    const flashvsr::Format& format = flashvsr::format_of(frame.info.format);
    const int value = format.sample_bytes() == 1 ? sample[0] : sample[0] | sample[1] << 8;
    return static_cast<uint16_t>(value >> format.shift);
}

void set(const FlashvsrFrame& frame, uint8_t* sample, int value) {
    const flashvsr::Format& format = flashvsr::format_of(frame.info.format);
    value <<= format.shift;
    sample[0] = static_cast<uint8_t>(value);
    if (format.sample_bytes() == 2) sample[1] = static_cast<uint8_t>(value >> 8);
}

Picture read(const FlashvsrFrame& frame) {
    const flashvsr::Format& format = flashvsr::format_of(frame.info.format);
    Picture picture;
    picture.width = frame.info.width;
    picture.height = frame.info.height;
    picture.info = frame.info;
    for (int y = 0; y < picture.height; y++) {
        for (int x = 0; x < picture.width; x++) {
            Pixel pixel = {0, 0, 0, static_cast<uint16_t>((1 << format.bits) - 1)};
            for (int c = 0; c < (format.has_alpha ? 4 : 3); c++) {
                const uint8_t* sample = component(frame, c, x, y);
                pixel[c] = sample ? get(frame, sample) : pixel[0];  // grey
            }
            picture.pixels.push_back(pixel);
        }
    }
    return picture;
}

void write(const Picture& picture, const FlashvsrFrame& frame) {
    take_over(frame.plane[0]);
    const stub::Colours from(picture.info), to(frame.info);
    for (int y = 0; y < frame.info.height; y++) {
        for (int x = 0; x < frame.info.width; x++) {
            const int from_x = static_cast<int>(int64_t{x} * picture.width / frame.info.width);
            const int from_y = static_cast<int>(int64_t{y} * picture.height / frame.info.height);
            const Pixel pixel =
                stub::converted(picture.pixels[size_t(from_y) * picture.width + from_x], from, to);
            for (int c = 0; c < 4; c++) {
                uint8_t* sample = component(frame, c, x, y);
                if (sample) set(frame, sample, pixel[c]);
            }
        }
    }
}

FlashvsrStatus result(FlashvsrError* error, int status, const std::string& message) {
    if (error) {
        error->status = static_cast<FlashvsrStatus>(status);
        snprintf(error->message, sizeof(error->message), "%s", message.c_str());
    }
    return static_cast<FlashvsrStatus>(status);
}

// What FLASHVSR_STUB_FAIL asks for, of one engine or stream.
class Fault {
  public:
    Fault() {
        const char* text = getenv("FLASHVSR_STUB_FAIL");
        if (text) sscanf(text, "%15[^:]:%d:%d", call_, &status_, &nth_);
    }

    // The status of a call that is made now.
    FlashvsrStatus status_of(const char* call, FlashvsrError* error) {
        if (std::string(call) != call_ || (++calls_ != nth_ && nth_ > 0)) return FLASHVSR_OK;
        return result(error, status_, std::string("the stub was told to fail in ") + call);
    }

  private:
    char call_[16] = "";
    int status_ = 0;
    int nth_ = 0;
    int calls_ = 0;
};

bool same_info(const FlashvsrFrameInfo& a, const FlashvsrFrameInfo& b) {
    return a.format == b.format && a.width == b.width && a.height == b.height &&
           a.matrix == b.matrix && a.range == b.range && a.chroma_site == b.chroma_site;
}

}  // namespace

struct FlashvsrEngine {
    std::string device = "cpu";
    mutable Fault fault;
};

struct FlashvsrStream {
    FlashvsrStreamConfig config;
    std::deque<Picture> waiting;  // pushed, not yet through a chunk
    std::deque<Picture> ready;
    bool started = false;
    int pushed = 0;  // since the start
    FlashvsrStreamStats stats = FLASHVSR_STREAM_STATS_INIT;
    mutable Fault fault;
    int chunk_ms = 0;
    bool asynchronous = false;
    Clock::time_point busy_until = {};

    // After the start-up chunk the 4 newest frames stay inside.
    FlashvsrStatus run_chunk(FlashvsrError* error) {
        stats.chunks++;
        const Clock::time_point begin = std::max(Clock::now(), busy_until);
        std::this_thread::sleep_until(asynchronous ? begin
                                                   : begin + std::chrono::milliseconds(chunk_ms));
        busy_until = begin + std::chrono::milliseconds(chunk_ms);
        stats.last_chunk_ms = chunk_ms;
        const FlashvsrStatus status = fault.status_of("chunk", error);
        if (status != FLASHVSR_OK) return status;
        const int count = started ? FLASHVSR_CHUNK : FLASHVSR_FIRST_CHUNK_OUTPUT;
        started = true;
        for (int i = 0; i < count; i++) {
            for (Pixel& pixel : waiting.front().pixels) {
                pixel[0] = static_cast<uint16_t>(pixel[0] * config.settings.strength);
            }
            waiting.front().done = busy_until;
            ready.push_back(std::move(waiting.front()));
            waiting.pop_front();
        }
        return FLASHVSR_OK;
    }

    bool chunk_complete() const {
        constexpr int kKept = FLASHVSR_FIRST_CHUNK_INPUT - FLASHVSR_FIRST_CHUNK_OUTPUT;
        return waiting.size() ==
               size_t(started ? kKept + FLASHVSR_CHUNK : FLASHVSR_FIRST_CHUNK_INPUT);
    }
};

namespace {

std::mutex log_mutex;
void (*log_function)(int level, const char* message, void* user) = nullptr;
void* log_user = nullptr;

void set_log(void (*log)(int level, const char* message, void* user), void* user) {
    const std::lock_guard<std::mutex> lock(log_mutex);
    log_function = log;
    log_user = user;
}

FlashvsrStatus engine_open(const FlashvsrEngineConfig* config, FlashvsrProgress progress,
                           void* user, FlashvsrEngine** engine, FlashvsrError* error) {
    struct stat info;
    if (stat(config->model_dir, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return result(error, FLASHVSR_NOT_FOUND,
                      std::string("model folder ") + config->model_dir + " does not exist");
    }
    const char* load_ms = getenv("FLASHVSR_STUB_LOAD_MS");
    const int steps = load_ms ? atoi(load_ms) : 0;
    for (int i = 0; i < steps; i++) {
        if (!progress(double(i) / steps, "sleeping", user)) {
            return result(error, FLASHVSR_CANCELLED, "loading was cancelled");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const FlashvsrStatus status = Fault().status_of("engine_open", error);
    if (status != FLASHVSR_OK) return status;
    *engine = new FlashvsrEngine;
    if (const char* device = getenv("FLASHVSR_STUB_DEVICE")) (*engine)->device = device;
    const std::lock_guard<std::mutex> lock(log_mutex);
    if (log_function) log_function(3, "the stub is open", log_user);
    return FLASHVSR_OK;
}

void engine_close(FlashvsrEngine* engine) { delete engine; }

FlashvsrStatus engine_info(const FlashvsrEngine* engine, FlashvsrEngineInfo* info,
                           FlashvsrError* error) {
    const FlashvsrStatus status = engine->fault.status_of("info", error);
    if (status != FLASHVSR_OK) return status;
    snprintf(info->device, sizeof(info->device), "%s", engine->device.c_str());
    return FLASHVSR_OK;
}

FlashvsrStatus stream_open(FlashvsrEngine* engine, const FlashvsrStreamConfig* config,
                           FlashvsrStream** stream, FlashvsrError* error) {
    const FlashvsrStatus status = Fault().status_of("stream_open", error);
    if (status != FLASHVSR_OK) return status;
    *stream = new FlashvsrStream;
    (*stream)->config = *config;
    (*stream)->asynchronous = engine->device == "cuda";
    if (const char* ms = getenv("FLASHVSR_STUB_CHUNK_MS")) (*stream)->chunk_ms = atoi(ms);
    return FLASHVSR_OK;
}

void stream_close(FlashvsrStream* stream) { delete stream; }

FlashvsrStatus stream_push(FlashvsrStream* stream, const FlashvsrFrame* frame,
                           FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("push", error);
    if (fault != FLASHVSR_OK) return fault;
    if (!same_info(frame->info, stream->config.input)) {
        return result(error, FLASHVSR_INVALID_ARGUMENT, "frame is not as configured");
    }
    stream->stats.frames_in++;
    stream->waiting.push_back(read(*frame));
    if (getenv("FLASHVSR_STUB_NUMBERS")) {
        for (Pixel& pixel : stream->waiting.back().pixels) {
            pixel[0] = static_cast<uint8_t>(stream->pushed);
        }
    }
    stream->pushed++;
    return stream->chunk_complete() ? stream->run_chunk(error) : FLASHVSR_OK;
}

int32_t stream_ready(const FlashvsrStream* stream) { return int32_t(stream->ready.size()); }

FlashvsrStatus stream_pop(FlashvsrStream* stream, FlashvsrFrame* frame, FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("pop", error);
    if (fault != FLASHVSR_OK) return fault;
    if (frame && !same_info(frame->info, stream->config.output)) {
        return result(error, FLASHVSR_INVALID_ARGUMENT, "frame is not as configured");
    }
    if (stream->ready.empty()) return result(error, FLASHVSR_NEED_INPUT, "push more frames");
    std::this_thread::sleep_until(stream->ready.front().done);
    if (frame) write(stream->ready.front(), *frame);
    stream->ready.pop_front();
    stream->stats.frames_out++;
    return FLASHVSR_OK;
}

FlashvsrStatus stream_drain(FlashvsrStream* stream, FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("drain", error);
    if (fault != FLASHVSR_OK) return fault;
    size_t real = stream->ready.size() + stream->waiting.size();
    while (stream->ready.size() < real) {
        stream->waiting.push_back(stream->waiting.back());
        if (!stream->chunk_complete()) continue;
        const FlashvsrStatus status = stream->run_chunk(error);
        if (status != FLASHVSR_OK) return status;
    }
    stream->ready.resize(real);
    stream->waiting.clear();
    stream->started = false;
    stream->pushed = 0;
    return FLASHVSR_OK;
}

FlashvsrStatus stream_reset(FlashvsrStream* stream, FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("reset", error);
    if (fault != FLASHVSR_OK) return fault;
    stream->waiting.clear();
    stream->ready.clear();
    stream->started = false;
    stream->pushed = 0;
    return FLASHVSR_OK;
}

FlashvsrStatus stream_configure(FlashvsrStream* stream, const FlashvsrSettings* settings,
                                FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("configure", error);
    if (fault != FLASHVSR_OK) return fault;
    stream->config.settings = *settings;
    return FLASHVSR_OK;
}

FlashvsrStatus stream_stats(const FlashvsrStream* stream, FlashvsrStreamStats* stats,
                            FlashvsrError* error) {
    const FlashvsrStatus fault = stream->fault.status_of("stats", error);
    if (fault != FLASHVSR_OK) return fault;
    *stats = stream->stats;
    return FLASHVSR_OK;
}

FlashvsrStatus stream_memory(const FlashvsrStream* stream, FlashvsrMemoryEstimate*,
                             FlashvsrError* error) {
    return stream->fault.status_of("memory", error);
}

}  // namespace

extern "C" const FlashvsrApi* flashvsr_api(uint32_t abi) {
    static const FlashvsrApi api = {FLASHVSR_ABI, engine_open,  engine_close, engine_info,
                                    stream_open,  stream_close, stream_push,  stream_ready,
                                    stream_pop,   stream_drain, stream_reset, stream_configure,
                                    stream_stats, set_log,      stream_memory};
    return abi == FLASHVSR_ABI ? &api : nullptr;
}
