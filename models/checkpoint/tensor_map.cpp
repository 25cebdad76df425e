#include "models/checkpoint/tensor_map.h"

#include <cstring>

namespace flashvsr {

at::Tensor map_elements(const std::shared_ptr<const MappedFile>& file, size_t offset, int64_t count,
                        at::ScalarType dtype) {
    const char* data = file->bytes().data() + offset;
    const size_t item = c10::elementSize(dtype);
    if (count == 0) return at::empty({0}, dtype);
    if (reinterpret_cast<uintptr_t>(data) % item != 0) {
        at::Tensor copy = at::empty({count}, dtype);
        std::memcpy(copy.data_ptr(), data, count * item);
        return copy;
    }
    // ATen has no tensors of const data; TensorMap passes the promise not to write on to its users.
    return at::from_blob(
        const_cast<char*>(data), {count}, [file](void*) {}, at::TensorOptions(dtype));
}

bool checked_multiply(int64_t a, int64_t b, int64_t* product) {
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}

std::string printable(std::string_view name) {
    constexpr size_t kMaxLength = 80;
    std::string text = "'";
    for (const char c : name.substr(0, kMaxLength)) text += c >= ' ' && c <= '~' ? c : '?';
    return text + (name.size() > kMaxLength ? "...'" : "'");
}

}  // namespace flashvsr
