// SPDX-License-Identifier: Apache-2.0
#include "models/description.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/checkpoint/file.h"
#include "models/error.h"

namespace flashvsr {
namespace {

namespace fs = std::filesystem;

ModelVersion version_from(const std::string& name) {
    if (name == "1") return ModelVersion::k1;
    if (name == "1.1") return ModelVersion::k1_1;
    throw std::invalid_argument("\"version\" should be \"1\" or \"1.1\"");
}

// A number that stands for a factor of sizes.
int64_t factor_from(const nlohmann::json& json, const std::string& name) {
    if (!json.is_number_unsigned() || json < 1u || json > 8u)
        throw std::invalid_argument("\"" + name + "\" should be a whole number within 1 and 8");
    return json.get<int64_t>();
}

TcDecoder::Graph graph_from(const nlohmann::json& json) {
    TcDecoder::Graph graph;
    if (json.contains("patch")) graph.patch = factor_from(json["patch"], "patch");
    if (json.contains("shuffle")) graph.shuffle = factor_from(json["shuffle"], "shuffle");
    graph.leak = json.value("leak", graph.leak);
    graph.skip = json.value("skip", graph.skip);
    if (json.contains("upsample")) {
        const nlohmann::json& factors = json["upsample"];
        if (!factors.is_array() || factors.size() != graph.upsample.size())
            throw std::invalid_argument("\"upsample\" should be " +
                                        std::to_string(graph.upsample.size()) + " numbers");
        for (size_t i = 0; i < graph.upsample.size(); ++i)
            graph.upsample[i] = factor_from(factors[i], "upsample");
    }
    int64_t factor = graph.shuffle;
    for (const int64_t upsample : graph.upsample) factor *= upsample;
    if (8 % graph.patch != 0) throw std::invalid_argument("\"patch\" should be 1, 2, 4 or 8");
    if (factor != graph.patch)
        throw std::invalid_argument("\"upsample\" and \"shuffle\" should multiply to \"patch\"");
    if (!(graph.leak >= 0 && graph.leak <= 1))
        throw std::invalid_argument("\"leak\" should lie within 0 and 1");
    return graph;
}

ModelDescription parse_description(const std::string& text) {
    const auto json = nlohmann::json::parse(text);
    ModelDescription description;
    description.version = version_from(json.at("version").get<std::string>());
    if (json.contains("decoder")) description.decoder = graph_from(json["decoder"]);
    return description;
}

ModelDescription read_description(const fs::path& path) {
    constexpr uint64_t kMaxBytes = 64 << 10;
    const File file(path.string());
    try {
        if (file.size() > kMaxBytes) throw std::invalid_argument("more than 64 KiB long");
        return parse_description(file.text(0, file.size()));
    } catch (const Error&) {
        throw;
    } catch (const std::exception& error) {
        throw Error(Error::Kind::kBadFormat,
                    path.string() + ": " + error.what() +
                        "; the least that it should say is {\"version\": \"1\"}");
    }
}

}  // namespace

ModelDescription describe_model(const std::string& dir) {
    const fs::path path = fs::path(dir) / "model.json";
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(path, ignored))) return read_description(path);
    const std::string name = fs::weakly_canonical(dir, ignored).filename().string();
    ModelDescription description;
    description.version =
        name.find("1.1") == std::string::npos ? ModelVersion::k1 : ModelVersion::k1_1;
    return description;
}

}  // namespace flashvsr
