/* SPDX-License-Identifier: Apache-2.0 */
/* FlashVSR streaming engine, C interface.
 *
 * An Engine is a model on one device. A Stream is one video that goes through it: frames are
 * pushed in, upscaled frames are popped out, in the same number and order.
 *
 *     const FlashvsrApi* api = flashvsr_api(FLASHVSR_ABI);
 *     api->engine_open(&engine_config, NULL, NULL, &engine, &error);
 *     api->stream_open(engine, &stream_config, &stream, &error);
 *     for each input frame:
 *         api->stream_push(stream, &input, &error);
 *         while (api->stream_ready(stream) > 0) api->stream_pop(stream, &output, &error);
 *     api->stream_drain(stream, &error);
 *     while (api->stream_ready(stream) > 0) api->stream_pop(stream, &output, &error);
 *     api->stream_close(stream);
 *     api->engine_close(engine);
 *
 * Threads: an Engine may be used from any number of threads at once. A Stream is used by one
 * thread at a time; its calls may move between threads. Several Streams of one Engine may run at
 * the same time and share the Engine's weights.
 *
 * Processes: what was opened before a fork() is of use in the parent only. In the child every call
 * that can fail answers FLASHVSR_INVALID_ARGUMENT, and the close functions do nothing.
 *
 * Ownership: the caller owns every pointer that it passes in and may release it when the call has
 * returned (pixel data and strings included). Handles are released by their close function.
 *
 * Errors: a function that can fail returns a FlashvsrStatus and, where `error` is not NULL, writes
 * the status and a message that says what to do. Nothing is thrown across this interface. After an
 * error other than FLASHVSR_INVALID_ARGUMENT a Stream must be reset or closed; the Engine and its
 * other Streams stay usable. Only a GPU that has failed for good (an illegal access, a trap, a card
 * that is gone) takes everything of this process that is on it along: each call there answers
 * FLASHVSR_DEVICE_FAILED and says so. Other GPUs and the CPU go on.
 *
 * Structs: one that begins with `struct_size` may grow at its end without a new ABI; its
 * FLASHVSR_*_INIT sets the size that you compiled with, and the defaults. All others, and the
 * numbers of enumerators, are the same as long as FLASHVSR_ABI is.
 */
#ifndef FLASHVSR_H
#define FLASHVSR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a change would break a program compiled against an older header, or a program
 * compiled against this one would find less than it knows of. */
#define FLASHVSR_ABI 5

typedef struct FlashvsrEngine FlashvsrEngine;
typedef struct FlashvsrStream FlashvsrStream;

typedef enum {
    FLASHVSR_OK = 0,
    FLASHVSR_NEED_INPUT,       /* an ordinary answer of pop: push more frames, or drain */
    FLASHVSR_CANCELLED,        /* the progress callback asked to stop */
    FLASHVSR_INVALID_ARGUMENT, /* the call itself is wrong; nothing has changed */
    FLASHVSR_NOT_FOUND,        /* model folder or file missing */
    FLASHVSR_READ_FAILED,      /* file could not be read, or is cut short */
    FLASHVSR_BAD_FORMAT,       /* file is not a checkpoint of this model */
    FLASHVSR_BAD_SETTINGS,     /* values that exclude each other, or that this build lacks */
    FLASHVSR_NO_MEMORY,        /* host or device memory; the message names need and free */
    FLASHVSR_DEVICE_FAILED,    /* the driver or a kernel failed; perhaps for good, see above */
    FLASHVSR_INTERNAL          /* a defect of the engine */
} FlashvsrStatus;

typedef struct {
    FlashvsrStatus status;
    char message[1024]; /* UTF-8, one line, always terminated */
} FlashvsrError;

/* ---- engine ---------------------------------------------------------------------------------- */

