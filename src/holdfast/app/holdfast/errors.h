// What became of a command: words for people, a number for scripts.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace holdfast::cli {

// Scripts may rely on these.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,  // anything else
  kExitUsage = 2,   // bad flags, bad input
  kExitNotFound = 3,
  kExitRefused = 4,      // FAILED_PRECONDITION, ALREADY_EXISTS, RESOURCE_EXHAUSTED
  kExitConflict = 5,     // ABORTED: read again and retry
  kExitUnavailable = 6,  // UNAVAILABLE, DEADLINE_EXCEEDED: retry
};
[[nodiscard]] ExitCode ExitCodeOf(const absl::Status& status);

// The error as a person reads it, "NOT_FOUND: …": code and message, then what its details add, a
// line each.
[[nodiscard]] std::string Explain(const absl::Status& status);

}  // namespace holdfast::cli
