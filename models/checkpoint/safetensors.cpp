// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/safetensors.h"

#include <c10/util/strides.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "models/error.h"

namespace flashvsr {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;              // the header's length, little endian
constexpr uint64_t kMaxHeaderBytes = 16 << 20;  // the format allows 100 MB
constexpr size_t kMaxRank = 16;
const std::string kMetadataKey = "__metadata__";

struct NamedType {
    const char* name;
    at::ScalarType dtype;
};
constexpr NamedType kTypes[] = {
    {"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
    {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
    {"U8", at::kByte},    {"BOOL", at::kBool},
};

struct Entry {
    std::string name;
    std::optional<at::ScalarType> dtype;
    std::optional<std::vector<int64_t>> shape;
    std::optional<std::vector<int64_t>> offsets;
    int64_t begin = 0, end = 0;  // the offsets, once checked
};

[[noreturn]] void fail(Error::Kind kind, const std::string& path, const std::string& message) {
    throw Error(kind, path + ": " + message);
}

// Takes {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} as it is parsed,
// so that memory never holds more than the entries themselves, however the text is nested.
class HeaderReader : public json::json_sax_t {
  public:
    HeaderReader(const std::string& path, Metadata* metadata) : path_(path), metadata_(metadata) {}

    std::vector<Entry> entries;

    bool key(std::string& key) override {
        if (depth_ == 1) {
            if (!names_.insert(key).second) refuse("names " + printable(key) + " twice");
            if (names_.size() > kMaxTensors + 1) refuse(kTooManyTensors);
            in_metadata_ = key == kMetadataKey;
            entry_ = Entry();
            entry_.name = key;
        } else {
            field_ = key;
        }
        return true;
    }
    bool start_object(size_t) override {
        if (++depth_ > 2 || in_array_) refuse("is nested too deeply at " + printable(entry_.name));
        return true;
    }
    bool end_object() override {
        if (--depth_ == 1 && !in_metadata_) {
            if (!entry_.dtype || !entry_.shape || !entry_.offsets) {
                refuse("lacks dtype, shape or data_offsets for " + printable(entry_.name));
            }
            entries.push_back(std::move(entry_));
        }
        return true;
    }
    bool start_array(size_t) override {
        auto& array = field_ == "shape" ? entry_.shape : entry_.offsets;
        const bool known = field_ == "shape" || field_ == "data_offsets";
        if (depth_ != 2 || in_metadata_ || in_array_ || !known || array) unexpected();
        array.emplace();
        in_array_ = true;
        return true;
    }
    bool end_array() override {
        in_array_ = false;
        return true;
    }
    bool number_unsigned(json::number_unsigned_t value) override {
        if (!in_array_ || value > static_cast<uint64_t>(INT64_MAX)) unexpected();
        auto& array = field_ == "shape" ? *entry_.shape : *entry_.offsets;
        if (array.size() == kMaxRank) unexpected();
        array.push_back(static_cast<int64_t>(value));
        return true;
    }
    bool string(std::string& value) override {
        if (depth_ != 2 || in_array_) unexpected();
        if (in_metadata_) {
            if (metadata_ != nullptr) (*metadata_)[field_] = value;
            return true;
        }
        if (field_ != "dtype") unexpected();
        const auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                       [&](const NamedType& t) { return value == t.name; });
        if (type == std::end(kTypes)) {
            refuse("gives " + printable(entry_.name) + " the unsupported dtype " +
                   printable(value) + "; convert it to F32, F16 or BF16");
        }
        entry_.dtype = type->dtype;
        return true;
    }
    bool null() override { unexpected(); }
    bool boolean(bool) override { unexpected(); }
    bool number_integer(json::number_integer_t) override { unexpected(); }
    bool number_float(json::number_float_t, const std::string&) override { unexpected(); }
    bool binary(json::binary_t&) override { unexpected(); }
    bool parse_error(size_t position, const std::string&,
                     const nlohmann::detail::exception&) override {
        refuse("is not valid JSON at its byte " + std::to_string(position));
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        fail(Error::Kind::kBadFormat, path_, "safetensors header " + what);
    }
    [[noreturn]] void unexpected() const {
        refuse("has an unexpected value in " + printable(entry_.name) + ", field " +
               printable(field_));
    }

    const std::string& path_;
    Metadata* metadata_;
    int depth_ = 0;
    bool in_array_ = false;
    bool in_metadata_ = false;
    Entry entry_;
    std::string field_;
    std::set<std::string> names_;
};

// The header's text, after its length has been checked against the file.
std::string header_text(const File& file) {
    uint64_t length = 0;
    if (file.size() < kLengthBytes) {
        fail(Error::Kind::kReadFailed, file.path(), "cut short: no safetensors header");
    }
    file.read(0, &length, kLengthBytes);
    if (length > kMaxHeaderBytes) {
        fail(Error::Kind::kBadFormat, file.path(),
             "not a safetensors file of this model: a header of " + std::to_string(length) +
                 " bytes, where 16 MiB are read at most");
    }
    if (length > file.size() - kLengthBytes) {
        fail(Error::Kind::kReadFailed, file.path(),
             "cut short: the safetensors header needs " + std::to_string(length) + " bytes, " +
                 std::to_string(file.size() - kLengthBytes) + " are left");
    }
    return file.text(kLengthBytes, length);
}

// Shapes agree with byte ranges, and the ranges fill the data without holes or overlaps, as the
// format demands.
void check_entries(std::vector<Entry>& entries, size_t data_size, const std::string& path) {
    for (Entry& entry : entries) {
        int64_t bytes = 0;
        if (!checked_numel(*entry.shape, &bytes) ||
            !checked_multiply(bytes, c10::elementSize(*entry.dtype), &bytes)) {
            fail(Error::Kind::kBadFormat, path, printable(entry.name) + " has an impossible shape");
        }
        const std::vector<int64_t>& range = *entry.offsets;
        if (range.size() != 2 || range[0] > range[1] || range[1] - range[0] != bytes) {
            fail(Error::Kind::kBadFormat, path,
                 printable(entry.name) + " has data_offsets that do not fit its shape");
        }
        if (static_cast<uint64_t>(range[1]) > data_size) {
            fail(Error::Kind::kReadFailed, path,
                 "cut short: " + printable(entry.name) + " ends at byte " +
                     std::to_string(range[1]) + " of the data, which have " +
                     std::to_string(data_size));
        }
        entry.begin = range[0];
        entry.end = range[1];
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    int64_t end = 0;
    for (const Entry& entry : entries) {
        if (entry.begin != end) {
            fail(Error::Kind::kBadFormat, path,
                 printable(entry.name) + (entry.begin < end
                                              ? " overlaps another tensor"
                                              : " begins after bytes that belong to no tensor"));
        }
        end = entry.end;
    }
    if (static_cast<uint64_t>(end) != data_size) {
        fail(Error::Kind::kBadFormat, path,
             std::to_string(data_size - end) + " bytes after the last tensor belong to none");
    }
}

}  // namespace

StoredTensors open_safetensors(const std::shared_ptr<const File>& file, Metadata* metadata) {
    const std::string header = header_text(*file);
    HeaderReader reader(file->path(), metadata);
    json::sax_parse(header.begin(), header.end(), &reader);
    const uint64_t data_begin = kLengthBytes + header.size();
    check_entries(reader.entries, file->size() - data_begin, file->path());

    StoredTensors tensors;
    for (const Entry& entry : reader.entries) {
        const auto strides = c10::contiguous_strides(*entry.shape);
        tensors.emplace(entry.name, StoredTensor(file, data_begin + entry.begin, *entry.dtype,
                                                 *entry.shape, {strides.begin(), strides.end()}));
    }
    return tensors;
}

TensorMap read_safetensors(const std::string& path, Metadata* metadata) {
    return read_all(open_safetensors(std::make_shared<const File>(path), metadata));
}

void write_safetensors(const std::string& path, const TensorMap& tensors,
                       const Metadata& metadata) {
    // Wide elements first: every tensor is then aligned, and readers need not copy.
    std::vector<std::pair<std::string, at::Tensor>> ordered(tensors.begin(), tensors.end());
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
        return a.second.element_size() > b.second.element_size();
    });
    json header = json::object();
    if (!metadata.empty()) header[kMetadataKey] = metadata;
    int64_t offset = 0;
    for (const auto& [name, tensor] : ordered) {
        const auto type = std::find_if(
            std::begin(kTypes), std::end(kTypes),
            [&, &t = tensor](const NamedType& n) { return n.dtype == t.scalar_type(); });
        if (type == std::end(kTypes) || name == kMetadataKey) {
            fail(Error::Kind::kInvalidArgument, path,
                 "safetensors cannot hold " + printable(name) + " of type " +
                     c10::toString(tensor.scalar_type()));
        }
        const auto end = offset + static_cast<int64_t>(tensor.nbytes());
        header[name] = {{"dtype", type->name},
                        {"shape", tensor.sizes().vec()},
                        {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const json::exception&) {
        fail(Error::Kind::kInvalidArgument, path, "a name or metadata is not UTF-8");
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');

    const std::string partial = path + ".partial";
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    const uint64_t length = text.size();
    out.write(reinterpret_cast<const char*>(&length), kLengthBytes) << text;
    for (const auto& named : ordered) {
        const at::Tensor plain = named.second.detach().cpu().contiguous();
        out.write(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
    }
    out.close();
    std::error_code code;
    if (out.good()) std::filesystem::rename(partial, path, code);
    if (!out.good() || code) {
        std::filesystem::remove(partial, code);
        fail(Error::Kind::kReadFailed, path,
             "cannot be written; is the folder there, the disk full?");
    }
}

}  // namespace flashvsr
