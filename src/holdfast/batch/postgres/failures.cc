#include "holdfast/batch/postgres/failures.h"

#include <libpq-fe.h>

#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"
#include "holdfast/batch/postgres/values.h"

namespace holdfast::batch::postgres {
namespace {

std::string Field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

// "i42", "d1.5", "stext", "n": see helpers.cc.
Value ReadTagged(const std::optional<std::string>& tagged) {
  if (!tagged.has_value() || tagged->empty() || tagged->front() == 'n') return Null{};
  const char* first = tagged->data() + 1;
  const char* last = tagged->data() + tagged->size();
  if (tagged->front() == 'i') {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(first, last, number);
    if (error == std::errc() && end == last) return number;
  }
  if (tagged->front() == 'i' || tagged->front() == 'd') {
    double number = 0;
    const auto [end, error] = std::from_chars(first, last, number);
    if (error == std::errc() && end == last) return number;
  }
  return tagged->substr(1);
}

int64_t ReadInt(const Value& value) {
  const auto* number = std::get_if<int64_t>(&value);
  return number == nullptr ? 0 : *number;
}

// {execution, rows, observed…}
void ReadExpectation(const ServerError& error, const Step* step, Failure& failure) {
  const bool guard = step != nullptr && step->expect.what == Expect::What::kGuard;
  failure.failure_class = guard ? FailureClass::kGuard : FailureClass::kRowCount;
  if (guard) failure.constraint = step->guard_name;
  Row fields;
  for (const auto& element : ParseArray(error.detail)) fields.push_back(ReadTagged(element));
  if (fields.size() < 2) return;
  failure.execution = static_cast<size_t>(ReadInt(fields[0]));
  failure.rows = ReadInt(fields[1]);
  failure.observed.assign(std::make_move_iterator(fields.begin() + 2),
                          std::make_move_iterator(fields.end()));
}

}  // namespace

ServerError ReadError(const pg_result* result) {
  ServerError error;
  error.sqlstate = Field(result, PG_DIAG_SQLSTATE);
  error.severity = Field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  error.message = Field(result, PG_DIAG_MESSAGE_PRIMARY);
  error.detail = Field(result, PG_DIAG_MESSAGE_DETAIL);
  error.constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  error.table = Field(result, PG_DIAG_TABLE_NAME);
  error.column = Field(result, PG_DIAG_COLUMN_NAME);
  if (error.sqlstate.empty()) error.message = PQresultErrorMessage(result);
  return error;
}

FailureClass ClassOf(std::string_view sqlstate) {
  const std::string_view group = sqlstate.substr(0, 2);
  if (group == "23" || sqlstate == "40002") return FailureClass::kConstraint;
  // statement_completion_unknown: some databases say so of a commit.
  if (sqlstate == "40003") return FailureClass::kAmbiguous;
  if (group == "40" || sqlstate == "55P03") return FailureClass::kRetryable;
  // Connection, resources, cancelled or shut down, the system's own errors, a standby.
  const bool passing = sqlstate.empty() || group == "08" || group == "53" || group == "57" ||
                       group == "58" || group == "28" || sqlstate == "25006" || sqlstate == "25P03";
  return passing ? FailureClass::kUnavailable : FailureClass::kBug;
}

bool IsStalePlan(std::string_view sqlstate) {
  // invalid_sql_statement_name; and "cached plan must not change result type" is
  // feature_not_supported.
  return sqlstate == "26000" || sqlstate == "0A000";
}

bool EndsSession(std::string_view sqlstate) {
  return sqlstate.starts_with("57P0") || sqlstate == "25006" || sqlstate == "25P03";
}

Failure Classify(const ServerError& error, const Step* step) {
  Failure failure;
  failure.sqlstate = error.sqlstate;
  failure.message = error.message;
  if (error.sqlstate == kExpectationFailed) {
    ReadExpectation(error, step, failure);
    return failure;
  }
  failure.failure_class = error.stale ? FailureClass::kRetryable : ClassOf(error.sqlstate);
  // A trigger that raises an error with a constraint's name means it so.
  if (!error.constraint.empty()) failure.failure_class = FailureClass::kConstraint;
  if (failure.failure_class != FailureClass::kConstraint) return failure;
  failure.constraint = error.constraint;
  if (failure.constraint.empty() && !error.column.empty()) {
    failure.constraint = absl::StrCat("not_null(", error.table, ".", error.column, ")");
  }
  return failure;
}

absl::Status ToStatus(const Failure& failure, std::string_view what) {
  const bool passing = failure.failure_class == FailureClass::kRetryable ||
                       failure.failure_class == FailureClass::kUnavailable ||
                       failure.failure_class == FailureClass::kAmbiguous;
  return MakeError(passing ? Reason::kDatabaseUnavailable : Reason::kInternal,
                   absl::StrCat(ToAbsl(what), ": ", failure.message, " (", failure.sqlstate, ")"));
}

}  // namespace holdfast::batch::postgres
