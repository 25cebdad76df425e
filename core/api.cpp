// SPDX-License-Identifier: Apache-2.0
// The C interface: the one place where exceptions become statuses.
#include <c10/util/Exception.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <string>

#include "core/device_health.h"
#include "core/engine.h"
#include "core/flashvsr.h"
#include "core/log.h"
#include "core/precision.h"
#include "core/stream.h"
#include "kernels/cuda_error.h"
#include "models/error.h"

struct FlashvsrEngine {
    std::shared_ptr<const flashvsr::Engine> engine;
};

struct FlashvsrStream {
    flashvsr::Stream stream;
};

namespace {

using flashvsr::Error;

FlashvsrStatus status_of(Error::Kind kind) {
    switch (kind) {
        case Error::Kind::kInvalidArgument: return FLASHVSR_INVALID_ARGUMENT;
        case Error::Kind::kNotFound: return FLASHVSR_NOT_FOUND;
        case Error::Kind::kReadFailed: return FLASHVSR_READ_FAILED;
        case Error::Kind::kBadFormat: return FLASHVSR_BAD_FORMAT;
        case Error::Kind::kBadSettings: return FLASHVSR_BAD_SETTINGS;
        case Error::Kind::kNoMemory: return FLASHVSR_NO_MEMORY;
        case Error::Kind::kCancelled: return FLASHVSR_CANCELLED;
    }
    return FLASHVSR_INTERNAL;
}

FlashvsrStatus report(FlashvsrError* error, FlashvsrStatus status, const char* message) {
    if (error) {
        error->status = status;
        std::snprintf(error->message, sizeof(error->message), "%s", message);
        std::replace(error->message, error->message + std::strlen(error->message), '\n', ' ');
    }
    if (status != FLASHVSR_OK && status != FLASHVSR_NEED_INPUT)
        flashvsr::log_line(flashvsr::LogLevel::kError, message);
    return status;
}

// While it lives, what LibTorch warns of on this thread goes to the log instead of stderr.
class WarningsInLog {
  public:
    WarningsInLog() : guard_(&handler_) {}

  private:
    class Handler : public c10::WarningHandler {
        void process(const c10::Warning& warning) override {
            std::string message = warning.msg();
            std::replace(message.begin(), message.end(), '\n', ' ');
            flashvsr::log_line(flashvsr::LogLevel::kWarning, message);
        }
    };

