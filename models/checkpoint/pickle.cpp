// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <utility>
#include <variant>

#include "models/checkpoint/tensor_map.h"
#include "models/error.h"

namespace flashvsr {
namespace {

constexpr size_t kMaxPickleBytes = 16 << 20;
constexpr size_t kMaxValues = 1 << 20;  // pushed or remembered over the whole run
constexpr size_t kMaxRank = 16;

// Everything that can stand on the unpickler's stack. Strings point into the pickle; containers
// belong to the unpickler, so cycles neither leak nor recurse.
struct List;
struct Dict;
struct Global {
    std::string_view module, name;
};
struct Storage {
    std::string_view type, key;
    int64_t numel;
};
using Value = std::variant<std::monostate, bool, int64_t, double, std::string_view, Global, List*,
                           Dict*, const Storage*, const PickledTensor*>;
constexpr std::array kKindNames = {"None",   "a bool", "an int", "a float",   "a string",
                                   "a type", "a list", "a dict", "a storage", "a tensor"};
struct List {
    bool is_tuple;
    std::vector<Value> items;
};
struct Dict {
    std::vector<std::pair<Value, Value>> items;
};

bool is_storage_type(const Global& global) {
    constexpr std::string_view kSuffix = "Storage";
    return global.module == "torch" && global.name.size() > kSuffix.size() &&
           global.name.substr(global.name.size() - kSuffix.size()) == kSuffix;
}
bool is_ordered_dict(const Global& global) {
    return global.module == "collections" && global.name == "OrderedDict";
}
bool is_rebuild_tensor(const Global& global) {
    return global.module == "torch._utils" && global.name == "_rebuild_tensor_v2";
}

class Unpickler {
  public:
    Unpickler(std::string_view pickle, const std::string& source)
        : pickle_(pickle), source_(source) {}

    std::map<std::string, PickledTensor> read() {
        if (pickle_.size() > kMaxPickleBytes) {
            throw Error(Error::Kind::kBadFormat, source_ + ": its pickle is over 16 MB");
        }
        while (!stopped_) {
            opcode_at_ = position_;
            execute(read_integer<uint8_t>());
        }
        return flatten(pop());
    }

  private:
    // ---- opcodes, named as Python's pickletools names them ----

    void execute(uint8_t opcode) {
        if (constant(opcode) || text(opcode) || container(opcode) || memo(opcode)) return;
        switch (opcode) {
            case 0x80: {  // PROTO
                const int protocol = read_integer<uint8_t>();
                if (protocol < 2 || protocol > 5) refuse("protocol " + std::to_string(protocol));
                return;
            }
            case 0x95: read_integer<uint64_t>(); return;  // FRAME: a hint about buffering
            case '.': stopped_ = true; return;            // STOP
            case 'Q': return push(persistent());          // BINPERSID
            case 'R': return push(reduce());              // REDUCE
            case 'b': return build();                     // BUILD
            default: refuse_opcode(opcode);
        }
    }

    bool constant(uint8_t opcode) {
        switch (opcode) {
            case 'N': push(std::monostate{}); return true;                   // NONE
            case 0x88: push(true); return true;                              // NEWTRUE
            case 0x89: push(false); return true;                             // NEWFALSE
            case 'J': push(int64_t{read_integer<int32_t>()}); return true;   // BININT
            case 'K': push(int64_t{read_integer<uint8_t>()}); return true;   // BININT1
            case 'M': push(int64_t{read_integer<uint16_t>()}); return true;  // BININT2
            case 0x8a: push(read_long()); return true;                       // LONG1
            case 'G': push(read_float()); return true;                       // BINFLOAT
            default: return false;
        }
    }

    bool text(uint8_t opcode) {
        switch (opcode) {
            case 0x8c: push(read_bytes(read_integer<uint8_t>())); return true;   // SHORT_BINUNICODE
            case 'X': push(read_bytes(read_integer<uint32_t>())); return true;   // BINUNICODE
            case 0x8d: push(read_bytes(read_integer<uint64_t>())); return true;  // BINUNICODE8
            case 'c': {                                                          // GLOBAL
                const std::string_view module = read_line();
                push(allowed({module, read_line()}));
                return true;
            }
            case 0x93: {  // STACK_GLOBAL
                const auto name = pop_as<std::string_view>();
                push(allowed({pop_as<std::string_view>(), name}));
                return true;
            }
            default: return false;
        }
    }

    bool container(uint8_t opcode) {
        switch (opcode) {
            case '(':
                marks_.push_back(stack_.size());
                spend();
                return true;                                              // MARK
            case '}': push(new_dict()); return true;                      // EMPTY_DICT
            case ']': push(new_list(false, {})); return true;             // EMPTY_LIST
            case ')': push(new_list(true, {})); return true;              // EMPTY_TUPLE
            case 'l': push(new_list(false, pop_to_mark())); return true;  // LIST
            case 't': push(new_list(true, pop_to_mark())); return true;   // TUPLE
            case 0x85: push(new_list(true, pop_items(1))); return true;   // TUPLE1
            case 0x86: push(new_list(true, pop_items(2))); return true;   // TUPLE2
            case 0x87: push(new_list(true, pop_items(3))); return true;   // TUPLE3
            case 'a': append(pop_items(1)); return true;                  // APPEND
            case 'e': append(pop_to_mark()); return true;                 // APPENDS
            case 's': set_items(pop_items(2)); return true;               // SETITEM
            case 'u': set_items(pop_to_mark()); return true;              // SETITEMS
            default: return false;
        }
    }

