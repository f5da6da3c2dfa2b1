// Errors as clients see them: an absl::Status that carries google.rpc details.
//
// A reason exists only if a caller can react to it. The list is closed; error.cc has the table
// reason -> gRPC code -> may be retried, and error_test.cc tests it line by line.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/types.h"

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

// An error must fit into the trailers of a gRPC response, of which clients accept 8 KiB by default;
// the message goes there twice, the details in base64. What is longer is cut.
inline constexpr size_t kMaxErrorMessageBytes = 1024;
inline constexpr size_t kMaxErrorTextBytes = 512;     // one name, description or metadata value
inline constexpr size_t kMaxErrorDetailBytes = 2048;  // all violations; the first ones are kept

// Everything that goes with an error beside its message. Fill what applies.
struct ErrorDetails {
  // ErrorInfo.metadata
  std::map<std::string, std::string> metadata;
  // ResourceInfo: the resource that the error is about.
  std::optional<ResourceKey> resource;

  struct Violation {
    std::string type;         // PreconditionFailure only: for example "BLOCKED_BY"
    std::string subject;      // the blocking resource, the limit, or the field's path
    std::string description;  // what is wrong, and what to do
  };
  std::vector<Violation> preconditions;  // PreconditionFailure
  std::vector<Violation> quotas;         // QuotaFailure
  std::vector<Violation> fields;         // BadRequest.field_violations
  std::optional<Duration> retry_after;   // RetryInfo
};

// Makes the status with ErrorInfo{reason, domain: "holdfast.dev"} and the details.
// The message says what is wrong, with which resource, and what to do.
[[nodiscard]] absl::Status MakeError(Reason reason, std::string_view message,
                                     ErrorDetails details = {});

// INVALID_ARGUMENT about one field of the request.
[[nodiscard]] absl::Status FieldError(Reason reason, std::string_view field_path,
                                      std::string_view problem);

// The reason in a status that MakeError made (also after AddErrorMetadata); nullopt for others.
[[nodiscard]] std::optional<Reason> ReasonOf(const absl::Status& status);

// The same error with one more entry in ErrorInfo.metadata (for example the index and label of
// the failing operation of a Transact), and `prefix`, as it is, before the message.
[[nodiscard]] absl::Status AddErrorMetadata(const absl::Status& status, std::string_view key,
                                            std::string_view value, std::string_view prefix = "");

// "RESOURCE_NOT_FOUND": what ErrorInfo.reason holds.
[[nodiscard]] std::string_view ReasonText(Reason reason);
[[nodiscard]] absl::StatusCode CodeOf(Reason reason);
// May the same request succeed later, unchanged?
[[nodiscard]] bool IsRetryable(Reason reason);

// The serialized google.rpc.Status (code, message, details) for the wire: what gRPC puts into
// `grpc-status-details-bin`, and JSON shows as {"error": …}. Statuses not made by MakeError get
// an ErrorInfo with the reason that fits their code; if none does, they become INTERNAL.
[[nodiscard]] std::string ToRpcStatus(const absl::Status& status);
// The other way, for clients. INTERNAL if it can't be parsed.
[[nodiscard]] absl::Status FromRpcStatus(std::string_view serialized);

}  // namespace holdfast