typedef enum {
    FLASHVSR_PRECISION_AUTO = 0, /* fp32 on the CPU, bf16 on CUDA */
    FLASHVSR_PRECISION_FP32,
    FLASHVSR_PRECISION_BF16,
    FLASHVSR_PRECISION_FP16,
    /* Compute capability 8.9 and newer; bf16 where it is not e4m3: */
    FLASHVSR_PRECISION_FP8_LINEARS, /* the transformer's linear layers */
    FLASHVSR_PRECISION_FP8          /* all that the quality gate lets through */
} FlashvsrPrecision;

typedef enum {
    FLASHVSR_MODEL_VERSION_AUTO = 0, /* from model.json, else from the folder's name, else 1 */
    FLASHVSR_MODEL_VERSION_1,
    FLASHVSR_MODEL_VERSION_1_1
} FlashvsrModelVersion;

typedef enum {
    FLASHVSR_MODE_TINY = 0, /* small decoders that stream cheaply */
    FLASHVSR_MODE_FULL      /* decoders of full VAEs */
} FlashvsrMode;

typedef struct {
    uint32_t struct_size;
    const char* model_dir; /* folder with the released file names; must be set */
    const char* device;    /* "auto" (cuda:0 if usable, else cpu), "cpu", "cuda", "cuda:N" */
    FlashvsrPrecision precision;
    FlashvsrModelVersion model_version;
    FlashvsrMode mode;
    /* Decoder. In tiny mode "tcd", "taew2.1", "lighttaew2.1", "tae-w2.2" or "tae-hv"; in full mode
     * "wan2.1", "light" or "wan2.2". NULL or "": the first of the mode. One of the other mode gives
     * that one too, and a warning in the log. */
    const char* vae_type;
    const char* vae_path; /* the decoder's file; NULL or "": under its released name in model_dir */
    /* The latent adapter's file, for "tae-w2.2", "tae-hv" and "wan2.2"; NULL or "": beside the
     * decoder's, NAME.adapter.safetensors for NAME.pth. */
    const char* vae_adapter;
} FlashvsrEngineConfig;

#define FLASHVSR_ENGINE_CONFIG_INIT                                           \
    {                                                                         \
        sizeof(FlashvsrEngineConfig), NULL, "auto", FLASHVSR_PRECISION_AUTO,  \
            FLASHVSR_MODEL_VERSION_AUTO, FLASHVSR_MODE_TINY, NULL, NULL, NULL \
    }

/* Called during engine_open from the calling thread. `fraction` grows from 0 to 1; `stage` is a
 * short English word for what is being done. Return 0 to abort the load, anything else to go on. */
typedef int (*FlashvsrProgress)(double fraction, const char* stage, void* user);

typedef struct {
    uint32_t struct_size;
    char device[32];     /* "cpu" or "cuda:N" */
    char precision[16];  /* "fp32", "bf16", "fp16", "fp8-linears" or "fp8" */
    char version[8];     /* "1" or "1.1" */
    uint64_t parameters; /* number of weights held */
    char decoder[16];    /* as vae_type has it */
    char kernels[256]; /* "attention=wgmma, ...": which of each kernel's variants; "" on the CPU */
} FlashvsrEngineInfo;

#define FLASHVSR_ENGINE_INFO_INIT \
    { sizeof(FlashvsrEngineInfo), "", "", "", 0, "", "" }

/* ---- frames ---------------------------------------------------------------------------------- */

/* Pixel formats, by GStreamer's names. Of each:
 *   - the bits of a sample that count. 8 bits are a byte, more are two bytes, little endian;
 *   - how many bits lie below them, which are ignored on input and 0 on output;
 *   - the size of the chroma: 444 as luma, 422 half the width, 420 half the width and half the
 *     height, rounded up; 400 there is none;
 *   - the planes, a word each: which sample follows which. U and V are Cb and Cr. A is alpha, from
 * 0 to the largest sample; it is resized by bicubic like colour and untouched by the model. What is
 * x is not read, and written as the largest sample. */
