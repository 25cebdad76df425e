// SPDX-License-Identifier: Apache-2.0
#include "gst/engine_stream.h"

namespace flashvsr {

namespace {

bool same_settings(const FlashvsrSettings& a, const FlashvsrSettings& b) {
    return a.sparse_ratio == b.sparse_ratio && a.kv_ratio == b.kv_ratio &&
           a.local_range == b.local_range && a.color_fix == b.color_fix && a.strength == b.strength;
}

}  // namespace

bool is_on_cuda(const FlashvsrApi* api, const FlashvsrEngine* engine) {
    FlashvsrEngineInfo info = FLASHVSR_ENGINE_INFO_INIT;
    return api->engine_info(engine, &info, nullptr) == FLASHVSR_OK &&
           g_str_has_prefix(info.device, "cuda");
}

std::string kernels_of(const FlashvsrApi* api, const FlashvsrEngine* engine) {
    FlashvsrEngineInfo info = FLASHVSR_ENGINE_INFO_INIT;
    return api->engine_info(engine, &info, nullptr) == FLASHVSR_OK ? info.kernels : "";
}

FlashvsrStreamConfig stream_config(const FrameLayout& in, const FrameLayout& out, bool on_cuda,
                                   const Properties& properties) {
    const auto memory = [on_cuda](const FrameLayout& layout) {
        return layout.cuda && on_cuda ? FLASHVSR_MEMORY_CUDA : FLASHVSR_MEMORY_HOST;
    };
    FlashvsrStreamConfig config = FLASHVSR_STREAM_CONFIG_INIT;
    config.input = frame_info(in.info);
    config.input.memory = memory(in);
    config.output = frame_info(out.info);
    config.output.memory = memory(out);
    config.seed = properties.seed;
    config.settings = properties.settings;
    config.tiling = properties.tiling;
    const KvCache kv = properties.kv_cache;
    if (kv == KvCache::kHost || kv == KvCache::kHostInt8)
        config.kv_memory = FLASHVSR_KV_MEMORY_HOST;
    if (kv == KvCache::kInt8 || kv == KvCache::kHostInt8) config.kv_type = FLASHVSR_KV_TYPE_INT8;
    if (properties.memory == Memory::kAuto) config.memory_policy = FLASHVSR_MEMORY_POLICY_AUTO;
    config.memory_limit = guint64{properties.memory_limit} << 20;
    return config;
}

bool EngineStream::open(const FlashvsrApi* api, FlashvsrEngine* engine,
                        const FlashvsrStreamConfig& config, const Pace& pace,
                        FlashvsrError* error) {
    FlashvsrStream* stream = nullptr;
    if (api->stream_open(engine, &config, &stream, error) != FLASHVSR_OK) return false;
    api_ = api;
    stream_ = {stream, Close{api}};
    asynchronous_ = is_on_cuda(api, engine);
    settings_ = config.settings;
    pace_ = pace;
    fresh_ = true;
    unseen_ = 0;
    return true;
}

bool EngineStream::push(const FlashvsrFrame& frame, FlashvsrError* error) {
    const gint64 begin = g_get_monotonic_time();
    completed_at_.reset();
    if (std::exchange(fresh_, false)) {
        taken_ = 0;
        for (; unseen_ < pace_.lead_in; unseen_++) {
            if (!push_once(frame, error)) return false;
        }
    }
    const int ready_before = ready();
    for (int i = 0; i < pace_.repeats; i++) {
        if (!push_once(frame, error)) return false;
    }
    if (!drop_lead_in(error)) return false;
    if (ready() > ready_before) {
        completed_at_ = begin;
        pushes_since_chunk_ = 0;
    } else {
        pushes_since_chunk_++;
    }
    return true;
}

bool EngineStream::push_once(const FlashvsrFrame& frame, FlashvsrError* error) {
    return api_->stream_push(stream_.get(), &frame, error) == FLASHVSR_OK;
}

bool EngineStream::drop(int pictures, FlashvsrError* error) {
    for (int i = 0; i < pictures; i++) {
        if (api_->stream_pop(stream_.get(), nullptr, error) != FLASHVSR_OK) return false;
    }
    return true;
}

bool EngineStream::drop_lead_in(FlashvsrError* error) {
    for (; unseen_ > 0 && api_->stream_ready(stream_.get()) > 0; unseen_--) {
        if (!drop(1, error)) return false;
    }
    return true;
}

int EngineStream::ready() const {
    return stream_ ? api_->stream_ready(stream_.get()) / pace_.repeats : 0;
}

bool EngineStream::take(FlashvsrFrame* frame, FlashvsrError* error) {
    if (!drop(pace_.repeats - 1, error) ||
        api_->stream_pop(stream_.get(), frame, error) != FLASHVSR_OK) {
        return false;
    }
    taken_++;
    if (completed_at_) {
        chunk_time_ =
            static_cast<GstClockTime>(g_get_monotonic_time() - *completed_at_) * GST_USECOND;
        completed_at_.reset();
    }
    return true;
}

bool EngineStream::drain(FlashvsrError* error) {
    completed_at_.reset();
    fresh_ = true;
    return !stream_ ||
           (api_->stream_drain(stream_.get(), error) == FLASHVSR_OK && drop_lead_in(error));
}

bool EngineStream::reset(FlashvsrError* error) {
    fresh_ = true;
    unseen_ = 0;
    if (!stream_ || api_->stream_reset(stream_.get(), error) == FLASHVSR_OK) return true;
    close();  // or the frames that are still inside would come out as later ones
    return false;
}

bool EngineStream::configure(const FlashvsrSettings& settings, FlashvsrError* error) {
    if (same_settings(settings, settings_)) return true;
    if (api_->stream_configure(stream_.get(), &settings, error) != FLASHVSR_OK) return false;
    settings_ = settings;
    return true;
}

FlashvsrStreamStats EngineStream::stats() const {
    FlashvsrStreamStats stats = FLASHVSR_STREAM_STATS_INIT;
    if (stream_) api_->stream_stats(stream_.get(), &stats, nullptr);
    return stats;
}

FlashvsrMemoryEstimate EngineStream::memory() const {
    FlashvsrMemoryEstimate estimate = FLASHVSR_MEMORY_ESTIMATE_INIT;
    if (stream_) api_->stream_memory(stream_.get(), &estimate, nullptr);
    return estimate;
}

}  // namespace flashvsr
