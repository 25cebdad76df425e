// SPDX-License-Identifier: Apache-2.0
// The element's properties: their declaration, storage and access.
#pragma once

#include <glib-object.h>

#include <mutex>
#include <string>

#include "core/flashvsr.h"

namespace flashvsr {

enum class Mode { kTiny, kFull, kTinyLong };
enum class Startup { kReference, kFast };
enum class SceneCutMode { kOff, kReset };
enum class Overload { kBlock, kDrop, kBicubic };
enum class KvCache { kDevice, kInt8, kHost, kHostInt8 };
enum class Memory { kStrict, kAuto, kAsSet };
enum class Preset { kQuality, kFast };

// What is looked at for every frame.
struct FrameProperties {
    FlashvsrSettings settings = FLASHVSR_SETTINGS_INIT;
    SceneCutMode scene_cut = SceneCutMode::kOff;
    Overload overload = Overload::kBlock;
    bool enabled = true;
};

// Values as they were set; at first the defaults.
struct Properties : FrameProperties {
    std::string model_dir;  // empty: ModelLoad finds one
    FlashvsrModelVersion model_version = FLASHVSR_MODEL_VERSION_AUTO;
    Mode mode = Mode::kTiny;
    std::string vae_type;     // empty: the mode's
    std::string vae_path;     // empty: in the model folder
    std::string vae_adapter;  // empty: beside the decoder's file
    double scale = 4.0;
    std::string device = "auto";
    FlashvsrPrecision precision = FLASHVSR_PRECISION_AUTO;
    guint64 seed = 0;
    Startup startup = Startup::kReference;
    int temporal_compression = 4;  // 4, 2 or 1
    FlashvsrTiling tiling = FLASHVSR_TILING_INIT;
    KvCache kv_cache = KvCache::kDevice;
    Memory memory = Memory::kStrict;
    guint memory_limit = 0;  // MiB
    // What attention has from the preset, unless it was set itself.
    Preset preset = Preset::kQuality;
    bool own_sparse_ratio = false, own_local_range = false;
};

// The element's property values, for any thread.
class PropertyStore {
  public:
    Properties get() const;
    FrameProperties of_frame() const;

    // False if `id` is none of ours. Strings are copied.
    bool set_value(guint id, const GValue* value);
    bool get_value(guint id, GValue* value) const;

  private:
    mutable std::mutex mutex_;
    Properties values_;
};

// Declares every property of Properties, and `stats`. For class_init.
void install_properties(GObjectClass* object_class);

// `stats` has no storage here: the element answers it.
bool is_stats_property(guint id);

}  // namespace flashvsr