#define FLASHVSR_FORMATS(ROW)             \
    ROW(I420, 8, 0, 420, "Y U V")         \
    ROW(YV12, 8, 0, 420, "Y V U")         \
    ROW(NV12, 8, 0, 420, "Y UV")          \
    ROW(NV21, 8, 0, 420, "Y VU")          \
    ROW(Y42B, 8, 0, 422, "Y U V")         \
    ROW(NV16, 8, 0, 422, "Y UV")          \
    ROW(Y444, 8, 0, 444, "Y U V")         \
    ROW(I420_10LE, 10, 0, 420, "Y U V")   \
    ROW(P010_10LE, 10, 6, 420, "Y UV")    \
    ROW(I422_10LE, 10, 0, 422, "Y U V")   \
    ROW(Y444_10LE, 10, 0, 444, "Y U V")   \
    ROW(I420_12LE, 12, 0, 420, "Y U V")   \
    ROW(P012_LE, 12, 4, 420, "Y UV")      \
    ROW(I422_12LE, 12, 0, 422, "Y U V")   \
    ROW(Y444_12LE, 12, 0, 444, "Y U V")   \
    ROW(P016_LE, 16, 0, 420, "Y UV")      \
    ROW(Y444_16LE, 16, 0, 444, "Y U V")   \
    ROW(A420, 8, 0, 420, "Y U V A")       \
    ROW(AYUV, 8, 0, 444, "AYUV")          \
    ROW(VUYA, 8, 0, 444, "VUYA")          \
    ROW(A420_10LE, 10, 0, 420, "Y U V A") \
    ROW(A422_10LE, 10, 0, 422, "Y U V A") \
    ROW(A444_10LE, 10, 0, 444, "Y U V A") \
    ROW(AYUV64, 16, 0, 444, "AYUV")       \
    ROW(RGB, 8, 0, 444, "RGB")            \
    ROW(BGR, 8, 0, 444, "BGR")            \
    ROW(RGBA, 8, 0, 444, "RGBA")          \
    ROW(BGRA, 8, 0, 444, "BGRA")          \
    ROW(ARGB, 8, 0, 444, "ARGB")          \
    ROW(ABGR, 8, 0, 444, "ABGR")          \
    ROW(RGBx, 8, 0, 444, "RGBx")          \
    ROW(BGRx, 8, 0, 444, "BGRx")          \
    ROW(xRGB, 8, 0, 444, "xRGB")          \
    ROW(xBGR, 8, 0, 444, "xBGR")          \
    ROW(RGBA64_LE, 16, 0, 444, "RGBA")    \
    ROW(ARGB64_LE, 16, 0, 444, "ARGB")    \
    ROW(GBR, 8, 0, 444, "G B R")          \
    ROW(GBR_10LE, 10, 0, 444, "G B R")    \
    ROW(GBR_12LE, 12, 0, 444, "G B R")    \
    ROW(GBRA, 8, 0, 444, "G B R A")       \
    ROW(GBRA_10LE, 10, 0, 444, "G B R A") \
    ROW(GBRA_12LE, 12, 0, 444, "G B R A") \
    ROW(GRAY8, 8, 0, 400, "Y")            \
    ROW(GRAY16_LE, 16, 0, 400, "Y")

#define FLASHVSR_FORMAT_ENUMERATOR(name, bits, shift, chroma, planes) FLASHVSR_FORMAT_##name,

typedef enum {
    FLASHVSR_FORMAT_NONE = 0,
    FLASHVSR_FORMATS(FLASHVSR_FORMAT_ENUMERATOR) FLASHVSR_FORMAT_END /* not a format */
} FlashvsrFormat;

typedef enum {
    FLASHVSR_MATRIX_RGB = 0, /* for the RGB formats */
    FLASHVSR_MATRIX_BT601,
    FLASHVSR_MATRIX_BT709,
    FLASHVSR_MATRIX_BT2020
} FlashvsrMatrix;

typedef enum { FLASHVSR_RANGE_FULL = 0, FLASHVSR_RANGE_LIMITED } FlashvsrRange;

/* Where a chroma sample lies within its block of luma samples, where chroma is smaller; of 4:2:2 it
 * counts on which column. */
