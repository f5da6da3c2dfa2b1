#include "holdfast/base/reason.h"

#include <array>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "holdfast/base/strings.h"

namespace holdfast {
namespace {

using absl::StatusCode;

struct ReasonRow {
  Reason reason;
  std::string_view text;
  StatusCode code;
  bool retryable;
};

// The order is Reason's. "Retryable" is about the very same request: what needs another etag,
// token, name or a look at the database first isn't.
constexpr auto kReasons = std::to_array<ReasonRow>({
    {Reason::kInvalidField, "INVALID_FIELD", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidName, "INVALID_NAME", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidFilter, "INVALID_FILTER", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidOrderBy, "INVALID_ORDER_BY", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidMask, "INVALID_MASK", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidPageToken, "INVALID_PAGE_TOKEN", StatusCode::kInvalidArgument, false},
    {Reason::kInvalidResumeToken, "INVALID_RESUME_TOKEN", StatusCode::kInvalidArgument, false},
    {Reason::kMalformedRequest, "MALFORMED_REQUEST", StatusCode::kInvalidArgument, false},
    {Reason::kRequestIdReused, "REQUEST_ID_REUSED", StatusCode::kInvalidArgument, false},
    {Reason::kTooManyOperations, "TOO_MANY_OPERATIONS", StatusCode::kInvalidArgument, false},
    {Reason::kResourceNotFound, "RESOURCE_NOT_FOUND", StatusCode::kNotFound, false},
    {Reason::kParentNotFound, "PARENT_NOT_FOUND", StatusCode::kNotFound, false},
    {Reason::kResourceExists, "RESOURCE_EXISTS", StatusCode::kAlreadyExists, false},
    {Reason::kFieldValueTaken, "FIELD_VALUE_TAKEN", StatusCode::kAlreadyExists, false},
    {Reason::kDeleteBlocked, "DELETE_BLOCKED", StatusCode::kFailedPrecondition, false},
    {Reason::kDeletionProtected, "DELETION_PROTECTED", StatusCode::kFailedPrecondition, false},
    {Reason::kReferenceNotFound, "REFERENCE_NOT_FOUND", StatusCode::kFailedPrecondition, false},
    {Reason::kPlanChanged, "PLAN_CHANGED", StatusCode::kFailedPrecondition, false},
    {Reason::kSchemaNewer, "SCHEMA_NEWER", StatusCode::kFailedPrecondition, false},
    {Reason::kEtagMismatch, "ETAG_MISMATCH", StatusCode::kAborted, false},
    {Reason::kNameBeingDeleted, "NAME_BEING_DELETED", StatusCode::kAborted, true},
    {Reason::kParentDeleting, "PARENT_DELETING", StatusCode::kAborted, false},
    {Reason::kConflict, "CONFLICT", StatusCode::kAborted, true},
    {Reason::kResumeTooOld, "RESUME_TOO_OLD", StatusCode::kOutOfRange, false},
    {Reason::kLimitExceeded, "LIMIT_EXCEEDED", StatusCode::kResourceExhausted, false},
    {Reason::kOverloaded, "OVERLOADED", StatusCode::kResourceExhausted, true},
    {Reason::kTooManyMatches, "TOO_MANY_MATCHES", StatusCode::kResourceExhausted, false},
    {Reason::kDatabaseUnavailable, "DATABASE_UNAVAILABLE", StatusCode::kUnavailable, true},
    {Reason::kCommitUnknown, "COMMIT_UNKNOWN", StatusCode::kUnavailable, false},
    {Reason::kShuttingDown, "SHUTTING_DOWN", StatusCode::kUnavailable, true},
    {Reason::kMethodUnknown, "METHOD_UNKNOWN", StatusCode::kUnimplemented, false},
    {Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", StatusCode::kDeadlineExceeded, true},
    {Reason::kCancelled, "CANCELLED", StatusCode::kCancelled, false},
    {Reason::kInternal, "INTERNAL", StatusCode::kInternal, false},
});

constexpr bool InEnumOrder() {
  for (size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<size_t>(kReasons[i].reason) != i) return false;
  }
  return true;
}
static_assert(InEnumOrder() && static_cast<size_t>(Reason::kInternal) + 1 == kReasons.size());

const ReasonRow& RowOf(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }

// google.rpc.ErrorInfo{1: reason, 2: domain} as protobuf writes it: for each string its tag, its
// length (one byte below 128), its bytes.
std::string ErrorInfoBytes(Reason reason) {
  constexpr char kReasonTag = 1 << 3 | 2;
  constexpr char kDomainTag = 2 << 3 | 2;
  std::string bytes;
  for (const auto& [tag, text] :
       {std::pair(kReasonTag, ReasonText(reason)), std::pair(kDomainTag, kErrorDomain)}) {
    bytes.push_back(tag);
    bytes.push_back(static_cast<char>(text.size()));
    bytes.append(text);
  }
  return bytes;
}

}  // namespace

std::string_view ReasonText(Reason reason) { return RowOf(reason).text; }
absl::StatusCode CodeOf(Reason reason) { return RowOf(reason).code; }
bool IsRetryable(Reason reason) { return RowOf(reason).retryable; }

std::optional<Reason> ReasonFromText(std::string_view text) {
  for (const ReasonRow& row : kReasons) {
    if (row.text == text) return row.reason;
  }
  return std::nullopt;
}

absl::Status MakeError(Reason reason, std::string_view message) {
  absl::Status status(CodeOf(reason), ToUtf8(message, kMaxErrorMessageBytes));
  status.SetPayload(ToAbsl(kErrorInfoType), absl::Cord(ErrorInfoBytes(reason)));
  return status;
}

}  // namespace holdfast
