// AIP-161 field masks: read masks and update masks, with `*`, nested paths and map keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

inline constexpr size_t kMaxMaskPaths = 1000;

class FieldMask {
 public:
  // INVALID_ARGUMENT with reason INVALID_MASK naming the path. `field` is the request's field that
  // holds the mask, for the error. No paths, or "*": everything.
  [[nodiscard]] static absl::StatusOr<FieldMask> Parse(const std::vector<std::string>& paths,
                                                       const google::protobuf::Descriptor* type,
                                                       std::string_view field);
  // Everything.
  FieldMask() = default;

  [[nodiscard]] bool everything() const { return paths_.empty(); }

  // Read: leaves only what the mask names. Paths through repeated fields apply to each element.
  void keep(google::protobuf::Message& resource) const;

  // Update (AIP-134): what the mask names is taken from `from` into `to`: scalars, repeated fields
  // and messages are replaced (cleared where absent in `from`); a map key path replaces one entry.
  void copy(const google::protobuf::Message& from, google::protobuf::Message& to) const;

  // The mask that an update without one means: all fields that are set in `resource`.
  [[nodiscard]] static FieldMask OfSetFields(const google::protobuf::Message& resource);

  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;  // sorted, none a prefix of another
};

}  // namespace holdfast::filter
