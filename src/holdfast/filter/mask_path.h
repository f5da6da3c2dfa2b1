// One path of a field mask. Internal to filter/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace holdfast::filter {

struct MaskPart {
  // A field or a map key; or `*`, all elements or entries.
  enum class Kind { kNamed, kEvery };

  Kind kind = Kind::kNamed;
  std::string name;

  friend auto operator<=>(const MaskPart&, const MaskPart&) = default;
};

// INVALID_ARGUMENT, plain, if it isn't a path of the type. Canonical: `*` stands after every
// repeated field that the path goes through, and never at the end.
[[nodiscard]] absl::StatusOr<std::vector<MaskPart>> ParseMaskPath(
    std::string_view path, const google::protobuf::Descriptor* type);

// As ParseMaskPath reads it; map keys in backticks where they need it.
[[nodiscard]] std::string MaskPathText(const std::vector<MaskPart>& parts);

}  // namespace holdfast::filter
