// SPDX-License-Identifier: Apache-2.0
#include "gst/properties.h"

#include <gst/gst.h>

#include <functional>
#include <vector>

namespace flashvsr {

namespace {

// ---- what a row of the table is made of ------------------------------------------------------

constexpr auto kReady =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING);
constexpr auto kControllable = static_cast<GParamFlags>(kPlaying | GST_PARAM_CONTROLLABLE);

// What a property says of itself. `about` is for gst-inspect-1.0 and for --help of the programs,
// where what is allowed and the default follow it.
struct Words {
    const char* name;
    const char* title;
    const char* about;
};

// A property: how it is declared, and how its value goes from Properties and there.
struct Row {
    GParamSpec* spec;
    std::function<void(const Properties&, GValue*)> get;
    std::function<void(Properties*, const GValue*)> set;
};

// The place of a value: from Properties, const or not, to one of its members.
#define AT(member) \
    [](auto& properties) -> auto& { return properties.member; }

template <typename Place>
Row text(const Words& words, GParamFlags flags, Place at) {
    const auto unset_if_empty = [](const std::string& value) {
        return value.empty() ? nullptr : value.c_str();
    };
    const Properties initial;
    return {g_param_spec_string(words.name, words.title, words.about, unset_if_empty(at(initial)),
                                flags),
            [=](const Properties& from, GValue* value) {
                g_value_set_string(value, unset_if_empty(at(from)));
            },
            [=](Properties* to, const GValue* value) {
                const char* string = g_value_get_string(value);
                at(*to) = string ? string : "";
            }};
}

template <typename Place>
Row flag(const Words& words, GParamFlags flags, Place at) {
    const Properties initial;
    return {g_param_spec_boolean(words.name, words.title, words.about, at(initial), flags),
            [=](const Properties& from, GValue* value) { g_value_set_boolean(value, at(from)); },
            [=](Properties* to, const GValue* value) { at(*to) = g_value_get_boolean(value); }};
}

// GObject's functions for a type of number.
template <typename Number>
struct NumberType;

template <>
struct NumberType<double> {
    static inline const auto kSpec = g_param_spec_double;
    static inline const auto kGet = g_value_get_double;
    static inline const auto kSet = g_value_set_double;
};

template <>
struct NumberType<gint> {
    static inline const auto kSpec = g_param_spec_int;
    static inline const auto kGet = g_value_get_int;
    static inline const auto kSet = g_value_set_int;
};

template <>
struct NumberType<guint> {
    static inline const auto kSpec = g_param_spec_uint;
    static inline const auto kGet = g_value_get_uint;
    static inline const auto kSet = g_value_set_uint;
};

template <>
struct NumberType<guint64> {
    static inline const auto kSpec = g_param_spec_uint64;
    static inline const auto kGet = g_value_get_uint64;
    static inline const auto kSet = g_value_set_uint64;
};

template <typename Number, typename Place>
Row number(const Words& words, GParamFlags flags, Number least, Number most, Place at) {
    using Type = NumberType<Number>;
    const Properties initial;
    return {Type::kSpec(words.name, words.title, words.about, least, most, at(initial), flags),
            [=](const Properties& from, GValue* value) { Type::kSet(value, at(from)); },
            [=](Properties* to, const GValue* value) { at(*to) = Type::kGet(value); }};
}

template <typename Value>
constexpr GEnumValue is(Value value, const char* name, const char* about) {
    return {static_cast<gint>(value), about, name};
}

// The end of a list of values.
constexpr GEnumValue kEnd = {0, nullptr, nullptr};

template <typename Place>
Row choice(const Words& words, GParamFlags flags, const char* type_name, const GEnumValue* values,
           Place at) {
    const GType type = g_enum_register_static(type_name, values);
    gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
    const Properties initial;
    return {g_param_spec_enum(words.name, words.title, words.about, type,
                              static_cast<gint>(at(initial)), flags),
            [=](const Properties& from, GValue* value) {
                g_value_set_enum(value, static_cast<gint>(at(from)));
            },
            [=](Properties* to, const GValue* value) {
                using Value = std::remove_reference_t<decltype(at(*to))>;
                at(*to) = static_cast<Value>(g_value_get_enum(value));
            }};
}

// The row, with something done once its value is set.
Row then(Row row, const std::function<void(Properties*)>& after) {
    const auto set = row.set;
    row.set = [=](Properties* to, const GValue* value) {
        set(to, value);
        after(to);
    };
    return row;
}

// ---- what properties with few values take ----------------------------------------------------

constexpr GEnumValue kModelVersions[] = {
    is(FLASHVSR_MODEL_VERSION_AUTO, "auto", "From model.json, else from the folder's name"),
    is(FLASHVSR_MODEL_VERSION_1, "1", "FlashVSR"),
    is(FLASHVSR_MODEL_VERSION_1_1, "1.1", "FlashVSR v1.1"), kEnd};

constexpr GEnumValue kModes[] = {
    is(Mode::kTiny, "tiny", "Small decoders"), is(Mode::kFull, "full", "Decoders of full VAEs"),
    is(Mode::kTinyLong, "tiny-long", "The same as tiny, which always streams"), kEnd};

constexpr GEnumValue kPrecisions[] = {
    is(FLASHVSR_PRECISION_AUTO, "auto", "fp32 on the CPU, bf16 on CUDA"),
    is(FLASHVSR_PRECISION_FP32, "fp32", "32-bit floating point"),
    is(FLASHVSR_PRECISION_BF16, "bf16", "bfloat16"),
    is(FLASHVSR_PRECISION_FP16, "fp16", "16-bit floating point"),
    is(FLASHVSR_PRECISION_FP8_LINEARS, "fp8-linears", "bf16, linear layers in 8 bits"),
    is(FLASHVSR_PRECISION_FP8, "fp8", "bf16, in 8 bits what keeps its quality"),
    kEnd};

constexpr GEnumValue kPresets[] = {
    is(Preset::kQuality, "quality", "sparse-ratio 2.0 and local-range 11: steadier"),
    is(Preset::kFast, "fast", "sparse-ratio 1.5 and local-range 9: a quarter less attention"),
    kEnd};

constexpr GEnumValue kStartups[] = {
    is(Startup::kReference, "reference", "First output after 25 frames, as the model was made"),
    is(Startup::kFast, "fast",
       "First output after 12 frames: the first one is taken to have stood still before"),
    kEnd};

constexpr GEnumValue kTemporalCompressions[] = {
    is(4, "4", "As the model was made: each frame goes in once"),
    is(2, "2", "Each frame goes in twice, for fast motion"),
    is(1, "1", "Each frame goes in four times, for very fast motion"), kEnd};

constexpr GEnumValue kKvCaches[] = {
    is(KvCache::kDevice, "device", "On the device, as attention reads them"),
    is(KvCache::kInt8, "int8", "On the device, in 8 bits"),
    is(KvCache::kHost, "host", "In the host's memory, as attention reads them"),
    is(KvCache::kHostInt8, "host-int8", "In the host's memory, in 8 bits"), kEnd};

constexpr GEnumValue kMemoryPolicies[] = {
    is(Memory::kStrict, "strict", "What does not fit is an error that says which settings would"),
    is(Memory::kAuto, "auto", "Tiling and kv-cache are changed, as little as it takes to fit"),
    is(Memory::kAsSet, "as-set", "The same as strict"), kEnd};

constexpr GEnumValue kColorFixes[] = {
    is(FLASHVSR_COLOR_FIX_NONE, "none", "Colours as the model gives them"),
    is(FLASHVSR_COLOR_FIX_ADAIN, "adain", "Mean and deviation of the resized input"),
    is(FLASHVSR_COLOR_FIX_WAVELET, "wavelet", "Low frequencies of the resized input"), kEnd};

constexpr GEnumValue kSceneCuts[] = {
    is(SceneCutMode::kOff, "off", "The model goes on"),
    is(SceneCutMode::kReset, "reset",
       "The model starts anew, so that nothing of the old scene shines through"),
    kEnd};

constexpr GEnumValue kOverloads[] = {
    is(Overload::kBlock, "block", "Let upstream wait"),
    is(Overload::kDrop, "drop", "Drop frames, a chunk of 8 at a time"),
    is(Overload::kBicubic, "bicubic", "Resize frames without the model, a chunk of 8 at a time"),
    kEnd};

void follow_preset(Properties* properties) {
    const FlashvsrSettings quality = FLASHVSR_SETTINGS_INIT;
    const bool fast = properties->preset == Preset::kFast;
    FlashvsrSettings& settings = properties->settings;
    if (!properties->own_sparse_ratio) settings.sparse_ratio = fast ? 1.5 : quality.sparse_ratio;
    if (!properties->own_local_range) settings.local_range = fast ? 9 : quality.local_range;
}

// ---- the table -------------------------------------------------------------------------------

constexpr gint kMaxTile = 16384;       // pixels
constexpr guint kMaxMemory = 1 << 20;  // MiB

std::vector<Row> make_rows() {
    return {
        text({"model-dir", "Model folder",
              "Folder with the files of the model; unset: $FLASHVSR_MODEL_DIR, then "
              "flashvsr/FlashVSR-v1.1 or flashvsr/FlashVSR in the user's data folder, then the "
              "small model that ships"},
             kReady, AT(model_dir)),
        choice({"model-version", "Model version", "Version of the model in the folder"}, kReady,
               "GstFlashVsrModelVersion", kModelVersions, AT(model_version)),
        choice({"mode", "Mode", "Which kind of decoder makes the pictures"}, kReady,
               "GstFlashVsrMode", kModes, AT(mode)),
        text({"vae-type", "VAE type",
              "Decoder: tcd, taew2.1, lighttaew2.1, tae-w2.2 or tae-hv in tiny mode, wan2.1, light "
              "or wan2.2 in full mode; unset: the first of the mode"},
             kReady, AT(vae_type)),
        text({"vae-path", "VAE path",
              "File of the decoder; unset: under its released name in the model folder"},
             kReady, AT(vae_path)),
        text({"vae-adapter", "VAE adapter",
              "File of the latent adapter that tae-w2.2, tae-hv and wan2.2 need; unset: "
              "NAME.adapter.safetensors beside the decoder's NAME.pth"},
             kReady, AT(vae_adapter)),
        number(
            {"scale", "Scale",
             "Output size over input size, unless downstream fixes one; the model is made for 4"},
            kReady, 1.0, 8.0, AT(scale)),
        text({"device", "Device",
              "auto (the first CUDA device if usable, else the CPU), cpu, cuda or cuda:N"},
             kReady, AT(device)),
        choice({"precision", "Precision",
                "Number format of weights and activations; auto: bf16 on CUDA, fp32 on the CPU"},
               kReady, "GstFlashVsrPrecision", kPrecisions, AT(precision)),
        then(choice({"preset", "Preset",
                     "sparse-ratio and local-range in one word, where they are not set themselves"},
                    kPlaying, "GstFlashVsrPreset", kPresets, AT(preset)),
             follow_preset),
        then(number(
                 {"sparse-ratio", "Sparse ratio",
                  "Attention budget in 60 key windows per query window; 1.5 is faster, 2 steadier"},
                 kPlaying, 0.01, 100.0, AT(settings.sparse_ratio)),
             [](Properties* to) { to->own_sparse_ratio = true; }),
        number({"kv-ratio", "Key/value ratio",
                "Memory of the past, in slices of 8 frames; whole numbers count, from 2 on"},
               kPlaying, 1.0, 64.0, AT(settings.kv_ratio)),
        then(number({"local-range", "Local range",
                     "Side of the area that a window attends to, in windows of 128 output pixels; "
                     "9 is sharper, 11 steadier"},
                    kPlaying, 1, 1023, AT(settings.local_range)),
             [](Properties* to) { to->own_local_range = true; }),
        choice({"color-fix", "Colour fix", "How colours are brought back to the input's"},
               kControllable, "GstFlashVsrColorFix", kColorFixes, AT(settings.color_fix)),
        number({"strength", "Strength", "0 is the resized input, 1 the model's picture"},
               kControllable, 0.0, 1.0, AT(settings.strength)),
        number({"seed", "Seed", "Seed of the noise; equal seeds and inputs give equal pictures"},
               kReady, guint64{0}, G_MAXUINT64, AT(seed)),
        choice({"startup", "Start-up",
                "The first output waits for 25 frames; with fast for 12, half the latency"},
               kReady, "GstFlashVsrStartup", kStartups, AT(startup)),
        choice({"temporal-compression", "Temporal compression",
                "Frames that the model looks at as one: fewer for fast motion, at two and four "
                "times the work"},
               kReady, "GstFlashVsrTemporalCompression", kTemporalCompressions,
               AT(temporal_compression)),
        flag({"tile-dit", "Tile DiT",
              "The transformer goes tile by tile: less memory of activations, more of the past and "
              "more work"},
             kReady, AT(tiling.tile_dit)),
        flag({"tile-vae", "Tile VAE", "The decoder goes tile by tile: less memory, more work"},
             kReady, AT(tiling.tile_vae)),
        number({"tile-size", "Tile size",
                "Largest side of a tile in output pixels; rounded up to a multiple of 128"},
               kReady, 1, kMaxTile, AT(tiling.tile_size)),
        number({"overlap", "Overlap",
                "Least that two tiles share in output pixels; rounded up to a multiple of 128, at "
                "least 128"},
               kReady, 0, kMaxTile, AT(tiling.overlap)),
        choice({"kv-cache", "Key/value cache",
                "How keys and values of past frames are kept between chunks"},
               kReady, "GstFlashVsrKvCache", kKvCaches, AT(kv_cache)),
        choice({"memory", "Memory",
                "What does not fit the device's memory is an error; with auto, tiling and kv-cache "
                "are changed until it does"},
               kReady, "GstFlashVsrMemory", kMemoryPolicies, AT(memory)),
        number({"memory-limit", "Memory limit",
                "MiB: as if the device had no more memory than this in all, for the whole process; "
                "0: what it has"},
               kReady, guint{0}, kMaxMemory, AT(memory_limit)),
        choice({"scene-cut", "Scene cut", "What happens where a new scene begins"}, kPlaying,
               "GstFlashVsrSceneCut", kSceneCuts, AT(scene_cut)),
        choice({"overload", "Overload",
                "What happens to frames that come faster than they can be computed"},
               kPlaying, "GstFlashVsrOverload", kOverloads, AT(overload)),
        flag({"enabled", "Enabled",
              "False: frames pass untouched when nothing is to be resized or converted, else "
              "through a plain resize"},
             kPlaying, AT(enabled)),
    };
}

// Each has the number of its place as its id, from 1 on.
const std::vector<Row>& rows() {
    static const std::vector<Row> made = make_rows();
    return made;
}

// NULL: none of ours.
const Row* find_row(guint id) { return id >= 1 && id <= rows().size() ? &rows()[id - 1] : nullptr; }

guint stats_id() { return static_cast<guint>(rows().size()) + 1; }

}  // namespace

void install_properties(GObjectClass* object_class) {
    guint id = 1;
    for (const Row& row : rows()) g_object_class_install_property(object_class, id++, row.spec);
    g_object_class_install_property(
        object_class, stats_id(),
        g_param_spec_boxed(
            "stats", "Statistics",
            "Since the element started: in, out, dropped, replaced (frames), chunks; now: "
            "queue-depth (frames inside), chunk-time (newest chunk), "
            "chunk-time-p50, chunk-time-p99 (newest 256 chunks) in ns, fps "
            "(newest 256 frames), device-memory (bytes), memory-estimate (of the stream, bytes), "
            "kernels (which variant of each runs on the GPU)",
            GST_TYPE_STRUCTURE,
            static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

bool is_stats_property(guint id) { return id == stats_id(); }

Properties PropertyStore::get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return values_;
}

FrameProperties PropertyStore::of_frame() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return values_;
}

bool PropertyStore::set_value(guint id, const GValue* value) {
    const Row* row = find_row(id);
    if (!row) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    row->set(&values_, value);
    return true;
}

bool PropertyStore::get_value(guint id, GValue* value) const {
    const Row* row = find_row(id);
    if (!row) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    row->get(values_, value);
    return true;
}

}  // namespace flashvsr
