// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/torch_zip.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "models/checkpoint/pickle.h"
#include "models/error.h"

namespace flashvsr {
namespace {

// Records of the zip format (PKWARE APPNOTE 4.3), with the offsets of the fields that are read.
constexpr uint32_t kLocalHeader = 0x04034b50;      // 4.3.7
constexpr uint32_t kCentralHeader = 0x02014b50;    // 4.3.12
constexpr uint32_t kZip64EndRecord = 0x06064b50;   // 4.3.14
constexpr uint32_t kZip64EndLocator = 0x07064b50;  // 4.3.15
constexpr uint32_t kEndRecord = 0x06054b50;        // 4.3.16
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kLocatorBytes = 20;
constexpr size_t kZip64EndBytes = 56;
constexpr size_t kMaxComment = 0xffff;
constexpr uint64_t kMaxDirectoryBytes = 16 << 20, kMaxTextBytes = 16 << 20;
constexpr uint64_t kMaxMembers = kMaxTensors + 100;  // a storage for each tensor, and the rest
// How often the file's size the tensors together may have: weights that are used twice share their
// storage.
constexpr int64_t kMaxShares = 4;
constexpr uint16_t kZip64Extra = 1;  // id of the extra field with 64-bit sizes (4.5.3)
constexpr uint16_t kEncrypted = 1 << 0, kSizesFollow = 1 << 3;  // general purpose flags

struct Member {
    uint64_t offset = 0;  // of its data in the file
    uint64_t size = 0;
};

// Sizes and position of a member, from a header and the extra field that widens it.
struct Extent {
    uint64_t size, stored_size, header_at;
};

class Archive {
  public:
    explicit Archive(const File& file) : file_(file) {
        read_directory();
        check_disjoint();
        window_ = {};
    }

    const std::map<std::string, Member, std::less<>>& members() const { return members_; }
    std::string text(const Member& member) const {
        if (member.size > kMaxTextBytes) {
            fail(Error::Kind::kBadFormat, "holds a text of over 16 MB; only tensors may be larger");
        }
        return file_.text(member.offset, member.size);
    }

  private:
    [[noreturn]] void fail(Error::Kind kind, const std::string& what) const {
        throw Error(kind, file_.path() + ": " + what);
    }
    [[noreturn]] void bad(const std::string& what) const {
        fail(Error::Kind::kBadFormat, "damaged zip archive: " + what);
    }

    template <typename T>
    T at(uint64_t offset) const {
        T value;
        std::memcpy(&value, slice(offset, sizeof(T)).data(), sizeof(T));
        return value;
    }
    std::string slice(uint64_t offset, uint64_t size) const {
        if (offset > file_.size() || file_.size() - offset < size) {
            bad("a record reaches past the end of the file");
        }
        if (offset < window_begin_ || offset + size > window_begin_ + window_.size()) {
            return file_.text(offset, size);
        }
        return window_.substr(offset - window_begin_, size);
    }
    // Keeps the end of the file in memory, from `begin` on.
    void open_window(uint64_t begin) {
        window_ = file_.text(begin, file_.size() - begin);
        window_begin_ = begin;
    }

    uint64_t find_end_record() {
        const uint64_t lowest =
            file_.size() > kEndBytes + kMaxComment ? file_.size() - kEndBytes - kMaxComment : 0;
        open_window(lowest);
        for (uint64_t end = file_.size(); end >= lowest + kEndBytes; --end) {
            const uint64_t candidate = end - kEndBytes;
            if (at<uint32_t>(candidate) == kEndRecord &&
                candidate + kEndBytes + at<uint16_t>(candidate + 20) == file_.size()) {
                return candidate;
            }
        }
        fail(Error::Kind::kReadFailed, "cut short: the zip archive has no directory at its end");
    }

    void read_directory() {
        const uint64_t end_at = find_end_record();
        uint64_t count = at<uint16_t>(end_at + 10);
        uint64_t size = at<uint32_t>(end_at + 12);
        uint64_t begin = at<uint32_t>(end_at + 16);
        uint64_t limit = end_at;
        if (end_at >= kLocatorBytes && at<uint32_t>(end_at - kLocatorBytes) == kZip64EndLocator) {
            const auto record = at<uint64_t>(end_at - kLocatorBytes + 8);
            limit = record;
            if (slice(record, kZip64EndBytes).empty() || at<uint32_t>(record) != kZip64EndRecord) {
                bad("its zip64 record is not where its locator points");
            }
            count = at<uint64_t>(record + 32);
            size = at<uint64_t>(record + 40);
            begin = at<uint64_t>(record + 48);
        }
        if (begin > limit || size != limit - begin) {
            bad("its directory does not lie before its end record");
        }
        if (count > kMaxMembers || size > kMaxDirectoryBytes) {
            fail(Error::Kind::kBadFormat, kTooManyTensors);
        }
        open_window(begin);
        uint64_t position = begin;
        for (uint64_t i = 0; i < count; ++i) position = read_entry(position, limit, begin);
        if (position != limit) bad("its directory holds more than its entries");
    }

