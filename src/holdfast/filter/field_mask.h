// AIP-161 field masks: read masks and update masks, with `*`, nested paths and map keys.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace holdfast::filter {

inline constexpr size_t kMaxMaskPaths = 1000;
// Room for a long map key.
inline constexpr size_t kMaxMaskPathBytes = 2 * 1024;
// Fields, keys and asterisks in one path. Applying a mask recurses this deep.
inline constexpr size_t kMaxMaskPathParts = 32;

struct MaskNode;

// A path is fields joined by dots: "spec.subnet.cidr". After a map comes a key, in backticks if it
// isn't of letters, digits, `_` and `-` ("labels.`a.b`", a backtick in it doubled), or `*` for all
// entries. After a repeated field may come `*`; the next field is one of every element's.
class FieldMask {
 public:
  // INVALID_ARGUMENT with reason INVALID_MASK naming the path. `field` is the request's field that
  // holds the mask, for the error. No paths, or "*": everything.
  [[nodiscard]] static absl::StatusOr<FieldMask> Parse(const std::vector<std::string>& paths,
                                                       const google::protobuf::Descriptor* type,
                                                       std::string_view field);
  // The same for updates, where a path may not lead into the elements of a repeated field, or into
  // all entries of a map (AIP-161): it wouldn't say which.
  [[nodiscard]] static absl::StatusOr<FieldMask> ParseForUpdate(
      const std::vector<std::string>& paths, const google::protobuf::Descriptor* type,
      std::string_view field);
  // Everything.
  FieldMask() = default;

  [[nodiscard]] bool everything() const { return root_ == nullptr; }

  // Read: leaves only what the mask names. Paths through repeated fields apply to each element.
  void keep(google::protobuf::Message& resource) const;
  // The same for a serialized resource, without parsing it: what is left is appended to `out`. Only
  // for masks that keeps_serialized() says yes to: of whole top-level fields, or everything. False:
  // the bytes aren't those of a message (looked at as far as its top-level fields go).
  [[nodiscard]] bool keep(std::string_view resource, std::string& out) const;
  [[nodiscard]] bool keeps_serialized() const;

  // Update (AIP-134): what the mask names is taken from `from` into `to`: scalars, repeated fields
  // and messages are replaced (cleared where absent in `from`); a map key path replaces one entry.
  // Messages on the way are made in `to` where `from` has them. A path that ParseForUpdate refuses
  // replaces the whole repeated field or map. Both are of the type that the mask was parsed for.
  void copy(const google::protobuf::Message& from, google::protobuf::Message& to) const;

  // The mask that an update without one means: all fields that are set in `resource`. Messages
  // count field by field, so that `{spec: {a: 1}}` leaves spec.b alone; an empty one counts where
  // its mere presence says something: in a oneof, or if its type has no fields. Timestamps and
  // other well-known types count as a whole, as do repeated fields and maps. Nothing set: a mask
  // that names nothing (not everything).
  [[nodiscard]] static FieldMask OfSetFields(const google::protobuf::Message& resource);

  // Canonical, sorted, none within another. Empty also for a mask that names nothing.
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;
  std::shared_ptr<const MaskNode> root_;  // immutable, shared by copies; null: everything
};

}  // namespace holdfast::filter
