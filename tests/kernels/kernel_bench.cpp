// Times every CUDA kernel at the full-size network's shapes (output 768x1408): CUDA events around
// ten launches, the median of many after a warm-up, inputs rotated. Short kernels are timed as
// graphs, which is how a stream runs them: without what a launch costs the host. GB/s counts each
// input and output once.
//
//   kernel_bench [WORD]   only kernels that have WORD in their name
#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "kernels/channel_norm.h"
#include "kernels/color_stats.h"
#include "kernels/conv.h"
#include "kernels/conv_out.h"
#include "kernels/decoder_input.h"
#include "kernels/kv_int8.h"
#include "kernels/noise.h"
#include "kernels/norm.h"
#include "kernels/pixel_norm.h"
#include "kernels/qk_prepare.h"
#include "kernels/space_to_channel.h"
#include "tests/kernels/device_array.h"
#include "tests/kernels/draft_mask_case.h"
#include "tests/kernels/pictures.h"

namespace flashvsr::kernels {
namespace {

constexpr int kWidth = 1408, kHeight = 768, kFrames = 8;
constexpr int kDim = 1536, kHeads = 12, kTokens = 2 * (kWidth / 16) * (kHeight / 16);
constexpr int kQueryWindows = kTokens / kWindowTokens, kKeyWindows = 4 * kQueryWindows;

class Timer {
  public:
    Timer() {
        FLASHVSR_CUDA_CHECK(cudaEventCreate(&begin_));
        FLASHVSR_CUDA_CHECK(cudaEventCreate(&end_));
    }
    ~Timer() {
        cudaEventDestroy(begin_);
        cudaEventDestroy(end_);
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // Milliseconds of one body(i), i = 0, 1, ...
    double median(int repeats, const std::function<void(int)>& body) {
        constexpr int kLaunches = 10;
        for (int i = 0; i < kLaunches; ++i) body(i);
        std::vector<float> times;
        times.reserve(repeats);
        for (int i = 0; i < repeats; ++i) {
            FLASHVSR_CUDA_CHECK(cudaEventRecord(begin_));
            for (int j = 0; j < kLaunches; ++j) body(i * kLaunches + j);
            FLASHVSR_CUDA_CHECK(cudaEventRecord(end_));
            FLASHVSR_CUDA_CHECK(cudaEventSynchronize(end_));
            times.push_back(0);
            FLASHVSR_CUDA_CHECK(cudaEventElapsedTime(&times.back(), begin_, end_));
        }
        std::sort(times.begin(), times.end());
        return times[times.size() / 2] / kLaunches;
    }

    // The same, of ten bodies in a CUDA graph.
    double median_in_graph(int repeats, const std::function<void(int, CudaStream)>& body) {
        constexpr int kLaunches = 10;
        cudaStream_t stream;
        FLASHVSR_CUDA_CHECK(cudaStreamCreate(&stream));
        body(0, stream);
        cudaGraph_t graph;
        cudaGraphExec_t run;
        FLASHVSR_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for (int i = 0; i < kLaunches; ++i) body(i, stream);
        FLASHVSR_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
        FLASHVSR_CUDA_CHECK(cudaGraphInstantiate(&run, graph, 0));
        FLASHVSR_CUDA_CHECK(cudaDeviceSynchronize());
        const double milliseconds =
            median(repeats / 10, [&](int) { FLASHVSR_CUDA_CHECK(cudaGraphLaunch(run, nullptr)); });
        cudaGraphExecDestroy(run);
        cudaGraphDestroy(graph);
        cudaStreamDestroy(stream);
        return milliseconds / kLaunches;
    }

  private:
    cudaEvent_t begin_, end_;
};

const char* g_only = "";

bool wanted(const std::string& name) { return name.find(g_only) != std::string::npos; }

void report_bytes(const std::string& name, double milliseconds, double bytes) {
    std::printf("%-44s %8.4f ms %8.0f GB/s\n", name.c_str(), milliseconds,
                bytes / milliseconds / 1e6);
}

template <typename T>
DeviceArray<T> random_device(int64_t count, uint64_t seed) {
    DeviceArray<T> out(count);
    noise_cuda({out.get(), count, seed, 0, element_type_of<T>()}, nullptr);
    return out;
}

template <typename T>
std::vector<DeviceArray<T>> random_devices(int arrays, int64_t count, uint64_t seed) {
    std::vector<DeviceArray<T>> result;
    result.reserve(arrays);
    for (int i = 0; i < arrays; ++i) result.push_back(random_device<T>(count, seed + i));
    return result;
}

// About 120 of 264 key windows per row, 20 to 220: rows are as uneven as real masks.
RandomLists bench_lists() {
    std::mt19937 engine(1);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    const int rows = kHeads * kQueryWindows;
    RandomLists lists{std::vector<int32_t>(rows), std::vector<int32_t>(size_t(rows) * kKeyWindows)};
    for (int row = 0; row < rows; ++row) {
        const double density = (20 + 200 * uniform(engine)) / kKeyWindows;
        for (int column = 0; column < kKeyWindows; ++column) {
            if (uniform(engine) >= density) continue;
            lists.index[size_t(row) * kKeyWindows + lists.count[row]++] = column;
        }
    }
    return lists;
}

// Normal numbers; in e4m3, which the noise kernel does not make, of 256 different values.
template <typename T>
std::vector<DeviceArray<T>> attention_inputs(int64_t count, uint64_t seed) {
    if constexpr (!std::is_same_v<T, Float8E4M3>) {
        return random_devices<T>(2, count, seed);
    } else {
        const auto normal = to_type<T>(random_normal(256, 1));
        std::vector<DeviceArray<T>> result;
        for (int i = 0; i < 2; ++i) {
            std::vector<T> values;
            for (const uint8_t byte : random_bytes(count, seed + i)) values.push_back(normal[byte]);
            result.emplace_back(values);
        }
        return result;
    }
}

template <typename T, typename Out = T>
void bench_attention(Timer& timer, const std::string& name, int repeats,
                     void (*kernel)(const BlockSparseAttention&, CudaStream)) {
    if (!wanted(name)) return;
    const RandomLists lists = bench_lists();
    int64_t blocks = 0;
    for (const int32_t count : lists.count) blocks += count;
    DeviceArray<int32_t> count(lists.count), index(lists.index);
    const int64_t queries = int64_t{kTokens} * kDim, keys = 4 * queries;
    const auto q = attention_inputs<T>(queries, 1);
    const auto k = attention_inputs<T>(keys, 3);
    const auto v = attention_inputs<T>(keys, 5);
    DeviceArray<Out> out(queries);
    DeviceArray<int32_t> order(lists.count.size());
    const double milliseconds = timer.median(repeats, [&](int i) {
        BlockSparseAttention params;
        params.q = q[i % 2].get();
        params.k = k[i % 2].get();
        params.v = v[i % 2].get();
        params.out = out.get();
        params.block_count = count.get();
        params.block_index = index.get();
        params.heads = kHeads;
        params.query_windows = kQueryWindows;
        params.key_windows = kKeyWindows;
        params.type = element_type_of<T>();
        params.out_type = element_type_of<Out>();
        params.order = order.get();
        kernel(params, nullptr);
    });
    const double flops = 4.0 * kWindowTokens * kWindowTokens * kHeadDim * blocks;
    std::printf("%-44s %8.4f ms %8.1f TFLOP/s  (%.1f key windows per row)\n", name.c_str(),
                milliseconds, flops / milliseconds / 1e9, double(blocks) / lists.count.size());
}

void bench_attentions(Timer& timer) {
    if (have_sm90()) {
        constexpr auto kKernel = block_sparse_attention_sm90;
        bench_attention<BFloat16>(timer, "block_sparse_attention_sm90 bf16", 15, kKernel);
        bench_attention<Float16>(timer, "block_sparse_attention_sm90 fp16", 15, kKernel);
        bench_attention<Float8E4M3, BFloat16>(timer, "block_sparse_attention_sm90 e4m3", 15,
                                              kKernel);
    }
    constexpr auto kOlder = block_sparse_attention_sm80;
    bench_attention<BFloat16>(timer, "block_sparse_attention_sm80 bf16", 15, kOlder);
    bench_attention<Float16>(timer, "block_sparse_attention_sm80 fp16", 15, kOlder);
    if (current_cuda_device().e4m3)
        bench_attention<Float8E4M3, BFloat16>(timer, "block_sparse_attention_sm80 e4m3", 15,
                                              kOlder);
    bench_attention<float>(timer, "block_sparse_attention fp32", 3, block_sparse_attention_cuda);
}

void bench_block_list(Timer& timer) {
    if (!wanted("block_list")) return;
    const int rows = kHeads * kQueryWindows;
    auto bytes = random_bytes(size_t(rows) * kKeyWindows, 1);
    for (uint8_t& byte : bytes) byte &= 1;
    DeviceArray<uint8_t> mask(bytes);
    DeviceArray<int32_t> count(rows), index(bytes.size());
    const double milliseconds = timer.median(50, [&](int) {
        block_list_cuda({reinterpret_cast<const bool*>(mask.get()), count.get(), index.get(), rows,
                         kKeyWindows},
                        nullptr);
    });
    report_bytes("block_list", milliseconds, bytes.size() * (1 + 0.5 * 4) + rows * 4.0);
}

template <typename T>
void bench_norms(Timer& timer, const std::string& type) {
    const int64_t count = int64_t{kTokens} * kDim;
    const auto x = random_devices<T>(4, count, 1);
    const auto scale = random_device<T>(kDim, 5), shift = random_device<T>(kDim, 6);
    const auto cos_sin = random_device<float>(int64_t{kTokens} * 128, 7);
    DeviceArray<T> y(count);
    const auto layer_norm = [&](const std::string& mode, LayerNormRounding rounding, bool e4m3) {
        const std::string name = "layer_norm " + mode + type;
        if (!wanted(name)) return;
        const double milliseconds = timer.median_in_graph(500, [&](int i, CudaStream stream) {
            LayerNorm params;
            params.x = x[i % 4].get();
            params.scale = scale.get();
            params.shift = shift.get();
            (e4m3 ? params.y_e4m3 : params.y) = y.get();
            params.rows = kTokens;
            params.dim = kDim;
            params.rounding = rounding;
            params.type = element_type_of<T>();
            layer_norm_cuda(params, stream);
        });
        report_bytes(name, milliseconds, count * (sizeof(T) + (e4m3 ? 1.0 : sizeof(T))));
    };
    layer_norm("", LayerNormRounding::kModulate, false);
    layer_norm("plain ", LayerNormRounding::kPlain, false);
    layer_norm("plain to e4m3, ", LayerNormRounding::kPlain, true);
    if (wanted("rms_norm_rope " + type)) {
        const double milliseconds = timer.median_in_graph(500, [&](int i, CudaStream stream) {
            RmsNormRope params;
            params.x = x[i % 4].get();
            params.weight = scale.get();
            params.cos_sin = cos_sin.get();
            params.y = y.get();
            params.rows = kTokens;
            params.dim = kDim;
            params.type = element_type_of<T>();
            rms_norm_rope_cuda(params, stream);
        });
        report_bytes("rms_norm_rope " + type, milliseconds,
                     2.0 * count * sizeof(T) + kTokens * 512.0);
    }
}

template <typename T>
void bench_qk_prepare(Timer& timer, const std::string& type, int windows) {
    const std::string name = "qk_prepare " + std::to_string(windows) + " windows, " + type;
    if (!wanted(name)) return;
    const int64_t tokens = int64_t{windows} * kWindowTokens, count = tokens * kDim;
    const auto qk = random_devices<T>(3, 2 * count, 1);
    const auto norm_q = random_device<T>(kDim, 5), norm_k = random_device<T>(kDim, 6);
    const auto cos_sin = random_device<float>(tokens * kHeadDim, 7);
    const auto q = random_devices<T>(2, count, 8), k = random_devices<T>(2, count, 9);
    DeviceArray<T> q_mean(windows * kDim), k_mean(windows * kDim);
    const double milliseconds = timer.median_in_graph(300, [&](int i, CudaStream stream) {
        QkPrepare params;
        params.qk = qk[i % 3].get();
        params.row_stride = 2 * kDim;
        params.norm_q = norm_q.get();
        params.norm_k = norm_k.get();
        params.cos_sin = cos_sin.get();
        params.q = q[i % 2].get();
        params.k = k[i % 2].get();
        params.q_mean = q_mean.get();
        params.k_mean = k_mean.get();
        params.windows = windows;
        params.dim = kDim;
        params.type = element_type_of<T>();
        qk_prepare_cuda(params, stream);
    });
    report_bytes(name, milliseconds, 4.0 * count * sizeof(T) + tokens * 512.0);
}

// One slice's keys.
void bench_kv_int8(Timer& timer) {
    const int64_t count = int64_t{kTokens} * kDim;
    const int64_t scales = int64_t{kQueryWindows} * kHeads;
    const auto x = random_devices<BFloat16>(4, count, 1);
    DeviceArray<int8_t> q(count);
    DeviceArray<float> scale(std::vector<float>(scales, 0.01f));
    const double bytes = count * (sizeof(BFloat16) + 1.0) + scales * sizeof(float);
    if (wanted("quantize_kv bf16")) {
        report_bytes("quantize_kv bf16",
                     timer.median_in_graph(500,
                                           [&](int i, CudaStream stream) {
                                               quantize_kv_cuda(
                                                   {x[i % 4].get(), q.get(), scale.get(),
                                                    kQueryWindows, kHeads, ElementType::kBFloat16},
                                                   stream);
                                           }),
                     bytes);
    }
    if (wanted("dequantize_kv bf16")) {
        report_bytes("dequantize_kv bf16",
                     timer.median_in_graph(500,
                                           [&](int i, CudaStream stream) {
                                               dequantize_kv_cuda(
                                                   {q.get(), scale.get(), x[i % 4].get(),
                                                    kQueryWindows, kHeads, ElementType::kBFloat16},
                                                   stream);
                                           }),
                     bytes);
    }
}

struct MaskSize {
    const char* name;
    int rows, columns, query_slices, key_slices;
    int64_t budget;
};

void bench_draft_mask(Timer& timer, const MaskSize& size) {
    const std::string name = std::string("draft_mask ") + size.name;
    if (!wanted(name)) return;
    const DraftMaskShape shape{kHeads,          size.rows, size.columns, size.query_slices,
                               size.key_slices, 11,        size.budget};
    const auto q = random_device<BFloat16>(int64_t{shape.queries()} * kDim, 1);
    const auto k = random_device<BFloat16>(int64_t{shape.keys()} * kDim, 2);
    const DeviceArray<uint8_t> local_mask(local_windows(shape));
    DeviceArray<int32_t> count(size_t(kHeads) * shape.queries()), index(shape.pairs());
    DraftMask params = draft_mask_of(shape, ElementType::kBFloat16);
    params.most_allowed = shape.range * shape.range;
    const DeviceArray<uint8_t> workspace(draft_mask_workspace(params));
    params.q_mean = q.get();
    params.k_mean = k.get();
    params.local_mask = reinterpret_cast<const bool*>(local_mask.get());
    params.block_count = count.get();
    params.block_index = index.get();
    params.workspace = workspace.get();
    const double milliseconds = timer.median_in_graph(
        300, [&](int, CudaStream stream) { draft_mask_cuda(params, stream); });
    std::printf("%-44s %8.4f ms\n", name.c_str(), milliseconds);
}

void bench_noise(Timer& timer) {
    if (!wanted("noise")) return;
    const int64_t count = 16 * (kWidth / 8) * (kHeight / 8);
    DeviceArray<BFloat16> out(count);
    const double milliseconds = timer.median(50, [&](int i) {
        noise_cuda({out.get(), count, 1, uint64_t(i), ElementType::kBFloat16}, nullptr);
    });
    report_bytes("noise, one latent frame, bf16", milliseconds, count * 2.0);
}

// ---- frames: times are of the eight frames of a chunk
// -------------------------------------------------

// A frame's planes on the device, one copy for each frame of a chunk.
struct DeviceFrames {
    DeviceFrames(const Format& format, int width, int height) {
        const OwnedPicture owned =
            make_picture(format, kCodings[2].yuv, width, height, Rows::kAligned);
        for (int frame = 0; frame < kFrames; ++frame) {
            void* plane[4] = {};
            for (int i = 0; i < format.planes; ++i) {
                planes.emplace_back(random_bytes(owned.plane[i].size(), 4 * frame + i));
                plane[i] = planes.back().get();
                bytes += owned.plane[i].size();
            }
            const Picture laid_out = lay_out(format, plane, owned.stride);
            pictures.push_back(owned.picture);
            std::copy(laid_out.component, laid_out.component + 4, pictures.back().component);
        }
    }
    std::vector<DeviceArray<uint8_t>> planes;
    std::vector<Picture> pictures;
    double bytes = 0;  // of all frames
};

constexpr int64_t kArea = int64_t{kWidth} * kHeight;

void bench_input(Timer& timer) {
    const int width = kWidth / 4, height = kHeight / 4;
    const ResizeTaps rows = bicubic_taps(height, kHeight), columns = bicubic_taps(width, kWidth);
    DeviceArray<int32_t> row_first(rows.first), column_first(columns.first);
    DeviceArray<float> row_weight(rows.weight), column_weight(columns.weight);
    DeviceArray<BFloat16> out(kFrames * 3 * kArea);
    DeviceArray<float> alpha(kFrames * kArea);
    for (const Format& format : kFormats) {
        const std::string name = "picture_to_model x4 bf16, " + std::string(format.name);
        if (!wanted(name)) continue;
        const DeviceFrames frames(format, width, height);
        const double milliseconds = timer.median(50, [&](int) {
            for (int frame = 0; frame < kFrames; ++frame) {
                PictureToModel params;
                params.picture = frames.pictures[frame];
                params.rows = {height, kHeight, rows.count, row_first.get(), row_weight.get()};
                params.columns = {width, kWidth, columns.count, column_first.get(),
                                  column_weight.get()};
                params.rgb = out.get() + frame * 3 * kArea;
                if (format.has_alpha) params.alpha = alpha.get() + frame * kArea;
                params.padded_height = kHeight;
                params.padded_width = kWidth;
                params.type = ElementType::kBFloat16;
                picture_to_model_cuda(params, nullptr);
            }
        });
        report_bytes(name, milliseconds,
                     frames.bytes + kFrames * kArea * (format.has_alpha ? 10.0 : 6.0));
    }
}

void bench_output(Timer& timer) {
    const auto decoded = random_device<BFloat16>(kFrames * 3 * kArea, 1);
    const auto reference = random_device<BFloat16>(kFrames * 3 * kArea, 2);
    DeviceArray<float> affine(std::vector<float>(kFrames * 3 * 2, 0.5f));
    for (const Format& format : kFormats) {
        for (const float strength : {1.0f, 0.5f}) {
            const std::string name = "model_to_picture bf16, " + std::string(format.name) +
                                     (strength < 1 ? ", blended" : "");
            if (!wanted(name)) continue;
            const DeviceFrames frames(format, kWidth, kHeight);
            const double milliseconds = timer.median(50, [&](int) {
                for (int frame = 0; frame < kFrames; ++frame) {
                    ModelToPicture params;
                    params.decoded = {decoded.get() + frame * 3 * kArea, kArea, kWidth};
                    params.reference = {reference.get() + frame * 3 * kArea, kArea, kWidth};
                    params.affine = affine.get() + frame * 6;
                    params.strength = strength;
                    params.type = ElementType::kBFloat16;
                    params.picture = frames.pictures[frame];
                    model_to_picture_cuda(params, nullptr);
                }
            });
            report_bytes(name, milliseconds,
                         frames.bytes + kFrames * 3 * kArea * (strength < 1 ? 4.0 : 2.0));
        }
    }
}

// Of two latent frames.
void bench_decoder_input(Timer& timer) {
    if (!wanted("decoder_input")) return;
    const int64_t pixels = int64_t{kFrames} * 3 * kWidth * kHeight;
    const int64_t latents = int64_t{2} * 16 * (kWidth / 8) * (kHeight / 8);
    const auto frames = random_devices<BFloat16>(4, pixels, 1);
    const auto latent = random_device<BFloat16>(latents, 5);
    DeviceArray<BFloat16> out(pixels + latents);
    const double milliseconds = timer.median(50, [&](int i) {
        DecoderInput params;
        params.frames = frames[i % 4].get();
        params.latents = latent.get();
        params.latent_stride = latents / 16;
        params.out = out.get();
        params.latent_frames = 2;
        params.height = kHeight / 8;
        params.width = kWidth / 8;
        params.type = ElementType::kBFloat16;
        decoder_input_cuda(params, nullptr);
    });
    report_bytes("decoder_input bf16", milliseconds, 2.0 * sizeof(BFloat16) * (pixels + latents));
}

int64_t stack_size(const Im2colShape& shape) {
    return shape.frames / 2 * (shape.height + 2) * (shape.width + 2) * 4 * shape.channels;
}

// Of eight frames, as version 1.1 has them.
void bench_projector(Timer& timer) {
    const Im2colShape frames = {kFrames, kHeight / 16, kWidth / 16, kTokenChannels};
    const Im2colShape first = {kFrames / 2, frames.height, frames.width, 2048};
    const Im2colShape second = {kFrames / 4, frames.height, frames.width, 3072};
    auto count = [](const Im2colShape& shape) {
        return shape.frames * shape.height * shape.width * shape.channels;
    };
    const auto x = random_devices<BFloat16>(4, count(first), 1);  // as large as the others at least
    const auto gamma = random_device<BFloat16>(second.channels, 5);
    const auto past = random_device<BFloat16>(count(first), 6);
    DeviceArray<BFloat16> out(stack_size(first));
    if (wanted("space_to_channel")) {
        const double milliseconds = timer.median(50, [&](int i) {
            SpaceToChannel params;
            params.frames = x[i % 4].get();
            params.stack = {out.get(), past.get(), 4, kFrames};
            params.frame_count = kFrames;
            params.height = frames.height;
            params.width = frames.width;
            params.type = ElementType::kBFloat16;
            space_to_channel_cuda(params, nullptr);
        });
        report_bytes("space_to_channel bf16", milliseconds,
                     2.0 * (count(frames) * 1.5 + stack_size(frames)));
    }
    for (const Im2colShape& shape : {first, second}) {
        const bool tokens = shape.channels == second.channels;
        const std::string name =
            std::string("channel_norm bf16, into ") + (tokens ? "tokens" : "a stack");
        if (!wanted(name)) continue;
        const double milliseconds = timer.median(50, [&](int i) {
            ChannelNorm params;
            params.x = x[i % 4].get();
            params.bias = params.gamma = gamma.get();
            params.shape = shape;
            params.type = ElementType::kBFloat16;
            if (tokens)
                params.tokens = out.get();
            else
                params.stack = {out.get(), past.get(), 4, static_cast<int>(shape.frames)};
            channel_norm_cuda(params, nullptr);
        });
        report_bytes(
            name, milliseconds,
            2.0 * (count(shape) + (tokens ? count(shape) : stack_size(shape) + count(shape) / 2)));
    }
}

// Layers of the decoders and of the projector for eight frames; `times`: how often each runs.
struct ConvLayer {
    const char* network;
    const char* name;
    int n, h, w, in, out, kernel, pad, upsample, grow, history;
    bool residual;
    int times;
};
constexpr int kRows8 = kHeight / 8, kColumns8 = kWidth / 8;
constexpr ConvLayer kConvLayers[] = {
    {"tcd", "in 784 to 512, 1/8", 2, kRows8, kColumns8, 784, 512, 3, 1, 1, 1, 0, false, 1},
    {"tcd", "512, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 0, false, 4},
    {"tcd", "512 + 512, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "512 residual, 1/8", 2, kRows8, kColumns8, 512, 512, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "512 to 256, x2", 2, kRows8, kColumns8, 512, 256, 2, 1, 2, 1, 0, false, 1},
    {"tcd", "256, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 0, false, 3},
    {"tcd", "256 + 256, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "256 residual, 1/4", 2, 2 * kRows8, 2 * kColumns8, 256, 256, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "256 to 128, x2, grow 2", 2, 2 * kRows8, 2 * kColumns8, 256, 128, 2, 1, 2, 2, 0, false,
     1},
    {"tcd", "128, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 0, false, 3},
    {"tcd", "128 + 128, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 1, false, 3},
    {"tcd", "128 residual, 1/2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 3, 1, 1, 1, 0, true, 3},
    {"tcd", "128 to 128, x2, grow 2", 4, 4 * kRows8, 4 * kColumns8, 128, 128, 2, 1, 2, 2, 0, false,
     1},
    {"tcd", "128, 1/1", 8, kHeight, kWidth, 128, 128, 3, 1, 1, 1, 0, false, 1},
    {"projector", "1", 4, kHeight / 16 + 2, kWidth / 16 + 2, 3072, 2048, 3, 0, 1, 1, 0, false, 1},
    {"projector", "2", 2, kHeight / 16 + 2, kWidth / 16 + 2, 8192, 3072, 3, 0, 1, 1, 0, false, 1},
    {"wan2.1", "384, 1/8", 2, kRows8, kColumns8, 384, 384, 3, 1, 1, 1, 2, true, 10},
    {"wan2.1", "384 to 192, x2 to 1/4", 4, kRows8, kColumns8, 384, 192, 2, 1, 2, 1, 0, false, 1},
    {"wan2.1", "192 to 384, 1/4", 2, 2 * kRows8, 2 * kColumns8, 192, 384, 3, 1, 1, 1, 2, false, 2},
    {"wan2.1", "384, 1/4", 2, 2 * kRows8, 2 * kColumns8, 384, 384, 3, 1, 1, 1, 2, true, 10},
    {"wan2.1", "384 to 192, x2 to 1/2", 4, 2 * kRows8, 2 * kColumns8, 384, 192, 2, 1, 2, 1, 0,
     false, 2},
    {"wan2.1", "192, 1/2", 4, 4 * kRows8, 4 * kColumns8, 192, 192, 3, 1, 1, 1, 2, true, 12},
    {"wan2.1", "192 to 96, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 192, 96, 2, 1, 2, 1, 0, false,
     2},
    {"wan2.1", "96, 1/1", 4, 8 * kRows8, 8 * kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 12},
    {"wan2.1", "96 to 3 and 5, 1/1", 4, 8 * kRows8, 8 * kColumns8, 96, 8, 3, 1, 1, 1, 2, false, 2},
    {"light", "96, 1/8", 2, kRows8, kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 10},
    {"light", "96 to 48, x2 to 1/4", 4, kRows8, kColumns8, 96, 48, 2, 1, 2, 1, 0, false, 1},
    {"light", "48 to 96, 1/4", 2, 2 * kRows8, 2 * kColumns8, 48, 96, 3, 1, 1, 1, 2, false, 2},
    {"light", "96, 1/4", 2, 2 * kRows8, 2 * kColumns8, 96, 96, 3, 1, 1, 1, 2, true, 10},
    {"light", "96 to 48, x2 to 1/2", 4, 2 * kRows8, 2 * kColumns8, 96, 48, 2, 1, 2, 1, 0, false, 2},
    {"light", "48, 1/2", 4, 4 * kRows8, 4 * kColumns8, 48, 48, 3, 1, 1, 1, 2, true, 12},
    {"light", "48 to 24, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 48, 24, 2, 1, 2, 1, 0, false, 2},
    {"light", "24, 1/1", 4, 8 * kRows8, 8 * kColumns8, 24, 24, 3, 1, 1, 1, 2, true, 12},
    {"light", "24 to 3 and 5, 1/1", 4, 8 * kRows8, 8 * kColumns8, 24, 8, 3, 1, 1, 1, 2, false, 2},
    {"taew2.1", "256, 1/8", 2, kRows8, kColumns8, 256, 256, 3, 1, 1, 1, 0, true, 6},
    {"taew2.1", "256 + 256, 1/8", 2, kRows8, kColumns8, 256, 256, 3, 1, 1, 1, 1, false, 3},
    {"taew2.1", "128, 1/4", 2, 2 * kRows8, 2 * kColumns8, 128, 128, 3, 1, 1, 1, 0, true, 6},
    {"taew2.1", "64, 1/2", 2, 4 * kRows8, 4 * kColumns8, 64, 64, 3, 1, 1, 1, 0, true, 12},
    {"taew2.1", "64 + 64, 1/2", 2, 4 * kRows8, 4 * kColumns8, 64, 64, 3, 1, 1, 1, 1, false, 6},
    {"taew2.1", "64 to 64, x2 to 1/1", 4, 4 * kRows8, 4 * kColumns8, 64, 64, 2, 1, 2, 1, 0, false,
     2},
};

// Milliseconds of one launch.
double bench_conv_layer(Timer& timer, const ConvLayer& layer, const std::string& name) {
    Conv params;
    params.n = layer.n;
    params.h = layer.h;
    params.w = layer.w;
    params.in = layer.in;
    params.out = layer.out;
    params.kernel = layer.kernel;
    params.pad = layer.pad;
    params.upsample = layer.upsample;
    params.grow = layer.grow;
    params.leak = 0.0f;
    params.type = ElementType::kBFloat16;
    params.history = layer.history;
    const int64_t frame = int64_t{layer.h} * layer.w * layer.in;
    const auto x = random_device<BFloat16>((layer.n + layer.history) * frame, 1);
    params.x = x.get() + layer.history * frame;
    if (layer.history > 0) params.past = x.get();
    const ConvShape shape = conv_shape(params);
    const int64_t weights =
        int64_t{shape.phases} * layer.out * shape.taps * shape.inputs * layer.in;
    const int64_t outputs = int64_t{layer.n} * layer.grow * shape.h * shape.w * layer.out;
    const auto weight = random_device<BFloat16>(weights, 2);
    const auto bias = random_device<float>(layer.out, 3);
    const auto residual = random_device<BFloat16>(outputs, 4);
    DeviceArray<BFloat16> y(outputs);
    params.weight = weight.get();
    params.bias = bias.get();
    if (layer.residual) params.residual = residual.get();
    params.y = y.get();
    const double milliseconds = timer.median(3, [&](int) { conv_sm90(params, nullptr); });
    const double pixels = double(layer.n) * shape.h * shape.w / (layer.upsample * layer.upsample);
    std::printf("%-44s %8.4f ms %8.1f TFLOP/s\n", name.c_str(), milliseconds,
                2.0 * weights * pixels / milliseconds / 1e9);
    return milliseconds;
}

void bench_conv(Timer& timer) {
    std::map<std::string, double> sums;
    for (const ConvLayer& layer : kConvLayers) {
        const std::string name = std::string("conv_sm90 ") + layer.network + " " + layer.name;
        if (!wanted(name)) continue;
        sums[layer.network] += layer.times * bench_conv_layer(timer, layer, name);
    }
    for (const auto& [network, sum] : sums)
        std::printf("%-44s %8.4f ms\n", ("conv_sm90, layers of " + network).c_str(), sum);
}

void bench_pixel_norm(Timer& timer) {
    for (const auto& [channels, scale, frames] :
         {std::array{384, 1, 2}, {384, 2, 2}, {192, 4, 4}, {96, 8, 4}, {48, 4, 4}, {24, 8, 4}}) {
        const std::string name = "pixel_norm bf16, " + std::to_string(channels) + " channels, " +
                                 std::to_string(frames) + " frames of 1/" +
                                 std::to_string(8 / scale);
        if (!wanted(name)) continue;
        const int64_t pixels = int64_t{frames} * kRows8 * kColumns8 * scale * scale;
        const auto x = random_devices<BFloat16>(2, pixels * channels, 1);
        const auto gamma = random_device<BFloat16>(channels, 5);
        DeviceArray<BFloat16> y(pixels * channels);
        const double milliseconds = timer.median(5, [&](int i) {
            PixelNorm params;
            params.x = x[i % 2].get();
            params.gamma = gamma.get();
            params.y = y.get();
            params.pixels = pixels;
            params.channels = channels;
            params.type = ElementType::kBFloat16;
            pixel_norm_cuda(params, nullptr);
        });
        report_bytes(name, milliseconds, 4.0 * pixels * channels);
    }
}

void bench_conv_out(Timer& timer) {
    const std::string name = "conv_out_sm90 bf16";
    if (!wanted(name)) return;
    ConvOut params;
    params.n = kFrames;
    params.h = kHeight;
    params.w = kWidth;
    params.in = 128;
    params.type = params.y_type = ElementType::kBFloat16;
    const int64_t area = int64_t{kFrames} * kHeight * kWidth;
    const auto x = random_device<BFloat16>(area * params.in, 1);
    const auto weight = random_device<BFloat16>(27 * params.in, 2);
    DeviceArray<BFloat16> y(3 * area);
    params.x = x.get();
    params.weight = weight.get();
    params.y = y.get();
    report_bytes(name, timer.median(5, [&](int) { conv_out_sm90(params, nullptr); }),
                 2.0 * area * (params.in + 3));
}

void bench_color_stats(Timer& timer) {
    const std::string name = "color_stats bf16";
    if (!wanted(name)) return;
    const auto decoded = random_device<BFloat16>(kFrames * 3 * kArea, 1);
    const auto reference = random_device<BFloat16>(kFrames * 3 * kArea, 2);
    DeviceArray<double> scratch(color_stats_scratch(kFrames));
    DeviceArray<float> affine(kFrames * 3 * 2);
    const double milliseconds = timer.median(50, [&](int) {
        ColorStats params;
        params.decoded = {decoded.get(), kArea, kWidth};
        params.reference = {reference.get(), kArea, kWidth};
        params.frames = kFrames;
        params.height = kHeight;
        params.width = kWidth;
        params.scratch = scratch.get();
        params.affine = affine.get();
        params.type = ElementType::kBFloat16;
        color_stats_cuda(params, nullptr);
    });
    report_bytes(name, milliseconds, kFrames * 3 * kArea * 4.0);
}

void bench_all() {
    cudaDeviceProp device;
    FLASHVSR_CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
    std::printf("%s, %d multiprocessors\n", device.name, device.multiProcessorCount);
    Timer timer;
    bench_attentions(timer);
    bench_block_list(timer);
    bench_norms<BFloat16>(timer, "bf16");
    bench_norms<float>(timer, "fp32");
    bench_qk_prepare<BFloat16>(timer, "bf16", kQueryWindows);
    bench_qk_prepare<BFloat16>(timer, "bf16", 135);
    bench_kv_int8(timer);
    for (const MaskSize& size :
         {MaskSize{"768x1408", 6, 11, 1, 4, 7919},
          MaskSize{"768x1408, first step", 6, 11, 3, 3, 7919},
          MaskSize{"1152x1920", 9, 15, 1, 4, 16199}, MaskSize{"2176x3840", 17, 30, 1, 4, 61199},
          MaskSize{"2176x3840, first step", 17, 30, 3, 3, 61199}}) {
        bench_draft_mask(timer, size);
    }
    bench_decoder_input(timer);
    bench_projector(timer);
    bench_pixel_norm(timer);
    if (have_sm90()) {
        bench_conv(timer);
        bench_conv_out(timer);
    }
    bench_noise(timer);
    bench_input(timer);
    bench_output(timer);
    bench_color_stats(timer);
}

}  // namespace
}  // namespace flashvsr::kernels

int main(int argc, char** argv) {
    using namespace flashvsr::kernels;
    if (!have_gpu()) {
        std::printf("no GPU\n");
        return 77;
    }
    if (argc > 1) g_only = argv[1];
    try {
        bench_all();
    } catch (const CudaError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
