#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/check.h"
#include "holdfast/filter/sql.h"
#include "holdfast/storage/sql/dialect.h"

// State 3 is RowState::kGone, behavior 6 OnDelete::kAllowDangling: both are stored and never
// renumbered. The plans of these queries are asserted in sqlite_dialect_test.cc.

namespace holdfast::storage::sql {
namespace {

constexpr absl::string_view kShadow =
    "r.uid, r.stamp, r.version, r.revision, r.state, r.pending, r.round, r.delete_time";
constexpr absl::string_view kRow =
    "r.uid, r.stamp, r.version, r.revision, r.state, r.pending, r.round, r.delete_time, r.body, "
    "r.fields, r.outgoing";
constexpr absl::string_view kRevision = "(SELECT revision FROM meta)";
// As in the partial index: only the very same words make the planner use it.
constexpr absl::string_view kHasDuties = "(r.state IN (1, 2) OR r.pending <> 0)";
constexpr absl::string_view kVictims =
    "SELECT r.id, r.revision FROM resource r CROSS JOIN kind k ON k.id = r.kind "
    "WHERE r.state = 3 AND r.delete_time < $1 ORDER BY r.revision, k.name, r.name LIMIT $2";
constexpr absl::string_view kOldRequests =
    "SELECT id FROM request WHERE made < $1 ORDER BY made, id LIMIT $2";

void AddNames(Dialect& d) {
  d.add_kind = "INSERT INTO kind(name) VALUES ($1) ON CONFLICT DO NOTHING";
  d.find_kind = "SELECT id FROM kind WHERE name = $1";
  d.add_field = "INSERT INTO field(path) VALUES ($1) ON CONFLICT DO NOTHING";
  d.find_field = "SELECT id FROM field WHERE path = $1";
  d.all_kinds = "SELECT id, name FROM kind ORDER BY name";
  d.all_fields = "SELECT id, path FROM field ORDER BY path";
}

void AddRowChanges(Dialect& d) {
  d.require_row =
      "SELECT 1 FROM resource WHERE kind = $1 AND name = $2 AND (1 << state) & $3 <> 0 "
      "AND ($4 IS NULL OR uid = $4) AND ($5 IS NULL OR version = $5) "
      "AND ($6 IS NULL OR round = $6)";
  d.see_row = absl::StrCat("SELECT ", kShadow, " FROM resource r WHERE kind = $1 AND name = $2");
  d.erase_row = absl::StrCat(
      "UPDATE resource SET revision = ", kRevision,
      ", state = 3, pending = 0, round = '', delete_time = $5, body = NULL, fields = NULL, "
      "outgoing = NULL WHERE kind = $1 AND name = $2 AND uid = $3 AND state <> 3 "
      "AND ($4 IS NULL OR version = $4)");
  d.update_row = absl::StrCat(
      "UPDATE resource SET revision = ", kRevision,
      ", version = $5, state = $6, pending = $7, round = $8, delete_time = $9, body = $10, "
      "fields = $11, outgoing = $12 "
      "WHERE kind = $1 AND name = $2 AND uid = $3 AND version = $4 AND state <> 3");
  d.set_state =
      absl::StrCat("UPDATE resource SET revision = ", kRevision,
                   ", state = $6, round = $7, pending = $8, delete_time = $9 "
                   "WHERE kind = $1 AND name = $2 AND uid = $3 AND (1 << state) & $4 <> 0 "
                   "AND ($5 IS NULL OR round = $5)");
  d.create_row = absl::StrCat(
      "INSERT INTO resource(kind, name, uid, version, state, pending, round, delete_time, body, "
      "fields, outgoing, stamp, revision) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, ",
      kRevision,
      ") "
      "ON CONFLICT (kind, name) DO UPDATE SET uid = excluded.uid, version = excluded.version, "
      "state = excluded.state, pending = excluded.pending, round = excluded.round, "
      "delete_time = excluded.delete_time, body = excluded.body, fields = excluded.fields, "
      "outgoing = excluded.outgoing, stamp = resource.stamp + 1, revision = excluded.revision "
      "WHERE resource.state = 3");
}

void AddOtherChanges(Dialect& d) {
  d.next_revision = "UPDATE meta SET revision = revision + 1 RETURNING revision";
  d.this_revision = "SELECT revision FROM meta";
  d.put_request =
      "INSERT INTO request(id, hash, answer, made) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
  d.see_request = "SELECT hash, answer FROM request WHERE id = $1";
  d.put_edge =
      "INSERT INTO edge(target_kind, target_name, source_kind, source_name, field, behavior) "
      "VALUES ($1, $2, $3, $4, $5, $6) "
      "ON CONFLICT DO UPDATE SET behavior = excluded.behavior";
  d.drop_edge =
      "DELETE FROM edge WHERE target_kind = $1 AND target_name = $2 AND source_kind = $3 "
      "AND source_name = $4 AND field = $5";
  d.put_unique =
      "INSERT INTO unique_value(kind, field, scope, value) VALUES ($1, $2, $3, $4) "
      "ON CONFLICT DO NOTHING";
  d.drop_unique =
      "DELETE FROM unique_value WHERE kind = $1 AND field = $2 AND scope = $3 AND value = $4";
  d.require_cursor =
      "SELECT 1 WHERE coalesce((SELECT value FROM cursor WHERE name = $1), x'') = $2";
  d.put_cursor =
      "INSERT INTO cursor(name, value) VALUES ($1, $2) "
      "ON CONFLICT DO UPDATE SET value = excluded.value";
  d.drop_cursor = "DELETE FROM cursor WHERE name = $1";
  d.ensure_limit =
      "INSERT INTO limit_row(holder_kind, holder_name, counted, used, max) "
      "VALUES ($1, $2, $3, 0, $4) "
      "ON CONFLICT DO UPDATE SET max = excluded.max WHERE max <> excluded.max";
  d.take_limit =
      "UPDATE limit_row SET used = used + $4 WHERE holder_kind = $1 AND holder_name = $2 "
      "AND counted = $3 AND ($4 <= 0 OR used + $4 <= max)";
  d.see_limit =
      "SELECT used, max FROM limit_row WHERE holder_kind = $1 AND holder_name = $2 "
      "AND counted = $3";
}

constexpr absl::string_view kIsClaim =
    "type = $1 AND target_kind = $2 AND target_name = $3 AND holder = $4";
constexpr absl::string_view kIsAsExpected =
    " AND uid = $5 AND state = $6 AND number = $7 AND round = $8 AND version = $9";
constexpr absl::string_view kClaim = "uid, state, number, round, due, note, version";

void AddClaims(Dialect& d) {
  d.require_claim = absl::StrCat("SELECT 1 FROM claim WHERE ", kIsClaim,
                                 " AND uid = $5 AND (1 << state) & $6 <> 0");
  d.make_claim = absl::StrCat("INSERT INTO claim(type, target_kind, target_name, holder, ", kClaim,
                              ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1) "
                              "ON CONFLICT DO NOTHING");
  d.change_claim = absl::StrCat(
      "UPDATE claim SET version = version + 1, uid = $10, state = $11, number = $12, round = $13, "
      "due = $14, note = $15 WHERE ",
      kIsClaim, kIsAsExpected);
  d.drop_claim = absl::StrCat("DELETE FROM claim WHERE ", kIsClaim, kIsAsExpected);
  d.see_claim = absl::StrCat("SELECT ", kClaim, " FROM claim WHERE ", kIsClaim);
  // Types 3 and 4 are ClaimType's kBlockade and kSource.
  constexpr absl::string_view kHolds =
      " FROM claim WHERE type IN (3, 4) AND target_kind = $1 AND target_name = $2 AND round < $3 ";
  d.find_hold = absl::StrCat("SELECT 1", kHolds, "LIMIT 1");
  d.see_hold =
      absl::StrCat("SELECT type, holder, ", kClaim, kHolds, "ORDER BY type, holder LIMIT 1");
  const std::string select =
      absl::StrCat("SELECT target_kind, target_name, holder, ", kClaim, " FROM claim WHERE ");
  d.claims = absl::StrCat(select,
                          "type = $1 AND (target_kind, target_name, holder) > ($2, $3, $4) "
                          "ORDER BY target_kind, target_name, holder LIMIT $5");
  d.claims_on = absl::StrCat(select,
                             "type = $1 AND target_kind = $2 AND target_name = $3 "
                             "AND ($4 IS NULL OR holder > $4) ORDER BY holder LIMIT $5");
  d.due_claims = absl::StrCat(
      select, "type = $1 AND due <= $2 ORDER BY due, target_kind, target_name, holder LIMIT $3");
}

void AddChecks(Dialect& d) {
  d.require_target = "SELECT 1 FROM resource WHERE kind = $1 AND name = $2 AND state = 0";
  d.find_inbound =
      "SELECT 1 FROM edge WHERE target_kind = $1 AND target_name = $2 AND behavior <> 6 LIMIT 1";
  // CROSS JOIN keeps SQLite to this order: kinds by name outside, so that it needn't sort.
  d.see_inbound =
      "SELECT k.name, e.source_name, f.path, e.behavior FROM kind k "
      "CROSS JOIN edge e ON e.target_kind = $1 AND e.target_name = $2 AND e.source_kind = k.id "
      "CROSS JOIN field f ON f.id = e.field WHERE e.behavior <> 6 "
      "ORDER BY k.name, e.source_name, f.path LIMIT 1";
  d.find_child =
      "SELECT 1 FROM resource WHERE kind = $1 AND name >= $2 AND name < $3 AND state <> 3 LIMIT 1";
  d.see_child =
      "SELECT name FROM resource WHERE kind = $1 AND name >= $2 AND name < $3 AND state <> 3 "
      "ORDER BY name LIMIT 1";
}

std::string Scan(absl::string_view columns) {
  return absl::StrCat("SELECT r.name, ", columns,
                      " FROM resource r WHERE r.kind = $1 AND r.name >= $2 AND r.name <> $3 "
                      "AND r.name < $4 ORDER BY r.name LIMIT $5");
}

std::string Quoted(const std::string& identifier) {
  return absl::StrCat("\"", absl::StrReplaceAll(identifier, {{"\"", "\"\""}}), "\"");
}

// " AND json_extract(…) = $6 AND …". filter/ writes each with one `?`, at its end.
std::string Conditions(const Matching& matching, batch::Row& binds) {
  std::string sql;
  for (const filter::IndexCondition& condition : matching.conditions) {
    std::vector<filter::IndexValue> values;
    std::string text = filter::IndexConditionSql(condition, values);
    HF_CHECK(values.size() == 1 && text.ends_with('?')) << text;
    text.pop_back();
    std::visit([&binds](auto& value) { binds.emplace_back(std::move(value)); }, values[0]);
    absl::StrAppend(&sql, " AND ", text, "$", binds.size());
  }
  return sql;
}

// The index is named: without statistics the planner can't know that a name's range is the worse
// choice. The kind is a number here, as a partial index wants it.
std::string From(const Matching& matching) {
  return absl::StrCat(" FROM resource r INDEXED BY ", Quoted(matching.index.name),
                      " WHERE r.kind = ", matching.kind);
}

std::string ScanMatching(const Matching& matching, Fields fields, batch::Row& binds) {
  const std::string conditions = Conditions(matching, binds);
  return absl::StrCat("SELECT r.name, ", fields == Fields::kAll ? kRow : kShadow, From(matching),
                      " AND r.name >= $2 AND r.name <> $3 AND r.name < $4", conditions,
                      " ORDER BY r.name LIMIT $5");
}

std::string CountMatching(const Matching& matching, size_t at_most, batch::Row& binds) {
  const std::string conditions = Conditions(matching, binds);
  return absl::StrCat("SELECT count(*) FROM (SELECT 1", From(matching), conditions, " LIMIT ",
                      at_most, ")");
}

void AddReads(Dialect& d) {
  d.scan_matching = &ScanMatching;
  d.count_matching = &CountMatching;
  d.head = "SELECT revision, purge_floor FROM meta";
  d.get_row = absl::StrCat("SELECT ", kRow, " FROM resource r WHERE kind = $1 AND name = $2");
  d.scan_rows = Scan(kRow);
  d.scan_shadows = Scan(kShadow);
  d.duties = absl::StrCat("SELECT r.name, ", kRow,
                          " FROM resource r WHERE r.kind = $1 AND r.name > $2 AND ", kHasDuties,
                          " AND ($3 IS NULL OR r.state = $3) AND ($4 IS NULL OR r.round = $4) "
                          "AND ($5 = 0 OR r.pending & $5 <> 0) ORDER BY r.name LIMIT $6");
  d.inbound =
      "SELECT e.source_name, f.path, e.behavior FROM edge e CROSS JOIN field f ON f.id = e.field "
      "WHERE e.target_kind = $1 AND e.target_name = $2 AND e.source_kind = $3 "
      "AND e.source_name >= $4 AND (e.source_name > $4 OR f.path > $5) "
      "AND (1 << e.behavior) & $6 <> 0 ORDER BY e.source_name, f.path LIMIT $7";
  d.count_inbound =
      "SELECT count(*) FROM edge WHERE target_kind = $1 AND target_name = $2 "
      "AND (1 << behavior) & $3 <> 0";
  d.limits =
      "SELECT holder_kind, holder_name, counted, used, max FROM limit_row "
      "WHERE (holder_kind, holder_name, counted) > ($1, $2, $3) "
      "ORDER BY holder_kind, holder_name, counted LIMIT $4";
  d.cursor = "SELECT value FROM cursor WHERE name = $1";
  d.feed =
      absl::StrCat("SELECT k.name, r.name, ", kRow,
                   " FROM resource r CROSS JOIN kind k ON k.id = r.kind WHERE r.revision >= $1 "
                   "AND (r.revision > $1 OR (k.name, r.name) > ($2, $3)) "
                   "ORDER BY r.revision, k.name, r.name LIMIT $4");
}

void AddPurge(Dialect& d) {
  d.purge_revision = absl::StrCat("UPDATE meta SET revision = revision + 1 WHERE EXISTS (",
                                  kVictims, ") OR EXISTS (", kOldRequests, ")");
  d.purge_floor = absl::StrCat(
      "UPDATE meta SET purge_floor = max(purge_floor, coalesce((SELECT max(v.revision) FROM (",
      kVictims, ") v), 0))");
  d.purge_rows = absl::StrCat("DELETE FROM resource WHERE id IN (SELECT v.id FROM (", kVictims,
                              ") v) RETURNING 1");
  d.purge_requests =
      absl::StrCat("DELETE FROM request WHERE id IN (", kOldRequests, ") RETURNING 1");
  d.purge_limits =
      "DELETE FROM limit_row WHERE (holder_kind, holder_name, counted) IN (SELECT holder_kind, "
      "holder_name, counted FROM limit_row WHERE used = 0 AND $1 IS NOT NULL LIMIT $2) RETURNING 1";
  d.purge_more =
      "SELECT EXISTS (SELECT 1 FROM resource r WHERE r.state = 3 AND r.delete_time < $1) "
      "OR EXISTS (SELECT 1 FROM request WHERE made < $1) "
      "OR EXISTS (SELECT 1 FROM limit_row WHERE used = 0)";
}

}  // namespace

std::string SqliteIndexSql(int64_t kind, const FieldIndex& index) {
  const std::string fields =
      absl::StrJoin(index.paths, ", ", [](std::string* out, const std::string& path) {
        absl::StrAppend(out, filter::IndexExpressionSql(path));
      });
  return absl::StrCat("CREATE INDEX ", Quoted(index.name), " ON resource(", fields,
                      ", name) WHERE kind = ", kind);
}

const Dialect& SqliteDialect() {
  static const Dialect dialect = [] {
    Dialect d;
    d.name = "sqlite";
    AddNames(d);
    AddRowChanges(d);
    AddOtherChanges(d);
    AddClaims(d);
    AddChecks(d);
    AddReads(d);
    AddPurge(d);
    return d;
  }();
  return dialect;
}

}  // namespace holdfast::storage::sql
