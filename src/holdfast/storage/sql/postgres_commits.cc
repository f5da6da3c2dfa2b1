#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/hash.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/postgres_texts.h"

// State 3 is RowState::kGone, behavior 6 OnDelete::kAllowDangling: both are stored and never
// renumbered.
//
// Each parameter is cast, also where its type could be inferred: the same text also runs as an
// observation, whose parameters come as text.

namespace holdfast::storage::sql {
namespace {

// --- the exact form: one row of parameters -------------------------------------------------------

constexpr absl::string_view kIsRow = "r.kind = $1::int4 AND r.name = $2::text";
constexpr absl::string_view kHolds =
    " AND (1 << r.state)::int8 & $3::int8 <> 0 AND ($4::text IS NULL OR r.uid = $4::text) "
    "AND ($5::int8 IS NULL OR r.version = $5::int8) "
    "AND ($6::text IS NULL OR r.round = $6::text)";
constexpr absl::string_view kIsLimit =
    "holder_kind = $1::text AND holder_name = $2::text AND counted = $3::text";
constexpr absl::string_view kRowColumns =
    "kind, name, uid, version, state, pending, round, delete_time, body, fields, outgoing, stamp, "
    "revision";
constexpr absl::string_view kRowValues =
    "$1::int4, $2::text, $3::text, $4::int8, $5::int2, $6::int8, $7::text, $8::int8, $9::bytea, "
    "$10::json, $11::bytea, 1, ";

constexpr absl::string_view kIsServerClaim =
    "type = $1::int2 AND target_kind = $2::text AND target_name = $3::text AND holder = $4::text";

std::string Select(absl::string_view condition, absl::string_view more, absl::string_view lock) {
  return absl::StrCat("SELECT 1 FROM resource r WHERE ", condition, more, " ", lock);
}

// The lock by number: scalar subqueries run one after another, in the order of rows.
std::string LockByNumber(const ServerMake& make, absl::string_view condition,
                         absl::string_view number) {
  std::string sql = absl::StrCat("CASE ", number);
  for (size_t lock = 0; lock < kLocks; ++lock) {
    absl::StrAppend(
        &sql, " WHEN ", lock, " THEN (",
        Select(condition, lock == 0 ? " AND r.state = 0" : "", ToAbsl(make.locks[lock])), ")");
  }
  return sql + " END";
}

absl::string_view LockOf(const ServerMake& make, Lock lock) {
  return ToAbsl(make.locks[static_cast<size_t>(lock)]);
}

void AddNames(Dialect& d) {
  d.add_kind = "INSERT INTO kind(name) VALUES ($1::text) ON CONFLICT DO NOTHING";
  d.find_kind = "SELECT id FROM kind WHERE name = $1::text";
  d.add_field = "INSERT INTO field(path) VALUES ($1::text) ON CONFLICT DO NOTHING";
  d.find_field = "SELECT id FROM field WHERE path = $1::text";
  d.all_kinds = "SELECT id, name FROM kind ORDER BY name";
  d.all_fields = "SELECT id, path FROM field ORDER BY path";
}

void AddGuards(const ServerMake& make, Dialect& d) {
  d.lock_row = absl::StrCat("SELECT ", LockByNumber(make, kIsRow, "$3::int4"));
  // Deleting waits for all who hold the row. Who saw the mark on its way, and only then comes to
  // lock what came of it, takes that for the open row still: a key share minds no update that
  // leaves the key. It must find that row gone, which FOR UPDATE alone wouldn't do
  // (tests/postgres/race_test.cc).
  d.wait_out =
      "WITH d AS (DELETE FROM resource WHERE kind = $1::int4 AND name = $2::text RETURNING *) "
      "INSERT INTO resource SELECT * FROM d";
  d.require_row = Select(kIsRow, kHolds, LockOf(make, Lock::kShare));
  d.see_row = absl::StrCat("SELECT ", kServerShadow, " FROM resource r WHERE ", kIsRow);
  d.require_target = Select(kIsRow, " AND r.state = 0", LockOf(make, Lock::kKeyShare));
}

void AddRowChanges(const ServerMake& make, Dialect& d) {
  const absl::string_view revision = ToAbsl(make.revision);
  d.erase_row = absl::StrCat(
      "UPDATE resource r SET revision = ", revision,
      ", state = 3, pending = 0, round = '', delete_time = $5::int8, body = NULL, fields = NULL, "
      "outgoing = NULL WHERE ",
      kIsRow,
      " AND r.uid = $3::text AND r.state <> 3 AND ($4::int8 IS NULL OR r.version = $4::int8)");
  d.update_row = absl::StrCat(
      "UPDATE resource r SET revision = ", revision,
      ", version = $5::int8, state = $6::int2, pending = $7::int8, round = $8::text, "
      "delete_time = $9::int8, body = $10::bytea, fields = $11::json, outgoing = $12::bytea WHERE ",
      kIsRow, " AND r.uid = $3::text AND r.version = $4::int8 AND r.state <> 3");
  d.set_state = absl::StrCat(
      "UPDATE resource r SET revision = ", revision,
      ", state = $6::int2, round = $7::text, pending = $8::int8, delete_time = $9::int8 WHERE ",
      kIsRow,
      " AND r.uid = $3::text AND (1 << r.state)::int8 & $4::int8 <> 0 "
      "AND ($5::text IS NULL OR r.round = $5::text)");
  d.create_row = absl::StrCat(
      "INSERT INTO resource AS r (", kRowColumns, ") VALUES (", kRowValues, revision,
      ") ON CONFLICT (kind, name) DO UPDATE SET uid = excluded.uid, version = excluded.version, "
      "state = excluded.state, pending = excluded.pending, round = excluded.round, "
      "delete_time = excluded.delete_time, body = excluded.body, fields = excluded.fields, "
      "outgoing = excluded.outgoing, stamp = r.stamp + 1, revision = excluded.revision "
      "WHERE r.state = 3");
}

void AddEdges(Dialect& d) {
  d.put_edge =
      "INSERT INTO edge(target_kind, target_name, source_kind, source_name, field, behavior) "
      "VALUES ($1::int4, $2::text, $3::int4, $4::text, $5::int4, $6::int2) "
      "ON CONFLICT (target_kind, target_name, source_kind, source_name, field) "
      "DO UPDATE SET behavior = excluded.behavior";
  d.drop_edge =
      "DELETE FROM edge WHERE target_kind = $1::int4 AND target_name = $2::text "
      "AND source_kind = $3::int4 AND source_name = $4::text AND field = $5::int4";
  d.put_unique =
      "INSERT INTO unique_value(kind, field, scope, value) "
      "VALUES ($1::int4, $2::int4, $3::text, $4::text) ON CONFLICT DO NOTHING";
  d.drop_unique =
      "DELETE FROM unique_value WHERE kind = $1::int4 AND field = $2::int4 AND scope = $3::text "
      "AND value = $4::text";
}

void AddRecords(Dialect& d) {
  d.put_request =
      "INSERT INTO request(id, hash, answer, made) "
      "VALUES ($1::text, $2::bytea, $3::bytea, $4::int8) ON CONFLICT DO NOTHING";
  d.see_request = "SELECT hash, answer FROM request WHERE id = $1::text";
  // What must be absent is inserted: no lock covers what isn't there.
  d.swap_cursor =
      "WITH put AS (INSERT INTO cursor(name, value) SELECT $1::text, $2::bytea "
      "WHERE $2::bytea <> '' AND $3::bytea IS NULL "
      "ON CONFLICT (name) DO UPDATE SET value = excluded.value RETURNING 1), "
      "made AS (INSERT INTO cursor(name, value) SELECT $1::text, $2::bytea "
      "WHERE $2::bytea <> '' AND $3::bytea = '' ON CONFLICT DO NOTHING RETURNING 1), "
      "changed AS (UPDATE cursor SET value = $2::bytea WHERE name = $1::text "
      "AND value = $3::bytea AND $2::bytea <> '' RETURNING 1), "
      "dropped AS (DELETE FROM cursor WHERE name = $1::text AND $2::bytea = '' "
      "AND ($3::bytea IS NULL OR value = $3::bytea) RETURNING 1) "
      "/*main*/ SELECT 1 WHERE EXISTS (SELECT 1 FROM put) OR EXISTS (SELECT 1 FROM made) "
      "OR EXISTS (SELECT 1 FROM changed) OR EXISTS (SELECT 1 FROM dropped) "
      "OR ($2::bytea = '' AND ($3::bytea IS NULL OR ($3::bytea = '' "
      "AND NOT EXISTS (SELECT 1 FROM cursor WHERE name = $1::text))))";
  d.ensure_limit =
      "INSERT INTO limit_row(holder_kind, holder_name, counted, used, max) "
      "VALUES ($1::text, $2::text, $3::text, 0, $4::int8) "
      "ON CONFLICT (holder_kind, holder_name, counted) DO UPDATE SET max = excluded.max "
      "WHERE limit_row.max <> excluded.max";
  d.take_limit = absl::StrCat("UPDATE limit_row SET used = used + $4::int8 WHERE ", kIsLimit,
                              " AND used + $4::int8 >= 0 "
                              "AND ($4::int8 <= 0 OR used + $4::int8 <= max)");
  d.see_limit = absl::StrCat("SELECT used, max FROM limit_row WHERE ", kIsLimit);
}

void AddClaims(const ServerMake& make, Dialect& d) {
  d.require_claim = absl::StrCat("SELECT 1 FROM claim WHERE ", kIsServerClaim,
                                 " AND uid = $5::text AND (1 << state)::int8 & $6::int8 <> 0 ",
                                 LockOf(make, Lock::kKeyShare));
  d.make_claim = absl::StrCat(
      "INSERT INTO claim(type, target_kind, target_name, holder, ", kServerClaim,
      ") VALUES ($1::int2, $2::text, $3::text, $4::text, $5::text, $6::int2, $7::int8, $8::int8, "
      "$9::int8, $10::bytea, 1) ON CONFLICT DO NOTHING");
  constexpr absl::string_view kIsAsExpected =
      " AND uid = $5::text AND state = $6::int2 AND number = $7::int8 AND round = $8::int8 "
      "AND version = $9::int8";
  d.change_claim = absl::StrCat(
      "UPDATE claim SET version = version + 1, uid = $10::text, state = $11::int2, "
      "number = $12::int8, round = $13::int8, due = $14::int8, note = $15::bytea WHERE ",
      kIsServerClaim, kIsAsExpected);
  d.drop_claim = absl::StrCat("DELETE FROM claim WHERE ", kIsServerClaim, kIsAsExpected);
  d.see_claim = absl::StrCat("SELECT ", kServerClaim, " FROM claim WHERE ", kIsServerClaim);
  // Types 3 and 4 are ClaimType's kBlockade and kSource.
  constexpr absl::string_view kEarlierHolds =
      " FROM claim WHERE type IN (3, 4) AND target_kind = $1::text AND target_name = $2::text "
      "AND round < $3::int8 ";
  d.find_hold = absl::StrCat("SELECT 1", kEarlierHolds, "LIMIT 1");
  d.see_hold = absl::StrCat("SELECT type, holder, ", kServerClaim, kEarlierHolds,
                            "ORDER BY type, holder LIMIT 1");
  // As wait_out.
  d.wait_out_claim = absl::StrCat("WITH d AS (DELETE FROM claim WHERE ", kIsServerClaim,
                                  " RETURNING *) INSERT INTO claim SELECT * FROM d");
}

void AddChecks(Dialect& d) {
  d.find_inbound =
      "SELECT 1 FROM edge WHERE target_kind = $1::int4 AND target_name = $2::text "
      "AND behavior <> 6 LIMIT 1";
  // Kind by kind: what a hot target has of edges isn't sorted.
  d.see_inbound =
      "SELECT k.name, e.source_name, e.path, e.behavior FROM kind k CROSS JOIN LATERAL ("
      "SELECT e.source_name, f.path, e.behavior FROM edge e JOIN field f ON f.id = e.field "
      "WHERE e.target_kind = $1::int4 AND e.target_name = $2::text AND e.source_kind = k.id "
      "AND e.behavior <> 6 ORDER BY e.source_name, f.path LIMIT 1) e ORDER BY k.name LIMIT 1";
  d.find_child =
      "SELECT 1 FROM resource WHERE kind = $1::int4 AND name >= $2::text AND name < $3::text "
      "AND state <> 3 LIMIT 1";
  d.see_child =
      "SELECT name FROM resource WHERE kind = $1::int4 AND name >= $2::text AND name < $3::text "
      "AND state <> 3 ORDER BY name LIMIT 1";
}

// --- the fast form: sets -------------------------------------------------------------------------

struct Column {
  absl::string_view name;
  absl::string_view type;
};
using Columns = std::vector<Column>;

const Columns& KeyColumns() {
  static const Columns columns = {{"kind", "int4"}, {"name", "text"}};
  return columns;
}
const Columns& HoldsColumns() {
  static const Columns columns = {{"kind", "int4"}, {"name", "text"},    {"states", "int8"},
                                  {"uid", "text"},  {"version", "int8"}, {"round", "text"}};
  return columns;
}
const Columns& RowColumns() {
  static const Columns columns = {{"kind", "int4"},    {"name", "text"},        {"uid", "text"},
                                  {"version", "int8"}, {"state", "int2"},       {"pending", "int8"},
                                  {"round", "text"},   {"delete_time", "int8"}, {"body", "bytea"},
                                  {"fields", "json"},  {"outgoing", "bytea"}};
  return columns;
}
const Columns& EdgeColumns() {
  static const Columns columns = {{"target_kind", "int4"}, {"target_name", "text"},
                                  {"source_kind", "int4"}, {"source_name", "text"},
                                  {"field", "int4"},       {"behavior", "int2"}};
  return columns;
}
const Columns& UniqueColumns() {
  static const Columns columns = {
      {"kind", "int4"}, {"field", "int4"}, {"scope", "text"}, {"value", "text"}};
  return columns;
}
const Columns& LimitColumns() {
  static const Columns columns = {
      {"holder_kind", "text"}, {"holder_name", "text"}, {"counted", "text"}};
  return columns;
}

Columns With(Columns columns, const Columns& more) {
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

// unnest($1::int4[]), unnest($2::text[]) …, the first parameter being $`first`: side by side in a
// list of results. As a table, PostgreSQL would keep a store of 16 KB for each of them, and a
// statement of many columns would grow and shrink its process each time.
std::string Arrays(const Columns& columns, size_t first = 1) {
  std::string sql;
  for (size_t i = 0; i < columns.size(); ++i) {
    absl::StrAppend(&sql, i == 0 ? "" : ", ", "unnest($", first + i, "::", columns[i].type, "[])");
  }
  return sql;
}

std::string Names(const Columns& columns) {
  return absl::StrJoin(columns, ", ", [](std::string* out, const Column& column) {
    absl::StrAppend(out, column.name);
  });
}

// The rows of the arrays, as i.
std::string Set(const Columns& columns, size_t first = 1) {
  return absl::StrCat("(SELECT ", Arrays(columns, first), ") AS i(", Names(columns), ")");
}

std::string From(const Columns& columns, size_t first = 1) {
  return absl::StrCat(" FROM ", Set(columns, first));
}

std::string FromNumbered(const Columns& columns) {
  return absl::StrCat(" FROM (SELECT ", Arrays(columns),
                      ", generate_series(1, cardinality($1::", columns[0].type, "[]))) AS i(",
                      Names(columns), ", o)");
}

// Positions 1 to n if the change did something for all n rows; `first` is the first column's type.
std::string AllOrLess(absl::string_view change, absl::string_view first) {
  const std::string count = absl::StrCat("cardinality($1::", first, "[])");
  return absl::StrCat("WITH w AS (", change,
                      " RETURNING 1) /*main*/ SELECT o FROM generate_series(1, ", count,
                      ") o WHERE (SELECT count(*) FROM w) = ", count);
}

constexpr absl::string_view kJoinsRow = "r.kind = i.kind AND r.name = i.name";
constexpr absl::string_view kJoinHolds =
    " AND (1 << r.state)::int8 & i.states <> 0 AND (i.uid IS NULL OR r.uid = i.uid) "
    "AND (i.version IS NULL OR r.version = i.version) AND (i.round IS NULL OR r.round = i.round)";

void AddLocks(const ServerMake& make, const Dialect& d, SetTexts& sets) {
  const absl::string_view key_share = LockOf(make, Lock::kKeyShare);
  const auto lateral = [](const Columns& columns, const std::string& select) {
    return absl::StrCat("SELECT i.o", FromNumbered(columns), " CROSS JOIN LATERAL (", select,
                        ") r");
  };
  sets.lock_target = {d.require_target,
                      lateral(KeyColumns(), Select(kJoinsRow, " AND r.state = 0", key_share))};
  std::string mixed;
  for (size_t lock = 0; lock < kLocks; ++lock) {
    const absl::string_view clause = ToAbsl(make.locks[lock]);
    const std::string select = Select(kJoinsRow, kJoinHolds, clause);
    sets.lock_row[lock] = {Select(kIsRow, kHolds, clause), lateral(HoldsColumns(), select)};
    absl::StrAppend(&mixed, " WHEN ", lock, " THEN (", select, ")");
  }
  sets.lock_mixed =
      absl::StrCat("SELECT i.o", FromNumbered(With(HoldsColumns(), {{"lock", "int4"}})),
                   " WHERE CASE i.lock", mixed, " END = 1");
  sets.require_target = sets.lock_target;
}

void AddSetChanges(const ServerMake& make, const Dialect& d, SetTexts& sets) {
  const std::string update =
      absl::StrCat("UPDATE resource r SET revision = ", ToAbsl(make.revision), ", ");
  const Columns erased = With(KeyColumns(), {{"uid", "text"}, {"version", "int8"}, {"at", "int8"}});
  sets.erase_row = {
      d.erase_row,
      AllOrLess(absl::StrCat(update,
                             "state = 3, pending = 0, round = '', delete_time = i.at, body = NULL, "
                             "fields = NULL, outgoing = NULL",
                             From(erased), " WHERE ", kJoinsRow,
                             " AND r.uid = i.uid AND r.state <> 3 "
                             "AND (i.version IS NULL OR r.version = i.version)"),
                "int4")};
  const Columns updated = With(KeyColumns(), {{"uid", "text"},
                                              {"expected", "int8"},
                                              {"version", "int8"},
                                              {"state", "int2"},
                                              {"pending", "int8"},
                                              {"round", "text"},
                                              {"delete_time", "int8"},
                                              {"body", "bytea"},
                                              {"fields", "json"},
                                              {"outgoing", "bytea"}});
  sets.update_row = {
      d.update_row,
      AllOrLess(absl::StrCat(update,
                             "version = i.version, state = i.state, pending = i.pending, "
                             "round = i.round, delete_time = i.delete_time, body = i.body, "
                             "fields = i.fields, outgoing = i.outgoing",
                             From(updated), " WHERE ", kJoinsRow,
                             " AND r.uid = i.uid AND r.version = i.expected AND r.state <> 3"),
                "int4")};
  const Columns restated = With(KeyColumns(), {{"uid", "text"},
                                               {"states", "int8"},
                                               {"from_round", "text"},
                                               {"state", "int2"},
                                               {"round", "text"},
                                               {"pending", "int8"},
                                               {"delete_time", "int8"}});
  sets.set_state = {
      d.set_state,
      AllOrLess(absl::StrCat(update,
                             "state = i.state, round = i.round, pending = i.pending, "
                             "delete_time = i.delete_time",
                             From(restated), " WHERE ", kJoinsRow,
                             " AND r.uid = i.uid AND (1 << r.state)::int8 & i.states <> 0 "
                             "AND (i.from_round IS NULL OR r.round = i.from_round)"),
                "int4")};
}

// A row is made of what its last target gives for `stamp`, which can't be NULL. Each target is
// joined to the one before it, so that they are locked in order.
std::string CreateOnTargets(const ServerMake& make, bool with_edge, size_t targets) {
  size_t parameter = RowColumns().size() + (with_edge ? EdgeColumns().size() : 0);
  std::string sql = "WITH ";
  for (size_t n = 1; n <= targets; ++n) {
    absl::StrAppend(&sql, "t", n, " AS MATERIALIZED (SELECT 1 AS stamp FROM ");
    if (n > 1) absl::StrAppend(&sql, "t", n - 1, " CROSS JOIN ");
    absl::StrAppend(&sql, "resource r WHERE r.kind = $", parameter + 1, "::int4 AND r.name = $",
                    parameter + 2, "::text AND r.state = 0 ", LockOf(make, Lock::kKeyShare), "), ");
    parameter += 2;
  }
  if (with_edge) {
    absl::StrAppend(
        &sql, "e AS (INSERT INTO edge(", Names(EdgeColumns()),
        ") VALUES ($12::int4, $13::text, $14::int4, $15::text, $16::int4, $17::int2)) ");
  } else {
    sql.resize(sql.size() - 2);
    sql += ' ';
  }
  absl::StrAppend(
      &sql,
      "INSERT INTO resource(kind, name, uid, version, state, pending, round, "
      "delete_time, body, fields, outgoing, stamp, revision) SELECT $1::int4, $2::text, "
      "$3::text, $4::int8, $5::int2, $6::int8, $7::text, $8::int8, $9::bytea, "
      "$10::json, $11::bytea, t",
      targets, ".stamp, ", ToAbsl(make.revision), " FROM (SELECT 1) AS one(row) LEFT JOIN t",
      targets, " ON true");
  return sql;
}

void AddSetInserts(const ServerMake& make, SetTexts& sets) {
  const std::string row = absl::StrCat("INSERT INTO resource(", kRowColumns, ") ");
  const std::string edge = absl::StrCat("INSERT INTO edge(", Names(EdgeColumns()), ") ");
  const absl::string_view revision = ToAbsl(make.revision);
  const std::string row_values = absl::StrCat("VALUES (", kRowValues, revision, ")");
  const std::string rows = absl::StrCat(row, "SELECT i.*, 1, ", revision, From(RowColumns()));
  sets.create_row = {row + row_values, rows};
  sets.put_edge = {edge + "VALUES ($1::int4, $2::text, $3::int4, $4::text, $5::int4, $6::int2)",
                   absl::StrCat(edge, "SELECT i.*", From(EdgeColumns()))};
  const size_t first = RowColumns().size() + 1;
  sets.create_row_with_edge = {
      absl::StrCat("WITH e AS (", edge,
                   "VALUES ($12::int4, $13::text, $14::int4, $15::text, $16::int4, $17::int2)) ",
                   row, row_values),
      absl::StrCat("WITH e AS (", edge, "SELECT i.*", From(EdgeColumns(), first),
                   " WHERE i.target_kind IS NOT NULL) ", rows, " WHERE i.kind IS NOT NULL")};
  for (size_t targets = 1; targets <= kJoinedTargets; ++targets) {
    for (const bool with_edge : {false, true}) {
      sets.create_row_on_targets[with_edge ? 1 : 0][targets - 1] =
          CreateOnTargets(make, with_edge, targets);
    }
  }
  const std::string value = absl::StrCat("INSERT INTO unique_value(", Names(UniqueColumns()), ") ");
  sets.put_unique = {value + "VALUES ($1::int4, $2::int4, $3::text, $4::text)",
                     absl::StrCat(value, "SELECT i.*", From(UniqueColumns()))};
  const Columns request = {
      {"id", "text"}, {"hash", "bytea"}, {"answer", "bytea"}, {"made", "int8"}};
  const std::string put = absl::StrCat("INSERT INTO request(", Names(request), ") ");
  sets.put_request = {put + "VALUES ($1::text, $2::bytea, $3::bytea, $4::int8)",
                      absl::StrCat(put, "SELECT i.*", From(request))};
}

void AddSetDrops(const Dialect& d, SetTexts& sets) {
  Columns edge = EdgeColumns();
  edge.pop_back();
  const auto drop = [](absl::string_view table, const Columns& columns) {
    const std::string names =
        absl::StrJoin(columns, " AND ", [](std::string* out, const Column& column) {
          absl::StrAppend(out, "t.", column.name, " = i.", column.name);
        });
    return absl::StrCat("DELETE FROM ", table, " t USING ", Set(columns), " WHERE ", names);
  };
  sets.drop_edge = {d.drop_edge, drop("edge", edge)};
  sets.drop_unique = {d.drop_unique, drop("unique_value", UniqueColumns())};
}

void AddSetLimits(SetTexts& sets) {
  constexpr absl::string_view kSame =
      "l.holder_kind = i.holder_kind AND l.holder_name = i.holder_name AND l.counted = i.counted";
  constexpr absl::string_view kAdd =
      " ON CONFLICT (holder_kind, holder_name, counted) DO UPDATE "
      "SET used = l.used + excluded.used, max = excluded.max "
      "WHERE l.used + excluded.used <= excluded.max";
  const Columns added = With(LimitColumns(), {{"used", "int8"}, {"max", "int8"}});
  const std::string add = absl::StrCat("INSERT INTO limit_row AS l (", Names(added), ") ");
  sets.add_limit = {
      absl::StrCat(add, "VALUES ($1::text, $2::text, $3::text, $4::int8, $5::int8)", kAdd),
      AllOrLess(absl::StrCat(add, "SELECT i.*", From(added), kAdd), "text")};
  const Columns changed = With(
      LimitColumns(), {{"n", "int8"}, {"max", "int8"}, {"lowest", "int8"}, {"highest", "int8"}});
  sets.change_limit = {
      absl::StrCat("UPDATE limit_row SET used = used + $4::int8, max = $5::int8 WHERE ", kIsLimit,
                   " AND used + $6::int8 >= 0 "
                   "AND ($7::int8 IS NULL OR used + $7::int8 <= $5::int8)"),
      AllOrLess(absl::StrCat("UPDATE limit_row l SET used = l.used + i.n, max = i.max",
                             From(changed), " WHERE ", kSame,
                             " AND l.used + i.lowest >= 0 "
                             "AND (i.highest IS NULL OR l.used + i.highest <= i.max)"),
                "text")};
  sets.lock_limits = absl::StrCat("SELECT i.o", FromNumbered(LimitColumns()),
                                  " CROSS JOIN LATERAL (SELECT 1 FROM limit_row l WHERE ", kSame,
                                  " FOR UPDATE) l");
}

void AddSetChecks(const ServerMake& make, const Dialect& d, SetTexts& sets) {
  const Columns held = {{"kind", "text"}, {"name", "text"}, {"round", "int8"}};
  sets.find_hold = {
      d.find_hold,
      absl::StrCat("SELECT i.o", FromNumbered(held),
                   " WHERE EXISTS (SELECT 1 FROM claim c WHERE c.type IN (3, 4) "
                   "AND c.target_kind = i.kind AND c.target_name = i.name AND c.round < i.round)")};
  const Columns claim = {{"type", "int2"},   {"target_kind", "text"}, {"target_name", "text"},
                         {"holder", "text"}, {"uid", "text"},         {"states", "int8"}};
  sets.require_claim = {
      d.require_claim,
      absl::StrCat("SELECT i.o", FromNumbered(claim),
                   " CROSS JOIN LATERAL (SELECT 1 FROM claim c WHERE c.type = i.type "
                   "AND c.target_kind = i.target_kind AND c.target_name = i.target_name "
                   "AND c.holder = i.holder AND c.uid = i.uid "
                   "AND (1 << c.state)::int8 & i.states <> 0 ",
                   LockOf(make, Lock::kKeyShare), ") c")};
  sets.find_inbound = {
      d.find_inbound,
      absl::StrCat("SELECT i.o", FromNumbered(KeyColumns()),
                   " WHERE EXISTS (SELECT 1 FROM edge e WHERE e.target_kind = i.kind "
                   "AND e.target_name = i.name AND e.behavior <> 6)")};
  const Columns below = {{"kind", "int4"}, {"first", "text"}, {"behind", "text"}};
  sets.find_child = {d.find_child,
                     absl::StrCat("SELECT i.o", FromNumbered(below),
                                  " WHERE EXISTS (SELECT 1 FROM resource r WHERE r.kind = i.kind "
                                  "AND r.name >= i.first AND r.name < i.behind AND r.state <> 3)")};
}

}  // namespace

void AddServerCommits(const ServerMake& make, Dialect& dialect) {
  AddNames(dialect);
  AddGuards(make, dialect);
  AddRowChanges(make, dialect);
  AddEdges(dialect);
  AddRecords(dialect);
  AddClaims(make, dialect);
  AddChecks(dialect);
  dialect.unique_key = &ServerUniqueKey;
}

SetTexts ServerSets(const ServerMake& make, const Dialect& dialect) {
  SetTexts sets;
  AddLocks(make, dialect, sets);
  AddSetChanges(make, dialect, sets);
  AddSetInserts(make, sets);
  AddSetDrops(dialect, sets);
  AddSetLimits(sets);
  AddSetChecks(make, dialect, sets);
  return sets;
}

// U+0001 leads what isn't the value as it is: U+0001 U+0001 is U+0000, U+0001 U+0002 is U+0001, and
// U+0001 U+0003 begins the hash of a value that is too long for an index entry, or isn't UTF-8.
std::string ServerUniqueKey(std::string_view value) {
  constexpr size_t kMaxBytes = 1024;  // an index entry has 2704 at most, and a name in it besides
  const bool plain = value.size() <= kMaxBytes && IsUtf8(value);
  if (!plain) return absl::StrCat("\x01\x03", absl::BytesToHexString(Sha256(value)));
  std::string key;
  key.reserve(value.size());
  for (const char c : value) {
    if (c == '\0' || c == '\x01') key.push_back('\x01');
    key.push_back(c == '\0' ? '\x01' : c == '\x01' ? '\x02' : c);
  }
  return key;
}

}  // namespace holdfast::storage::sql
