#include "holdfast/filter/path.h"

#include <cstdint>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// As many field names as help; a message may have hundreds.
constexpr int kMaxFieldsInError = 12;

std::string Quoted(std::string_view text) { return absl::StrCat("\"", ForMessage(text), "\""); }

template <class Integer>
absl::StatusOr<std::string> CanonicalInteger(const FieldDescriptor* key_field,
                                             std::string_view key) {
  Integer number = 0;
  if (key.empty() || key.find_first_not_of("-0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(ToAbsl(key), &number)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the map's keys are ", key_field->cpp_type_name(), ", which ", Quoted(key), " isn't"));
  }
  return absl::StrCat(number);
}

// Part by part, so that a map key with dots isn't a concern: singular paths have no map keys.
std::vector<std::string_view> SplitDots(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = path.find('.');
    parts.push_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

}  // namespace

const FieldDescriptor* PathStep::value_field() const {
  return map_key.has_value() ? field->message_type()->map_value() : field;
}

absl::Status NoSuchField(const Descriptor* type, std::string_view name) {
  std::string text = absl::StrCat("no field ", Quoted(name), " in ", type->full_name());
  const FieldDescriptor* meant = type->FindFieldByCamelcaseName(std::string(name));
  if (meant != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(text, "; did you mean ", meant->name(), "?"));
  }
  for (int i = 0; i < type->field_count() && i < kMaxFieldsInError; ++i) {
    absl::StrAppend(&text, i == 0 ? "; it has " : ", ", type->field(i)->name());
  }
  if (type->field_count() > kMaxFieldsInError) absl::StrAppend(&text, ", …");
  return absl::InvalidArgumentError(text);
}

absl::Status PathBuilder::add(std::string_view part) {
  if (steps_.size() >= kMaxPathFields) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path has more than ", kMaxPathFields, " fields"));
  }
  if (!steps_.empty() && steps_.back().field->is_map() && !steps_.back().map_key.has_value()) {
    PathStep& map = steps_.back();
    HF_ASSIGN_OR_RETURN(map.map_key, CanonicalMapKey(map.field, part));
    type_ = map.value_field()->message_type();
    return absl::OkStatus();
  }
  if (type_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("no field ", Quoted(part), " in ",
                                                   PathText(steps_), ", which is ",
                                                   TypeText(steps_.back().value_field())));
  }
  const FieldDescriptor* field = type_->FindFieldByName(std::string(part));
  if (field == nullptr) return NoSuchField(type_, part);
  steps_.push_back({.field = field});
  type_ = field->message_type();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<const FieldDescriptor*>> ResolveSingularPath(const Descriptor* type,
                                                                        std::string_view path) {
  PathBuilder builder(type);
  std::vector<const FieldDescriptor*> fields;
  for (const std::string_view part : SplitDots(path)) {
    HF_RETURN_IF_ERROR(builder.add(part));
    const FieldDescriptor* field = builder.steps().back().field;
    if (field->is_repeated()) {
      return absl::InvalidArgumentError(absl::StrCat(field->name(), " is a ",
                                                     field->is_map() ? "map" : "repeated field",
                                                     ", of which there is no single value"));
    }
    fields.push_back(field);
  }
  const ValueType value_type = TypeOf(fields.back());
  if (value_type == ValueType::kMessage || value_type == ValueType::kBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        fields.back()->name(), " is ", TypeText(fields.back()), ", which has no order"));
  }
  return fields;
}

std::optional<ValueView> ReadPath(const Message& message,
                                  const std::vector<const FieldDescriptor*>& path,
                                  std::string& scratch) {
  const Message* holder = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Reflection* reflection = holder->GetReflection();
    if (!reflection->HasField(*holder, path[i])) return std::nullopt;
    holder = &reflection->GetMessage(*holder, path[i]);
  }
  if (!HasValue(*holder, path.back())) return std::nullopt;
  return ReadValue(*holder, path.back(), scratch);
}

std::string PathText(const std::vector<PathStep>& steps) {
  std::string text;
  for (const PathStep& step : steps) {
    absl::StrAppend(&text, text.empty() ? "" : ".", step.field->name());
    if (step.map_key.has_value()) absl::StrAppend(&text, ".", *step.map_key);
  }
  return text;
}

absl::StatusOr<std::string> CanonicalMapKey(const FieldDescriptor* map, std::string_view key) {
  const FieldDescriptor* key_field = map->message_type()->map_key();
  switch (key_field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return CanonicalInteger<int32_t>(key_field, key);
    case FieldDescriptor::CPPTYPE_INT64:
      return CanonicalInteger<int64_t>(key_field, key);
    case FieldDescriptor::CPPTYPE_UINT32:
      return CanonicalInteger<uint32_t>(key_field, key);
    case FieldDescriptor::CPPTYPE_UINT64:
      return CanonicalInteger<uint64_t>(key_field, key);
    case FieldDescriptor::CPPTYPE_BOOL:
      if (key == "true" || key == "false") return std::string(key);
      return absl::InvalidArgumentError(
          absl::StrCat("the map's keys are true and false, which ", Quoted(key), " isn't"));
    default:
      return std::string(key);
  }
}

std::string MapKeyOf(const Message& entry, const FieldDescriptor* map) {
  const FieldDescriptor* key_field = map->message_type()->map_key();
  std::string scratch;
  const ValueView key = ReadValue(entry, key_field, scratch);
  if (const auto* text = std::get_if<std::string_view>(&key)) return std::string(*text);
  if (const auto* number = std::get_if<uint64_t>(&key)) return absl::StrCat(*number);
  const int64_t number = std::get<int64_t>(key);
  if (key_field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL) return absl::StrCat(number);
  return number != 0 ? "true" : "false";
}

int FindMapEntry(const Message& message, const FieldDescriptor* map, std::string_view key) {
  const Reflection* reflection = message.GetReflection();
  const FieldDescriptor* key_field = map->message_type()->map_key();
  const bool is_text = key_field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const int size = reflection->FieldSize(message, map);
  std::string scratch;
  for (int i = 0; i < size; ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, map, i);
    const bool found =
        is_text ? entry.GetReflection()->GetStringReference(entry, key_field, &scratch) == key
                : MapKeyOf(entry, map) == key;
    if (found) return i;
  }
  return -1;
}

}  // namespace holdfast::filter
