#include "holdfast/app/holdfast/yaml_message.h"

#include <limits>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "nlohmann/json.hpp"

namespace holdfast::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::json;

std::string Expected(std::string_view what, std::string_view text) {
  return absl::StrCat("expected ", ToAbsl(what), ", not \"", ForMessage(text), "\"");
}

template <class Number>
absl::StatusOr<Json> WholeNumber(const std::string& text) {
  Number number = 0;
  if (absl::SimpleAtoi(text, &number)) return Json(number);
  return absl::InvalidArgumentError(
      Expected(absl::StrCat("a whole number from ", std::numeric_limits<Number>::min(), " to ",
                            std::numeric_limits<Number>::max()),
               text));
}

absl::StatusOr<Json> RealNumber(const std::string& text) {
  // JSON has no number for these: protobuf writes them as text, YAML in its own way.
  if (text == ".inf" || text == "Infinity") return Json("Infinity");
  if (text == "-.inf" || text == "-Infinity") return Json("-Infinity");
  if (text == ".nan" || text == "NaN") return Json("NaN");
  double number = 0;
  if (absl::SimpleAtod(text, &number)) return Json(number);
  return absl::InvalidArgumentError(Expected("a number", text));
}

absl::StatusOr<Json> EnumValue(const FieldDescriptor* field, const std::string& text) {
  const auto* type = field->enum_type();
  if (type->FindValueByName(text) != nullptr) return Json(text);
  int number = 0;
  if (absl::SimpleAtoi(text, &number) && type->FindValueByNumber(number) != nullptr) {
    return Json(number);
  }
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return absl::InvalidArgumentError(
      Expected(absl::StrCat("one of ", absl::StrJoin(names, ", ")), text));
}

absl::StatusOr<Json> Boolean(const std::string& text) {
  if (text == "true" || text == "false") return Json(text == "true");
  return absl::InvalidArgumentError(Expected("true or false", text));
}

