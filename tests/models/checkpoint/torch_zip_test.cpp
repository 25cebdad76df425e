// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/torch_zip.h"

#include <gtest/gtest.h>

#include "tests/models/checkpoint/files.h"
#include "tests/models/checkpoint/zip_builder.h"

namespace flashvsr {
namespace {

TensorMap read_torch_zip(const std::string& path) {
    return read_all(open_torch_zip(std::make_shared<const File>(path)));
}

void expect_types(const TensorMap& tensors) {
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
}

TEST(TorchZip, ReadsEveryTypeThatPyTorchWrote) {
    expect_types(read_torch_zip(data_file("types.pth")));
    expect_types(read_torch_zip(data_file("protocol5.pth")));
}

TEST(TorchZip, KeepsViews) {
    const TensorMap tensors = read_torch_zip(data_file("views.pth"));
    const at::Tensor base = counting({4, 6});
    EXPECT_TRUE(same(tensors.at("whole"), base));
    EXPECT_TRUE(same(tensors.at("rows"), base.slice(0, 1, 3)));
    EXPECT_TRUE(same(tensors.at("column"), base.select(1, 2)));
    EXPECT_TRUE(same(tensors.at("transposed"), base.t()));
}

TEST(TorchZip, ReadsStateDictsAndUnwrapsThem) {
    for (const char* name : {"state_dict.pth", "wrapped.pth"}) {
        const TensorMap tensors = read_torch_zip(data_file(name));
        EXPECT_EQ(tensors.size(), 2u);
        EXPECT_TRUE(same(tensors.at("layer.weight"), counting({2, 3}))) << name;
        EXPECT_TRUE(same(tensors.at("layer.bias"), counting({2}))) << name;
    }
}

TEST(TorchZip, ReadsASingleTensor) {
    const TensorMap tensors = read_torch_zip(data_file("single.pth"));
    EXPECT_EQ(tensors.size(), 1u);
    EXPECT_TRUE(same(tensors.at(""), counting({1, 2, 4}, at::kBFloat16)));
}

TEST(TorchZip, RefusesWhatItWillNotRead) {
    EXPECT_ERROR(read_torch_zip(data_file("attack.pth")), kBadFormat, "'posix.system'");
    EXPECT_FALSE(std::filesystem::exists("attacked"));
    EXPECT_ERROR(read_torch_zip(data_file("deflated.pth")), kBadFormat, "is compressed");
    EXPECT_ERROR(read_torch_zip(data_file("expanded.pth")), kBadFormat, "does not fit its storage");
}

// ---- archives built by hand: one good tensor of four floats, then one thing wrong ----

struct Case {
    PickleTensor tensor;
    std::string byteorder = "little";
    std::vector<float> data = {-1.f, -.875f, -.75f, -.625f};
};

ZipBuilder archive(const Case& c) {
    ZipBuilder zip;
    zip.add("model/data.pkl", pickle_dict({{"w", c.tensor}}));
    zip.add("model/byteorder", c.byteorder);
    zip.add("model/data/0", {reinterpret_cast<const char*>(c.data.data()), 4 * c.data.size()});
    return zip;
}

TEST(TorchZip, ReadsArchivesWithAndWithoutZip64Fields) {
    const TempFolder folder;
    for (const bool zip64 : {false, true}) {
        ZipBuilder zip = archive({});
        zip.zip64 = zip64;
        const TensorMap tensors = read_torch_zip(folder.write("zip", zip.bytes()));
        EXPECT_TRUE(same(tensors.at("w"), counting({2, 2}))) << zip64;
    }
}

// Storages need not be aligned in an archive that something else than PyTorch packed.
TEST(TorchZip, ReadsMisalignedStorages) {
    const TempFolder folder;
    for (const char* name : {"a", "ab", "abc", "abcd"}) {
        ZipBuilder zip;
        zip.add(name, "");
        zip.append(archive({}));
        const TensorMap tensors = read_torch_zip(folder.write("zip", zip.bytes()));
        EXPECT_TRUE(same(tensors.at("w"), counting({2, 2})));
    }
}

TEST(TorchZip, RefusesTensorsThatLeaveTheirStorage) {
    const int64_t huge = int64_t{1} << 62;
    const struct {
        PickleTensor tensor;
        const char* message;
    } kCases[] = {
        {{"FloatStorage", "0", 4, 1, {2, 2}, {2, 1}}, "does not fit"},
        {{"FloatStorage", "0", 4, 0, {2, 2}, {3, 1}}, "does not fit"},
        {{"FloatStorage", "0", 4, 0, {5}, {0}}, "does not fit"},
        {{"FloatStorage", "0", 4, 0, {huge, 4}, {1, 1}}, "does not fit"},
        {{"FloatStorage", "0", 4, huge, {2, 2}, {huge, huge}}, "does not fit"},
        {{"FloatStorage", "0", 4, -1, {1}, {1}}, "make no sense"},
        {{"FloatStorage", "0", 4, 0, {-1}, {1}}, "negative"},
        {{"FloatStorage", "0", 4, 1, {2}, {-1}}, "negative"},
        {{"FloatStorage", "0", 4, 0, {4}, {1, 1}}, "make no sense"},
        {{"FloatStorage", "0", 5, 0, {4}, {1}}, "claims 5 elements"},
        {{"FloatStorage", "0", huge, 0, {4}, {1}}, "claims"},
        {{"FloatStorage", "0", -4, 0, {4}, {1}}, "make no sense"},
        {{"DoubleStorage", "0", 4, 0, {4}, {1}}, "claims 4 elements"},
        {{"FloatStorage", "1", 4, 0, {4}, {1}}, "does not hold"},
        {{"FloatStorage", "../data.pkl", 4, 0, {4}, {1}}, "does not hold"},
        {{"ComplexFloatStorage", "0", 2, 0, {2}, {1}}, "unsupported type"},
    };
    const TempFolder folder;
    for (const auto& c : kCases) {
        SCOPED_TRACE(c.message);
        const std::string path = folder.write("zip", archive({c.tensor}).bytes());
        EXPECT_ERROR(read_torch_zip(path), kBadFormat, c.message);
        EXPECT_ERROR(read_torch_zip(path), kBadFormat, path);
    }
}

TEST(TorchZip, RefusesBigEndianData) {
    const TempFolder folder;
    Case big;
    big.byteorder = "big";
    EXPECT_ERROR(read_torch_zip(folder.write("zip", archive(big).bytes())), kBadFormat,
                 "little-endian");
}

// A member whose whole record lies in the data of another: quadratic archives are made like this.
void nest_members(ZipBuilder& zip) {
    ZipBuilder::Entry outer, inner;
    inner.name = inner.local_name = "inner";
    inner.data = "data";
    inner.listed_only = true;
    outer.name = outer.local_name = "outer";
    outer.data = zip.local_header(inner) + inner.data;
    inner.offset = zip.local_header(outer).size();
    zip.entries.insert(zip.entries.begin(), {outer, inner});
}

TEST(TorchZip, RefusesDirectoriesThatLie) {
    const struct {
        const char* message;
        void (*spoil)(ZipBuilder& zip);
    } kCases[] = {
        {"disagree about the size", [](ZipBuilder& zip) { zip.entries[2].local_size = 17; }},
        {"disagree about", [](ZipBuilder& zip) { zip.entries[2].local_name = "model/data/1"; }},
        {"disagree about", [](ZipBuilder& zip) { zip.entries[2].local_method = 8; }},
        {"size", [](ZipBuilder& zip) { zip.entries[2].size = 1 << 30; }},
        {"size", [](ZipBuilder& zip) { zip.entries[2].size = UINT32_MAX - 1; }},
        {"reaches into the directory",
         [](ZipBuilder& zip) { zip.entries[2].size = zip.entries[2].local_size = 1 << 30; }},
        {"sizes of 'model/data/0' disagree",
         [](ZipBuilder& zip) { zip.entries[2].stored_size = 1; }},
        {"past the end", [](ZipBuilder& zip) { zip.entries[2].offset = UINT32_MAX - 1; }},
        {"not where the directory says", [](ZipBuilder& zip) { zip.entries[2].offset = 1; }},
        {"is encrypted", [](ZipBuilder& zip) { zip.entries[2].flags = 1; }},
        {"is compressed", [](ZipBuilder& zip) { zip.entries[2].method = 8; }},
        {"two members named",
         [](ZipBuilder& zip) { zip.entries.push_back(ZipBuilder::Entry(zip.entries[2])); }},
        {"two members overlap", nest_members},
        {"not one that torch.save wrote",
         [](ZipBuilder& zip) { zip.entries.erase(zip.entries.begin()); }},
        {"directory entry is missing", [](ZipBuilder& zip) { zip.extra_count = 1; }},
        {"more than its entries", [](ZipBuilder& zip) { zip.extra_count = -1; }},
        {"does not lie before", [](ZipBuilder& zip) { zip.directory_size = 10; }},
        {"does not lie before", [](ZipBuilder& zip) { zip.directory_size = UINT32_MAX - 1; }},
    };
    const TempFolder folder;
    for (const auto& c : kCases) {
        for (const bool zip64 : {false, true}) {
            SCOPED_TRACE(c.message + std::string(zip64 ? ", zip64" : ""));
            ZipBuilder zip = archive({});
            zip.zip64 = zip64;
            c.spoil(zip);
            EXPECT_ERROR(read_torch_zip(folder.write("zip", zip.bytes())), kBadFormat, c.message);
        }
    }
}

}  // namespace
}  // namespace flashvsr