    bool memo(uint8_t opcode) {
        switch (opcode) {
            case 'q': remember(read_integer<uint8_t>()); return true;   // BINPUT
            case 'r': remember(read_integer<uint32_t>()); return true;  // LONG_BINPUT
            case 0x94: remember(memo_.size()); return true;             // MEMOIZE
            case 'h': recall(read_integer<uint8_t>()); return true;     // BINGET
            case 'j': recall(read_integer<uint32_t>()); return true;    // LONG_BINGET
            default: return false;
        }
    }

    Global allowed(const Global& global) const {
        if (is_storage_type(global) || is_ordered_dict(global) || is_rebuild_tensor(global)) {
            return global;
        }
        refuse("the global " +
               printable(std::string(global.module) + "." + std::string(global.name)) +
               "; only dicts of tensors are read, and no code in the file is ever run");
    }

    // ('storage', torch.FloatStorage, key, location, numel); the location is ignored.
    const Storage* persistent() {
        const std::vector<Value>& id = pop_as<List*>()->items;
        if (id.size() != 5 || as<std::string_view>(id[0]) != "storage" ||
            !is_storage_type(as<Global>(id[1]))) {
            refuse("a persistent id that is not a storage");
        }
        return &storages_.emplace_back(
            Storage{as<Global>(id[1]).name, as<std::string_view>(id[2]), as<int64_t>(id[4])});
    }

    Value reduce() {
        const std::vector<Value>& args = pop_as<List*>()->items;
        const auto callee = pop_as<Global>();
        if (is_ordered_dict(callee) && args.empty()) return new_dict();
        if (is_rebuild_tensor(callee)) return rebuild_tensor(args);
        refuse("a call of " + printable(callee.name) + " with " + std::to_string(args.size()) +
               " arguments");
    }

    // (storage, offset, sizes, strides, requires_grad, hooks[, metadata]); of these only the view
    // matters.
    const PickledTensor* rebuild_tensor(const std::vector<Value>& args) {
        if (args.size() < 6 || args.size() > 7) refuse("a tensor of unknown make");
        const Storage& storage = *as<const Storage*>(args[0]);
        PickledTensor tensor{storage.type,         storage.key, storage.numel,
                             as<int64_t>(args[1]), {},          {}};
        tensor.sizes = dimensions(args[2]);
        tensor.strides = dimensions(args[3]);
        if (tensor.sizes.size() != tensor.strides.size() || tensor.offset < 0 ||
            storage.numel < 0) {
            refuse("a tensor whose sizes, strides or offset make no sense");
        }
        return &tensors_.emplace_back(std::move(tensor));
    }

    std::vector<int64_t> dimensions(const Value& value) const {
        const std::vector<Value>& items = as<List*>(value)->items;
        if (items.size() > kMaxRank) refuse("a tensor of more than 16 dimensions");
        std::vector<int64_t> sizes;
        for (const Value& item : items) {
            sizes.push_back(as<int64_t>(item));
            if (sizes.back() < 0) refuse("a tensor with a negative size or stride");
        }
        return sizes;
    }

    // Module.state_dict() leaves attributes (`_metadata`) on its OrderedDict; nothing needs them.
    void build() {
        pop();
        as<Dict*>(top());
    }

    // ---- containers ----

    Dict* new_dict() { return &dicts_.emplace_back(); }
    List* new_list(bool is_tuple, std::vector<Value> items) {
        return &lists_.emplace_back(List{is_tuple, std::move(items)});
    }
    void append(const std::vector<Value>& items) {
        List* list = as<List*>(top());
        if (list->is_tuple) refuse("a tuple that grows");
        list->items.insert(list->items.end(), items.begin(), items.end());
    }
    void set_items(const std::vector<Value>& items) {
        Dict* dict = as<Dict*>(top());
        if (items.size() % 2 != 0) refuse("a dict key without a value");
        for (size_t i = 0; i < items.size(); i += 2) {
            dict->items.emplace_back(items[i], items[i + 1]);
        }
    }

    // ---- stack and memo ----

