#include "holdfast/filter/value.h"

#include <bit>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int64_t kMinInt64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

bool IsWrapper(const Descriptor* type) {
  switch (type->well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return true;
    default:
      return false;
  }
}

ValueType TypeOfMessage(const Descriptor* type) {
  switch (type->well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return ValueType::kTimestamp;
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return ValueType::kDuration;
    default:
      return IsWrapper(type) ? TypeOf(type->FindFieldByNumber(1)) : ValueType::kMessage;
  }
}

// Seconds and nanoseconds as found, also where they are out of range: any two compare.
absl::int128 ReadNanoseconds(const Message& message) {
  const Descriptor* type = message.GetDescriptor();
  const Reflection* reflection = message.GetReflection();
  const int64_t seconds = reflection->GetInt64(message, type->FindFieldByNumber(1));
  const int32_t nanos = reflection->GetInt32(message, type->FindFieldByNumber(2));
  return absl::int128(seconds) * 1'000'000'000 + nanos;
}

ValueView ReadMessage(const Message& message, std::string& scratch) {
  const Descriptor* type = message.GetDescriptor();
  if (IsWrapper(type)) return ReadValue(message, type->FindFieldByNumber(1), scratch);
  return ReadNanoseconds(message);
}

std::string EscapeForIndex(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    if (c == '\0' || c == '\1') {
      escaped += '\1';
      escaped += c == '\0' ? '\1' : '\2';
    } else {
      escaped += c;
    }
  }
  return escaped;
}

int64_t Clamp(absl::int128 nanoseconds) {
  if (nanoseconds < absl::int128(kMinInt64)) return kMinInt64;
  if (nanoseconds > absl::int128(kMaxInt64)) return kMaxInt64;
  return static_cast<int64_t>(nanoseconds);
}

struct IndexEncoder {
  using Result = std::optional<IndexValue>;

  Result operator()(int64_t value) const { return value; }
  Result operator()(uint64_t value) const {
    return static_cast<int64_t>(value ^ (uint64_t{1} << 63));
  }
  Result operator()(double value) const {
    if (std::isnan(value)) return std::nullopt;
    return OrderedBits(value);
  }
  Result operator()(std::string_view value) const {
    if (!IsUtf8(value)) return std::nullopt;
    return EscapeForIndex(value);
  }
  Result operator()(absl::int128 value) const { return Clamp(value); }
};

}  // namespace

const FieldDescriptor* ScalarField(const FieldDescriptor* field) {
  const bool wrapped =
      field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && IsWrapper(field->message_type());
  return wrapped ? field->message_type()->FindFieldByNumber(1) : field;
}

ValueType TypeOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return ValueType::kInt;
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_UINT64:
      return ValueType::kUint;
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ValueType::kFloat;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ValueType::kDouble;
    case FieldDescriptor::CPPTYPE_BOOL:
      return ValueType::kBool;
    case FieldDescriptor::CPPTYPE_ENUM:
      return ValueType::kEnum;
    case FieldDescriptor::CPPTYPE_STRING:
      return field->type() == FieldDescriptor::TYPE_BYTES ? ValueType::kBytes : ValueType::kString;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return TypeOfMessage(field->message_type());
  }
  HF_CHECK(false) << "a field type that protobuf doesn't have: " << field->full_name();
  return ValueType::kMessage;
}

std::string TypeText(const FieldDescriptor* field) {
  switch (TypeOf(field)) {
    case ValueType::kTimestamp:
      return "a timestamp";
    case ValueType::kDuration:
      return "a duration";
    case ValueType::kMessage:
      return absl::StrCat("the message ", field->message_type()->full_name());
    case ValueType::kEnum:
      return absl::StrCat("the enum ", field->enum_type()->full_name());
    case ValueType::kInt:
      return absl::StrCat("an ", ScalarField(field)->cpp_type_name());
    case ValueType::kBytes:
      return "bytes";
    default:
      return absl::StrCat("a ", ScalarField(field)->cpp_type_name());
  }
}

ValueView ViewOf(const Value& value) {
  return std::visit(
      [](const auto& v) -> ValueView {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
          return std::string_view(v);
        } else {
          return v;
        }
      },
      value);
}

ValueView ReadValue(const Message& message, const FieldDescriptor* field, std::string& scratch) {
  const Reflection* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection->GetInt32(message, field)};
    case FieldDescriptor::CPPTYPE_INT64:
      return int64_t{reflection->GetInt64(message, field)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return uint64_t{reflection->GetUInt32(message, field)};
    case FieldDescriptor::CPPTYPE_UINT64:
      return uint64_t{reflection->GetUInt64(message, field)};
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{reflection->GetFloat(message, field)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return int64_t{reflection->GetBool(message, field) ? 1 : 0};
    case FieldDescriptor::CPPTYPE_ENUM:
      return int64_t{reflection->GetEnumValue(message, field)};
    case FieldDescriptor::CPPTYPE_STRING:
      return std::string_view(reflection->GetStringReference(message, field, &scratch));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(reflection->GetMessage(message, field), scratch);
  }
  HF_CHECK(false) << "a field type that protobuf doesn't have: " << field->full_name();
  return int64_t{0};
}

ValueView ReadElement(const Message& message, const FieldDescriptor* field, int index,
                      std::string& scratch) {
  const Reflection* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return int64_t{reflection->GetRepeatedInt32(message, field, index)};
    case FieldDescriptor::CPPTYPE_INT64:
      return int64_t{reflection->GetRepeatedInt64(message, field, index)};
    case FieldDescriptor::CPPTYPE_UINT32:
      return uint64_t{reflection->GetRepeatedUInt32(message, field, index)};
    case FieldDescriptor::CPPTYPE_UINT64:
      return uint64_t{reflection->GetRepeatedUInt64(message, field, index)};
    case FieldDescriptor::CPPTYPE_FLOAT:
      return double{reflection->GetRepeatedFloat(message, field, index)};
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetRepeatedDouble(message, field, index);
    case FieldDescriptor::CPPTYPE_BOOL:
      return int64_t{reflection->GetRepeatedBool(message, field, index) ? 1 : 0};
    case FieldDescriptor::CPPTYPE_ENUM:
      return int64_t{reflection->GetRepeatedEnumValue(message, field, index)};
    case FieldDescriptor::CPPTYPE_STRING:
      return std::string_view(
          reflection->GetRepeatedStringReference(message, field, index, &scratch));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(reflection->GetRepeatedMessage(message, field, index), scratch);
  }
  HF_CHECK(false) << "a field type that protobuf doesn't have: " << field->full_name();
  return int64_t{0};
}

bool HasValue(const Message& message, const FieldDescriptor* field) {
  return !field->has_presence() || message.GetReflection()->HasField(message, field);
}

int64_t OrderedBits(double value) {
  if (std::isnan(value)) return kMinInt64;
  if (value == 0) return 0;
  const auto bits = std::bit_cast<int64_t>(value);
  // Negative numbers: the greater the magnitude, the smaller.
  return bits >= 0 ? bits : bits ^ kMaxInt64;
}

std::optional<IndexValue> ToIndexValue(const ValueView& value) {
  return std::visit(IndexEncoder(), value);
}

bool IsIndexExact(const Value& value) {
  const auto* nanoseconds = std::get_if<absl::int128>(&value);
  return nanoseconds == nullptr ||
         (*nanoseconds > absl::int128(kMinInt64) && *nanoseconds < absl::int128(kMaxInt64));
}

}  // namespace holdfast::filter
