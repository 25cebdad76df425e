// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/models/checkpoint/files.h"

namespace flashvsr {
namespace {

// A file with this header text and this many bytes of data.
std::string safetensors_bytes(const std::string& header, size_t data_size) {
    return raw<uint64_t>(header.size()) + header + std::string(data_size, '\0');
}

TEST(Safetensors, ReadsEveryTypeThatThePackageWrote) {
    Metadata metadata;
    const TensorMap tensors = read_safetensors(data_file("types.safetensors"), &metadata);
    EXPECT_EQ(tensors.size(), 9u);
    EXPECT_TRUE(same(tensors.at("f32"), counting({2, 3})));
    EXPECT_TRUE(same(tensors.at("f16"), counting({3, 2}, at::kHalf)));
    EXPECT_TRUE(same(tensors.at("bf16"), counting({1, 4, 2}, at::kBFloat16)));
    EXPECT_TRUE(same(tensors.at("f64"), counting({2}, at::kDouble)));
    EXPECT_TRUE(same(tensors.at("u8"), at::arange(5, at::kByte)));
    EXPECT_TRUE(same(tensors.at("i64"), at::arange(3, at::kLong)));
    EXPECT_TRUE(same(tensors.at("bool"), at::tensor({1, 0, 1}).to(at::kBool)));
    EXPECT_TRUE(same(tensors.at("scalar"), counting({})));
    EXPECT_TRUE(same(tensors.at("empty"), at::empty({0, 3})));
    EXPECT_EQ(metadata, (Metadata{{"format", "pt"}, {"note", "counting"}}));
}

// A tensor that does not begin at a multiple of its element size is copied, not misread.
TEST(Safetensors, ReadsMisalignedTensors) {
    const TempFolder folder;
    for (int pad = 0; pad < 8; ++pad) {
        const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                   R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})" +
                                   std::string(pad, ' ');
        const std::string bytes =
            raw<uint64_t>(header.size()) + header + '\7' + raw(1.5f) + raw(-2.f);
        const TensorMap tensors = read_safetensors(folder.write("odd.safetensors", bytes));
        EXPECT_TRUE(same(tensors.at("b"), at::tensor({1.5f, -2.f})));
    }
}

// The released DiT is 5.7 GB; opening it must take no memory.
TEST(Safetensors, OpeningALargeFileTakesNoMemory) {
    const auto resident_pages = [] {
        int64_t total = 0, resident = 0;
        std::ifstream("/proc/self/statm") >> total >> resident;
        return resident;
    };
    const TempFolder folder;
    const int64_t count = int64_t{3} << 29;  // 6 GiB of zeros in a file with one hole
    std::string header = R"({"w":{"dtype":"F32","shape":[)" + std::to_string(count) +
                         R"(],"data_offsets":[0,)" + std::to_string(4 * count) + "]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::string path = folder.write("large", raw<uint64_t>(header.size()) + header);
    std::filesystem::resize_file(path, 8 + header.size() + 4 * count);

    const int64_t before = resident_pages();
    const StoredTensors tensors = open_safetensors(std::make_shared<const File>(path));
    EXPECT_EQ(tensors.at("w").sizes(), at::IntArrayRef{count});
    EXPECT_LT((resident_pages() - before) * sysconf(_SC_PAGESIZE), int64_t{32} << 20);
}

TEST(Safetensors, RefusesHeadersThatLie) {
    const struct {
        const char* header;
        size_t data_size;
        const char* message;
    } kCases[] = {
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
         12, "'b' overlaps"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "belong to no tensor"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5, "1 bytes after the last"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4, "data_offsets"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "data_offsets"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "data_offsets"},
        {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
         "impossible shape"},
        {R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0,
         "impossible shape"},
        {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904,0],"data_offsets":[0,0]}})",
         0, "impossible shape"},
        {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "unexpected value"},
        {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
         "unexpected value"},
        {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "unexpected value"},
        {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})",
         4, "unexpected value"},
        {R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1, "'F8_E4M3'"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}})",
         4, "'a' twice"},
        {R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "lacks"},
        {R"({"a":{"dtype":"F32","shape":{"x":{}},"data_offsets":[0,4]}})", 4, "nested"},
        {R"({"a":[1]})", 0, "unexpected value"},
        {R"({"a":null})", 0, "unexpected value"},
        {R"([])", 0, "unexpected value"},
        {R"({"a":)", 0, "not valid JSON"},
        {R"({} trailing)", 0, "not valid JSON"},
        {"", 0, "not valid JSON"},
    };
    const TempFolder folder;
    for (const auto& c : kCases) {
        SCOPED_TRACE(c.header);
        const std::string path = folder.write("bad", safetensors_bytes(c.header, c.data_size));
        EXPECT_ERROR(read_safetensors(path), kBadFormat, c.message);
        EXPECT_ERROR(read_safetensors(path), kBadFormat, path);
    }
    const std::string nested(1'000'000, '[');
    EXPECT_ERROR(read_safetensors(folder.write("deep", safetensors_bytes(nested, 0))), kBadFormat,
                 "unexpected value");
}