    void spend() {
        if (++spent_ > kMaxValues) refuse("more values than any checkpoint has");
    }
    void push(Value value) {
        spend();
        stack_.push_back(value);
    }
    const Value& top() const {
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("an empty stack");
        return stack_.back();
    }
    Value pop() {
        const Value value = top();
        stack_.pop_back();
        return value;
    }
    std::vector<Value> pop_items(size_t count) {
        std::vector<Value> items(count);
        while (count > 0) items[--count] = pop();
        return items;
    }
    std::vector<Value> pop_to_mark() {
        if (marks_.empty()) refuse("a missing mark");
        std::vector<Value> items(stack_.begin() + marks_.back(), stack_.end());
        stack_.resize(marks_.back());
        marks_.pop_back();
        return items;
    }
    void remember(uint64_t index) {
        spend();
        memo_[index] = top();
    }
    void recall(uint64_t index) {
        const auto value = memo_.find(index);
        if (value == memo_.end()) refuse("memo entry " + std::to_string(index) + ", never set");
        push(value->second);
    }

    template <typename T>
    const T& as(const Value& value) const {
        if (const T* typed = std::get_if<T>(&value)) return *typed;
        refuse(std::string(kKindNames[value.index()]) + " where " + kKindNames[Value(T{}).index()] +
               " belongs");
    }
    template <typename T>
    T pop_as() {
        return as<T>(pop());
    }

    // ---- bytes ----

    std::string_view read_bytes(uint64_t count) {
        if (count > pickle_.size() - position_) {
            throw Error(Error::Kind::kReadFailed, source_ + ": cut short: its pickle needs " +
                                                      std::to_string(count) + " bytes at " +
                                                      std::to_string(position_) + " of " +
                                                      std::to_string(pickle_.size()));
        }
        const std::string_view bytes = pickle_.substr(position_, count);
        position_ += count;
        return bytes;
    }
    template <typename T>
    T read_integer() {
        T value;
        std::memcpy(&value, read_bytes(sizeof(T)).data(), sizeof(T));
        return value;
    }
    int64_t read_long() {
        const std::string_view bytes = read_bytes(read_integer<uint8_t>());
        if (bytes.size() > sizeof(int64_t)) refuse("an integer over 64 bits");
        if (bytes.empty()) return 0;
        int64_t value = bytes.back() < 0 ? -1 : 0;  // sign extension
        std::memcpy(&value, bytes.data(), bytes.size());
        return value;
    }
    double read_float() {
        const auto big_endian = read_integer<uint64_t>();
        const uint64_t bits = __builtin_bswap64(big_endian);
        double value;
        std::memcpy(&value, &bits, sizeof(value));
        return value;
    }
    std::string_view read_line() {
        const size_t end = pickle_.find('\n', position_);
        const std::string_view line = read_bytes(std::min(end, pickle_.size()) - position_);
        read_bytes(1);
        return line;
    }

    // ---- result ----

    std::map<std::string, PickledTensor> flatten(const Value& root) const {
        if (const auto* tensor = std::get_if<const PickledTensor*>(&root)) return {{"", **tensor}};
        const Dict* dict = as<Dict*>(root);
        if (dict->items.size() == 1) {
            const auto& [key, value] = dict->items.front();
            const auto* name = std::get_if<std::string_view>(&key);
            const bool wrapper = name != nullptr && (*name == "model_state" ||
                                                     *name == "state_dict" || *name == "params");
            if (wrapper && std::holds_alternative<Dict*>(value)) dict = std::get<Dict*>(value);
        }
        if (dict->items.size() > kMaxTensors) {
            throw Error(Error::Kind::kBadFormat, source_ + ": " + kTooManyTensors);
        }
        std::map<std::string, PickledTensor> tensors;
        for (const auto& [key, value] : dict->items) {
            const std::string name(as<std::string_view>(key));
            const auto* tensor = std::get_if<const PickledTensor*>(&value);
            if (tensor == nullptr) {
                throw Error(Error::Kind::kBadFormat, source_ + ": " + printable(name) + " is " +
                                                         kKindNames[value.index()] +
                                                         ", not a tensor");
            }
            if (!tensors.emplace(name, **tensor).second) {
                throw Error(Error::Kind::kBadFormat,
                            source_ + ": two tensors named " + printable(name));
            }
        }
        return tensors;
    }

    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(Error::Kind::kBadFormat, source_ + ": its pickle is refused at byte " +
                                                 std::to_string(opcode_at_) + ": " + what);
    }
    [[noreturn]] void refuse_opcode(uint8_t opcode) const {
        std::string what = "opcode " + std::to_string(opcode);
        if (opcode >= ' ' && opcode <= '~')
            what += std::string(" '") + static_cast<char>(opcode) + "'";
        refuse(what + ", which no dict of tensors needs");
    }

    std::string_view pickle_;
    const std::string& source_;
    size_t position_ = 0;
    size_t opcode_at_ = 0;
    size_t spent_ = 0;
    bool stopped_ = false;

    std::vector<Value> stack_;
    std::vector<size_t> marks_;  // stack sizes; what lies below the last is out of reach
    std::unordered_map<uint64_t, Value> memo_;

    std::deque<List> lists_;
    std::deque<Dict> dicts_;
    std::deque<Storage> storages_;
    std::deque<PickledTensor> tensors_;
};

}  // namespace

std::map<std::string, PickledTensor> read_pickled_tensors(std::string_view pickle,
                                                          const std::string& source) {
    return Unpickler(pickle, source).read();
}

}  // namespace flashvsr
