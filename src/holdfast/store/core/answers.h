// What a write answered, kept under its request_id (AIP-155) for a client that asks again.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

// `bodies` are beside request().ops; empty for deletions.
[[nodiscard]] std::string PackAnswer(const WriteSet& set);
[[nodiscard]] absl::StatusOr<std::vector<SharedMessage>> UnpackAnswer(const Plans& plans,
                                                                      std::string_view answer);

}  // namespace holdfast::store
