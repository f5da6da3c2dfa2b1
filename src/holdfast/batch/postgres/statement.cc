#include "holdfast/batch/postgres/statement.h"

#include <algorithm>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"
#include "holdfast/batch/postgres/sql_scanner.h"

namespace holdfast::batch::postgres {
namespace {

using Verb = StatementParts::Verb;
using What = Expect::What;

std::string_view NameOf(What what) {
  switch (what) {
    case What::kExactly:
      return "exactly";
    case What::kAtLeast:
      return "at_least";
    case What::kAtMost:
      return "at_most";
    default:
      return "guard";
  }
}

std::string_view ComparisonOf(What what) {
  switch (what) {
    case What::kAtLeast:
      return ">=";
    case What::kAtMost:
      return "<=";
    default:
      return "=";
  }
}

// Right whatever standard_conforming_strings says.
std::string Literal(std::string_view text) {
  std::string literal = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  return literal + "'";
}

// What the call that ends the transaction is told, as SQL.
struct Found {
  std::string_view binds = "NULL";  // of a set: how many bind rows
  std::string_view count = "count(*)";
  std::string_view rows = "NULL";  // as JSON
};

// Only run when the transaction shall end.
std::string FailCall(const Step& step, size_t parameters, const Found& found) {
  std::string values = "NULL";
  if (!step.observe.empty() && parameters > 0) {
    values = "json_build_array(";
    for (size_t i = 1; i <= parameters; ++i) absl::StrAppend(&values, i > 1 ? "," : "", "$", i);
    values += ")";
  }
  const std::string observe = step.observe.empty() ? "NULL" : Literal(step.observe);
  return absl::StrCat("holdfast_batch.fail('", ToAbsl(NameOf(step.expect.what)), "',",
                      step.expect.rows, ",", ToAbsl(found.binds), ",", ToAbsl(found.count), ",",
                      ToAbsl(found.rows), ",", observe, ",", values, ")");
}

constexpr std::string_view kAllRowsAsJson = "(SELECT json_agg(hf) FROM hf)";

// "WITH own AS (…), " or "WITH ", up to where `hf` is defined.
std::string Opening(const StatementParts& parts) {
  if (parts.with.empty()) return "WITH ";
  std::string_view with = parts.with;
  while (!with.empty() && (with.back() == ' ' || with.back() == '\n')) with.remove_suffix(1);
  return absl::StrCat(ToAbsl(with), ", ");
}

std::string MetByCount(const Expect& expect, std::string_view count) {
  return absl::StrCat(ToAbsl(count), " ", ToAbsl(ComparisonOf(expect.what)), " ", expect.rows);
}

// A query needs no common table expression, which costs as much as the query itself.
std::string WrapSelect(const Step& step, const StatementParts& parts, size_t parameters) {
  constexpr std::string_view kCount = "count(hf) OVER ()";  // 0 where only the join makes a row
  const bool guard = step.expect.what == What::kGuard;
  const std::string met = guard ? absl::StrCat("hf.hf_ok AND ", ToAbsl(kCount), " = 1")
                                : MetByCount(step.expect, kCount);
  const std::string fail =
      FailCall(step, parameters,
               {.count = kCount, .rows = guard ? "json_build_array(row_to_json(hf))" : "NULL"});
  return absl::StrCat("SELECT CASE WHEN ", met, " THEN ", ToAbsl(kCount), " ELSE ", fail,
                      "::int END, hf.* FROM (SELECT) AS hfo LEFT JOIN (", ToAbsl(parts.with),
                      ToAbsl(parts.main), "\n) AS hf", guard ? "(hf_ok)" : "", " ON true");
}

std::string WrapEach(const Step& step, const StatementParts& parts, size_t parameters,
                     ResultShape& shape) {
  const bool guard = step.expect.what == What::kGuard;
  const bool returns = parts.verb == Verb::kSelect || parts.returning;
  const std::string met =
      guard ? "count(*) = 1 AND bool_and(hf_ok)" : MetByCount(step.expect, "count(*)");
  const std::string fail =
      FailCall(step, parameters, {.rows = guard ? kAllRowsAsJson : std::string_view("NULL")});
  const std::string start =
      absl::StrCat(ToAbsl(Opening(parts)), "hf", guard ? "(hf_ok)" : "", " AS MATERIALIZED (",
                   ToAbsl(parts.main), returns ? "\n)" : "\nRETURNING 1)");
  const bool none = step.expect.what == What::kExactly && step.expect.rows == 0;
  if (!returns || none) {
    shape = ResultShape::kPlain;  // without rows
    return absl::StrCat(start, " SELECT FROM hf HAVING CASE WHEN ", met, " THEN false ELSE ", fail,
                        " END");
  }
  shape = ResultShape::kCounted;
  return absl::StrCat(start, ", hfc AS MATERIALIZED (SELECT count(*) AS n, CASE WHEN ", met,
                      " THEN true ELSE ", fail,
                      " END AS ok FROM hf) SELECT hfc.n, hf.* FROM hfc LEFT JOIN hf ON hfc.ok");
}

// Each position exactly once, or whatever is expected of each of the positions 1 … n. In order, as
// they nearly always come, which is cheap to see: fail() knows better of those that don't.
std::string MetBySet(const Expect& expect, std::string_view n) {
  const std::string each_once = absl::StrCat(
      "array_agg(hf_position::bigint) = ARRAY(SELECT generate_series(1, ", ToAbsl(n), "))");
  if (expect.what == What::kGuard) return absl::StrCat(each_once, " AND bool_and(hf_ok)");
  if (expect.what == What::kExactly && expect.rows == 0) return "count(*) = 0";
  if (expect.what == What::kExactly && expect.rows == 1) return each_once;
  return absl::StrCat("NOT EXISTS (SELECT FROM generate_series(1, ", ToAbsl(n),
                      ") AS p LEFT JOIN hf ON hf_position = p GROUP BY p HAVING NOT "
                      "(count(hf_position) ",
                      ToAbsl(ComparisonOf(expect.what)), " ", expect.rows, "))");
}

std::string WrapSet(const Step& step, const StatementParts& parts, size_t parameters) {
  const std::string n = absl::StrCat("$", parameters + 1, "::bigint");
  const bool guard = step.expect.what == What::kGuard;
  return absl::StrCat(
      ToAbsl(Opening(parts)), "hf(hf_position", guard ? ", hf_ok" : "", ") AS MATERIALIZED (",
      ToAbsl(parts.main), "\n), hfc AS MATERIALIZED (SELECT CASE WHEN ", MetBySet(step.expect, n),
      " THEN true ELSE ", FailCall(step, parameters, {.binds = n, .rows = kAllRowsAsJson}),
      " END AS ok FROM hf) SELECT hf.* FROM hfc LEFT JOIN hf ON hfc.ok");
}

}  // namespace

absl::StatusOr<Wrapped> Wrap(const Step& step, size_t parameters) {
  if (step.expect.what == What::kAnything) {
    const bool set = step.takes == Step::Takes::kSet;
    return Wrapped{step.sql, set ? ResultShape::kPositioned : ResultShape::kPlain};
  }
  const StatementParts parts = Dissect(step.sql);
  if (parts.verb == Verb::kOther) {
    return absl::InternalError("nothing can be expected of this kind of statement");
  }
  const bool returns = parts.verb == Verb::kSelect || parts.returning;
  if (step.expect.what == What::kGuard && !returns) {
    return absl::InternalError("a guard must return a row");
  }
  if (!step.observe.empty() && parameters > kMaxObserveParameters) {
    return absl::InternalError("too many parameters for observe");
  }
  if (step.takes == Step::Takes::kSet) {
    if (!returns) return absl::InternalError("a set must return positions");
    return Wrapped{WrapSet(step, parts, parameters), ResultShape::kPositioned};
  }
  Wrapped wrapped;
  if (parts.verb == Verb::kSelect && !parts.with_changes) {
    return Wrapped{WrapSelect(step, parts, parameters), ResultShape::kCounted};
  }
  wrapped.text = WrapEach(step, parts, parameters, wrapped.shape);
  return wrapped;
}

std::string LimitRows(std::string_view sql, size_t max_rows) {
  constexpr size_t kNoLimit = size_t{1} << 30;
  if (max_rows >= kNoLimit) return std::string(sql);
  const StatementParts parts = Dissect(sql);
  if (parts.verb != Verb::kSelect) return std::string(sql);
  return absl::StrCat("SELECT * FROM (", ToAbsl(parts.with), ToAbsl(parts.main), "\n) AS hf LIMIT ",
                      std::bit_ceil(std::max<size_t>(max_rows, 1)));
}

std::string AskAlone(std::string_view observe, size_t parameters) {
  std::string sql = absl::StrCat("SELECT hf.* FROM (", ToAbsl(observe), "\n) AS hf");
  // A parameter that is nowhere mentioned has no type.
  for (size_t i = 1; i <= parameters; ++i) {
    absl::StrAppend(&sql, i == 1 ? " WHERE true" : "", " OR $", i, "::text IS NULL");
  }
  return sql + " LIMIT 1";
}

std::vector<std::string> SplitScript(std::string_view script) {
  std::vector<std::string> statements;
  size_t begin = 0;
  std::vector<size_t> ends = FindSemicolons(script);
  ends.push_back(script.size());
  for (const size_t end : ends) {
    std::string_view statement = script.substr(begin, end - begin);
    while (!statement.empty() && (statement.front() == ' ' || statement.front() == '\n')) {
      statement.remove_prefix(1);
    }
    if (!statement.empty()) statements.emplace_back(statement);
    begin = end + 1;
  }
  return statements;
}

}  // namespace holdfast::batch::postgres
