// The target of an HTTP request as its parts: segments of the path, parameters of the query, all
// percent-decoded after they were split, so that an encoded `/`, `:`, `&` or `=` is a byte like any
// other.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace holdfast::real {

// Twice the names of the largest BatchGet.
inline constexpr size_t kMaxQueryParameters = 2000;

struct Parameter {
  std::string name;
  std::string value;
};

struct Target {
  std::vector<std::string> segments;
  // If the last segment had a `:` as it was sent: what is before the last one, and what is behind.
  // Whether that is a custom verb (AIP-136) or part of an id, the routes decide.
  std::string last_before_verb;
  std::string verb;
  std::vector<Parameter> query;
};

// "/v1/projects/a%2Bb:watch?read_mask=name". INVALID_ARGUMENT for malformed escapes, bytes that are
// no UTF-8, and too many parameters. A `+` is a space in the query only.
[[nodiscard]] absl::StatusOr<Target> ParseTarget(std::string_view target);

}  // namespace holdfast::real
