// SPDX-License-Identifier: Apache-2.0
#include "pipelines/webrtc/message.h"

#include <map>
#include <set>
#include <utility>

#include "pipelines/webrtc/limits.h"

namespace webrtc {

namespace {

using nlohmann::json;
using Type = Message::Type;

// Takes the members of one object of scalars; parsing ends at anything else.
class Members : public json::json_sax_t {
  public:
    std::map<std::string, json> values;
    std::string problem = "it is not JSON";

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t&) override { return add(value); }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t&) override { return false; }
    bool start_object(std::size_t) override { return !std::exchange(open_, true) || nested(); }
    bool key(string_t& name) override {
        key_ = std::move(name);
        return values.count(key_) == 0 || fail("it has a member twice");
    }
    bool end_object() override { return true; }
    bool start_array(std::size_t) override { return nested(); }
    bool end_array() override { return false; }
    bool parse_error(std::size_t, const std::string&, const json::exception&) override {
        return false;
    }

  private:
    bool add(json value) {
        if (!open_) return fail("it is not an object");
        values[key_] = std::move(value);
        return true;
    }
    bool nested() { return fail(open_ ? "a member is no scalar" : "it is not an object"); }
    bool fail(const char* why) {
        problem = why;
        return false;
    }

    bool open_ = false;
    std::string key_;
};

std::string take_text(const json& value, size_t longest) {
    if (!value.is_string()) throw BadMessage("a member is no text");
    std::string text = value.get<std::string>();
    if (text.size() > longest) throw BadMessage("a member is too long");
    if (text.find('\0') != std::string::npos) throw BadMessage("a member holds a zero byte");
    return text;
}

Type take_type(const json& value) {
    static const std::map<std::string, Type> types = {{"answer", Type::kAnswer},
                                                      {"candidate", Type::kCandidate},
                                                      {"clock", Type::kClock},
                                                      {"set", Type::kSet}};
    const auto found = types.find(take_text(value, limits::kLongestName));
    if (found == types.end()) throw BadMessage("its type is not known");
    return found->second;
}

// A scalar that is no more than a setting of the element.
json take_value(const json& value) {
    if (value.is_string()) return take_text(value, limits::kLongestName);
    if (!value.is_boolean() && !value.is_number()) throw BadMessage("a value is null");
    return value;
}

void check_members(const std::map<std::string, json>& values, const std::set<std::string>& names) {
    for (const std::string& name : names) {
        if (values.count(name) == 0) throw BadMessage("it lacks '" + name + "'");
    }
    if (values.size() != names.size()) throw BadMessage("it has a member that is not known");
}

}  // namespace

Message parse_message(const char* text, size_t size) {
    Members members;
    if (!json::sax_parse(text, text + size, &members)) throw BadMessage(members.problem);
    std::map<std::string, json>& values = members.values;
    Message message;
    message.type = take_type(values["type"]);
    switch (message.type) {
        case Type::kAnswer:
            check_members(values, {"type", "sdp"});
            message.sdp = take_text(values["sdp"], limits::kLongestMessage);
            break;
        case Type::kCandidate: {
            check_members(values, {"type", "line", "candidate"});
            const json& line = values["line"];
            if (!line.is_number_unsigned() || line > 1) throw BadMessage("there is no such line");
            message.line = line.get<unsigned>();
            message.candidate = take_text(values["candidate"], limits::kLongestCandidate);
            break;
        }
        case Type::kClock:
            check_members(values, {"type", "sent"});
            if (!values["sent"].is_number()) throw BadMessage("'sent' is no number");
            message.sent = values["sent"].get<double>();
            break;
        case Type::kSet:
            check_members(values, {"type", "name", "value"});
            message.name = take_text(values["name"], limits::kLongestName);
            message.value = take_value(values["value"]);
            break;
    }
    return message;
}

}  // namespace webrtc
