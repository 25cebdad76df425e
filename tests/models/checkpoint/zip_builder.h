// SPDX-License-Identifier: Apache-2.0
// Archives and pickles built byte by byte, so that a test can make any one field lie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/models/checkpoint/files.h"

namespace flashvsr {

// A zip archive of stored members. Every field of an entry that is set replaces the true value.
class ZipBuilder {
  public:
    struct Entry {
        std::string name, data;
        std::optional<uint64_t> size, stored_size, offset, local_size;  // directory, local header
        uint16_t flags = 0, method = 0, local_method = 0;
        std::string local_name = name;
        bool listed_only = false;  // in the directory, without a record of its own
    };

    std::vector<Entry> entries;
    bool zip64 = false;  // put every size and offset into 64-bit fields
    int extra_count = 0;
    std::optional<uint64_t> directory_size;

    void add(const std::string& name, const std::string& data) {
        Entry entry;
        entry.name = entry.local_name = name;
        entry.data = data;
        entries.push_back(entry);
    }
    void append(const ZipBuilder& other) {
        entries.insert(entries.end(), other.entries.begin(), other.entries.end());
    }

    std::string local_header(const Entry& entry) const {
        const uint64_t size = entry.local_size.value_or(entry.data.size());
        const std::string extra = zip64 ? extra_field({size, size}) : "";
        return raw(0x04034b50u) + raw<uint16_t>(20) + raw(entry.flags) + raw(entry.local_method) +
               std::string(8, '\0') + narrow(size) + narrow(size) +
               raw<uint16_t>(entry.local_name.size()) + raw<uint16_t>(extra.size()) +
               entry.local_name + extra;
    }

    std::string bytes() const {
        std::string file, directory;
        for (const Entry& entry : entries) {
            directory += directory_entry(entry, file.size());
            if (!entry.listed_only) file += local_header(entry) + entry.data;
        }
        const uint64_t begin = file.size();
        const uint64_t size = directory_size.value_or(directory.size());
        const uint64_t count = entries.size() + extra_count;
        file += directory;
        if (zip64) {
            const uint64_t record = file.size();
            file += raw(0x06064b50u) + raw<uint64_t>(44) + raw<uint16_t>(45) + raw<uint16_t>(45) +
                    raw<uint64_t>(0) + raw(count) + raw(count) + raw(size) + raw(begin);
            file += raw(0x07064b50u) + raw<uint32_t>(0) + raw(record) + raw<uint32_t>(1);
        }
        const uint16_t short_count = zip64 ? 0xffff : count;
        return file + raw(0x06054b50u) + raw<uint32_t>(0) + raw(short_count) + raw(short_count) +
               narrow(size) + narrow(begin) + raw<uint16_t>(0);
    }

  private:
    std::string narrow(uint64_t value) const {
        return raw<uint32_t>(zip64 ? UINT32_MAX : static_cast<uint32_t>(value));
    }
    static std::string extra_field(const std::vector<uint64_t>& values) {
        std::string field = raw<uint16_t>(1) + raw<uint16_t>(8 * values.size());
        for (const uint64_t value : values) field += raw(value);
        return field;
    }
    std::string directory_entry(const Entry& entry, uint64_t position) const {
        const uint64_t size = entry.size.value_or(entry.data.size());
        const uint64_t stored_size = entry.stored_size.value_or(size);
        const uint64_t offset = entry.offset.value_or(position);
        const std::string extra = zip64 ? extra_field({size, stored_size, offset}) : "";
        return raw(0x02014b50u) + raw<uint32_t>(20) + raw(entry.flags) + raw(entry.method) +
               std::string(8, '\0') + narrow(stored_size) + narrow(size) +
               raw<uint16_t>(entry.name.size()) + raw<uint16_t>(extra.size()) +
               std::string(10, '\0') + narrow(offset) + entry.name + extra;
    }
};

// What torch.save writes about one tensor; by default a good one of shape [2, 2].
struct PickleTensor {
    std::string type = "FloatStorage", key = "0";
    int64_t numel = 4, offset = 0;
    std::vector<int64_t> sizes = {2, 2}, strides = {2, 1};
};

inline std::string pickle_text(const std::string& text) {
    return "X" + raw<uint32_t>(text.size()) + text;
}
inline std::string pickle_int(int64_t value) { return "\x8a\x08" + raw(value); }
inline std::string pickle_ints(const std::vector<int64_t>& values) {
    std::string text = "(";
    for (const int64_t value : values) text += pickle_int(value);
    return text + "t";
}
inline std::string pickle_tensor(const PickleTensor& tensor) {
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + pickle_text("storage") + "ctorch\n" +
           tensor.type + "\n" + pickle_text(tensor.key) + pickle_text("cpu") +
           pickle_int(tensor.numel) + "tQ" + pickle_int(tensor.offset) + pickle_ints(tensor.sizes) +
           pickle_ints(tensor.strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}
inline std::string pickle_dict(const std::vector<std::pair<std::string, PickleTensor>>& tensors) {
    std::string text = "\x80\x02}(";
    for (const auto& [name, tensor] : tensors) text += pickle_text(name) + pickle_tensor(tensor);
    return text + "u.";
}

}  // namespace flashvsr
