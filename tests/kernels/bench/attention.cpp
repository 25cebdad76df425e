// SPDX-License-Identifier: Apache-2.0
// Attention and what prepares it.
#include <random>

#include "kernels/block_list.h"
#include "kernels/block_sparse_attention.h"
#include "kernels/kv_int8.h"
#include "kernels/qk_prepare.h"
#include "tests/kernels/bench/timer.h"
#include "tests/kernels/draft_mask_case.h"

namespace flashvsr::kernels {
namespace {

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
void bench_kernel(Timer& timer, const std::string& name, int repeats,
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
        bench_kernel<BFloat16>(timer, "block_sparse_attention_sm90 bf16", 15, kKernel);
        bench_kernel<Float16>(timer, "block_sparse_attention_sm90 fp16", 15, kKernel);
        bench_kernel<Float8E4M3, BFloat16>(timer, "block_sparse_attention_sm90 e4m3", 15, kKernel);
    }
    constexpr auto kOlder = block_sparse_attention_sm80;
    bench_kernel<BFloat16>(timer, "block_sparse_attention_sm80 bf16", 15, kOlder);
    bench_kernel<Float16>(timer, "block_sparse_attention_sm80 fp16", 15, kOlder);
    if (current_cuda_device().e4m3)
        bench_kernel<Float8E4M3, BFloat16>(timer, "block_sparse_attention_sm80 e4m3", 15, kOlder);
    bench_kernel<float>(timer, "block_sparse_attention fp32", 3, block_sparse_attention_cuda);
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

}  // namespace

void bench_attention(Timer& timer) {
    bench_attentions(timer);
    bench_block_list(timer);
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
}

}  // namespace flashvsr::kernels
