// Random values for this module's property tests: few enough that equal ones meet, and those where
// conversions go wrong.
#pragma once

#include <rapidcheck.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "google/protobuf/message.h"
#include "holdfast/base/check.h"
#include "holdfast/filter/path.h"
#include "holdfast/filter/test_message.h"
#include "holdfast/filter/value.h"

namespace holdfast::filter {

inline const std::vector<std::string>& TestPaths() {
  static const std::vector<std::string> paths = {
      "name",       "display_name",    "count",        "big",     "small_unsigned", "ratio",
      "weight",     "enabled",         "big_unsigned", "state",   "nick",           "quota",
      "alias",      "create_time",     "ttl",          "ceiling", "spec.cidr",      "spec.size",
      "spec.limit", "spec.inner.size", "spec.since",   "ip",      "alias.value"};
  return paths;
}

inline std::string RandomText() {
  using std::string_literals::operator""s;
  static const std::vector<std::string> texts = {
      "",     "a",     "ab",   "abc",    "b",      "B",          "\0"s,
      "a\0"s, "a\0b"s, "a\1",  "\1\1",   "\1\2",   "\2",         "ä",
      "äb",   "aä",    "\x7f", "\u0080", "\ud7ff", "\ue000",     "a\U0010ffff",
      "\"",   "a\nb",  "\\",   "a.b",    "*",      "\U0010ffff", "\U0010ffffa",
      "10",   "9",     "10.0", "abd",    "null",   "\U00010000", "\uffff",
  };
  return *rc::gen::elementOf(texts);
}

inline absl::int128 RandomNanoseconds(ValueType type) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  const absl::int128 year1 = absl::int128(-62135596800) * 1'000'000'000;
  const absl::int128 year9999 = absl::int128(253402300799) * 1'000'000'000 + 999'999'999;
  std::vector<absl::int128> choices = {0,
                                       1,
                                       -1,
                                       999'999'999,
                                       year1,
                                       year9999,
                                       kMax,
                                       kMin,
                                       kMax - 1,
                                       kMin + 1,
                                       1'000'000'000,
                                       -1'000'000'001,
                                       absl::int128(kMax) + 1,
                                       absl::int128(kMin) - 1};
  if (type == ValueType::kDuration)
    choices.push_back(absl::int128(315'576'000'000) * 1'000'000'000);
  return *rc::gen::elementOf(choices);
}

inline Value RandomInteger(google::protobuf::FieldDescriptor::CppType type) {
  using google::protobuf::FieldDescriptor;
  constexpr int64_t kBig = int64_t{1} << 53;
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  constexpr auto kMin = std::numeric_limits<int64_t>::min();
  switch (type) {
    case FieldDescriptor::CPPTYPE_INT32:
      return Value(*rc::gen::element<int64_t>(0, 1, -1, 5, 10, std::numeric_limits<int32_t>::min(),
                                              std::numeric_limits<int32_t>::max()));
    case FieldDescriptor::CPPTYPE_INT64:
      return Value(*rc::gen::element<int64_t>(0, 1, -1, kBig, kBig + 1, -kBig - 1, kMax, kMax - 1,
                                              kMin, kMin + 1, 10, 9));
    case FieldDescriptor::CPPTYPE_UINT32:
      return Value(*rc::gen::element<uint64_t>(0, 1, 10, 9, std::numeric_limits<uint32_t>::max()));
    default:
      return Value(*rc::gen::element<uint64_t>(0, 1, kBig + 1, kBig, uint64_t{1} << 63,
                                               (uint64_t{1} << 63) - 1, (uint64_t{1} << 63) + 1,
                                               std::numeric_limits<uint64_t>::max()));
  }
}

inline Value RandomDouble(ValueType type) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (type == ValueType::kFloat) {
    return Value(*rc::gen::element<double>(0, -0.0, 0.1F, 1.5, -1.5, 1e-45F, -1e-45F, 3.4e38F,
                                           kInfinity, -kInfinity));
  }
  return Value(*rc::gen::element<double>(0, -0.0, 0.1, 0.1 + 1.4e-17, 1.0 / 3, 1e308, -1e308,
                                         5e-324, -5e-324, 1e22, 1e23, 9007199254740993.0, kInfinity,
                                         -kInfinity, 2.2250738585072011e-308));
}

