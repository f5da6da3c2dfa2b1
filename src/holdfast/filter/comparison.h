// From a path, an operator and a value to a test, by the field's type. Internal to filter/.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "holdfast/filter/node.h"
#include "holdfast/filter/path.h"
#include "holdfast/filter/scanner.h"

namespace holdfast::filter {

enum class Comparator { kHas, kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

[[nodiscard]] std::string_view ComparatorText(Comparator comparator);

// INVALID_ARGUMENT, plain, if the field can't be compared so, or not with this value.
[[nodiscard]] absl::StatusOr<Filter::Node> MakeComparison(const PathBuilder& path,
                                                          Comparator comparator, const Text& value);

}  // namespace holdfast::filter
