// PostgreSQL's errors in the words of batch.h. Decided by SQLSTATE and the error's own fields,
// never by the text of a message.
//
// Constraint names are PostgreSQL's own; a NOT NULL, which has none, is "not_null(table.column)".
#pragma once

#include <string>

#include "absl/status/status.h"
#include "holdfast/batch/batch.h"

struct pg_result;

namespace holdfast::batch::postgres {

// SQLSTATEs of the driver's own helper functions (helpers.h).
inline constexpr std::string_view kExpectationFailed = "HF001";
inline constexpr std::string_view kRehearsed = "HF002";

struct ServerError {
  std::string sqlstate;  // empty: the connection's own trouble, not the server's words
  std::string severity;  // "ERROR", "FATAL", "PANIC": never translated
  std::string message;
  std::string detail;
  std::string constraint;
  std::string table;
  std::string column;

  bool stale = false;  // see IsStalePlan(): the statement had been prepared before

  // The session ends with it.
  [[nodiscard]] bool is_fatal() const { return severity == "FATAL" || severity == "PANIC"; }
};

[[nodiscard]] ServerError ReadError(const pg_result* result);

// Class, constraint, sqlstate, message; for a failed expectation also execution, rows, observed.
// `step` is null for what belongs to none.
[[nodiscard]] Failure Classify(const ServerError& error, const Step* step);

[[nodiscard]] FailureClass ClassOf(std::string_view sqlstate);

// May say of a statement prepared earlier that it must be prepared again: it doesn't fit the tables
// any more, or somebody else has dropped it. Nothing has happened; sending it anew helps.
[[nodiscard]] bool IsStalePlan(std::string_view sqlstate);

// The session is of no use for writing any more, though it may not have ended by itself: the
// server is shutting down, or has become a standby.
[[nodiscard]] bool EndsSession(std::string_view sqlstate);

// For errors outside of batches: passing ones are UNAVAILABLE, others INTERNAL.
[[nodiscard]] absl::Status ToStatus(const Failure& failure, std::string_view what);

}  // namespace holdfast::batch::postgres
