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
TensorMap without_prefix(const TensorMap& tensors, std::string_view prefix) {
    TensorMap rest;
    for (const auto& [name, tensor] : tensors) {
        if (begins_with(name, prefix)) rest[name.substr(prefix.size())] = tensor;
    }
    return rest;
}

TensorMap unwrapped(TensorMap tensors) {
    for (auto entry = tensors.begin(); entry != tensors.end();) {
        entry = begins_with(entry->first, kUnused) ? tensors.erase(entry) : std::next(entry);
    }
    for (const std::string_view wrapper : kWrappers) {
        if (tensors.empty()) break;
        TensorMap rest = without_prefix(tensors, wrapper);
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

Weights::Weights(TensorMap tensors, std::string source)
    : tensors_(unwrapped(std::move(tensors))), source_(std::move(source)) {}

Weights Weights::open(const std::string& path) { return Weights(read_checkpoint(path), path); }

Weights Weights::from(TensorMap tensors, std::string source) {
    return Weights(std::move(tensors), std::move(source));
}

Weights Weights::select(const std::string& prefix) const {
    TensorMap own = without_prefix(tensors_, prefix);
    if (!own.empty()) return Weights(std::move(own), source_ + " (" + prefix + ")");
    for (const auto& [name, tensor] : tensors_) {
        bool elsewhere = false;
        for (const std::string_view network : kNetworks) {
            elsewhere = elsewhere || begins_with(name, network);
        }
        if (!elsewhere) own[name] = tensor;
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

at::Tensor Weights::take(const std::string& name, at::IntArrayRef sizes) {
    const at::Tensor nothing = at::empty(std::vector<int64_t>(sizes.size(), 0), at::kFloat);
    const auto named = tensors_.find(name);
    if (named == tensors_.end()) {
        missing_.insert(name);
        return nothing;
    }
    taken_.insert(name);
    const at::Tensor& tensor = named->second;
    std::vector<int64_t> wanted = sizes.vec();
    std::replace(wanted.begin(), wanted.end(), int64_t{0}, int64_t{-1});
    bool fits = tensor.dim() == static_cast<int64_t>(wanted.size()) && tensor.numel() > 0;
    for (size_t i = 0; fits && i < wanted.size(); ++i) {
        fits = wanted[i] == -1 || wanted[i] == tensor.size(i);
    }
    if (!fits) {
        mismatched_[name] = "has " + shape_text(tensor.sizes()) + ", needs " + shape_text(wanted);
        return nothing;
    }
    if (!tensor.is_floating_point()) {
        mismatched_[name] =
            std::string("holds ") + c10::toString(tensor.scalar_type()) + ", needs floating point";
        return nothing;
    }
    return tensor.contiguous();
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