// A value that a field of this type may have, and (but for NaN) a filter may compare with.
inline Value RandomValue(const google::protobuf::FieldDescriptor* field) {
  switch (TypeOf(field)) {
    case ValueType::kInt:
    case ValueType::kUint:
      return RandomInteger(ScalarField(field)->cpp_type());
    case ValueType::kFloat:
    case ValueType::kDouble:
      return RandomDouble(TypeOf(field));
    case ValueType::kBool:
      return Value(*rc::gen::element<int64_t>(0, 1));
    case ValueType::kEnum:
      return Value(*rc::gen::element<int64_t>(0, 1, 2));
    case ValueType::kString:
      return Value(RandomText());
    default:
      return Value(RandomNanoseconds(TypeOf(field)));
  }
}

inline void SetNanoseconds(google::protobuf::Message& message, absl::int128 nanoseconds) {
  absl::int128 seconds = nanoseconds / 1'000'000'000;
  absl::int128 rest = nanoseconds % 1'000'000'000;
  const bool timestamp = message.GetDescriptor()->full_name() == "google.protobuf.Timestamp";
  if (timestamp && rest < 0) {
    rest += 1'000'000'000;
    seconds -= 1;
  }
  const auto* type = message.GetDescriptor();
  const auto* reflection = message.GetReflection();
  reflection->SetInt64(&message, type->FindFieldByNumber(1), static_cast<int64_t>(seconds));
  reflection->SetInt32(&message, type->FindFieldByNumber(2), static_cast<int32_t>(rest));
}

inline void SetValue(google::protobuf::Message& message,
                     const google::protobuf::FieldDescriptor* field, const Value& value) {
  using google::protobuf::FieldDescriptor;
  const auto* reflection = message.GetReflection();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->SetInt32(&message, field, static_cast<int32_t>(std::get<int64_t>(value)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->SetInt64(&message, field, std::get<int64_t>(value));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->SetUInt32(&message, field,
                                   static_cast<uint32_t>(std::get<uint64_t>(value)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->SetUInt64(&message, field, std::get<uint64_t>(value));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection->SetFloat(&message, field, static_cast<float>(std::get<double>(value)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->SetDouble(&message, field, std::get<double>(value));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->SetBool(&message, field, std::get<int64_t>(value) != 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection->SetEnumValue(&message, field, static_cast<int>(std::get<int64_t>(value)));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection->SetString(&message, field, std::get<std::string>(value));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  google::protobuf::Message& inner = *reflection->MutableMessage(&message, field);
  if (std::holds_alternative<absl::int128>(value)) {
    SetNanoseconds(inner, std::get<absl::int128>(value));
  } else {
    SetValue(inner, inner.GetDescriptor()->FindFieldByNumber(1), value);
  }
}

inline void SetPath(google::protobuf::Message& message,
                    const std::vector<const google::protobuf::FieldDescriptor*>& path,
                    const Value& value) {
  google::protobuf::Message* holder = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    holder = holder->GetReflection()->MutableMessage(holder, path[i]);
  }
  SetValue(*holder, path.back(), value);
}

// With about half of TestPaths() set, now and then to NaN, and a few repeated fields and maps.
inline std::unique_ptr<google::protobuf::Message> RandomMessage() {
  auto message = TestTypes::Get().make();
  for (const std::string& path : TestPaths()) {
    if (*rc::gen::arbitrary<bool>()) continue;
    const auto fields = ResolveSingularPath(TestTypes::Get().vpc(), path);
    HF_CHECK(fields.ok()) << path;
    Value value = RandomValue(fields->back());
    const bool is_double = std::holds_alternative<double>(value);
    if (is_double && *rc::gen::inRange(0, 8) == 0) value = std::numeric_limits<double>::quiet_NaN();
    SetPath(*message, *fields, value);
  }
  const auto* tags = TestTypes::Get().vpc()->FindFieldByName("tags");
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    message->GetReflection()->AddString(message.get(), tags, RandomText());
  }
  return message;
}

}  // namespace holdfast::filter