typedef enum {
    FLASHVSR_CHROMA_LEFT =
        0,                  /* horizontally on the left pixel, vertically between (MPEG-2, H.264) */
    FLASHVSR_CHROMA_CENTER, /* between all (JPEG, MPEG-1) */
    FLASHVSR_CHROMA_TOP_LEFT, /* on the top left pixel (BT.2020) */
    FLASHVSR_CHROMA_TOP       /* horizontally between, vertically on the top pixel */
} FlashvsrChromaSite;

/* Where the planes of a frame lie. */
typedef enum {
    FLASHVSR_MEMORY_HOST = 0,
    FLASHVSR_MEMORY_CUDA /* device pointers, on the engine's device and in its primary context */
} FlashvsrMemory;

/* Pixels, of either side of a frame. */
#define FLASHVSR_MAX_SIDE 16384

/* How the samples of a frame are laid out and what they mean. */
typedef struct {
    FlashvsrFormat format;
    int32_t width; /* pixels */
    int32_t height;
    FlashvsrMatrix matrix;
    FlashvsrRange range;
    FlashvsrChromaSite chroma_site;
    FlashvsrMemory memory;
} FlashvsrFrameInfo;

#define FLASHVSR_FRAME_INFO_INIT                                              \
    {                                                                         \
        FLASHVSR_FORMAT_NONE, 0, 0, FLASHVSR_MATRIX_RGB, FLASHVSR_RANGE_FULL, \
            FLASHVSR_CHROMA_LEFT, FLASHVSR_MEMORY_HOST                        \
    }

/* A frame. Where samples have two bytes, planes and strides are even. */
typedef struct {
    FlashvsrFrameInfo info;
    void* plane[4];    /* first row of each plane; not written by push */
    int32_t stride[4]; /* bytes from one row to the next */
} FlashvsrFrame;

/* ---- stream ---------------------------------------------------------------------------------- */

typedef enum {
    FLASHVSR_COLOR_FIX_NONE = 0,
    FLASHVSR_COLOR_FIX_ADAIN,  /* per frame and channel: mean and deviation of the resized input */
    FLASHVSR_COLOR_FIX_WAVELET /* low frequencies of the resized input */
} FlashvsrColorFix;

/* What may change between two chunks of a running stream. */
typedef struct {
    double sparse_ratio; /* > 0: 60 * sparse_ratio key windows per query window on average; 2.0 */
    double kv_ratio;     /* 1 to 64: slices of past keys kept, as int; below 2 acts as 2; 3.0 */
    int32_t local_range; /* 1 to 1023: side of the attended area in windows of 128 pixels; 11 */
    FlashvsrColorFix color_fix;
    double strength; /* 0 to 1: 1 is the model's picture, 0 the resized input */
} FlashvsrSettings;

#define FLASHVSR_SETTINGS_INIT \
    { 2.0, 3.0, 11, FLASHVSR_COLOR_FIX_ADAIN, 1.0 }

/* Tiles, for less memory of activations. Sizes are output pixels and are rounded up to multiples of
 * 128; nothing is looked at when both switches are 0. */
typedef struct {
    /* The projector and the transformer go tile by tile: each has its own past and its own
     * attention budget, and sees nothing of the others; latents are blended where tiles overlap. */
    int32_t tile_dit;
    /* The decoder goes tile by tile: the same picture, except of Wan decoders, whose pixels depend
     * on the whole picture and whose tiles are blended. */
    int32_t tile_vae;
    int32_t tile_size; /* largest side of a tile, 1 to 16384; 768 */
    int32_t overlap; /* least that two tiles share, 0 to 16384, after rounding less than the tile's
                      * side and at least 128; 128 */
} FlashvsrTiling;

#define FLASHVSR_TILING_INIT \
    { 0, 0, 768, 128 }

/* The KV cache, keys and values of past frames, is the largest part of a stream. In which memory
 * it stays between chunks: */
typedef enum {
    FLASHVSR_KV_MEMORY_DEVICE = 0,
    FLASHVSR_KV_MEMORY_HOST /* equal pictures */
} FlashvsrKvMemory;