    // Reads the directory entry at `position`; returns where the next begins.
    uint64_t read_entry(uint64_t position, uint64_t limit, uint64_t directory) {
        if (limit - position < kCentralBytes || at<uint32_t>(position) != kCentralHeader) {
            bad("a directory entry is missing");
        }
        const uint64_t name_size = at<uint16_t>(position + 28);
        const uint64_t extra_size = at<uint16_t>(position + 30);
        const uint64_t entry_size =
            kCentralBytes + name_size + extra_size + at<uint16_t>(position + 32);
        if (entry_size > limit - position) bad("a directory entry is cut short");
        const std::string name = slice(position + kCentralBytes, name_size);
        if (at<uint16_t>(position + 8) & kEncrypted) {
            fail(Error::Kind::kBadFormat, printable(name) + " is encrypted");
        }
        if (at<uint16_t>(position + 10) != 0) {
            fail(Error::Kind::kBadFormat, printable(name) +
                                              " is compressed; torch.save stores its "
                                              "data plainly, so save the file again with it");
        }
        const Extent extent = widen(
            {at<uint32_t>(position + 24), at<uint32_t>(position + 20), at<uint32_t>(position + 42)},
            slice(position + kCentralBytes + name_size, extra_size));
        if (extent.size != extent.stored_size) bad("sizes of " + printable(name) + " disagree");
        const Member member{data_begin(name, extent), extent.size};
        if (member.offset > directory || member.size > directory - member.offset) {
            bad(printable(name) + " reaches into the directory");
        }
        if (!members_.emplace(name, member).second) bad("two members named " + printable(name));
        return position + entry_size;
    }

    // Checks the local header against the directory; returns where the member's data begin.
    uint64_t data_begin(const std::string& name, const Extent& extent) const {
        const uint64_t header = extent.header_at;
        if (slice(header, kLocalBytes).empty() || at<uint32_t>(header) != kLocalHeader) {
            bad(printable(name) + " is not where the directory says");
        }
        const uint64_t name_size = at<uint16_t>(header + 26);
        const uint64_t extra_size = at<uint16_t>(header + 28);
        if (slice(header + kLocalBytes, name_size) != name || at<uint16_t>(header + 8) != 0) {
            bad("local header and directory disagree about " + printable(name));
        }
        const std::string extra = slice(header + kLocalBytes + name_size, extra_size);
        if (!(at<uint16_t>(header + 6) & kSizesFollow)) {
            const Extent local =
                widen({at<uint32_t>(header + 22), at<uint32_t>(header + 18), 0}, extra);
            if (local.size != extent.size || local.stored_size != extent.stored_size) {
                bad("local header and directory disagree about the size of " + printable(name));
            }
        }
        return header + kLocalBytes + name_size + extra_size;
    }

    // Fields that are all ones stand, in this order, in the zip64 extra field.
    Extent widen(Extent extent, std::string_view extra) const {
        while (extra.size() >= 4) {
            uint16_t id, size;
            std::memcpy(&id, extra.data(), 2);
            std::memcpy(&size, extra.data() + 2, 2);
            std::string_view body = extra.substr(4, size);
            extra.remove_prefix(std::min<size_t>(extra.size(), 4 + size));
            if (id != kZip64Extra) continue;
            for (uint64_t* field : {&extent.size, &extent.stored_size, &extent.header_at}) {
                if (*field != UINT32_MAX) continue;
                if (body.size() < 8) bad("a zip64 field is cut short");
                std::memcpy(field, body.data(), 8);
                body.remove_prefix(8);
            }
        }
        return extent;
    }

    void check_disjoint() const {
        std::vector<std::pair<uint64_t, uint64_t>> ranges;
        for (const auto& named : members_) {
            ranges.emplace_back(named.second.offset, named.second.offset + named.second.size);
        }
        std::sort(ranges.begin(), ranges.end());
        for (size_t i = 1; i < ranges.size(); ++i) {
            if (ranges[i].first < ranges[i - 1].second) bad("two members overlap");
        }
    }

    const File& file_;
    std::string window_;
    uint64_t window_begin_ = 0;
    std::map<std::string, Member, std::less<>> members_;
};

struct StorageType {
    std::string_view name;
    at::ScalarType dtype;
};
constexpr StorageType kStorageTypes[] = {
    {"DoubleStorage", at::kDouble},     {"FloatStorage", at::kFloat}, {"HalfStorage", at::kHalf},
    {"BFloat16Storage", at::kBFloat16}, {"LongStorage", at::kLong},   {"IntStorage", at::kInt},
    {"ShortStorage", at::kShort},       {"CharStorage", at::kChar},   {"ByteStorage", at::kByte},
    {"BoolStorage", at::kBool},
};

// Checks the views that the pickle describes against the archive's storages.
class StorageReader {
  public:
    StorageReader(const std::shared_ptr<const File>& file, const Archive& archive,
                  std::string folder)
        : file_(file), archive_(archive), folder_(std::move(folder)) {}

