#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/sql.h"
#include "holdfast/storage/sql/postgres_texts.h"

namespace holdfast::storage::sql {
namespace {

// As in the partial index.
constexpr absl::string_view kHasDuties = "(r.state IN (1, 2) OR r.pending <> 0)";
constexpr absl::string_view kInRange =
    " AND r.name >= $2::text AND r.name <> $3::text AND r.name < $4::text";
constexpr absl::string_view kInOrder = " ORDER BY r.name LIMIT $5::int8";

absl::string_view ColumnsOf(Fields fields) {
  return fields == Fields::kAll ? kServerRow : kServerShadow;
}

std::string Scan(Fields fields) {
  return absl::StrCat("SELECT r.name, ", ColumnsOf(fields),
                      " FROM resource r WHERE r.kind = $1::int4", kInRange, kInOrder);
}

// " AND <expression> = $6::text AND …"
std::string Conditions(const Matching& matching, batch::Row& binds) {
  std::string sql;
  for (const filter::IndexCondition& condition : matching.conditions) {
    const filter::PostgresCondition text = filter::PostgresConditionSql(condition);
    binds.emplace_back(text.value);
    absl::StrAppend(&sql, " AND ", text.sql, "$", binds.size(), "::text");
  }
  return sql;
}

// The kind is a number here, as a partial index wants it.
std::string From(const Matching& matching) {
  return absl::StrCat(" FROM resource r WHERE r.kind = ", matching.kind);
}

std::string ScanMatching(const Matching& matching, Fields fields, batch::Row& binds) {
  const std::string conditions = Conditions(matching, binds);
  return absl::StrCat("SELECT r.name, ", ColumnsOf(fields), From(matching),
                      " AND $1::int4 IS NOT NULL", kInRange, conditions, kInOrder);
}

std::string CountMatching(const Matching& matching, size_t at_most, batch::Row& binds) {
  const std::string conditions = Conditions(matching, binds);
  return absl::StrCat("SELECT count(*) FROM (SELECT 1", From(matching), conditions, " LIMIT ",
                      at_most, ") m");
}

}  // namespace

void AddServerReads(Dialect& d) {
  d.scan_matching = &ScanMatching;
  d.count_matching = &CountMatching;
  d.get_row = absl::StrCat("SELECT ", kServerRow,
                           " FROM resource r WHERE r.kind = $1::int4 AND r.name = $2::text");
  d.scan_rows = Scan(Fields::kAll);
  d.scan_shadows = Scan(Fields::kShadow);
  d.duties = absl::StrCat("SELECT r.name, ", kServerRow,
                          " FROM resource r WHERE r.kind = $1::int4 AND r.name > $2::text AND ",
                          kHasDuties,
                          " AND ($3::int2 IS NULL OR r.state = $3::int2) "
                          "AND ($4::text IS NULL OR r.round = $4::text) "
                          "AND ($5::int8 = 0 OR r.pending & $5::int8 <> 0) "
                          "ORDER BY r.name LIMIT $6::int8");
  d.inbound =
      "SELECT e.source_name, f.path, e.behavior FROM edge e JOIN field f ON f.id = e.field "
      "WHERE e.target_kind = $1::int4 AND e.target_name = $2::text AND e.source_kind = $3::int4 "
      "AND e.source_name >= $4::text AND (e.source_name > $4::text OR f.path > $5::text) "
      "AND (1 << e.behavior)::int8 & $6::int8 <> 0 ORDER BY e.source_name, f.path LIMIT $7::int8";
  d.count_inbound =
      "SELECT count(*) FROM edge WHERE target_kind = $1::int4 AND target_name = $2::text "
      "AND (1 << behavior)::int8 & $3::int8 <> 0";
  const std::string claims =
      absl::StrCat("SELECT target_kind, target_name, holder, ", kServerClaim, " FROM claim WHERE ");
  d.claims = absl::StrCat(
      claims,
      "type = $1::int2 AND (target_kind, target_name, holder) > ($2::text, $3::text, $4::text) "
      "ORDER BY target_kind, target_name, holder LIMIT $5::int8");
  d.claims_on = absl::StrCat(claims,
                             "type = $1::int2 AND target_kind = $2::text "
                             "AND target_name = $3::text "
                             "AND ($4::text IS NULL OR holder > $4::text) "
                             "ORDER BY holder LIMIT $5::int8");
  d.due_claims = absl::StrCat(claims,
                              "type = $1::int2 AND due <= $2::int8 "
                              "ORDER BY due, target_kind, target_name, holder LIMIT $3::int8");
  d.limits =
      "SELECT holder_kind, holder_name, counted, used, max FROM limit_row "
      "WHERE (holder_kind, holder_name, counted) > ($1::text, $2::text, $3::text) "
      "ORDER BY holder_kind, holder_name, counted LIMIT $4::int8";
  d.cursor = "SELECT value FROM cursor WHERE name = $1::text";
}

std::string QuotedName(std::string_view identifier) {
  return absl::StrCat("\"", absl::StrReplaceAll(ToAbsl(identifier), {{"\"", "\"\""}}), "\"");
}

std::string ServerIndexSql(int64_t kind, const FieldIndex& index) {
  const std::string fields =
      absl::StrJoin(index.paths, ", ", [](std::string* out, const std::string& path) {
        absl::StrAppend(out, "(", filter::PostgresExpressionSql(path), ")");
      });
  return absl::StrCat("CREATE INDEX ", QuotedName(index.name), " ON resource(", fields,
                      ", name) WHERE kind = ", kind);
}

}  // namespace holdfast::storage::sql