/* ... and in which type. */
typedef enum {
    FLASHVSR_KV_TYPE_COMPUTED = 0, /* as attention reads it */
    FLASHVSR_KV_TYPE_INT8          /* what precision fp8 has in 8 bits stays so */
} FlashvsrKvType;

/* What happens to a stream that does not fit into the device's free memory. */
typedef enum {
    FLASHVSR_MEMORY_POLICY_STRICT = 0, /* refused, with a message: which settings would fit */
    FLASHVSR_MEMORY_POLICY_AUTO        /* tiling and KV cache are changed, as little as it takes */
} FlashvsrMemoryPolicy;

typedef struct {
    uint32_t struct_size;
    FlashvsrFrameInfo input;
    FlashvsrFrameInfo output; /* any format and size, whatever the input's */
    uint64_t seed;            /* of the noise; equal seeds give equal pictures */
    FlashvsrSettings settings;
    FlashvsrTiling tiling;
    FlashvsrKvMemory kv_memory;
    FlashvsrKvType kv_type;
    FlashvsrMemoryPolicy memory_policy;
    /* Bytes: as if the device had no more memory than this in all. Holds for the process, until a
     * stream with another limit is opened. 0: what it has. On the CPU nothing but the estimate
     * looks at it, and without a limit every stream fits. */
    uint64_t memory_limit;
} FlashvsrStreamConfig;

/* `input` and `output` are left to be set. */
#define FLASHVSR_STREAM_CONFIG_INIT                                                          \
    {                                                                                        \
        sizeof(FlashvsrStreamConfig), FLASHVSR_FRAME_INFO_INIT, FLASHVSR_FRAME_INFO_INIT, 0, \
            FLASHVSR_SETTINGS_INIT, FLASHVSR_TILING_INIT, FLASHVSR_KV_MEMORY_DEVICE,         \
            FLASHVSR_KV_TYPE_COMPUTED, FLASHVSR_MEMORY_POLICY_STRICT, 0                      \
    }

typedef struct {
    uint32_t struct_size;
    uint64_t frames_in;    /* pushed since open */
    uint64_t frames_out;   /* popped since open */
    uint64_t chunks;       /* run since open, start-up chunks included */
    double last_chunk_ms;  /* computing time of the newest finished chunk */
    uint64_t device_bytes; /* device memory now held by the process's allocator; 0 on the CPU */
} FlashvsrStreamStats;

#define FLASHVSR_STREAM_STATS_INIT \
    { sizeof(FlashvsrStreamStats), 0, 0, 0, 0.0, 0 }

/* What a stream takes, in bytes: an estimate made before anything is allocated. */
typedef struct {
    uint32_t struct_size;
    uint64_t weights; /* of the engine, shared by its streams */
    uint64_t kv_cache;
    uint64_t state; /* what else crosses chunks */
    uint64_t frames;
    uint64_t activations; /* most that a chunk holds at once */
    uint64_t reserve;     /* lost between tensors, libraries, recorded launches */
    uint64_t host;        /* locked memory of the host */
    uint64_t free; /* of the device, for all but the weights, when the stream was opened; 0 on the
                    * CPU without a limit */
    char changes[128]; /* "kv-cache=int8 tile-vae=true": what memory_policy has changed, if anything
                        */
} FlashvsrMemoryEstimate;

#define FLASHVSR_MEMORY_ESTIMATE_INIT \
    { sizeof(FlashvsrMemoryEstimate), 0, 0, 0, 0, 0, 0, 0, 0, "" }

/* The schedule: the first chunk needs this many frames ... */
#define FLASHVSR_FIRST_CHUNK_INPUT 25
/* ... and gives this many; each later one takes and gives FLASHVSR_CHUNK frames. */
#define FLASHVSR_FIRST_CHUNK_OUTPUT 21
#define FLASHVSR_CHUNK 8

