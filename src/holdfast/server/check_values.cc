#include "holdfast/server/check_values.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::server {
namespace {

namespace pb = google::protobuf;
using Field = const pb::FieldDescriptor*;

// As timestamp.proto and duration.proto have them.
constexpr int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
constexpr int64_t kLongestSeconds = 315576000000;
constexpr int32_t kNanos = 1'000'000'000;

class Walker {
 public:
  absl::Status walk(const pb::Message& message, const std::string& path, int depth) {
    if (depth > kMaxMessageDepth) {
      return FieldError(Reason::kMalformedRequest, path,
                        absl::StrCat("messages are nested more than ", kMaxMessageDepth, " deep"));
    }
    HF_RETURN_IF_ERROR(check_unknown(message, path));
    HF_RETURN_IF_ERROR(check_well_known(message, path));
    std::vector<Field> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (Field field : fields) {
      const bool looked_at = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE ||
                             field->cpp_type() == pb::FieldDescriptor::CPPTYPE_ENUM;
      if (looked_at) HF_RETURN_IF_ERROR(check_field(message, field, path, depth));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status check_field(const pb::Message& message, Field field, const std::string& path,
                           int depth) {
    const pb::Reflection& reflection = *message.GetReflection();
    const std::string here = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    const bool is_message = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (!field->is_repeated()) {
      if (is_message) return walk(reflection.GetMessage(message, field), here, depth + 1);
      return check_enum(field, reflection.GetEnumValue(message, field), here);
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      const std::string element = absl::StrCat(here, "[", i, "]");
      HF_RETURN_IF_ERROR(
          is_message
              ? walk(reflection.GetRepeatedMessage(message, field, i), element, depth + 1)
              : check_enum(field, reflection.GetRepeatedEnumValue(message, field, i), element));
    }
    return absl::OkStatus();
  }

  // A field that is known, in a form that isn't its own: protobuf takes it for an unknown one.
  static absl::Status check_unknown(const pb::Message& message, const std::string& path) {
    const pb::UnknownFieldSet& unknown = message.GetReflection()->GetUnknownFields(message);
    for (int i = 0; i < unknown.field_count(); ++i) {
      Field field = message.GetDescriptor()->FindFieldByNumber(unknown.field(i).number());
      if (field == nullptr) continue;
      return FieldError(Reason::kInvalidField,
                        absl::StrCat(path, path.empty() ? "" : ".", field->name()),
                        absl::StrCat("isn't of the type ", field->type_name()));
    }
    return absl::OkStatus();
  }

  static absl::Status check_enum(Field field, int number, const std::string& path) {
    if (field->enum_type()->FindValueByNumber(number) != nullptr) return absl::OkStatus();
    return FieldError(Reason::kInvalidField, path,
                      absl::StrCat(number, " is no value of ", field->enum_type()->full_name()));
  }

  static absl::Status check_well_known(const pb::Message& message, const std::string& path) {
    switch (message.GetDescriptor()->well_known_type()) {
      case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
        return check_timestamp(static_cast<const pb::Timestamp&>(message), path);
      case pb::Descriptor::WELLKNOWNTYPE_DURATION:
        return check_duration(static_cast<const pb::Duration&>(message), path);
      case pb::Descriptor::WELLKNOWNTYPE_ANY:
        return FieldError(Reason::kInvalidField, path,
                          "google.protobuf.Any isn't supported: nobody could check what is in it");
      case pb::Descriptor::WELLKNOWNTYPE_VALUE:
        return check_value(message, path);
      default:
        return absl::OkStatus();
    }
  }

  static absl::Status check_timestamp(const pb::Timestamp& time, const std::string& path) {
    if (time.seconds() >= kFirstSecond && time.seconds() <= kLastSecond && time.nanos() >= 0 &&
        time.nanos() < kNanos) {
      return absl::OkStatus();
    }
    return FieldError(Reason::kInvalidField, path, "isn't a time between the years 1 and 9999");
  }

  static absl::Status check_duration(const pb::Duration& duration, const std::string& path) {
    const bool same_sign = duration.seconds() == 0 || duration.nanos() == 0 ||
                           (duration.seconds() < 0) == (duration.nanos() < 0);
    if (same_sign && duration.nanos() > -kNanos && duration.nanos() < kNanos &&
        duration.seconds() >= -kLongestSeconds && duration.seconds() <= kLongestSeconds) {
      return absl::OkStatus();
    }
    return FieldError(Reason::kInvalidField, path, "isn't a duration of at most 10,000 years");
  }

  static absl::Status check_value(const pb::Message& value, const std::string& path) {
    Field number = value.GetDescriptor()->FindFieldByName("number_value");
    if (!value.GetReflection()->HasField(value, number) ||
        std::isfinite(value.GetReflection()->GetDouble(value, number))) {
      return absl::OkStatus();
    }
    return FieldError(Reason::kInvalidField, path, "JSON has no infinity and no NaN");
  }
};

}  // namespace

absl::Status CheckValues(const pb::Message& request) { return Walker().walk(request, "", 1); }

}  // namespace holdfast::server
