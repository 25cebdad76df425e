#include "gst/properties.h"

#include <gst/gst.h>

namespace flashvsr {

namespace {

enum PropertyId : guint {
    kModelDir = 1,
    kModelVersion,
    kMode,
    kVaeType,
    kVaePath,
    kVaeAdapter,
    kScale,
    kDevice,
    kPrecision,
    kSparseRatio,
    kKvRatio,
    kLocalRange,
    kColorFix,
    kStrength,
    kSeed,
    kStartup,
    kTemporalCompression,
    kTileDit,
    kTileVae,
    kTileSize,
    kOverlap,
    kKvCache,
    kMemory,
    kMemoryLimit,
    kSceneCut,
    kOverload,
    kEnabled,
    kStats,
};

GType register_enum(const char* name, const GEnumValue* values) {
    const GType type = g_enum_register_static(name, values);
    gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
    return type;
}

GType model_version_type() {
    static const GEnumValue values[] = {
        {FLASHVSR_MODEL_VERSION_AUTO, "From model.json, else from the folder's name", "auto"},
        {FLASHVSR_MODEL_VERSION_1, "FlashVSR", "1"},
        {FLASHVSR_MODEL_VERSION_1_1, "FlashVSR v1.1", "1.1"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrModelVersion", values);
    return type;
}

GType mode_type() {
    static const GEnumValue values[] = {
        {static_cast<gint>(Mode::kTiny), "Small decoders", "tiny"},
        {static_cast<gint>(Mode::kFull), "Decoders of full VAEs", "full"},
        {static_cast<gint>(Mode::kTinyLong), "The same as tiny, which always streams", "tiny-long"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrMode", values);
    return type;
}

GType startup_type() {
    static const GEnumValue values[] = {
        {static_cast<gint>(Startup::kReference),
         "First output after 25 frames, as the model was made", "reference"},
        {static_cast<gint>(Startup::kFast),
         "First output after 12 frames: the first one is taken to have stood still before", "fast"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrStartup", values);
    return type;
}

GType temporal_compression_type() {
    static const GEnumValue values[] = {
        {4, "As the model was made: each frame goes in once", "4"},
        {2, "Each frame goes in twice, for fast motion", "2"},
        {1, "Each frame goes in four times, for very fast motion", "1"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrTemporalCompression", values);
    return type;
}

GType scene_cut_type() {
    static const GEnumValue values[] = {
        {static_cast<gint>(SceneCutMode::kOff), "The model goes on", "off"},
        {static_cast<gint>(SceneCutMode::kReset),
         "The model starts anew, so that nothing of the old scene shines through", "reset"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrSceneCut", values);
    return type;
}

GType overload_type() {
    static const GEnumValue values[] = {
        {static_cast<gint>(Overload::kBlock), "Let upstream wait", "block"},
        {static_cast<gint>(Overload::kDrop), "Drop frames, a chunk of 8 at a time", "drop"},
        {static_cast<gint>(Overload::kBicubic),
         "Resize frames without the model, a chunk of 8 at a time", "bicubic"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrOverload", values);
    return type;
}

GType precision_type() {
    static const GEnumValue values[] = {
        {FLASHVSR_PRECISION_AUTO, "fp32 on the CPU, bf16 on CUDA", "auto"},
        {FLASHVSR_PRECISION_FP32, "32-bit floating point", "fp32"},
        {FLASHVSR_PRECISION_BF16, "bfloat16", "bf16"},
        {FLASHVSR_PRECISION_FP16, "16-bit floating point", "fp16"},
        {FLASHVSR_PRECISION_FP8_LINEARS, "bf16, linear layers in 8 bits", "fp8-linears"},
        {FLASHVSR_PRECISION_FP8, "bf16, in 8 bits what keeps its quality", "fp8"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrPrecision", values);
    return type;
}

GType kv_cache_type() {
    static const GEnumValue values[] = {
        {static_cast<gint>(KvCache::kDevice), "On the device, as attention reads them", "device"},
        {static_cast<gint>(KvCache::kInt8), "On the device, in 8 bits", "int8"},
        {static_cast<gint>(KvCache::kHost), "In the host's memory, as attention reads them",
         "host"},
        {static_cast<gint>(KvCache::kHostInt8), "In the host's memory, in 8 bits", "host-int8"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrKvCache", values);
    return type;
}

/* An older word for FLASHVSR_MEMORY_POLICY_STRICT, as which it is stored. */
constexpr gint kMemoryAsSet = 2;

GType memory_type() {
    static const GEnumValue values[] = {
        {FLASHVSR_MEMORY_POLICY_STRICT,
         "What does not fit is an error that says which settings would", "strict"},
        {FLASHVSR_MEMORY_POLICY_AUTO,
         "Tiling and kv-cache are changed, as little as it takes to fit", "auto"},
        {kMemoryAsSet, "The same as strict", "as-set"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrMemory", values);
    return type;
}

GType color_fix_type() {
    static const GEnumValue values[] = {
        {FLASHVSR_COLOR_FIX_NONE, "Colours as the model gives them", "none"},
        {FLASHVSR_COLOR_FIX_ADAIN, "Mean and deviation of the resized input", "adain"},
        {FLASHVSR_COLOR_FIX_WAVELET, "Low frequencies of the resized input", "wavelet"},
        {0, nullptr, nullptr}};
    static const GType type = register_enum("GstFlashVsrColorFix", values);
    return type;
}

constexpr auto kReady =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
constexpr auto kPlaying = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING);
constexpr auto kControllable = static_cast<GParamFlags>(kPlaying | GST_PARAM_CONTROLLABLE);
constexpr auto kReadOnly = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

void install_model_properties(GObjectClass* object_class, const Properties& initial) {
    g_object_class_install_property(
        object_class, kModelDir,
        g_param_spec_string("model-dir", "Model folder",
                            "Folder with the released files of the model; unset: "
                            "$FLASHVSR_MODEL_DIR, then flashvsr/FlashVSR-v1.1 or flashvsr/FlashVSR "
                            "in the user's data folder, then the small model that ships",
                            nullptr, kReady));
    g_object_class_install_property(
        object_class, kModelVersion,
        g_param_spec_enum("model-version", "Model version", "Version of the model in the folder",
                          model_version_type(), initial.model_version, kReady));
    g_object_class_install_property(
        object_class, kMode,
        g_param_spec_enum("mode", "Mode", "Which kind of decoder makes the pictures", mode_type(),
                          static_cast<gint>(initial.mode), kReady));
    g_object_class_install_property(
        object_class, kVaeType,
        g_param_spec_string("vae-type", "VAE type",
                            "Decoder: \"tcd\", \"taew2.1\", \"lighttaew2.1\", \"tae-w2.2\" or "
                            "\"tae-hv\" in tiny mode, \"wan2.1\", \"light\" or \"wan2.2\" in full "
                            "mode; unset: the first of the mode",
                            nullptr, kReady));
    g_object_class_install_property(
        object_class, kVaePath,
        g_param_spec_string("vae-path", "VAE path",
                            "File of the decoder; unset: under its released name in the model "
                            "folder",
                            nullptr, kReady));
    g_object_class_install_property(
        object_class, kVaeAdapter,
        g_param_spec_string(
            "vae-adapter", "VAE adapter",
            "File of the latent adapter that \"tae-w2.2\", \"tae-hv\" and \"wan2.2\" "
            "need; unset: NAME.adapter.safetensors beside the decoder's NAME.pth",
            nullptr, kReady));
    g_object_class_install_property(
        object_class, kScale,
        g_param_spec_double("scale", "Scale",
                            "Output size over input size; a size that downstream fixes wins", 1.0,
                            8.0, initial.scale, kReady));
    g_object_class_install_property(
        object_class, kDevice,
        g_param_spec_string("device", "Device",
                            "\"auto\" (the first CUDA device if usable, else the CPU), \"cpu\", "
                            "\"cuda\" or \"cuda:N\"",
                            initial.device.c_str(), kReady));
    g_object_class_install_property(
        object_class, kPrecision,
        g_param_spec_enum("precision", "Precision", "Number format of weights and activations",
                          precision_type(), initial.precision, kReady));
    g_object_class_install_property(
        object_class, kSeed,
        g_param_spec_uint64("seed", "Seed",
                            "Seed of the noise; equal seeds and inputs give equal pictures", 0,
                            G_MAXUINT64, initial.seed, kReady));
    g_object_class_install_property(
        object_class, kStartup,
        g_param_spec_enum("startup", "Start-up", "What the first output waits for", startup_type(),
                          static_cast<gint>(initial.startup), kReady));
    g_object_class_install_property(
        object_class, kTemporalCompression,
        g_param_spec_enum("temporal-compression", "Temporal compression",
                          "Instants of time that the model looks at as one: fewer for fast motion, "
                          "at two and four times the work",
                          temporal_compression_type(), initial.temporal_compression, kReady));
}

void install_tile_properties(GObjectClass* object_class, const Properties& initial) {
    constexpr gint kMaxPixels = 16384;
    const FlashvsrTiling& tiling = initial.tiling;
    g_object_class_install_property(
        object_class, kTileDit,
        g_param_spec_boolean("tile-dit", "Tile DiT",
                             "The transformer goes tile by tile: less memory of activations, more "
                             "of the past and more work",
                             tiling.tile_dit, kReady));
    g_object_class_install_property(
        object_class, kTileVae,
        g_param_spec_boolean("tile-vae", "Tile VAE",
                             "The decoder goes tile by tile: less memory, more work",
                             tiling.tile_vae, kReady));
    g_object_class_install_property(
        object_class, kTileSize,
        g_param_spec_int("tile-size", "Tile size",
                         "Largest side of a tile in output pixels; rounded up to a multiple of 128",
                         1, kMaxPixels, tiling.tile_size, kReady));
    g_object_class_install_property(
        object_class, kOverlap,
        g_param_spec_int("overlap", "Overlap",
                         "Least that two tiles share in output pixels; rounded up to a multiple of "
                         "128, at least 128",
                         0, kMaxPixels, tiling.overlap, kReady));
}

void install_memory_properties(GObjectClass* object_class, const Properties& initial) {
    constexpr guint kMaxMib = 1 << 20;
    g_object_class_install_property(
        object_class, kKvCache,
        g_param_spec_enum("kv-cache", "Key/value cache",
                          "How keys and values of past frames are kept between chunks",
                          kv_cache_type(), static_cast<gint>(initial.kv_cache), kReady));
    g_object_class_install_property(
        object_class, kMemory,
        g_param_spec_enum("memory", "Memory",
                          "What happens when the device's free memory is not enough", memory_type(),
                          initial.memory, kReady));
    g_object_class_install_property(
        object_class, kMemoryLimit,
        g_param_spec_uint(
            "memory-limit", "Memory limit",
            "MiB: as if the device had no more memory than this in all, for the whole "
            "process; 0: what it has",
            0, kMaxMib, initial.memory_limit, kReady));
}

void install_picture_properties(GObjectClass* object_class, const Properties& initial) {
    const FlashvsrSettings& settings = initial.settings;
    g_object_class_install_property(
        object_class, kSparseRatio,
        g_param_spec_double("sparse-ratio", "Sparse ratio",
                            "Attention budget: 60 times this many key windows per query window on "
                            "average; from the next chunk on",
                            0.01, 100.0, settings.sparse_ratio, kPlaying));
    g_object_class_install_property(
        object_class, kKvRatio,
        g_param_spec_double("kv-ratio", "Key/value ratio",
                            "Memory of the past, in slices of 8 frames (whole number used, at "
                            "least 2); from the next chunk on",
                            1.0, 64.0, settings.kv_ratio, kPlaying));
    g_object_class_install_property(
        object_class, kLocalRange,
        g_param_spec_int("local-range", "Local range",
                         "Side of the area that a window attends to, in windows of 128 output "
                         "pixels; from the next chunk on",
                         1, 1023, settings.local_range, kPlaying));
    g_object_class_install_property(
        object_class, kColorFix,
        g_param_spec_enum("color-fix", "Colour fix",
                          "How colours are brought back to the input's; from the next chunk on",
                          color_fix_type(), settings.color_fix, kControllable));
    g_object_class_install_property(
        object_class, kStrength,
        g_param_spec_double("strength", "Strength",
                            "Blend: 1 is the model's picture, 0 the resized input; from the next "
                            "chunk on",
                            0.0, 1.0, settings.strength, kControllable));
    g_object_class_install_property(
        object_class, kSceneCut,
        g_param_spec_enum("scene-cut", "Scene cut", "What happens where a new scene begins",
                          scene_cut_type(), static_cast<gint>(initial.scene_cut), kPlaying));
    g_object_class_install_property(
        object_class, kOverload,
        g_param_spec_enum("overload", "Overload",
                          "What happens to frames that come faster than they can be computed",
                          overload_type(), static_cast<gint>(initial.overload), kPlaying));
    g_object_class_install_property(
        object_class, kEnabled,
        g_param_spec_boolean("enabled", "Enabled",
                             "False: frames pass untouched when nothing is to be resized or "
                             "converted, else through a plain resize",
                             initial.enabled, kPlaying));
}

}  // namespace

void install_properties(GObjectClass* object_class) {
    const Properties initial;
    install_model_properties(object_class, initial);
    install_tile_properties(object_class, initial);
    install_memory_properties(object_class, initial);
    install_picture_properties(object_class, initial);
    g_object_class_install_property(
        object_class, kStats,
        g_param_spec_boxed(
            "stats", "Statistics",
            "Since the element started: in, out, dropped, replaced (frames), chunks; now: "
            "queue-depth (frames inside), chunk-time (newest chunk), "
            "chunk-time-p50, chunk-time-p99 (newest 256 chunks) in ns, fps "
            "(newest 256 frames), device-memory (bytes), memory-estimate (of the stream, bytes), "
            "kernels (which variant of each runs on the GPU)",
            GST_TYPE_STRUCTURE, kReadOnly));
}

Properties PropertyStore::get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return values_;
}

FrameProperties PropertyStore::of_frame() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return values_;
}

bool PropertyStore::set_value(guint id, const GValue* value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Properties* properties = &values_;
    const auto text = [value] {
        const char* string = g_value_get_string(value);
        return std::string(string ? string : "");
    };
    FlashvsrSettings& settings = properties->settings;
    FlashvsrTiling& tiling = properties->tiling;
    switch (id) {
        case kModelDir: properties->model_dir = text(); return true;
        case kModelVersion:
            properties->model_version = static_cast<FlashvsrModelVersion>(g_value_get_enum(value));
            return true;
        case kMode: properties->mode = static_cast<Mode>(g_value_get_enum(value)); return true;
        case kVaeType: properties->vae_type = text(); return true;
        case kVaePath: properties->vae_path = text(); return true;
        case kVaeAdapter: properties->vae_adapter = text(); return true;
        case kScale: properties->scale = g_value_get_double(value); return true;
        case kDevice: properties->device = text(); return true;
        case kPrecision:
            properties->precision = static_cast<FlashvsrPrecision>(g_value_get_enum(value));
            return true;
        case kSparseRatio: settings.sparse_ratio = g_value_get_double(value); return true;
        case kKvRatio: settings.kv_ratio = g_value_get_double(value); return true;
        case kLocalRange: settings.local_range = g_value_get_int(value); return true;
        case kColorFix:
            settings.color_fix = static_cast<FlashvsrColorFix>(g_value_get_enum(value));
            return true;
        case kStrength: settings.strength = g_value_get_double(value); return true;
        case kSeed: properties->seed = g_value_get_uint64(value); return true;
        case kStartup:
            properties->startup = static_cast<Startup>(g_value_get_enum(value));
            return true;
        case kTemporalCompression:
            properties->temporal_compression = g_value_get_enum(value);
            return true;
        case kTileDit: tiling.tile_dit = g_value_get_boolean(value); return true;
        case kTileVae: tiling.tile_vae = g_value_get_boolean(value); return true;
        case kTileSize: tiling.tile_size = g_value_get_int(value); return true;
        case kOverlap: tiling.overlap = g_value_get_int(value); return true;
        case kKvCache:
            properties->kv_cache = static_cast<KvCache>(g_value_get_enum(value));
            return true;
        case kMemory:
            properties->memory = g_value_get_enum(value) == FLASHVSR_MEMORY_POLICY_AUTO
                                     ? FLASHVSR_MEMORY_POLICY_AUTO
                                     : FLASHVSR_MEMORY_POLICY_STRICT;
            return true;
        case kMemoryLimit: properties->memory_limit = g_value_get_uint(value); return true;
        case kSceneCut:
            properties->scene_cut = static_cast<SceneCutMode>(g_value_get_enum(value));
            return true;
        case kOverload:
            properties->overload = static_cast<Overload>(g_value_get_enum(value));
            return true;
        case kEnabled: properties->enabled = g_value_get_boolean(value); return true;
        default: return false;
    }
}

bool PropertyStore::get_value(guint id, GValue* value) const {
    const Properties properties = get();
    const FlashvsrSettings& settings = properties.settings;
    const FlashvsrTiling& tiling = properties.tiling;
    const auto set_text = [value](const std::string& text) {
        g_value_set_string(value, text.empty() ? nullptr : text.c_str());
        return true;
    };
    switch (id) {
        case kModelDir: return set_text(properties.model_dir);
        case kModelVersion: g_value_set_enum(value, properties.model_version); return true;
        case kMode: g_value_set_enum(value, static_cast<gint>(properties.mode)); return true;
        case kVaeType: return set_text(properties.vae_type);
        case kVaePath: return set_text(properties.vae_path);
        case kVaeAdapter: return set_text(properties.vae_adapter);
        case kScale: g_value_set_double(value, properties.scale); return true;
        case kDevice: g_value_set_string(value, properties.device.c_str()); return true;
        case kPrecision: g_value_set_enum(value, properties.precision); return true;
        case kSparseRatio: g_value_set_double(value, settings.sparse_ratio); return true;
        case kKvRatio: g_value_set_double(value, settings.kv_ratio); return true;
        case kLocalRange: g_value_set_int(value, settings.local_range); return true;
        case kColorFix: g_value_set_enum(value, settings.color_fix); return true;
        case kStrength: g_value_set_double(value, settings.strength); return true;
        case kSeed: g_value_set_uint64(value, properties.seed); return true;
        case kStartup: g_value_set_enum(value, static_cast<gint>(properties.startup)); return true;
        case kTemporalCompression:
            g_value_set_enum(value, properties.temporal_compression);
            return true;
        case kTileDit: g_value_set_boolean(value, tiling.tile_dit); return true;
        case kTileVae: g_value_set_boolean(value, tiling.tile_vae); return true;
        case kTileSize: g_value_set_int(value, tiling.tile_size); return true;
        case kOverlap: g_value_set_int(value, tiling.overlap); return true;
        case kKvCache: g_value_set_enum(value, static_cast<gint>(properties.kv_cache)); return true;
        case kMemory: g_value_set_enum(value, properties.memory); return true;
        case kMemoryLimit: g_value_set_uint(value, properties.memory_limit); return true;
        case kSceneCut:
            g_value_set_enum(value, static_cast<gint>(properties.scene_cut));
            return true;
        case kOverload:
            g_value_set_enum(value, static_cast<gint>(properties.overload));
            return true;
        case kEnabled: g_value_set_boolean(value, properties.enabled); return true;
        default: return false;
    }
}

bool is_stats_property(guint id) { return id == kStats; }

}  // namespace flashvsr
