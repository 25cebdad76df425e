// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/weights.h"

#include <gtest/gtest.h>

#include "models/checkpoint/safetensors.h"
#include "tests/models/checkpoint/files.h"

namespace flashvsr {
namespace {

using Names = std::vector<std::string>;

Weights weights_of(const Names& names) {
    TensorMap tensors;
    for (const std::string& name : names) tensors[name] = counting({2, 3});
    return Weights::from(tensors, "test");
}

TEST(Weights, TellsFormatsApartByContent) {
    const TempFolder folder;
    EXPECT_TRUE(Weights::open(data_file("types.safetensors")).has("bf16"));
    EXPECT_TRUE(Weights::open(data_file("types.pth")).has("bf16"));
    const std::string misnamed =
        folder.write("misnamed.ckpt", read_file(data_file("types.safetensors")));
    EXPECT_TRUE(Weights::open(misnamed).has("bf16"));

    EXPECT_ERROR(Weights::open(data_file("legacy.pth")), kBadFormat, "save it again");
    EXPECT_ERROR(Weights::open(data_file("make.py")), kBadFormat, "neither safetensors nor");
    EXPECT_ERROR(Weights::open(folder.write("empty", "")), kReadFailed, "cut short");
    EXPECT_ERROR(Weights::open(folder.path("none")), kNotFound, "none");
}

TEST(Weights, StripsAWrapperThatAllNamesCarry) {
    const Names plain = {"a.weight", "b"};
    EXPECT_EQ(weights_of({"a.weight", "b"}).names(), plain);
    EXPECT_EQ(weights_of({"model.a.weight", "model.b"}).names(), plain);
    EXPECT_EQ(weights_of({"module.a.weight", "module.b"}).names(), plain);
    EXPECT_EQ(weights_of({"model.diffusion_model.a.weight", "model.diffusion_model.b"}).names(),
              plain);
    EXPECT_EQ(weights_of({"module.model.a.weight", "module.model.b", "vace.c"}).names(), plain);
    EXPECT_EQ(weights_of({"model.a", "b"}).names(), (Names{"b", "model.a"}));
}

// One file that holds every network, as some repacks do (docs/model.md section 1.1).
TEST(Weights, SelectsOneNetworkOfACombinedFile) {
    const Weights all = weights_of({"blocks.0.modulation", "lq_proj_in.conv1.weight",
                                    "positive_conditioning", "tc_decoder.decoder.1.bias"});
    EXPECT_EQ(all.select("dit.").names(), Names{"blocks.0.modulation"});
    EXPECT_EQ(all.select("lq_proj_in.").names(), Names{"conv1.weight"});
    EXPECT_EQ(all.select("tc_decoder.").names(), Names{"decoder.1.bias"});
    EXPECT_EQ(all.select("positive_conditioning").names(), Names{""});

    EXPECT_EQ(weights_of({"conv1.weight"}).select("lq_proj_in.").names(), Names{"conv1.weight"});
    EXPECT_EQ(weights_of({"dit.x", "tc_decoder.y"}).select("dit.").names(), Names{"x"});
    EXPECT_EQ(weights_of({""}).select("positive_conditioning").names(), Names{""});
}

TEST(Weights, HandsOutTensorsOfTheShapeAskedFor) {
    Weights weights = Weights::from(
        {{"w", counting({2, 3}, at::kBFloat16)}, {"t", counting({4, 6}).t()}}, "test");
    EXPECT_EQ(weights.shape("w"), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(weights.shape("x"), std::nullopt);
    EXPECT_TRUE(same(weights.take("w", {-1, 3}), counting({2, 3}, at::kBFloat16)));
    EXPECT_TRUE(weights.take("t", {6, 4}).is_contiguous());
    weights.finish();
}

TEST(Weights, NamesEverythingThatIsWrongInOneError) {
    Weights weights = Weights::from({{"ints", at::zeros({2}, at::kLong)},
                                     {"left", counting({1})},
                                     {"rank", counting({2, 3})},
                                     {"size", counting({2, 3})},
                                     {"empty", at::zeros({0, 3})}},
                                    "folder/file.ckpt");
    EXPECT_EQ(weights.take("gone", {-1, 7}).numel(), 0);
    EXPECT_EQ(weights.take("gone", {-1, 7}).dim(), 2);
    for (const char* name : {"ints", "rank"}) weights.take(name, {2});
    weights.take("size", {4, -1});
    weights.take("empty", {-1, 3});
    EXPECT_ERROR(weights.finish(), kBadFormat, "folder/file.ckpt: ");
    EXPECT_ERROR(weights.finish(), kBadFormat, "missing: 'gone'");
    EXPECT_ERROR(weights.finish(), kBadFormat, "'size' has [2, 3], needs [4, *]");
    EXPECT_ERROR(weights.finish(), kBadFormat, "'rank' has [2, 3], needs [2]");
    EXPECT_ERROR(weights.finish(), kBadFormat, "'ints' holds Long, needs floating point");
    EXPECT_ERROR(weights.finish(), kBadFormat, "'empty' has [0, 3]");
    EXPECT_ERROR(weights.finish(), kBadFormat, "unexpected: 'left'");
}

// A size that is read from a missing tensor must not spoil the tensors that depend on it.
TEST(Weights, OneFaultIsNamedOnce) {
    Weights weights = Weights::from({{"bias", counting({5})}}, "test");
    const at::Tensor weight = weights.take("weight", {-1, 3});
    EXPECT_EQ(weights.take("bias", {weight.size(0)}).numel(), 5);
    const auto error = error_of([&] { weights.finish(); });
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(std::string(error->what()).find("bias"), std::string::npos) << error->what();
}

TEST(Weights, LongListsEndInACount) {
    Names names;
    for (int i = 100; i < 150; ++i) names.push_back(std::to_string(i));
    EXPECT_ERROR(weights_of(names).finish(), kBadFormat, "'119' and 30 more");
}

}  // namespace
}  // namespace flashvsr
