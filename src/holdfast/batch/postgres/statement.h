// A Step as the SQL that is sent: its expectation is enforced by the statement itself, since by the
// time its answer comes everything behind it has been sent too.
//
// What expects nothing goes out as it is. Else a check reads the statement to its end, and calls
// holdfast_batch.fail() (helpers.h) if it isn't met. Around a query:
//
//   SELECT CASE WHEN count(hf) OVER () = 1 THEN count(hf) OVER () ELSE holdfast_batch.fail(…) END,
//          hf.* FROM (SELECT) AS hfo LEFT JOIN (SELECT …) AS hf ON true
//
// so that there is a row to be checked even if the query has none. Around what changes something:
//
//   WITH hf AS MATERIALIZED (UPDATE … RETURNING 1)
//   SELECT FROM hf HAVING CASE WHEN count(*) = 1 THEN false ELSE holdfast_batch.fail(…) END
//
// and where that returns rows they are joined behind the check:
//
//   WITH hf AS MATERIALIZED (…), hfc AS MATERIALIZED (SELECT count(*) AS n, CASE … END AS ok FROM
//   hf) SELECT hfc.n, hf.* FROM hfc LEFT JOIN hf ON hfc.ok
//
// Names that begin with "hf" are the driver's own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/batch/batch.h"

namespace holdfast::batch::postgres {

// What a sent statement's result looks like.
enum class ResultShape {
  kPlain,       // the step's own rows
  kCounted,     // first column: how many rows there are; if 0 the only row is none
  kPositioned,  // first column: the position of the bind row; null: the only row is none
};

struct Wrapped {
  std::string text;
  ResultShape shape = ResultShape::kPlain;
};

// The parameters of observe that the helper can give it.
inline constexpr size_t kMaxObserveParameters = 32;

// INTERNAL if the step's statement can't have its expectation. `parameters`: how many the statement
// has; a set with an expectation gets one more, the number of rows.
[[nodiscard]] absl::StatusOr<Wrapped> Wrap(const Step& step, size_t parameters);

// The same query, of which no more than about `max_rows` rows are computed: a power of two, so that
// there are few texts and the planner knows it. Callers drop what is too much.
[[nodiscard]] std::string LimitRows(std::string_view sql, size_t max_rows);

// `observe` as a query of its own, whichever of its parameters it reads.
[[nodiscard]] std::string AskAlone(std::string_view observe, size_t parameters);

// The parts of a script between its semicolons, without empty ones.
[[nodiscard]] std::vector<std::string> SplitScript(std::string_view script);

}  // namespace holdfast::batch::postgres
