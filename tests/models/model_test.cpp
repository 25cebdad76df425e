// SPDX-License-Identifier: Apache-2.0
// Loading a model: what the files must hold, and what a user is told when they do not.
#include "models/model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "models/error.h"
#include "tests/models/checkpoint/files.h"
#include "tests/models/support.h"
#include "tests/support/random_model.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

const char* const kDitFile = "diffusion_pytorch_model_streaming_dmd.safetensors";

Model load(ModelWeights weights) {
    return load_model(std::move(weights), ModelDescription{}, Placement{},
                      [](double, const char*) {});
}

// A copy of a small model's folder that a test may spoil.
class ModelFolder {
  public:
    ModelFolder() { fs::copy(MICRO_MODEL, path()); }

    std::string path() const { return folder_.path("model"); }
    std::string file(const std::string& name) const { return path() + "/" + name; }
    void remove(const std::string& name) const { fs::remove(file(name)); }
    void replace(const std::string& name, const std::string& by) const {
        fs::copy_file(fs::path(MICRO_MODEL) / by, file(name), fs::copy_options::overwrite_existing);
    }

  private:
    TempFolder folder_;
};

TensorMap tensors_of(Weights weights) {
    TensorMap tensors;
    for (const std::string& name : weights.names())
        tensors[name] = weights.take(name, std::vector<int64_t>(weights.shape(name)->size(), -1));
    return tensors;
}

// The model's weights with the transformer's changed by `change`.
template <typename Change>
ModelWeights spoiled(Change change) {
    ModelWeights weights = open_model_weights(MICRO_MODEL);
    TensorMap dit = tensors_of(weights.dit);
    change(dit);
    weights.dit = Weights::from(dit, "dit-file");
    return weights;
}

// docs/model.md section 1: tensors and parameters of the released files.
TEST(Model, ManifestsAreTheReleasedFiles) {
    const ModelShape shape = testing::released_shape();
    auto expect = [](const Manifest& manifest, size_t tensors, int64_t parameters) {
        int64_t count = 0;
        for (const auto& entry : manifest) count += c10::multiply_integers(entry.second);
        EXPECT_EQ(manifest.size(), tensors);
        EXPECT_EQ(count, parameters);
    };
    expect(Dit::manifest(shape.dit), 825, 1'418'996'800);
    expect(LqProjector::manifest(shape.projector), 8, 287'845'888);
    expect(TcDecoder::manifest(shape.decoder), 66, 45'338'371);
}

TEST(Model, LoadsAFolderAndReportsItsProgress) {
    std::vector<double> progress;
    const Model model = load_model(open_model_weights(MICRO_MODEL), ModelDescription{}, Placement{},
                                   [&](double share, const char*) { progress.push_back(share); });
    EXPECT_EQ(model.dit.config().layers, 2);
    EXPECT_GT(model.projector->parameters(), 0);
    EXPECT_GT(model.decoder->parameters(), 0);
    EXPECT_TRUE(std::is_sorted(progress.begin(), progress.end()));
    EXPECT_EQ(progress.front(), 0.0);
    EXPECT_EQ(progress.back(), 1.0);
}

TEST(Model, NamesTheFolderOrAllFilesThatAreMissing) {
    EXPECT_ERROR(open_model_weights("/nowhere/model"), kNotFound, "/nowhere/model does not exist");
    const ModelFolder folder;
    folder.remove(kDitFile);
    EXPECT_ERROR(open_model_weights(folder.path()), kNotFound, std::string("lacks ") + kDitFile);
    folder.remove("LQ_proj_in.ckpt");
    folder.remove("TCDecoder.ckpt");
    folder.remove("posi_prompt.pth");
    EXPECT_ERROR(open_model_weights(folder.path()), kNotFound,
                 std::string(kDitFile) + ", LQ_proj_in.ckpt, TCDecoder.ckpt, posi_prompt.pth");
}

TEST(Model, NamesTensorsThatAreMissingRenamedOrOfAnotherShape) {
    EXPECT_ERROR(
        load(spoiled([](TensorMap& dit) { dit.erase("blocks.1.self_attn.norm_k.weight"); })),
        kBadFormat, "missing: 'blocks.1.self_attn.norm_k.weight'");
    const ModelWeights renamed = spoiled([](TensorMap& dit) {
        auto tensor = dit.extract("blocks.0.ffn.2.bias");
        tensor.key() = "blocks.0.ffn.3.bias";
        dit.insert(std::move(tensor));
        dit["head.modulation"] = at::zeros({1, 3, 128});
    });
    EXPECT_ERROR(load(renamed), kBadFormat, "dit-file: ");
    EXPECT_ERROR(load(renamed), kBadFormat, "missing: 'blocks.0.ffn.2.bias'");
    EXPECT_ERROR(load(renamed), kBadFormat, "'blocks.0.ffn.3.bias'");
    EXPECT_ERROR(load(renamed), kBadFormat, "'head.modulation' has [1, 3, 128], needs [1, 2, 128]");
    // Sizes that the file itself decides.
    EXPECT_ERROR(load(spoiled([](TensorMap& dit) { dit.erase("patch_embedding.weight"); })),
                 kBadFormat, "patch_embedding.weight is missing");
    EXPECT_ERROR(
        load(spoiled([](TensorMap& dit) { dit["patch_embedding.weight"] = at::ones({9}); })),
        kBadFormat, "patch_embedding.weight has too few axes");
}

TEST(Model, SaysWhichFileHoldsAnotherNetwork) {
    const char* const files[] = {kDitFile, "LQ_proj_in.ckpt", "TCDecoder.ckpt", "posi_prompt.pth"};
    for (const char* name : files)
        for (const char* by : files) {
            if (name == by) continue;
            const ModelFolder folder;
            folder.replace(name, by);
            EXPECT_ERROR(load(open_model_weights(folder.path())), kBadFormat, folder.file(name));
        }
}

TEST(Model, RefusesNetworksThatDoNotFitEachOther) {
    at::manual_seed(61);
    const ModelShape shape = testing::tiny_shape();
    ModelWeights weights = open_model_weights(MICRO_MODEL);
    LqProjector::Config narrow = shape.projector;
    narrow.dim = 64;
    weights.projector =
        Weights::from(testing::random_tensors(LqProjector::manifest(narrow)), "projector-file");
    EXPECT_ERROR(load(weights), kBadFormat,
                 "'linear_layers.0.weight' has [64, 24], needs [128, 24]");

    weights = open_model_weights(MICRO_MODEL);
    TcDecoder::Config wan22 = shape.decoder;
    wan22.latent_channels = 48;
    weights.decoder =
        Weights::from(testing::random_tensors(TcDecoder::manifest(wan22)), "decoder-file");
    EXPECT_ERROR(load(weights), kBadFormat, "'decoder.1.weight' has [16, 816, 3, 3]");

    weights = open_model_weights(MICRO_MODEL);
    weights.prompt = at::zeros({1, 8, 31});
    EXPECT_ERROR(load(weights), kBadFormat, "[1, tokens, 32]");
}

class DescriptionTest : public ::testing::Test {
  protected:
    ModelDescription describe(const std::string& name) const {
        fs::create_directories(folder_.path(name));
        return describe_model(folder_.path(name));
    }
    ModelDescription describe_text(const std::string& text) const {
        fs::create_directories(folder_.path("text"));
        folder_.write("text/model.json", text);
        return describe("text");
    }

    TempFolder folder_;
};

TEST_F(DescriptionTest, TakesTheVersionFromTheFileElseFromTheFolderName) {
    EXPECT_EQ(describe("FlashVSR").version, ModelVersion::k1);
    EXPECT_EQ(describe("FlashVSR-v1.1").version, ModelVersion::k1_1);
    EXPECT_EQ(describe("FlashVSR-v1.1/").version, ModelVersion::k1_1);
    folder_.write("FlashVSR/model.json", R"({"version": "1.1"})");
    EXPECT_EQ(describe("FlashVSR").version, ModelVersion::k1_1);
    folder_.write("FlashVSR-v1.1/model.json", R"({"version": "1"})");
    EXPECT_EQ(describe("FlashVSR-v1.1").version, ModelVersion::k1);
}

TEST_F(DescriptionTest, HoldsTheGraphOfASmallDecoder) {
    const TcDecoder::Graph graph =
        describe_text(R"({"version": "1", "decoder": {"patch": 4, "upsample": [1, 1, 1],
                          "shuffle": 4, "leak": 0.1, "skip": true}})")
            .decoder;
    EXPECT_EQ(graph.patch, 4);
    EXPECT_EQ(graph.upsample, (std::array<int64_t, 3>{1, 1, 1}));
    EXPECT_EQ(graph.shuffle, 4);
    EXPECT_EQ(graph.leak, 0.1);
    EXPECT_TRUE(graph.skip);
    const TcDecoder::Graph released = describe_text(R"({"version": "1"})").decoder;
    EXPECT_EQ(released.upsample, (std::array<int64_t, 3>{2, 2, 2}));
    EXPECT_EQ(released.shuffle, 1);
}

