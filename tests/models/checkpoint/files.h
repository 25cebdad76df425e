// SPDX-License-Identifier: Apache-2.0
// Files for the checkpoint tests: those that ship, and small ones written on the spot.
#pragma once

#include <ATen/ATen.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "models/error.h"

namespace flashvsr {

// A file that PyTorch or the safetensors package wrote (tests/data/checkpoint/make.py).
inline std::string data_file(const std::string& name) {
    return std::string(CHECKPOINT_DATA) + "/" + name;
}

inline std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// A folder that goes when the test ends.
class TempFolder {
  public:
    TempFolder() {
        std::string name = std::filesystem::temp_directory_path() / "checkpoint-XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~TempFolder() { std::filesystem::remove_all(path_); }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::string path(const std::string& name) const { return path_ / name; }
    std::string write(const std::string& name, const std::string& bytes) const {
        // A new file each time: file systems are slow at truncating one and filling it again.
        std::filesystem::remove(path(name));
        std::ofstream(path(name), std::ios::binary) << bytes;
        return path(name);
    }

  private:
    std::filesystem::path path_;
};

// The Error that `call` throws, or none. Any other exception goes on and fails the test.
template <typename Call>
std::optional<Error> error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error;
    }
    return std::nullopt;
}

// Kind and a part of the message of what `call` must throw.
#define EXPECT_ERROR(call, expected_kind, part)                                               \
    do {                                                                                      \
        const auto error = error_of([&] { call; });                                           \
        ASSERT_TRUE(error.has_value()) << "no error: " #call;                                 \
        EXPECT_EQ(error->kind(), Error::Kind::expected_kind) << error->what();                \
        EXPECT_NE(std::string(error->what()).find(part), std::string::npos) << error->what(); \
    } while (0)

// The tensor of make.py: -1, -7/8, -6/8, ... in row-major order.
inline at::Tensor counting(at::IntArrayRef shape, at::ScalarType dtype = at::kFloat) {
    return (at::arange(c10::multiply_integers(shape), at::kFloat) / 8 - 1).to(dtype).view(shape);
}

inline bool same(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

template <typename T>
std::string raw(T value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace flashvsr
