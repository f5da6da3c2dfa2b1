// Errors as clients see them: an absl::Status that carries google.rpc details. What needs no more
// than a reason and a message finds both in reason.h.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/types.h"

namespace holdfast {

// With the message (kMaxErrorMessageBytes), which goes there twice, an error must fit into the
// trailers of a gRPC response, of which clients accept 8 KiB by default. What is longer is cut.
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

// The status with these details beside its ErrorInfo.
[[nodiscard]] absl::Status MakeError(Reason reason, std::string_view message, ErrorDetails details);

// INVALID_ARGUMENT about one field of the request.
[[nodiscard]] absl::Status FieldError(Reason reason, std::string_view field_path,
                                      std::string_view problem);

// The reason in a status that MakeError made (also after AddErrorMetadata); nullopt for others.
[[nodiscard]] std::optional<Reason> ReasonOf(const absl::Status& status);

// The same error with one more entry in ErrorInfo.metadata (for example the index and label of
// the failing operation of a Transact), and `prefix`, as it is, before the message.
[[nodiscard]] absl::Status AddErrorMetadata(const absl::Status& status, std::string_view key,
                                            std::string_view value, std::string_view prefix = "");

// The serialized google.rpc.Status (code, message, details) for the wire: what gRPC puts into
// `grpc-status-details-bin`, and JSON shows as {"error": …}. Statuses not made by MakeError get
// an ErrorInfo with the reason that fits their code; if none does, they become INTERNAL.
[[nodiscard]] std::string ToRpcStatus(const absl::Status& status);
// The other way, for clients. INTERNAL if it can't be parsed.
[[nodiscard]] absl::Status FromRpcStatus(std::string_view serialized);

}  // namespace holdfast