TEST_F(DescriptionTest, RefusesWhatItCannotRead) {
    for (const char* text :
         {"", "{}", "[]", "null", R"({"version": 1.1})", R"({"version": "2"})",
          R"({"version": "1", "decoder": 3})", R"({"version": "1", "decoder": {"shuffle": 2}})",
          R"({"version": "1", "decoder": {"upsample": [2, 2]}})",
          R"({"version": "1", "decoder": {"patch": 3, "shuffle": 3, "upsample": [1, 1, 1]}})",
          R"({"version": "1", "decoder": {"patch": 4}})",
          R"({"version": "1", "decoder": {"upsample": [-2, -4, 1]}})",
          R"({"version": "1", "decoder": {"upsample": [2, 2, 2, 1]}})",
          R"({"version": "1", "decoder": {"shuffle": 9223372036854775807}})",
          R"({"version": "1", "decoder": {"patch": 1e300}})",
          R"({"version": "1", "decoder": {"leak": 1e300}})",
          R"({"version": "1", "decoder": {"leak": "much"}})"})
        EXPECT_ERROR(describe_text(text), kBadFormat, "model.json");
    EXPECT_ERROR(describe_text(std::string(1 << 20, '[')), kBadFormat, "more than 64 KiB");
    EXPECT_ERROR(describe_text(std::string(60 << 10, '[')), kBadFormat, "model.json");
}

// A description that is there and cannot be read is not passed over.
TEST_F(DescriptionTest, IsARegularFile) {
    fs::create_directories(folder_.path("text/model.json"));
    EXPECT_ERROR(describe("text"), kReadFailed, "model.json: not a regular file");
    fs::remove(folder_.path("text/model.json"));
    fs::create_symlink("nowhere", folder_.path("text/model.json"));
    EXPECT_ERROR(describe("text"), kNotFound, "model.json");
}

}  // namespace
}  // namespace flashvsr
