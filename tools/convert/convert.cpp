// SPDX-License-Identifier: Apache-2.0
#include "tools/convert/convert.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/safetensors.h"
#include "models/error.h"
#include "models/model.h"

namespace flashvsr::convert {
namespace {

namespace fs = std::filesystem;

bool is_checkpoint(const fs::path& path) {
    static const std::set<std::string> endings = {".safetensors", ".ckpt", ".pth", ".pt"};
    return fs::is_regular_file(path) && endings.count(path.extension()) != 0;
}

std::vector<fs::path> checkpoints(const fs::path& from) {
    if (!fs::exists(from)) throw Error(Error::Kind::kNotFound, from.string() + " does not exist");
    if (!fs::is_directory(from)) return {from};
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(from))
        if (is_checkpoint(entry.path())) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    if (found.empty())
        throw Error(Error::Kind::kNotFound,
                    from.string() + " holds no .safetensors, .ckpt, .pth or .pt");
    return found;
}

fs::path target_of(const fs::path& file, const Options& options) {
    const fs::path target = fs::path(options.into) / (file.stem().string() + ".safetensors");
    if (fs::exists(target) && fs::equivalent(target, file))
        throw Error(Error::Kind::kInvalidArgument,
                    "the result would replace " + file.string() + "; name another folder for it");
    if (fs::exists(target) && !options.overwrite)
        throw Error(Error::Kind::kInvalidArgument,
                    target.string() + " exists; --overwrite replaces it");
    return target;
}

// `tensor` in `type` where that is smaller.
at::Tensor narrowed(const at::Tensor& tensor, at::ScalarType type, const std::string& name) {
    if (!tensor.is_floating_point() || tensor.itemsize() <= at::elementSize(type))
        return tensor.contiguous();
    const at::Tensor rounded = tensor.to(type).contiguous();
    if (!at::isfinite(rounded).equal(at::isfinite(tensor)))
        throw Error(Error::Kind::kBadFormat, "tensor " + printable(name) +
                                                 " holds a number that is too large for " +
                                                 at::toString(type) + "; take bf16");
    return rounded;
}

TensorMap narrowed(const StoredTensors& tensors, at::ScalarType type) {
    TensorMap result;
    for (const auto& [name, tensor] : tensors)
        // The prompt is a tensor without a name, which safetensors does not know.
        result[name.empty() ? "context" : name] = narrowed(tensor.read(), type, name);
    return result;
}

void compare(const TensorMap& expected, const std::string& path) {
    const StoredTensors found = open_checkpoint(path);
    bool equal = found.size() == expected.size();
    for (const auto& [name, tensor] : expected) {
        const auto other = found.find(name);
        equal = equal && other != found.end() && other->second.dtype() == tensor.scalar_type() &&
                other->second.read().equal(tensor);
    }
    if (!equal)
        throw Error(Error::Kind::kReadFailed,
                    path + " does not read back as it was written: is the disk in order?");
}

Repacked repack(const fs::path& file, const fs::path& target, at::ScalarType type) {
    const TensorMap tensors = narrowed(open_checkpoint(file.string()), type);
    write_safetensors(target.string(), tensors);
    compare(tensors, target.string());
    return {file.string(), target.string(), static_cast<int64_t>(tensors.size()),
            static_cast<int64_t>(fs::file_size(file)), static_cast<int64_t>(fs::file_size(target))};
}

void write_description(const Options& options) {
    const fs::path own = fs::path(options.from) / "model.json";
    const fs::path target = fs::path(options.into) / "model.json";
    if (fs::exists(own)) {
        fs::copy_file(own, target, fs::copy_options::overwrite_existing);
        return;
    }
    const bool newer = describe_model(options.from).version == ModelVersion::k1_1;
    std::ofstream file(target);
    file << nlohmann::json{{"version", newer ? "1.1" : "1"}}.dump() << "\n";
    if (!file.flush())
        throw Error(Error::Kind::kReadFailed, target.string() + " cannot be written");
}

}  // namespace

void convert(const Options& options, const std::function<void(const Repacked&)>& done) {
    const std::vector<fs::path> files = checkpoints(options.from);
    std::error_code problem;
    fs::create_directories(options.into, problem);
    if (problem) throw Error(Error::Kind::kReadFailed, options.into + ": " + problem.message());
    std::vector<fs::path> targets;
    targets.reserve(files.size());
    for (const fs::path& file : files) targets.push_back(target_of(file, options));
    for (size_t i = 0; i < files.size(); ++i) done(repack(files[i], targets[i], options.type));
    if (fs::is_directory(options.from)) write_description(options);
}

}  // namespace flashvsr::convert
