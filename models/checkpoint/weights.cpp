// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/weights.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "models/checkpoint/checkpoint.h"
#include "models/error.h"

namespace flashvsr {
namespace {

constexpr std::string_view kWrappers[] = {"model.diffusion_model.", "model.", "module."};
constexpr std::string_view kNetworks[] = {"dit.", "lq_proj_in.", "tc_decoder.",
                                          "positive_conditioning"};
constexpr std::string_view kUnused = "vace";
constexpr size_t kMaxListed = 20;

bool begins_with(std::string_view name, std::string_view prefix) {
    return name.substr(0, prefix.size()) == prefix;
}

// The tensors whose names begin with `prefix`, without it.
StoredTensors without_prefix(const StoredTensors& tensors, std::string_view prefix) {
    StoredTensors rest;
    for (const auto& [name, tensor] : tensors) {
        if (begins_with(name, prefix)) rest.emplace(name.substr(prefix.size()), tensor);
    }
    return rest;
}

StoredTensors unwrapped(StoredTensors tensors) {
    for (auto entry = tensors.begin(); entry != tensors.end();) {
        entry = begins_with(entry->first, kUnused) ? tensors.erase(entry) : std::next(entry);
    }
    for (const std::string_view wrapper : kWrappers) {
        if (tensors.empty()) break;
        StoredTensors rest = without_prefix(tensors, wrapper);
        if (rest.size() == tensors.size()) return unwrapped(std::move(rest));
    }
    return tensors;
}

std::string shape_text(at::IntArrayRef sizes) {
    std::string text = "[";
    for (const int64_t size : sizes) {
        if (text.size() > 1) text += ", ";
        text += size >= 0 ? std::to_string(size) : "*";
    }
    return text + "]";
}

// "; missing: 'a', 'b'" or nothing.
std::string listed(const char* title, const std::vector<std::string>& problems) {
    if (problems.empty()) return "";
    std::string text = std::string("; ") + title + ": ";
    for (size_t i = 0; i < problems.size() && i < kMaxListed; ++i) {
        text += (i > 0 ? ", " : "") + problems[i];
    }
    if (problems.size() > kMaxListed) {
        text += " and " + std::to_string(problems.size() - kMaxListed) + " more";
    }
    return text;
}

}  // namespace

Weights::Weights(StoredTensors tensors, std::string source)
    : tensors_(unwrapped(std::move(tensors))), source_(std::move(source)) {}

Weights Weights::open(const std::string& path) { return Weights(open_checkpoint(path), path); }

Weights Weights::from(const TensorMap& tensors, std::string source) {
    return Weights({tensors.begin(), tensors.end()}, std::move(source));
}

Weights Weights::select(const std::string& prefix) const {
    StoredTensors own = without_prefix(tensors_, prefix);
    if (!own.empty()) return Weights(std::move(own), source_ + " (" + prefix + ")");
    for (const auto& [name, tensor] : tensors_) {
        bool elsewhere = false;
        for (const std::string_view network : kNetworks) {
            elsewhere = elsewhere || begins_with(name, network);
        }
        if (!elsewhere) own.emplace(name, tensor);
    }
    return Weights(std::move(own), source_);
}

std::vector<std::string> Weights::names() const {
    std::vector<std::string> names;
    for (const auto& named : tensors_) names.push_back(named.first);
    return names;
}

bool Weights::has(const std::string& name) const { return tensors_.count(name) > 0; }

std::optional<std::vector<int64_t>> Weights::shape(const std::string& name) const {
    const auto named = tensors_.find(name);
    if (named == tensors_.end()) return std::nullopt;
    return named->second.sizes().vec();
}

const StoredTensor* Weights::expect(const std::string& name, at::IntArrayRef sizes) {
    const auto named = tensors_.find(name);
    if (named == tensors_.end()) {
        missing_.insert(name);
        return nullptr;
    }
    taken_.insert(name);
    const StoredTensor& tensor = named->second;
    const at::IntArrayRef own = tensor.sizes();
    std::vector<int64_t> wanted = sizes.vec();
    std::replace(wanted.begin(), wanted.end(), int64_t{0}, int64_t{-1});
    bool fits = own.size() == wanted.size();
    for (size_t i = 0; fits && i < wanted.size(); ++i) {
        fits = own[i] > 0 && (wanted[i] == -1 || wanted[i] == own[i]);
    }
    if (!fits) {
        mismatched_[name] = "has " + shape_text(own) + ", needs " + shape_text(wanted);
        return nullptr;
    }
    if (!c10::isFloatingType(tensor.dtype())) {
        mismatched_[name] =
            std::string("holds ") + c10::toString(tensor.dtype()) + ", needs floating point";
        return nullptr;
    }
    return &tensor;
}

at::Tensor Weights::take(const std::string& name, at::IntArrayRef sizes) {
    const StoredTensor* tensor = expect(name, sizes);
    if (tensor) return tensor->read().contiguous();
    return at::empty(std::vector<int64_t>(sizes.size(), 0), at::kFloat);
}

at::Tensor Weights::take(const std::string& name, at::IntArrayRef sizes,
                         const at::TensorOptions& options) {
    const StoredTensor* tensor = expect(name, sizes);
    if (tensor) return tensor->read(options).contiguous();
    return at::empty(std::vector<int64_t>(sizes.size(), 0), options);
}

void Weights::finish() const {
    std::vector<std::string> missing, unexpected, mismatched;
    for (const std::string& name : missing_) missing.push_back(printable(name));
    for (const auto& named : tensors_) {
        if (taken_.count(named.first) == 0) unexpected.push_back(printable(named.first));
    }
    for (const auto& [name, problem] : mismatched_) {
        mismatched.push_back(printable(name) + " " + problem);
    }
    if (missing.empty() && unexpected.empty() && mismatched.empty()) return;
    throw Error(Error::Kind::kBadFormat,
                source_ + ": not the weights of this network" + listed("missing", missing) +
                    listed("mis-shaped", mismatched) + listed("unexpected", unexpected));
}

}  // namespace flashvsr
