/* The element's properties: their declaration, storage and access. */
#pragma once

#include <glib-object.h>

#include <string>

#include "core/flashvsr.h"

namespace flashvsr {

enum class Mode { kTiny, kFull, kTinyLong };

/* Values as they were set. The element's object lock protects them. */
struct Properties {
    std::string model_dir; /* empty: find_model_dir() decides */
    FlashvsrModelVersion model_version = FLASHVSR_MODEL_VERSION_AUTO;
    Mode mode = Mode::kTiny;
    double scale = 4.0;
    std::string device = "auto";
    FlashvsrPrecision precision = FLASHVSR_PRECISION_AUTO;
    guint64 seed = 0;
    FlashvsrSettings settings = FLASHVSR_SETTINGS_INIT;
    bool enabled = true;
};

/* Declares every property of Properties, and `stats`. For class_init. */
void install_properties(GObjectClass* object_class);

/* False if `id` is none of ours. Strings are copied. */
bool set_property(Properties* properties, guint id, const GValue* value);
bool get_property(const Properties& properties, guint id, GValue* value);

/* `stats` has no storage here: the element answers it. */
bool is_stats_property(guint id);

}  // namespace flashvsr
