// SPDX-License-Identifier: Apache-2.0
// Files that change while they are read, and files that ask for too much.
#include "models/checkpoint/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>

#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/weights.h"
#include "tests/models/checkpoint/files.h"
#include "tests/models/checkpoint/zip_builder.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

// A file of each format with a tensor "w" of four floats at its end.
class ChangingFile : public testing::TestWithParam<bool> {
  protected:
    std::string bytes() const {
        if (!GetParam()) {
            write_safetensors(folder_.path("source"), {{"w", counting({2, 2})}});
            return read_file(folder_.path("source"));
        }
        ZipBuilder zip;
        zip.add("model/data.pkl", pickle_dict({{"w", {}}}));
        const at::Tensor data = counting({4});
        zip.add("model/data/0", {static_cast<const char*>(data.data_ptr()), 16});
        return zip.bytes();
    }
    static at::Tensor take(Weights& weights) { return weights.take("w", {2, 2}); }

    TempFolder folder_;
    const std::string path_ = folder_.write("weights", bytes());
    Weights weights_ = Weights::open(path_);
};

TEST_P(ChangingFile, ThatShrinksIsNamed) {
    fs::resize_file(path_, 40);
    EXPECT_ERROR(take(weights_), kReadFailed, path_ + ": cut short");
    fs::resize_file(path_, 0);
    EXPECT_ERROR(take(weights_), kReadFailed, path_ + ": cut short");
}

TEST_P(ChangingFile, ThatIsWrittenToIsNamed) {
    std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << bytes();
    fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::seconds(1));
    EXPECT_ERROR(take(weights_), kReadFailed, path_ + ": was written to");
}

TEST_P(ChangingFile, ThatIsReplacedIsReadToItsEnd) {
    fs::rename(folder_.write("other", "something else"), path_);
    EXPECT_TRUE(same(take(weights_), counting({2, 2})));
}

// What was read is memory of its own.
TEST_P(ChangingFile, ThatShrinksLaterIsOfNoConcern) {
    const at::Tensor tensor = take(weights_);
    fs::resize_file(path_, 0);
    EXPECT_TRUE(same(tensor, counting({2, 2})));
}

INSTANTIATE_TEST_SUITE_P(Formats, ChangingFile, testing::Bool(),
                         [](const auto& info) { return info.param ? "torch" : "safetensors"; });

TEST(File, ThatIsNoneIsRefusedAtOnce) {
    const TempFolder folder;
    const std::string pipe = folder.path("pipe");
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_ERROR(Weights::open(pipe), kReadFailed, pipe + ": not a regular file");
    EXPECT_ERROR(Weights::open(folder.path("")), kReadFailed, "not a regular file");
}

TEST(Limits, NumberOfTensors) {
    const TempFolder folder;
    std::string header = "{";
    std::vector<std::pair<std::string, PickleTensor>> tensors;
    ZipBuilder zip;
    for (int i = 0; i < 30'000; ++i) {
        const std::string name = std::to_string(i);
        header +=
            (i > 0 ? ",\"" : "\"") + name + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
        if (i < 21'000) tensors.emplace_back(name, PickleTensor());
        zip.add(name, "");
    }
    header += "}";
    EXPECT_ERROR(Weights::open(folder.write("safetensors", raw<uint64_t>(header.size()) + header)),
                 kBadFormat, "more than 20000 tensors");
    EXPECT_ERROR(Weights::open(folder.write("members", zip.bytes())), kBadFormat,
                 "more than 20000 tensors");
    ZipBuilder views;
    views.add("model/data.pkl", pickle_dict(tensors));
    views.add("model/data/0", std::string(16, '\0'));
    EXPECT_ERROR(Weights::open(folder.write("views", views.bytes())), kBadFormat,
                 "more than 20000 tensors");
}

// Views of one storage, which would take a thousand times the file's size.
TEST(Limits, SizeOfViews) {
    const TempFolder folder;
    std::vector<std::pair<std::string, PickleTensor>> tensors;
    for (int i = 0; i < 1000; ++i)
        tensors.emplace_back(std::to_string(i),
                             PickleTensor{"FloatStorage", "0", 100'000, 0, {100'000}, {1}});
    ZipBuilder zip;
    zip.add("model/data.pkl", pickle_dict(tensors));
    zip.add("model/data/0", std::string(400'000, '\0'));
    EXPECT_ERROR(Weights::open(folder.write("zip", zip.bytes())), kBadFormat, "several times");
}

}  // namespace
}  // namespace flashvsr
