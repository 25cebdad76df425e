// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/tensor_map.h"

#include <ATen/Parallel.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

namespace flashvsr {
namespace {

// Elements beside each other in a file.
struct StoredElements {
    const File& file;
    uint64_t offset;
    at::ScalarType dtype;
    int64_t count;

    int64_t item() const { return static_cast<int64_t>(c10::elementSize(dtype)); }
    uint64_t bytes() const { return static_cast<uint64_t>(count * item()); }
};

// From the first to the last element of a strided tensor.
int64_t span_of(at::IntArrayRef sizes, at::IntArrayRef strides) {
    int64_t span = 1;
    for (size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] == 0) return 0;
        span += (sizes[i] - 1) * strides[i];
    }
    return span;
}

// In huge pages where there are any: to touch as many small ones for the first time takes longer
// than to read a file from the page cache.
at::Tensor new_elements(int64_t count, at::ScalarType dtype) {
    constexpr size_t kHugePage = 2 << 20;
    const size_t bytes = static_cast<size_t>(count) * c10::elementSize(dtype);
    if (bytes < 2 * kHugePage) return at::empty({count}, dtype);
    void* memory = nullptr;
    if (posix_memalign(&memory, kHugePage, bytes) != 0) throw std::bad_alloc();
    madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
    return at::from_blob(memory, {count}, std::free, dtype);
}

// Calls `work` with a begin and an end for all of [0, size), in shares of `grain` or more: on as
// many threads as that and the machine make sensible and are to be had.
template <typename Work>
void in_shares(int64_t size, int64_t grain, const Work& work) {
    constexpr int64_t kMaxThreads = 8;  // a page cache gives no more
    const int64_t threads =
        std::clamp<int64_t>(size / grain, 1, std::min<int64_t>(kMaxThreads, at::get_num_threads()));
    const int64_t share = (size + threads - 1) / threads;
    std::vector<std::future<void>> others;
    for (int64_t begin = share; begin < size; begin += share) {
        const int64_t end = std::min(begin + share, size);
        try {
            others.push_back(std::async(std::launch::async, [=, &work] { work(begin, end); }));
        } catch (const std::system_error&) {
            work(begin, end);
        }
    }
    work(0, std::min(share, size));
    for (std::future<void>& other : others) other.get();
}

void read(const StoredElements& from, int64_t first, const at::Tensor& to) {
    constexpr int64_t kGrain = 4 << 20;
    const uint64_t offset = from.offset + static_cast<uint64_t>(first * from.item());
    char* data = static_cast<char*>(to.data_ptr());
    in_shares(static_cast<int64_t>(to.nbytes()), kGrain, [&](int64_t begin, int64_t end) {
        from.file.read(offset + static_cast<uint64_t>(begin), data + begin,
                       static_cast<size_t>(end - begin));
    });
}

at::Tensor read_directly(const StoredElements& from) {
    const at::Tensor to = new_elements(from.count, from.dtype);
    read(from, 0, to);
    return to;
}

// In parts that stay in the processor's cache and are converted by the thread that has read them.
at::Tensor read_converted(const StoredElements& from, at::ScalarType dtype) {
    constexpr int64_t kPart = 32 << 10;
    const at::Tensor to = new_elements(from.count, dtype);
    in_shares(from.count, 32 * kPart, [&](int64_t begin, int64_t end) {
        const at::Tensor buffer = at::empty({kPart}, from.dtype);
        for (; begin < end; begin += kPart) {
            const at::Tensor part = buffer.narrow(0, 0, std::min(kPart, end - begin));
            from.file.read(from.offset + static_cast<uint64_t>(begin * from.item()),
                           part.data_ptr(), part.nbytes());
            to.narrow(0, begin, part.numel()).copy_(part);
        }
    });
    return to;
}

// Through pinned memory, from which the device takes one part while the next is read. The allocator
// gives a buffer again when the device is done with it.
at::Tensor read_to_device(const StoredElements& from, const at::TensorOptions& options) {
    const int64_t part = (16 << 20) / from.item();
    const at::TensorOptions own = options.dtype(from.dtype);
    const at::TensorOptions pinned = own.device(at::kCPU).pinned_memory(from.bytes() > (1 << 20));
    const at::Tensor to = at::empty({from.count}, own);
    for (int64_t begin = 0; begin < from.count; begin += part) {
        const at::Tensor buffer = at::empty({std::min(part, from.count - begin)}, pinned);
        read(from, begin, buffer);
        to.narrow(0, begin, buffer.numel()).copy_(buffer, /*non_blocking=*/true);
    }
    return to.to(options);
}

}  // namespace

StoredTensor::StoredTensor(at::Tensor tensor)
    : tensor_(std::move(tensor)),
      dtype_(tensor_.scalar_type()),
      sizes_(tensor_.sizes().vec()),
      strides_(tensor_.strides().vec()) {}

StoredTensor::StoredTensor(std::shared_ptr<const File> file, uint64_t offset, at::ScalarType dtype,
                           std::vector<int64_t> sizes, std::vector<int64_t> strides)
    : file_(std::move(file)),
      offset_(offset),
      dtype_(dtype),
      sizes_(std::move(sizes)),
      strides_(std::move(strides)) {}

at::Tensor StoredTensor::read() const { return file_ ? read(at::TensorOptions(dtype_)) : tensor_; }

at::Tensor StoredTensor::read(const at::TensorOptions& options) const {
    if (!file_) return tensor_.to(options);
    const StoredElements elements{*file_, offset_, dtype_, span_of(sizes_, strides_)};
    const at::ScalarType dtype = options.dtype().toScalarType();
    const at::Tensor tensor = !options.device().is_cpu() ? read_to_device(elements, options)
                              : dtype == dtype_          ? read_directly(elements)
                                                         : read_converted(elements, dtype);
    file_->check_unchanged();
    return tensor.as_strided(sizes_, strides_);
}

TensorMap read_all(const StoredTensors& tensors) {
    TensorMap result;
    for (const auto& [name, tensor] : tensors) result[name] = tensor.read();
    return result;
}

bool checked_multiply(int64_t a, int64_t b, int64_t* product) {
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}

bool checked_numel(at::IntArrayRef sizes, int64_t* numel) {
    int64_t product = 1;
    bool empty = false;
    for (const int64_t size : sizes) {
        if (!checked_multiply(product, size == 0 ? 1 : size, &product)) return false;
        empty = empty || size == 0;
    }
    *numel = empty ? 0 : product;
    return true;
}

std::string printable(std::string_view name) {
    constexpr size_t kMaxLength = 80;
    std::string text = "'";
    for (const char c : name.substr(0, kMaxLength)) text += c >= ' ' && c <= '~' ? c : '?';
    return text + (name.size() > kMaxLength ? "...'" : "'");
}

}  // namespace flashvsr
