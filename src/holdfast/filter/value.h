// Values inside messages, as filters, indexes and sort keys see them. Internal to filter/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/numeric/int128.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/filter/filter.h"

namespace holdfast::filter {

// What one value of a field is. google.protobuf's wrappers (Int64Value …) are what they wrap.
enum class ValueType {
  kInt,  // all signed integers
  kUint,
  kFloat,
  kDouble,
  kBool,
  kEnum,
  kString,
  kBytes,
  kTimestamp,
  kDuration,
  kMessage,
};

[[nodiscard]] ValueType TypeOf(const google::protobuf::FieldDescriptor* field);
// For errors: "an int32", "a timestamp", "the enum acme.State".
[[nodiscard]] std::string TypeText(const google::protobuf::FieldDescriptor* field);
// For wrappers the field inside, else the field itself.
[[nodiscard]] const google::protobuf::FieldDescriptor* ScalarField(
    const google::protobuf::FieldDescriptor* field);

// Timestamps and durations are nanoseconds; bools and enums are numbers.
using Value = std::variant<int64_t, uint64_t, double, std::string, absl::int128>;
// The same, looking at a string that is elsewhere.
using ValueView = std::variant<int64_t, uint64_t, double, std::string_view, absl::int128>;

[[nodiscard]] ValueView ViewOf(const Value& value);

// The value of a singular field, its default if unset. It isn't of kMessage. The view may look
// into `message` or into `scratch`.
[[nodiscard]] ValueView ReadValue(const google::protobuf::Message& message,
                                  const google::protobuf::FieldDescriptor* field,
                                  std::string& scratch);
// The same for an element of a repeated field.
[[nodiscard]] ValueView ReadElement(const google::protobuf::Message& message,
                                    const google::protobuf::FieldDescriptor* field, int index,
                                    std::string& scratch);

// Is there anything? Scalars without presence (proto3's) always have a value, perhaps the default.
[[nodiscard]] bool HasValue(const google::protobuf::Message& message,
                            const google::protobuf::FieldDescriptor* field);

// A double's bits as an integer of the same order; both zeros are equal, NaNs are the least.
[[nodiscard]] int64_t OrderedBits(double value);

// As an index holds it; nullopt for NaN, and for strings that aren't UTF-8.
[[nodiscard]] std::optional<IndexValue> ToIndexValue(const ValueView& value);
// Whether ToIndexValue keeps `value` apart from all others.
[[nodiscard]] bool IsIndexExact(const Value& value);

}  // namespace holdfast::filter
