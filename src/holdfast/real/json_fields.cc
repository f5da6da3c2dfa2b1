#include "holdfast/real/json_fields.h"

#include <cmath>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

namespace pb = google::protobuf;
using pb::FieldDescriptor;

// What a value should have been; nullopt: it was set.
using Problem = std::optional<std::string>;

// Sets a singular field, or adds to a repeated one.
template <class T, class Set, class Add>
Problem Put(pb::Message& message, const FieldDescriptor* field, const T& value, Set set, Add add) {
  const pb::Reflection& reflection = *message.GetReflection();
  if (field->is_repeated()) {
    (reflection.*add)(&message, field, value);
  } else {
    (reflection.*set)(&message, field, value);
  }
  return std::nullopt;
}

Problem PutInteger(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  using R = pb::Reflection;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32: {
      int32_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return "must be a 32 bit integer";
      return Put(message, field, value, &R::SetInt32, &R::AddInt32);
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      int64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return "must be a 64 bit integer";
      return Put(message, field, value, &R::SetInt64, &R::AddInt64);
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      uint32_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return "must be a 32 bit integer from 0 on";
      return Put(message, field, value, &R::SetUInt32, &R::AddUInt32);
    }
    default: {
      uint64_t value = 0;
      if (!absl::SimpleAtoi(text, &value)) return "must be a 64 bit integer from 0 on";
      return Put(message, field, value, &R::SetUInt64, &R::AddUInt64);
    }
  }
}

Problem PutFloating(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  double value = 0;
  if (text == "NaN") {
    value = std::nan("");
  } else if (text == "Infinity" || text == "-Infinity") {
    value = text.front() == '-' ? -HUGE_VAL : HUGE_VAL;
  } else if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return "must be a number";
  }
  using R = pb::Reflection;
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return Put(message, field, static_cast<float>(value), &R::SetFloat, &R::AddFloat);
  }
  return Put(message, field, value, &R::SetDouble, &R::AddDouble);
}

Problem PutEnum(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  const pb::EnumDescriptor* type = field->enum_type();
  const pb::EnumValueDescriptor* value = type->FindValueByName(text);
  int32_t number = 0;
  if (value == nullptr && absl::SimpleAtoi(text, &number)) {
    value = type->FindValueByNumber(number);
  }
  if (value == nullptr) return absl::StrCat("must be a value of the enum ", type->full_name());
  using R = pb::Reflection;
  return Put(message, field, value, &R::SetEnum, &R::AddEnum);
}

Problem PutText(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  std::string value = text;
  if (field->type() == FieldDescriptor::TYPE_BYTES) {
    const bool decoded =
        absl::Base64Unescape(text, &value) || absl::WebSafeBase64Unescape(text, &value);
    if (!decoded) return "must be base64";
  }
  using R = pb::Reflection;
  return Put(message, field, value, &R::SetString, &R::AddString);
}

Problem PutBool(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  if (text != "true" && text != "false") return "must be true or false";
  using R = pb::Reflection;
  return Put(message, field, text == "true", &R::SetBool, &R::AddBool);
}

Problem PutScalar(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return PutBool(message, field, text);
    case FieldDescriptor::CPPTYPE_ENUM:
      return PutEnum(message, field, text);
    case FieldDescriptor::CPPTYPE_STRING:
      return PutText(message, field, text);
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return PutFloating(message, field, text);
    default:
      return PutInteger(message, field, text);
  }
}

// Paths as protobuf's JSON has them, "displayName,spec.note", or with the names of the .proto file.
// Map keys in backticks stay as they are.
void AddMaskPaths(const std::string& text, pb::FieldMask& mask) {
  std::string path;
  bool quoted = false;
  const auto flush = [&] {
    if (!path.empty()) mask.add_paths(path);
    path.clear();
  };
  for (const char c : text) {
    if (c == '`') quoted = !quoted;
    if (c == ',' && !quoted) {
      flush();
    } else if (!quoted && absl::ascii_isupper(static_cast<unsigned char>(c))) {
      path += '_';
      path += absl::ascii_tolower(static_cast<unsigned char>(c));
    } else {
      path += c;
    }
  }
  flush();
}

bool IsWrapper(const pb::Descriptor& type) {
  return type.file()->name() == "google/protobuf/wrappers.proto";
}

// The message that a text is for: a new element, or the one that is there.
pb::Message& MessageFor(pb::Message& message, const FieldDescriptor* field) {
  const pb::Reflection& reflection = *message.GetReflection();
  return field->is_repeated() ? *reflection.AddMessage(&message, field)
                              : *reflection.MutableMessage(&message, field);
}

// Through bytes: the object may be of the generated class or a dynamic one.
Problem Assign(pb::Message& message, const FieldDescriptor* field, const pb::Message& value) {
  const bool parsed = MessageFor(message, field).MergeFromString(value.SerializePartialAsString());
  HF_CHECK(parsed) << value.GetTypeName() << " isn't what " << field->full_name() << " is";
  return std::nullopt;
}