// The length in the first eight bytes is believed only as far as the file goes.
TEST(Safetensors, RefusesHeaderLengthsBeyondTheFile) {
    const TempFolder folder;
    for (const uint64_t length : {uint64_t{3}, uint64_t{9'999'999}}) {
        EXPECT_ERROR(read_safetensors(folder.write("long", raw(length) + "{}")), kReadFailed,
                     "cut short");
    }
    for (const uint64_t length : {uint64_t{99'999'999}, std::numeric_limits<uint64_t>::max()}) {
        EXPECT_ERROR(read_safetensors(folder.write("long", raw(length) + "{}")), kBadFormat,
                     "not a safetensors file");
    }
    EXPECT_ERROR(read_safetensors(folder.write("short", "1234567")), kReadFailed, "cut short");
}

TEST(Safetensors, FilesThatCannotBeOpenedAreNamed) {
    const TempFolder folder;
    EXPECT_ERROR(read_safetensors(folder.path("none")), kNotFound, folder.path("none"));
    EXPECT_ERROR(read_safetensors(folder.path("")), kReadFailed, "not a regular file");
}

TEST(Safetensors, WritesWhatItReads) {
    const TempFolder folder;
    const TensorMap tensors = {{"byte", at::arange(3, at::kByte)},
                               {"transposed", counting({4, 6}).t()},
                               {"bf16", counting({5}, at::kBFloat16)},
                               {"empty", at::empty({2, 0})},
                               {"scalar", counting({}).to(at::kDouble)}};
    const Metadata metadata = {{"source", "caf\u00e9 \"1\""}};
    write_safetensors(folder.path("out"), tensors, metadata);

    Metadata read_metadata;
    const TensorMap read = read_safetensors(folder.path("out"), &read_metadata);
    EXPECT_EQ(read.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) EXPECT_TRUE(same(read.at(name), tensor)) << name;
    EXPECT_EQ(read_metadata, metadata);
}

// Replacing a file, even by its own tensors, leaves old readers what they had.
TEST(Safetensors, ReplacesAFileThatIsInUse) {
    const TempFolder folder;
    const std::string path = folder.path("weights");
    write_safetensors(path, {{"a", counting({8})}});
    const TensorMap old = read_safetensors(path);
    write_safetensors(path, {{"a", old.at("a") * 2}, {"b", old.at("a")}});
    EXPECT_TRUE(same(old.at("a"), counting({8})));
    EXPECT_TRUE(same(read_safetensors(path).at("a"), counting({8}) * 2));
    EXPECT_TRUE(same(read_safetensors(path).at("b"), counting({8})));
}

TEST(Safetensors, WriteRefusesWhatTheFormatCannotHold) {
    const TempFolder folder;
    const std::string path = folder.write("kept", "old");
    const at::Tensor complex = at::zeros({1}, at::kComplexFloat);
    EXPECT_ERROR(write_safetensors(path, {{"c", complex}}), kInvalidArgument, "'c'");
    EXPECT_ERROR(write_safetensors(path, {{"\xff", counting({1})}}), kInvalidArgument, "UTF-8");
    EXPECT_ERROR(write_safetensors(path, {{"__metadata__", counting({1})}}), kInvalidArgument,
                 "__metadata__");
    EXPECT_EQ(read_file(path), "old");
    EXPECT_ERROR(write_safetensors(folder.path("no/folder"), {}), kReadFailed, "cannot be written");
}

}  // namespace
}  // namespace flashvsr
