// `holdfast schema check [--against OLD]`.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/schema/schema.h"

namespace holdfast::schema {

// What is wrong with the schema in `roots`: findings of compiler and linter; if there are none and
// `against_roots` isn't empty, what would break users of the schema in there. File names are paths
// on disk. Empty: all is well. An error only if files can't be read, or the schema to compare with
// has findings itself.
[[nodiscard]] absl::StatusOr<std::vector<Diagnostic>> CheckSchema(
    const std::vector<std::string>& roots, const std::vector<std::string>& against_roots = {});

}  // namespace holdfast::schema