    StoredTensor view(const std::string& name, const PickledTensor& tensor) {
        const Storage storage = find(name, tensor);
        int64_t count = 0, last = tensor.offset;
        bool fits = checked_numel(tensor.sizes, &count);
        for (size_t i = 0; i < tensor.sizes.size() && fits && count > 0; ++i) {
            int64_t step = 0;
            fits = checked_multiply(tensor.sizes[i] - 1, tensor.strides[i], &step) &&
                   !__builtin_add_overflow(last, step, &last);
        }
        // An expanded tensor (stride 0) has more elements than its storage: a copy of it could be
        // of any size, so it is refused like a view that leaves its storage.
        if (!fits || count > storage.numel || (count > 0 && last >= storage.numel)) {
            fail(name,
                 "does not fit its storage of " + std::to_string(storage.numel) + " elements");
        }
        if (count == 0) return at::empty(tensor.sizes, storage.dtype);
        const int64_t item = c10::elementSize(storage.dtype);
        bytes_left_ -= (last - tensor.offset + 1) * item;
        if (bytes_left_ < 0) {
            fail(name,
                 "shares its data with so many that they take several times the file; "
                 "save copies of them");
        }
        return StoredTensor(file_, storage.offset + tensor.offset * item, storage.dtype,
                            tensor.sizes, tensor.strides);
    }

  private:
    [[noreturn]] void fail(const std::string& name, const std::string& what) const {
        throw Error(Error::Kind::kBadFormat,
                    file_->path() + ": tensor " + printable(name) + " " + what);
    }

    struct Storage {
        uint64_t offset;  // in the file
        int64_t numel;
        at::ScalarType dtype;
    };

    Storage find(const std::string& name, const PickledTensor& tensor) const {
        const auto type =
            std::find_if(std::begin(kStorageTypes), std::end(kStorageTypes),
                         [&](const auto& t) { return t.name == tensor.storage_type; });
        if (type == std::end(kStorageTypes)) {
            fail(name, "is of the unsupported type " + printable(tensor.storage_type) +
                           "; convert it to float32, float16 or bfloat16");
        }
        const auto member =
            archive_.members().find(folder_ + "data/" + std::string(tensor.storage_key));
        if (member == archive_.members().end()) {
            fail(name, "has its data in " + printable(tensor.storage_key) +
                           ", which the archive does not hold");
        }
        const auto& [offset, size] = member->second;
        int64_t bytes = 0;
        if (!checked_multiply(tensor.storage_numel, c10::elementSize(type->dtype), &bytes) ||
            static_cast<uint64_t>(bytes) != size) {
            fail(name, "claims " + std::to_string(tensor.storage_numel) +
                           " elements of data, the "
                           "archive holds " +
                           std::to_string(size) + " bytes");
        }
        return {offset, tensor.storage_numel, type->dtype};
    }

    const std::shared_ptr<const File>& file_;
    const Archive& archive_;
    const std::string folder_;
    int64_t bytes_left_ = kMaxShares * static_cast<int64_t>(file_->size());
};

// The folder inside the archive that holds data.pkl, with its slash.
std::string find_folder(const Archive& archive, const std::string& path) {
    constexpr std::string_view kPickle = "data.pkl";
    std::vector<std::string> folders;
    for (const auto& named : archive.members()) {
        const std::string_view name = named.first;
        const size_t slash = name.find('/');
        if (slash != name.npos && name.substr(slash + 1) == kPickle) {
            folders.emplace_back(name.substr(0, slash + 1));
        }
    }
    if (folders.size() != 1) {
        throw Error(Error::Kind::kBadFormat,
                    path + ": a zip archive, but not one that torch.save wrote");
    }
    return folders.front();
}

}  // namespace

StoredTensors open_torch_zip(const std::shared_ptr<const File>& file) {
    const Archive archive(*file);
    const std::string folder = find_folder(archive, file->path());
    const auto& members = archive.members();
    const auto order = members.find(folder + "byteorder");
    if (order != members.end() && archive.text(order->second) != "little") {
        throw Error(Error::Kind::kBadFormat,
                    file->path() + ": not in little-endian byte order; save it again on a PC");
    }
    const std::string pickle = archive.text(members.find(folder + "data.pkl")->second);

    StorageReader storages(file, archive, folder);
    StoredTensors tensors;
    for (const auto& [name, tensor] : read_pickled_tensors(pickle, file->path())) {
        tensors.emplace(name, storages.view(name, tensor));
    }
    return tensors;
}

}  // namespace flashvsr