// What a value is where no field says so, as in google.protobuf.Struct: as YAML writes it.
Json FreeValue(const YAML::Node& node) {
  const bool quoted = node.Tag() == "!";
  Json parsed = quoted ? Json(Json::value_t::discarded)
                       : Json::parse(node.Scalar(), nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(node.Scalar()) : parsed;
}

bool IsWellKnown(const Descriptor* type) {
  return type->full_name().rfind("google.protobuf.", 0) == 0;
}

absl::StatusOr<Json> Scalar(const YAML::Node& node, const FieldDescriptor* field) {
  if (field == nullptr) return FreeValue(node);
  const std::string& text = node.Scalar();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Json(text);
    case FieldDescriptor::CPPTYPE_BOOL:
      return Boolean(text);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumValue(field, text);
    case FieldDescriptor::CPPTYPE_INT32:
      return WholeNumber<int32_t>(text);
    case FieldDescriptor::CPPTYPE_INT64:
      return WholeNumber<int64_t>(text);
    case FieldDescriptor::CPPTYPE_UINT32:
      return WholeNumber<uint32_t>(text);
    case FieldDescriptor::CPPTYPE_UINT64:
      return WholeNumber<uint64_t>(text);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return RealNumber(text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (!IsWellKnown(field->message_type())) {
        return absl::InvalidArgumentError(
            Expected(absl::StrCat("the fields of ", field->message_type()->name()), text));
      }
      // Times, durations and wrapped texts are written as text.
      return field->message_type()->name() == "StringValue" ? Json(text) : FreeValue(node);
  }
  return Json(text);
}

// Turns YAML into the JSON that protobuf reads.
class Converter {
 public:
  explicit Converter(std::string_view source) : source_(source) {}

  absl::StatusOr<Json> object(const YAML::Node& node, const Descriptor* type,
                              std::string_view skipped, int depth) const {
    if (depth > kMaxYamlDepth) return ErrorAt(source_, node.Mark(), "too deep");
    if (!node.IsMap()) return ErrorAt(source_, node.Mark(), "expected `field: value` lines");
    Json result = Json::object();
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      if (!skipped.empty() && key == skipped) continue;
      const FieldDescriptor* field = FindField(type, key);
      // A Struct's keys are anyone's.
      if (field == nullptr && !IsWellKnown(type)) {
        return ErrorAt(source_, entry.first.Mark(),
                       absl::StrCat(type->name(), " has no field \"", ForMessage(key), "\""));
      }
      if (!seen.insert(field == nullptr ? key : field->name()).second) {
        return ErrorAt(source_, entry.first.Mark(), absl::StrCat("\"", key, "\" is given twice"));
      }
      HF_ASSIGN_OR_RETURN(result[key],
                          value(entry.second, IsWellKnown(type) ? nullptr : field, depth + 1));
    }
    return result;
  }

 private:
  absl::StatusOr<Json> value(const YAML::Node& node, const FieldDescriptor* field,
                             int depth) const {
    if (depth > kMaxYamlDepth) return ErrorAt(source_, node.Mark(), "too deep");
    if (node.IsNull()) return Json(nullptr);
    const bool free = field == nullptr || (field->message_type() != nullptr && !field->is_map() &&
                                           IsWellKnown(field->message_type()));
    if (!free && field->is_map()) return map(node, field, depth);
    if (!free && field->is_repeated() != node.IsSequence()) {
      return ErrorAt(source_, node.Mark(),
                     absl::StrCat("expected ", field->is_repeated() ? "a list" : "a single value",
                                  " for \"", field->name(), "\""));
    }
    if (node.IsSequence()) return list(node, field, depth);
    return single(node, field, depth);
  }

  absl::StatusOr<Json> list(const YAML::Node& node, const FieldDescriptor* field, int depth) const {
    Json result = Json::array();
    for (const YAML::Node& item : node) {
      HF_ASSIGN_OR_RETURN(Json element, single(item, field, depth + 1));
      result.push_back(std::move(element));
    }
    return result;
  }

  absl::StatusOr<Json> map(const YAML::Node& node, const FieldDescriptor* field, int depth) const {
    if (!node.IsMap()) return ErrorAt(source_, node.Mark(), "expected `key: value` lines");
    const FieldDescriptor* values = field->message_type()->map_value();
    Json result = Json::object();
    for (const auto& entry : node) {
      const std::string& key = entry.first.Scalar();
      if (result.contains(key)) {
        return ErrorAt(source_, entry.first.Mark(), absl::StrCat("\"", key, "\" is given twice"));
      }
      HF_ASSIGN_OR_RETURN(result[key], single(entry.second, values, depth + 1));
    }
    return result;
  }

  // A value that is no list of its field's: of one field, of a list's element, of a map's entry.
  absl::StatusOr<Json> single(const YAML::Node& node, const FieldDescriptor* field,
                              int depth) const {
    if (depth > kMaxYamlDepth) return ErrorAt(source_, node.Mark(), "too deep");
    if (node.IsNull()) return Json(nullptr);
    const Descriptor* type = field == nullptr ? nullptr : field->message_type();
    if (node.IsMap() && (field == nullptr || type != nullptr)) return fields(node, type, depth);
    if (node.IsSequence() && (field == nullptr || (type != nullptr && IsWellKnown(type)))) {
      return list(node, nullptr, depth);
    }
    if (!node.IsScalar()) return ErrorAt(source_, node.Mark(), "expected a single value");
    absl::StatusOr<Json> scalar = Scalar(node, field);
    if (!scalar.ok()) return ErrorAt(source_, node.Mark(), ToStd(scalar.status().message()));
    return scalar;
  }

  absl::StatusOr<Json> fields(const YAML::Node& node, const Descriptor* type, int depth) const {
    if (type == nullptr) type = google::protobuf::Struct::descriptor();
    return object(node, type, "", depth);
  }

  std::string_view source_;
};

}  // namespace

absl::StatusOr<std::vector<YAML::Node>> LoadYaml(std::string_view text, std::string_view source) {
  try {
    return YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& error) {
    return ErrorAt(source, error.mark, error.msg);
  }
}

absl::Status ErrorAt(std::string_view source, const YAML::Mark& mark, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(source), ":", mark.line + 1, ":",
                                                 mark.column + 1, ": ", ToAbsl(problem)));
}

const FieldDescriptor* FindField(const Descriptor* type, const std::string& name) {
  const FieldDescriptor* field = type->FindFieldByName(name);
  return field != nullptr ? field : type->FindFieldByCamelcaseName(name);
}

absl::Status ReadYaml(const YAML::Node& node, std::string_view source, std::string_view skipped,
                      Message& message) {
  HF_ASSIGN_OR_RETURN(const Json json, Converter(source).object(node, message.GetDescriptor(),
                                                                skipped, /*depth=*/0));
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &message);
  if (status.ok()) return absl::OkStatus();
  return ErrorAt(source, node.Mark(), status.message().ToString());
}

}  // namespace holdfast::cli