    Handler handler_;
    c10::WarningUtils::WarningHandlerGuard guard_;
};

std::atomic<bool> forked{false};  // after the first engine was opened

void watch_forks() {
    static const int watched = pthread_atfork(nullptr, nullptr, [] { forked = true; });
    (void)watched;
}

// LibTorch has one type for most of its errors.
FlashvsrStatus status_of(const c10::Error& error) {
    const auto says = [&](const char* part) {
        return std::strstr(error.what_without_backtrace(), part) != nullptr;
    };
    if (says("DefaultCPUAllocator")) return FLASHVSR_NO_MEMORY;
    return says("CUDA") ? FLASHVSR_DEVICE_FAILED : FLASHVSR_INTERNAL;
}

// Runs `call`, which computes on `device` and returns a status, and turns whatever it throws into
// one. `device` is looked at when it is over, so that the call may find out.
template <typename Call>
FlashvsrStatus guarded(FlashvsrError* error, const at::Device& device, Call call) {
    if (forked)
        return report(error, FLASHVSR_INVALID_ARGUMENT,
                      "the engine does not work in a process that was forked after it was opened; "
                      "start a program of its own");
    const WarningsInLog warnings;
    try {
        flashvsr::expect_working(device);
        const FlashvsrStatus status = call();
        if (error) *error = {status, ""};
        return status;
    } catch (const Error& e) {
        return report(error, status_of(e.kind()), e.what());
    } catch (const c10::OutOfMemoryError& e) {
        return report(error, FLASHVSR_NO_MEMORY, e.what_without_backtrace());
    } catch (const std::bad_alloc&) {
        return report(error, FLASHVSR_NO_MEMORY,
                      "the host is out of memory; use a smaller scale or fewer streams");
    } catch (const flashvsr::kernels::CudaError& e) {
        return report(error, FLASHVSR_DEVICE_FAILED,
                      flashvsr::explain_failure(device, e.what()).c_str());
    } catch (const c10::Error& e) {
        const FlashvsrStatus status = status_of(e);
        const std::string what = e.what_without_backtrace();
        return report(error, status,
                      status == FLASHVSR_DEVICE_FAILED
                          ? flashvsr::explain_failure(device, what).c_str()
                          : what.c_str());
    } catch (const std::exception& e) {
        return report(error, FLASHVSR_INTERNAL, e.what());
    } catch (...) {
        return report(error, FLASHVSR_INTERNAL, "unknown exception");
    }
}

at::Device device_of(const FlashvsrEngine* engine) {
    return engine ? engine->engine->model().placement.device : at::kCPU;
}
at::Device device_of(const FlashvsrStream* stream) {
    return stream ? stream->stream.device() : at::kCPU;
}

void require(bool condition, const char* message) {
    if (!condition) throw Error(Error::Kind::kInvalidArgument, message);
}

// A caller compiled against an older header passes a shorter struct; what it lacks keeps the
// default. A longer one is from a newer header, whose additions this engine does not know.
template <typename T>
T read_struct(const T* in, const T& defaults) {
    require(in != nullptr, "NULL where a struct is needed");
    require(in->struct_size >= sizeof(in->struct_size), "struct_size is not set");
    T out = defaults;
    std::memcpy(&out, in, std::min<size_t>(in->struct_size, sizeof(T)));
    out.struct_size = sizeof(T);
    return out;
}

template <typename T>
void write_struct(T* out, T value) {
    require(out != nullptr, "NULL where a struct is needed");
    const uint32_t size = std::min<uint32_t>(out->struct_size, sizeof(T));
    require(size >= sizeof(size), "struct_size is not set");
    value.struct_size = size;
    std::memcpy(out, &value, size);
}

FlashvsrStatus engine_open(const FlashvsrEngineConfig* config, FlashvsrProgress progress,
                           void* user, FlashvsrEngine** engine, FlashvsrError* error) {
    at::Device device = at::kCPU;
    return guarded(error, device, [&] {
        require(engine != nullptr, "engine is NULL");
        *engine = nullptr;
        watch_forks();
        const auto settings = read_struct(config, FlashvsrEngineConfig FLASHVSR_ENGINE_CONFIG_INIT);
        device = flashvsr::parse_device(settings.device ? settings.device : "auto");
        flashvsr::expect_working(device);
        auto opened = flashvsr::Engine::open(settings, [&](double fraction, const char* stage) {
            if (progress && !progress(fraction, stage, user))
                throw Error(Error::Kind::kCancelled, "loading was cancelled");
        });
        *engine = new FlashvsrEngine{std::move(opened)};
        return FLASHVSR_OK;
    });
}

// Deletes an engine or a stream. What is on a lost device stays: LibTorch ends the process where it
// cannot free.
template <typename T>
void close_handle(T* handle) {
    if (forked) return;
    const WarningsInLog warnings;
    if (flashvsr::is_working(device_of(handle))) delete handle;
}

void engine_close(FlashvsrEngine* engine) { close_handle(engine); }

FlashvsrStatus engine_info(const FlashvsrEngine* engine, FlashvsrEngineInfo* info,
                           FlashvsrError* error) {
    return guarded(error, at::kCPU, [&] {
        require(engine != nullptr, "engine is NULL");
        const flashvsr::Model& model = engine->engine->model();
        FlashvsrEngineInfo filled = FLASHVSR_ENGINE_INFO_INIT;
        std::snprintf(filled.device, sizeof(filled.device), "%s",
                      model.placement.device.str().c_str());
        std::snprintf(filled.precision, sizeof(filled.precision), "%s",
                      flashvsr::precision_name(model.placement));
        std::snprintf(filled.version, sizeof(filled.version), "%s",
                      model.version == flashvsr::ModelVersion::k1 ? "1" : "1.1");
        std::snprintf(filled.decoder, sizeof(filled.decoder), "%s", model.decoder_type->name);
        std::snprintf(filled.kernels, sizeof(filled.kernels), "%s",
                      flashvsr::kernels_of(model.placement.device).c_str());
        filled.parameters = static_cast<uint64_t>(model.parameters());
        write_struct(info, filled);
        return FLASHVSR_OK;
    });
}

FlashvsrStatus stream_open(FlashvsrEngine* engine, const FlashvsrStreamConfig* config,
                           FlashvsrStream** stream, FlashvsrError* error) {
    return guarded(error, device_of(engine), [&] {
        require(engine != nullptr, "engine is NULL");
        require(stream != nullptr, "stream is NULL");
        *stream = nullptr;
        const auto known = read_struct(config, FlashvsrStreamConfig FLASHVSR_STREAM_CONFIG_INIT);
        *stream = new FlashvsrStream{flashvsr::Stream(engine->engine, known)};
        return FLASHVSR_OK;
    });
}

void stream_close(FlashvsrStream* stream) { close_handle(stream); }

FlashvsrStatus stream_push(FlashvsrStream* stream, const FlashvsrFrame* frame,
                           FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr && frame != nullptr, "stream or frame is NULL");
        stream->stream.push(*frame);
        return FLASHVSR_OK;
    });
}

int32_t stream_ready(const FlashvsrStream* stream) { return stream ? stream->stream.ready() : 0; }

FlashvsrStatus stream_pop(FlashvsrStream* stream, FlashvsrFrame* frame, FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr, "stream is NULL");
        const bool given = frame ? stream->stream.pop(*frame) : stream->stream.drop();
        return given ? FLASHVSR_OK : FLASHVSR_NEED_INPUT;
    });
}

FlashvsrStatus stream_drain(FlashvsrStream* stream, FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr, "stream is NULL");
        stream->stream.drain();
        return FLASHVSR_OK;
    });
}

FlashvsrStatus stream_reset(FlashvsrStream* stream, FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr, "stream is NULL");
        stream->stream.reset();
        return FLASHVSR_OK;
    });
}

FlashvsrStatus stream_configure(FlashvsrStream* stream, const FlashvsrSettings* settings,
                                FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr && settings != nullptr, "stream or settings is NULL");
        stream->stream.configure(*settings);
        return FLASHVSR_OK;
    });
}

FlashvsrStatus stream_stats(const FlashvsrStream* stream, FlashvsrStreamStats* stats,
                            FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr, "stream is NULL");
        write_struct(stats, stream->stream.stats());
        return FLASHVSR_OK;
    });
}

FlashvsrStatus stream_memory(const FlashvsrStream* stream, FlashvsrMemoryEstimate* estimate,
                             FlashvsrError* error) {
    return guarded(error, device_of(stream), [&] {
        require(stream != nullptr, "stream is NULL");
        write_struct(estimate, stream->stream.memory());
        return FLASHVSR_OK;
    });
}

}  // namespace

const FlashvsrApi* flashvsr_api(uint32_t abi) {
    static const FlashvsrApi api = {FLASHVSR_ABI, engine_open,       engine_close, engine_info,
                                    stream_open,  stream_close,      stream_push,  stream_ready,
                                    stream_pop,   stream_drain,      stream_reset, stream_configure,
                                    stream_stats, flashvsr::set_log, stream_memory};
    return abi == FLASHVSR_ABI ? &api : nullptr;
}
