#include "holdfast/filter/literal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::filter {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

constexpr std::string_view kDigits = "0123456789";
constexpr int64_t kNanosPerSecond = 1'000'000'000;
// google.protobuf.Duration's own range: 10,000 years.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr size_t kMaxFractionDigits = 9;
// As many names as help; an enum may have hundreds.
constexpr int kMaxEnumValuesInError = 12;

absl::Status Expected(std::string_view what, std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", ToAbsl(what), ", found \"", ForMessage(text), "\""));
}

absl::Status OutOfRange(const FieldDescriptor* field, std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("\"", ForMessage(text), "\" is out of range for ",
                                                 field->name(), ", which is ", TypeText(field)));
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool IsInteger(std::string_view text) {
  return AllDigits(text.starts_with('-') ? text.substr(1) : text);
}

template <class Wide, class Narrow>
absl::StatusOr<Value> ParseInteger(const FieldDescriptor* field, std::string_view text) {
  if (!IsInteger(text)) return Expected(TypeText(field), text);
  Wide number = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &number)) return OutOfRange(field, text);
  if (number < Wide{std::numeric_limits<Narrow>::min()} ||
      number > Wide{std::numeric_limits<Narrow>::max()}) {
    return OutOfRange(field, text);
  }
  return Value(number);
}

// [-] digits [. digits] [(e|E) [+|-] digits]; std::from_chars alone would also take "inf", "nan".
bool IsDecimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t whole = std::min(text.find_first_not_of(kDigits), text.size());
  text.remove_prefix(whole);
  size_t fraction = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = std::min(text.find_first_not_of(kDigits), text.size());
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  if (text.front() != 'e' && text.front() != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return AllDigits(text);
}

// Rounded once, to the field's own precision: `ratio = 0.1` finds what a float field holds as 0.1.
template <class Number>
absl::StatusOr<Value> ParseFloating(const FieldDescriptor* field, std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "Infinity") return Value(kInfinity);
  if (text == "-Infinity") return Value(-kInfinity);
  if (text == "NaN") {
    return absl::InvalidArgumentError("NaN is neither equal to, less nor greater than anything");
  }
  if (!IsDecimal(text)) return Expected(TypeText(field), text);
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc()) return Value(double{number});
  // Too large, or so small that the nearest is zero: from_chars doesn't tell which.
  double rounded = 0;
  if (!absl::SimpleAtod(ToAbsl(text), &rounded)) return Expected(TypeText(field), text);
  if (std::fabs(rounded) > 1) return OutOfRange(field, text);
  return Value(double{static_cast<Number>(rounded)});
}

absl::StatusOr<Value> ParseBool(std::string_view text) {
  if (text == "true") return Value(int64_t{1});
  if (text == "false") return Value(int64_t{0});
  return Expected("true or false", text);
}

absl::StatusOr<Value> ParseEnum(const EnumDescriptor* type, std::string_view text) {
  const auto* value = type->FindValueByName(std::string(text));
  if (value != nullptr) return Value(int64_t{value->number()});
  std::string names;
  for (int i = 0; i < type->value_count() && i < kMaxEnumValuesInError; ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", type->value(i)->name());
  }
  if (type->value_count() > kMaxEnumValuesInError) names += ", …";
  return Expected(absl::StrCat("a value of ", type->full_name(), " (", names, ")"), text);
}

absl::StatusOr<Value> ParseTimestamp(std::string_view text) {
  constexpr std::string_view kWhat = "an RFC 3339 timestamp, like \"2026-02-28T12:30:00Z\"";
  google::protobuf::Timestamp timestamp;
  // TimeUtil stops at a NUL character, so it must not see one.
  if (text.find_first_not_of("0123456789-+:.TZ") != std::string_view::npos ||
      !google::protobuf::util::TimeUtil::FromString(std::string(text), &timestamp)) {
    return Expected(kWhat, text);
  }
  return Value(absl::int128(timestamp.seconds()) * kNanosPerSecond + timestamp.nanos());
}

// Seconds, with at most nine decimals, and an "s": AIP-160 knows no other units.
absl::StatusOr<Value> ParseDuration(const FieldDescriptor* field, std::string_view text) {
  constexpr std::string_view kWhat =
      "a duration in seconds with at most nine decimals, like 20s or 1.5s";
  const bool negative = text.starts_with('-');
  std::string_view rest = text.substr(negative ? 1 : 0);
  if (!rest.ends_with('s')) return Expected(kWhat, text);
  rest.remove_suffix(1);
  const size_t dot = std::min(rest.find('.'), rest.size());
  const std::string_view whole = rest.substr(0, dot);
  std::string fraction(rest.substr(std::min(dot + 1, rest.size())));
  const bool has_fraction = dot < rest.size();
  if (!AllDigits(whole) || (has_fraction && !AllDigits(fraction)) ||
      fraction.size() > kMaxFractionDigits) {
    return Expected(kWhat, text);
  }
  fraction.resize(kMaxFractionDigits, '0');
  int64_t seconds = 0;
  int64_t nanos = 0;
  if (!absl::SimpleAtoi(ToAbsl(whole), &seconds) || seconds > kMaxDurationSeconds) {
    return OutOfRange(field, text);
  }
  HF_CHECK(absl::SimpleAtoi(fraction, &nanos));
  const absl::int128 total = absl::int128(seconds) * kNanosPerSecond + nanos;
  return Value(negative ? -total : total);
}

}  // namespace

absl::StatusOr<Value> ParseLiteral(const FieldDescriptor* field, std::string_view text) {
  const bool narrow = ScalarField(field)->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
                      ScalarField(field)->cpp_type() == FieldDescriptor::CPPTYPE_UINT32;
  switch (TypeOf(field)) {
    case ValueType::kInt:
      return narrow ? ParseInteger<int64_t, int32_t>(field, text)
                    : ParseInteger<int64_t, int64_t>(field, text);
    case ValueType::kUint:
      return narrow ? ParseInteger<uint64_t, uint32_t>(field, text)
                    : ParseInteger<uint64_t, uint64_t>(field, text);
    case ValueType::kFloat:
      return ParseFloating<float>(field, text);
    case ValueType::kDouble:
      return ParseFloating<double>(field, text);
    case ValueType::kBool:
      return ParseBool(text);
    case ValueType::kEnum:
      return ParseEnum(field->enum_type(), text);
    case ValueType::kString:
      return Value(std::string(text));
    case ValueType::kTimestamp:
      return ParseTimestamp(text);
    case ValueType::kDuration:
      return ParseDuration(field, text);
    case ValueType::kBytes:
    case ValueType::kMessage:
      break;
  }
  HF_CHECK(false) << "no literals of the type of " << field->full_name();
  return absl::InternalError("unreachable");
}

}  // namespace holdfast::filter
