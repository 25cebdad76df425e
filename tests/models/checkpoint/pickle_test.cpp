// SPDX-License-Identifier: Apache-2.0
#include "models/checkpoint/pickle.h"

#include <gtest/gtest.h>

#include "tests/models/checkpoint/files.h"
#include "tests/models/checkpoint/zip_builder.h"

namespace flashvsr {
namespace {

using std::string_literals::operator""s;

std::map<std::string, PickledTensor> read(const std::string& pickle) {
    return read_pickled_tensors(pickle, "file.pth");
}

TEST(Pickle, ReadsTheViewOfATensor) {
    const std::string pickle = pickle_dict({{"w", {"HalfStorage", "7", 24, 3, {2, 4}, {1, 5}}}});
    const PickledTensor tensor = read(pickle).at("w");
    EXPECT_EQ(tensor.storage_type, "HalfStorage");
    EXPECT_EQ(tensor.storage_key, "7");
    EXPECT_EQ(tensor.storage_numel, 24);
    EXPECT_EQ(tensor.offset, 3);
    EXPECT_EQ(tensor.sizes, (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(tensor.strides, (std::vector<int64_t>{1, 5}));
}

// Each of these would run code, or needs an object that no checkpoint holds.
TEST(Pickle, RefusesEveryOtherGlobalAndOpcode) {
    const struct {
        std::string pickle;
        const char* message;
    } kCases[] = {
        {"\x80\x02"
         "cos\nsystem\n" +
             pickle_text("id") + "\x85R.",
         "byte 2: the global 'os.system'"},
        {"\x80\x04" + pickle_text("builtins") + pickle_text("eval") + "\x93.", "'builtins.eval'"},
        {"\x80\x02"
         "ctorch\nload\n.",
         "'torch.load'"},
        {"\x80\x02"
         "ctorch\nStorage\n.",
         "'torch.Storage'"},
        {"\x80\x02"
         "cos.Storage\nFloatStorage\n.",
         "'os.Storage.FloatStorage'"},
        {"\x80\x02"
         "ctorch._utils\n_rebuild_parameter\n.",
         "'torch._utils._rebuild_parameter'"},
        {"\x80\x02"
         "ctorch\nFloatStorage\n)R.",
         "a call of 'FloatStorage'"},
        {"\x80\x02"
         "ccollections\nOrderedDict\n" +
             pickle_ints({1}) + "R.",
         "a call of 'OrderedDict'"},
        {"\x80\x02}" + pickle_text("x") + "R.", "a string where a list belongs"},
        {"\x80\x02)}b.", "a list where a dict belongs"},
        {"(ios\nsystem\n.", "opcode 105 'i'"},
        {"(cos\nsystem\no.", "'os.system'"},
        {"\x80\x02}\x81.", "opcode 129"},
        {"\x80\x04\x92.", "opcode 146"},
        {"\x80\x02P0\n.", "opcode 80 'P'"},
        {"\x80\x02\x82\x01.", "opcode 130"},
        {"\x80\x05\x97.", "opcode 151"},
        {"\x80\x02}0.", "opcode 48 '0'"},
        {"\x80\x01}.", "protocol 1"},
        {"\x80\x02" + pickle_text("id") + "Q.", "a string where a list belongs"},
        {"\x80\x02" + pickle_ints({1, 2, 3, 4, 5}) + "Q.", "an int where a string belongs"},
    };
    for (const auto& c : kCases) {
        SCOPED_TRACE(c.message);
        EXPECT_ERROR(read(c.pickle), kBadFormat, c.message);
        EXPECT_ERROR(read(c.pickle), kBadFormat, "file.pth");
    }
}

// Lengths are compared with what is left before anything is read or reserved.
TEST(Pickle, RefusesLengthsThatLie) {
    EXPECT_ERROR(read("\x80\x04X\xff\xff\xff\xff"
                      "a."),
                 kReadFailed, "cut short");
    EXPECT_ERROR(read("\x80\x04\x8d" + raw(UINT64_MAX) + "a."), kReadFailed, "cut short");
    EXPECT_ERROR(read("\x80\x04\x8e" + raw(UINT64_MAX) + "a."), kBadFormat, "opcode 142");
    EXPECT_ERROR(read("\x80\x02\x8b\xff\xff\xff\x7f"
                      "a."),
                 kBadFormat, "opcode 139");
    EXPECT_ERROR(read("\x80\x02\x8a\xff" + std::string(255, '\1') + "."), kBadFormat,
                 "over 64 bits");
    EXPECT_ERROR(read("\x80\x02"
                      "ctorch"),
                 kReadFailed, "cut short");
    EXPECT_ERROR(read("\x80\x02}"), kReadFailed, "cut short");
    EXPECT_ERROR(read(""), kReadFailed, "cut short");
}

TEST(Pickle, RefusesAStackThatDoesNotAddUp) {
    for (const std::string& body :
         {"."s, "s."s, "}s."s, "u."s, "}(Nu."s, "}(a."s, "(t("s + ".", "R."s, "\x85."s, "h\7."s,
          "q\0."s, ")Na."s, "}]s."s, "Nb."s, "b."s}) {
        EXPECT_ERROR(read("\x80\x02" + body), kBadFormat, "file.pth");
    }
}

// Depth and number of values cost neither stack nor unbounded memory.
TEST(Pickle, LimitsDepthMemoAndValues) {
    const std::string deep = "\x80\x02}" + pickle_text("a") + std::string(500'000, ']') +
                             std::string(499'999, 'a') + "s.";
    EXPECT_ERROR(read(deep), kBadFormat, "'a' is a list, not a tensor");
    EXPECT_ERROR(read("\x80\x02" + std::string(2'000'000, '(') + "."), kBadFormat, "more values");
    EXPECT_ERROR(read("\x80\x04N" + std::string(2'000'000, '\x94') + "."), kBadFormat,
                 "more values");
    EXPECT_ERROR(read("\x80\x02" + std::string(17 << 20, 'N') + "."), kBadFormat, "over 16 MB");
    // A list within itself, and a dict as its own state.
    EXPECT_ERROR(read("\x80\x02]q\1h\1ah\1."s), kBadFormat, "a list where a dict belongs");
    EXPECT_TRUE(read("\x80\x02}q\1h\1b."s).empty());
}

TEST(Pickle, RefusesDictsOfAnythingElse) {
    EXPECT_ERROR(read("\x80\x02K\1."), kBadFormat, "an int where a dict belongs");
    EXPECT_ERROR(read("\x80\x02}K\1Ns."), kBadFormat, "an int where a string belongs");
    EXPECT_ERROR(read("\x80\x02}" + pickle_text("epoch") + "K\3s."), kBadFormat,
                 "'epoch' is an int, not a tensor");
    EXPECT_ERROR(read(pickle_dict({{"w", {}}, {"w", {}}})), kBadFormat, "two tensors named 'w'");
}

}  // namespace
}  // namespace flashvsr
