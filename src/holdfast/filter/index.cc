// What of a filter an index can answer, and what the index holds.
#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/filter.h"
#include "holdfast/filter/node.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using Conditions = std::vector<IndexCondition>;

std::optional<IndexCondition::Op> OpOf(Test::Op op) {
  switch (op) {
    case Test::Op::kEqual:
      return IndexCondition::Op::kEqual;
    case Test::Op::kLess:
      return IndexCondition::Op::kLess;
    case Test::Op::kLessOrEqual:
      return IndexCondition::Op::kLessOrEqual;
    case Test::Op::kGreater:
      return IndexCondition::Op::kGreater;
    case Test::Op::kGreaterOrEqual:
      return IndexCondition::Op::kGreaterOrEqual;
    case Test::Op::kPresent:
    case Test::Op::kHasKey:
      return std::nullopt;
  }
  HF_CHECK(false) << "no such operator";
  return std::nullopt;
}

bool IsSingular(const std::vector<PathStep>& steps) {
  return std::none_of(steps.begin(), steps.end(),
                      [](const PathStep& step) { return step.field->is_repeated(); });
}

// a = "abc*d" needs a text from "abc" up to, but without, "abd".
void AddPrefix(const std::string& path, const Pattern& pattern, Conditions& out) {
  const std::optional<IndexValue> from =
      ToIndexValue(ValueView(std::string_view(pattern.prefix())));
  HF_CHECK(from.has_value()) << "a filter's texts are UTF-8";
  const std::string& text = std::get<std::string>(*from);
  if (text.empty()) return;
  out.push_back({.path = path, .op = IndexCondition::Op::kGreaterOrEqual, .value = text});
  std::string end = TextPrefixEnd(text);
  if (end.empty()) return;
  out.push_back({.path = path, .op = IndexCondition::Op::kLess, .value = std::move(end)});
}

void AddTest(const Test& test, const std::vector<std::string>& indexed, Conditions& out) {
  const std::optional<IndexCondition::Op> op = OpOf(test.op);
  if (!op.has_value() || !IsSingular(test.steps)) return;
  const std::string path = PathText(test.steps);
  if (std::find(indexed.begin(), indexed.end(), path) == indexed.end()) return;
  if (test.pattern.has_value()) return AddPrefix(path, *test.pattern, out);
  if (!IsIndexExact(test.value)) return;
  std::optional<IndexValue> value = ToIndexValue(ViewOf(test.value));
  HF_CHECK(value.has_value()) << "literals are neither NaN nor invalid UTF-8";
  out.push_back({.path = path, .op = *op, .value = *std::move(value)});
}

// Only what every match must satisfy: nothing below an OR or a NOT.
void AddConjuncts(const Filter::Node& node, const std::vector<std::string>& indexed,
                  Conditions& out) {
  if (node.kind == Filter::Node::Kind::kTest) AddTest(node.test, indexed, out);
  if (node.kind != Filter::Node::Kind::kAnd) return;
  for (const Filter::Node& child : node.children) AddConjuncts(child, indexed, out);
}

void AppendJsonString(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xF];
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendJsonValue(const IndexValue& value, std::string& out) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    absl::StrAppend(&out, *number);
  } else {
    AppendJsonString(std::get<std::string>(value), out);
  }
}

std::optional<IndexValue> IndexedValue(const Message& resource, const std::string& path) {
  const auto fields = ResolveSingularPath(resource.GetDescriptor(), path);
  HF_CHECK(fields.ok()) << "CheckIndexable wasn't asked: " << fields.status().message();
  std::string scratch;
  const std::optional<ValueView> value = ReadPath(resource, *fields, scratch);
  if (!value.has_value()) return std::nullopt;
  return ToIndexValue(*value);
}

}  // namespace

std::vector<IndexCondition> Filter::index_conditions(
    const std::vector<std::string>& indexed_paths) const {
  Conditions conditions;
  if (root_ != nullptr) AddConjuncts(*root_, indexed_paths, conditions);
  return conditions;
}

std::string IndexedFieldsJson(const Message& resource, const std::vector<std::string>& paths) {
  std::map<std::string_view, IndexValue> values;
  for (const std::string& path : paths) {
    std::optional<IndexValue> value = IndexedValue(resource, path);
    if (value.has_value()) values.emplace(path, *std::move(value));
  }
  std::string json = "{";
  for (const auto& [path, value] : values) {
    if (json.size() > 1) json += ',';
    AppendJsonString(path, json);
    json += ':';
    AppendJsonValue(value, json);
  }
  json += '}';
  return json;
}

absl::Status CheckIndexable(const Descriptor* type, std::string_view path) {
  HF_ASSIGN_OR_RETURN(const auto fields, ResolveSingularPath(type, path));
  const google::protobuf::FieldDescriptor* last = fields.back();
  // Other texts than proto3's needn't be UTF-8, which an index can't hold.
  const bool is_text = TypeOf(last) == ValueType::kString;
  if (is_text && last->file()->syntax() != google::protobuf::FileDescriptor::SYNTAX_PROTO3) {
    return absl::InvalidArgumentError(
        absl::StrCat(last->name(), " is a string of a file that isn't proto3"));
  }
  return absl::OkStatus();
}

}  // namespace holdfast::filter