typedef struct {
    uint32_t abi;

    /* Loads a model, or shares the one that is already open in this process for the same folder,
     * device, precision, version and decoder. Takes seconds; `progress` may be NULL. It is also
     * asked while the same model is being loaded for somebody else, which is waited for. */
    FlashvsrStatus (*engine_open)(const FlashvsrEngineConfig* config, FlashvsrProgress progress,
                                  void* user, FlashvsrEngine** engine, FlashvsrError* error);
    /* NULL is allowed. The weights go with the last user, streams included. */
    void (*engine_close)(FlashvsrEngine* engine);
    FlashvsrStatus (*engine_info)(const FlashvsrEngine* engine, FlashvsrEngineInfo* info,
                                  FlashvsrError* error);

    /* Sizes, formats and kinds of memory are fixed for the stream's life. Allocates nothing large
     * before the first frame, but asks whether that will fit: FLASHVSR_NO_MEMORY if not. The stream
     * keeps the engine alive. */
    FlashvsrStatus (*stream_open)(FlashvsrEngine* engine, const FlashvsrStreamConfig* config,
                                  FlashvsrStream** stream, FlashvsrError* error);
    void (*stream_close)(FlashvsrStream* stream); /* NULL is allowed */

    /* Takes one frame of the configured input info. When the call returns the pixels have been read
     * and the caller may change or release them; what wrote them in CUDA memory must have completed
     * before the call. When the frame completes a chunk, the chunk runs: on the CPU inside this
     * call, on a CUDA device after it, so that the caller can bring frames meanwhile. Epilogue a
     * failure of the chunk is reported by a later call. A caller that is a whole chunk ahead of the
     * device waits here. */
    FlashvsrStatus (*stream_push)(FlashvsrStream* stream, const FlashvsrFrame* frame,
                                  FlashvsrError* error);
    /* Number of frames that pop would give without more input. On a CUDA device some may still be
     * computed. */
    int32_t (*stream_ready)(const FlashvsrStream* stream);
    /* Writes the next upscaled frame into `frame`, whose info must equal the configured output;
     * waits until that frame has been computed, and for no later one. On return the frame is
     * complete, in CUDA memory as well. FLASHVSR_NEED_INPUT when none is ready. Frame i out belongs
     * to frame i in. `frame` may be NULL: the frame is dropped. To keep a CUDA device busy, pop a
     * chunk's frames when the next chunk has been pushed. */
    FlashvsrStatus (*stream_pop)(FlashvsrStream* stream, FlashvsrFrame* frame,
                                 FlashvsrError* error);
    /* Declares the end: repeats the last frame until every frame that was pushed is ready, then
     * starts afresh, so that the next push begins a new start-up chunk. */
    FlashvsrStatus (*stream_drain)(FlashvsrStream* stream, FlashvsrError* error);
    /* Forgets everything that was pushed and not yet popped, and all state. */
    FlashvsrStatus (*stream_reset)(FlashvsrStream* stream, FlashvsrError* error);
    /* New settings, from the next chunk on. */
    FlashvsrStatus (*stream_configure)(FlashvsrStream* stream, const FlashvsrSettings* settings,
                                       FlashvsrError* error);
    FlashvsrStatus (*stream_stats)(const FlashvsrStream* stream, FlashvsrStreamStats* stats,
                                   FlashvsrError* error);

    /* Receives one line per event worth logging, LibTorch's warnings in calls of this interface
     * included, from any thread, until replaced. `level`: 1 error, 2 warning, 3 info, 4 debug.
     * NULL: silence, the default. Process-wide. */
    void (*set_log)(void (*log)(int level, const char* message, void* user), void* user);

    /* What the stream was estimated to take, with the settings that it was opened with. */
    FlashvsrStatus (*stream_memory)(const FlashvsrStream* stream, FlashvsrMemoryEstimate* estimate,
                                    FlashvsrError* error);
} FlashvsrApi;

/* The library's only exported symbol. NULL when the library does not speak ABI `abi`. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const FlashvsrApi*
flashvsr_api(uint32_t abi);

#ifdef __cplusplus
}
#endif

#endif /* FLASHVSR_H */
