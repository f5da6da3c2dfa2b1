// Why something failed, in a word that a program can act on; and the errors that need no more.
// Free of protobuf, for what is used alone (the batch library).
//
// A reason exists only if a caller can react to it. The list is closed; reason.cc has the table
// reason -> gRPC code -> may be retried, and error_test.cc tests it line by line.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace holdfast {

enum class Reason {
  // INVALID_ARGUMENT
  kInvalidField,        // a field's value is wrong: see the field violations
  kInvalidName,         // a resource name doesn't match its kind's patterns
  kInvalidFilter,       // AIP-160
  kInvalidOrderBy,      // AIP-132
  kInvalidMask,         // AIP-161
  kInvalidPageToken,    // forged, damaged, or of another request
  kInvalidResumeToken,  // the same for a watch
  kMalformedRequest,    // not parsable, too large, too deep
  kRequestIdReused,     // the request_id was used with another request
  kTooManyOperations,   // more than max_batch_ops in one Transact
  // NOT_FOUND
  kResourceNotFound,
  kParentNotFound,
  // ALREADY_EXISTS
  kResourceExists,
  kFieldValueTaken,  // a `unique_in` field
  // FAILED_PRECONDITION
  kDeleteBlocked,      // references or children stand against it
  kDeletionProtected,  // metadata.lifecycle.block_deletion
  kReferenceNotFound,  // a reference's target doesn't exist, or is being deleted
  kPlanChanged,        // the deletion isn't the one that was explained
  kSchemaNewer,        // the database was written by a newer version
  // ABORTED
  kEtagMismatch,
  kNameBeingDeleted,  // the earlier resource of this name isn't gone yet
  kParentDeleting,
  kConflict,  // lost against other writers, again and again
  // OUT_OF_RANGE
  kResumeTooOld,
  // RESOURCE_EXHAUSTED
  kLimitExceeded,   // a declared limit; see the quota failure
  kOverloaded,      // too much at once; retry later
  kTooManyMatches,  // sorting without an index would look at too much
  // UNAVAILABLE
  kDatabaseUnavailable,
  kCommitUnknown,  // the write may or may not have happened
  kShuttingDown,
  // others
  kMethodUnknown,     // UNIMPLEMENTED
  kDeadlineExceeded,  // DEADLINE_EXCEEDED
  kCancelled,         // CANCELLED
  kInternal,          // INTERNAL: a bug here; the message names the step
};

inline constexpr std::string_view kErrorDomain = "holdfast.dev";  // ErrorInfo.domain
inline constexpr std::string_view kErrorInfoType = "type.googleapis.com/google.rpc.ErrorInfo";
inline constexpr size_t kMaxErrorMessageBytes = 1024;  // what is longer is cut

// The status with a google.rpc.ErrorInfo{reason, domain} as payload. The message says what is
// wrong, with what, and what to do.
[[nodiscard]] absl::Status MakeError(Reason reason, std::string_view message);

// "RESOURCE_NOT_FOUND": what ErrorInfo.reason holds.
[[nodiscard]] std::string_view ReasonText(Reason reason);
[[nodiscard]] std::optional<Reason> ReasonFromText(std::string_view text);
[[nodiscard]] absl::StatusCode CodeOf(Reason reason);
// May the same request succeed later, unchanged?
[[nodiscard]] bool IsRetryable(Reason reason);

}  // namespace holdfast