Problem PutMessage(pb::Message& message, const FieldDescriptor* field, const std::string& text) {
  const pb::Descriptor& type = *field->message_type();
  const std::string& name = type.full_name();
  if (field->is_map()) return "can't be given in the query";
  if (name == "google.protobuf.Timestamp") {
    pb::Timestamp time;
    if (pb::util::TimeUtil::FromString(text, &time)) return Assign(message, field, time);
    return "must be a time as in RFC 3339, like 2026-01-31T12:00:00Z";
  }
  if (name == "google.protobuf.Duration") {
    pb::Duration duration;
    if (pb::util::TimeUtil::FromString(text, &duration)) return Assign(message, field, duration);
    return "must be a duration in seconds, like 1.5s";
  }
  if (name == "google.protobuf.FieldMask") {
    pb::FieldMask mask;
    AddMaskPaths(text, mask);
    return Assign(message, field, mask);
  }
  if (IsWrapper(type)) return PutScalar(MessageFor(message, field), type.field(0), text);
  return "can't be given in the query as a whole: give its fields";
}

const FieldDescriptor* FindField(const pb::Descriptor& type, std::string_view name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->name() == name || field->json_name() == name) return field;
  }
  return nullptr;
}

bool IsPlainMessage(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated() &&
         field->message_type()->file()->package() != "google.protobuf";
}

absl::Status Refused(const std::string& parameter, const std::string& problem) {
  return FieldError(Reason::kInvalidField, ForMessage(parameter), problem);
}

bool IsWithin(std::string_view path, std::string_view outer) {
  return path.starts_with(outer) && (path.size() == outer.size() || path[outer.size()] == '.');
}

}  // namespace

absl::Status SetVariable(pb::Message& request, std::string_view field_path,
                         const std::string& value) {
  pb::Message* message = &request;
  std::string_view rest = field_path;
  for (;;) {
    const size_t dot = rest.find('.');
    const FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(std::string(rest.substr(0, dot)));
    HF_CHECK(field != nullptr) << request.GetTypeName() << " has no " << field_path;
    const pb::Reflection& reflection = *message->GetReflection();
    if (dot != std::string_view::npos) {
      message = reflection.MutableMessage(message, field);
      rest = rest.substr(dot + 1);
      continue;
    }
    const std::string before = reflection.GetString(*message, field);
    if (!before.empty() && before != value) {
      return FieldError(Reason::kInvalidName, field_path,
                        absl::StrCat("is \"", ForMessage(value), "\" in the path and \"",
                                     ForMessage(before), "\" in the body"));
    }
    reflection.SetString(message, field, value);
    return absl::OkStatus();
  }
}

absl::Status QueryReader::find(const std::string& name, Place& out) {
  out.message = &request_;
  std::string_view rest = name;
  for (;;) {
    const size_t dot = rest.find('.');
    const pb::Descriptor& type = *out.message->GetDescriptor();
    out.field = FindField(type, rest.substr(0, dot));
    if (out.field == nullptr) {
      return Refused(name, absl::StrCat("isn't a parameter of this method: ", type.full_name(),
                                        " has no such field"));
    }
    absl::StrAppend(&out.path, out.path.empty() ? "" : ".", out.field->name());
    if (dot == std::string_view::npos) return absl::OkStatus();
    if (!IsPlainMessage(out.field)) {
      return Refused(name, absl::StrCat(out.path, " has no fields that a parameter could name"));
    }
    // Only now, and only for paths that are free: being there at all has a meaning.
    HF_RETURN_IF_ERROR(check_free(name, out));
    out.message = out.message->GetReflection()->MutableMessage(out.message, out.field);
    rest = rest.substr(dot + 1);
  }
}

absl::Status QueryReader::check_free(const std::string& name, const Place& place) const {
  for (const Taken& taken : taken_) {
    if (taken.field_path == "*" || IsWithin(place.path, taken.field_path)) {
      return Refused(name, absl::StrCat("belongs into ", taken.by, ", not into the query"));
    }
  }
  return absl::OkStatus();
}

absl::Status QueryReader::set(const std::string& name, const std::string& value) {
  Place place;
  HF_RETURN_IF_ERROR(find(name, place));
  HF_RETURN_IF_ERROR(check_free(name, place));
  const bool mask = place.field->message_type() != nullptr &&
                    place.field->message_type()->full_name() == "google.protobuf.FieldMask";
  if (!place.field->is_repeated() && !mask && !seen_.insert(place.path).second) {
    return Refused(name, "is given twice");
  }
  const pb::OneofDescriptor* oneof = place.field->real_containing_oneof();
  const pb::Reflection& reflection = *place.message->GetReflection();
  if (oneof != nullptr) {
    const FieldDescriptor* other = reflection.GetOneofFieldDescriptor(*place.message, oneof);
    if (other != nullptr && other != place.field) {
      return Refused(name, absl::StrCat("only one of it and ", other->name(), " can be set"));
    }
  }
  const Problem problem = place.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE
                              ? PutMessage(*place.message, place.field, value)
                              : PutScalar(*place.message, place.field, value);
  if (problem.has_value()) return Refused(name, *problem);
  return absl::OkStatus();
}

}  // namespace holdfast::real
