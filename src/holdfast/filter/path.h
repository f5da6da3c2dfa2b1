// Paths to fields, resolved against a message type. Internal to filter/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "holdfast/filter/value.h"

namespace holdfast::filter {

struct PathStep {
  const google::protobuf::FieldDescriptor* field = nullptr;
  // Of a map's entry, as CanonicalMapKey writes it; nullopt where the map as a whole is meant, and
  // for all other fields.
  std::optional<std::string> map_key;

  // The field whose value the step leads to: of a map's entry the value field.
  [[nodiscard]] const google::protobuf::FieldDescriptor* value_field() const;
  // Does the step lead to many values (a repeated field), or to a map as a whole?
  [[nodiscard]] bool many() const { return field->is_repeated() && !map_key.has_value(); }
};

// Takes the parts of a path one after the other. A problem is INVALID_ARGUMENT, plain, about the
// part just added.
class PathBuilder {
 public:
  explicit PathBuilder(const google::protobuf::Descriptor* type) : type_(type) {}

  // A field, or the key of the map before it.
  [[nodiscard]] absl::Status add(std::string_view part);

  [[nodiscard]] const std::vector<PathStep>& steps() const { return steps_; }

 private:
  const google::protobuf::Descriptor* type_;  // of which the next part is a field; null: of none
  std::vector<PathStep> steps_;
};

// A dotted path of singular fields to a value that can be compared. Otherwise INVALID_ARGUMENT,
// plain, with what is wrong.
[[nodiscard]] absl::StatusOr<std::vector<const google::protobuf::FieldDescriptor*>>
ResolveSingularPath(const google::protobuf::Descriptor* type, std::string_view path);

// The value at such a path; nullopt if a message on the way or an optional field is unset.
[[nodiscard]] std::optional<ValueView> ReadPath(
    const google::protobuf::Message& message,
    const std::vector<const google::protobuf::FieldDescriptor*>& path, std::string& scratch);

// "a.b.c"
[[nodiscard]] std::string PathText(const std::vector<PathStep>& steps);

// A map key as one text for each value: "007" becomes "7" for integers. INVALID_ARGUMENT, plain, if
// the map can't have such a key.
[[nodiscard]] absl::StatusOr<std::string> CanonicalMapKey(
    const google::protobuf::FieldDescriptor* map, std::string_view key);
// The same for an entry's key.
[[nodiscard]] std::string MapKeyOf(const google::protobuf::Message& entry,
                                   const google::protobuf::FieldDescriptor* map);
// The index of the entry with this key, in reflection's order of entries; -1 if there is none.
[[nodiscard]] int FindMapEntry(const google::protobuf::Message& message,
                               const google::protobuf::FieldDescriptor* map, std::string_view key);

// No field of this name: says so, with the name that may have been meant.
[[nodiscard]] absl::Status NoSuchField(const google::protobuf::Descriptor* type,
                                       std::string_view name);

}  // namespace holdfast::filter
