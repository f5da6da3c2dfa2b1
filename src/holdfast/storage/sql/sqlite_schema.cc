#include "holdfast/storage/sql/sqlite_schema.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {
namespace {

using batch::sqlite::Connection;

// Names of declared indexes, so that they can be told from our own.
constexpr absl::string_view kIndexPrefix = "declared:";

// A rowid table: partial expression indexes are used on these only. Long columns last, so that the
// others are read without following overflow pages.
constexpr const char* kTables = R"sql(
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  schema_version INTEGER NOT NULL,
  incarnation TEXT NOT NULL,
  revision INTEGER NOT NULL,
  purge_floor INTEGER NOT NULL
) STRICT;
CREATE TABLE kind (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE field (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE resource (
  id INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  uid TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  version INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  state INTEGER NOT NULL,
  pending INTEGER NOT NULL,
  round TEXT NOT NULL,
  delete_time INTEGER NOT NULL,
  fields TEXT,
  outgoing BLOB,
  body BLOB,
  UNIQUE (kind, name)
) STRICT;
CREATE INDEX resource_by_revision ON resource(revision);
CREATE INDEX resource_with_duties ON resource(kind, name) WHERE state IN (1, 2) OR pending <> 0;
CREATE INDEX resource_gone ON resource(revision, delete_time) WHERE state = 3;
CREATE TABLE edge (
  target_kind INTEGER NOT NULL,
  target_name TEXT NOT NULL,
  source_kind INTEGER NOT NULL,
  source_name TEXT NOT NULL,
  field INTEGER NOT NULL,
  behavior INTEGER NOT NULL,
  PRIMARY KEY (target_kind, target_name, source_kind, source_name, field)
) STRICT, WITHOUT ROWID;
CREATE TABLE unique_value (
  kind INTEGER NOT NULL,
  field INTEGER NOT NULL,
  scope TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (kind, field, scope, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE limit_row (
  holder_kind TEXT NOT NULL,
  holder_name TEXT NOT NULL,
  counted TEXT NOT NULL,
  used INTEGER NOT NULL CONSTRAINT limit_used CHECK (used >= 0),
  max INTEGER NOT NULL,
  PRIMARY KEY (holder_kind, holder_name, counted)
) STRICT, WITHOUT ROWID;
CREATE TABLE request (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL,
  answer BLOB NOT NULL,
  made INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX request_by_time ON request(made);
CREATE TABLE cursor (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
)sql";

absl::StatusOr<bool> HasTables(Connection& connection) {
  HF_ASSIGN_OR_RETURN(const auto found,
                      connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'meta'"));
  return !found.empty();
}

absl::Status CreateTables(Connection& connection, const std::string& incarnation) {
  HF_RETURN_IF_ERROR(connection.execute(kTables));
  return connection
      .query("INSERT INTO meta VALUES (1, $1, $2, 0, 0)",
             {Number(kSchemaVersion), Text(incarnation)})
      .status();
}

// Later versions of the tables bring their steps here, each from one version to the next.
absl::Status BringUpToDate(Connection& connection) {
  HF_ASSIGN_OR_RETURN(const auto found, connection.query("SELECT schema_version FROM meta"));
  const int64_t version = found.empty() ? 0 : ToNumber(found[0][0]);
  if (version > kSchemaVersion) {
    return MakeError(Reason::kSchemaNewer,
                     absl::StrCat("the database's tables are of version ", version,
                                  ", written by a newer Holdfast; this one knows version ",
                                  kSchemaVersion, " at most: run the newer one"));
  }
  if (version == kSchemaVersion) return absl::OkStatus();
  return MakeError(Reason::kInternal, "the table `meta` holds no known version");
}

absl::Status LoadNames(Connection& connection, NameIds& names) {
  const Dialect& dialect = SqliteDialect();
  HF_ASSIGN_OR_RETURN(auto kinds, connection.query(dialect.all_kinds));
  for (batch::Row& row : kinds) names.kinds[ToText(std::move(row[1]))] = ToNumber(row[0]);
  HF_ASSIGN_OR_RETURN(auto fields, connection.query(dialect.all_fields));
  for (batch::Row& row : fields) names.fields[ToText(std::move(row[1]))] = ToNumber(row[0]);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> NumberOf(Connection& connection, const KindName& kind, NameIds& names) {
  const auto known = names.kinds.find(kind.str());
  if (known != names.kinds.end()) return known->second;
  const Dialect& dialect = SqliteDialect();
  HF_RETURN_IF_ERROR(connection.query(dialect.add_kind, {Text(kind.str())}).status());
  HF_ASSIGN_OR_RETURN(const auto found, connection.query(dialect.find_kind, {Text(kind.str())}));
  if (found.empty()) return MakeError(Reason::kInternal, "a kind got no number");
  return names.kinds[kind.str()] = ToNumber(found[0][0]);
}

// Name and text of the declared indexes that are there.
absl::StatusOr<std::map<std::string, std::string>> PresentIndexes(Connection& connection) {
  HF_ASSIGN_OR_RETURN(auto found,
                      connection.query("SELECT name, sql FROM sqlite_schema WHERE type = 'index' "
                                       "AND substr(name, 1, length($1)) = $1",
                                       {Text(std::string(kIndexPrefix))}));
  std::map<std::string, std::string> present;
  for (batch::Row& row : found) present[ToText(std::move(row[0]))] = ToText(std::move(row[1]));
  return present;
}

// An index whose text would be another now (another path syntax) is made anew.
absl::Status SetIndexes(Connection& connection, const std::vector<IndexDefinition>& wanted,
                        Opened& opened) {
  HF_ASSIGN_OR_RETURN(auto present, PresentIndexes(connection));
  for (const IndexDefinition& definition : wanted) {
    HF_ASSIGN_OR_RETURN(const int64_t kind, NumberOf(connection, definition.kind, opened.names));
    FieldIndex index{
        .name = absl::StrCat(kIndexPrefix, kind, ":", absl::StrJoin(definition.paths, ",")),
        .paths = definition.paths};
    const std::string sql = SqliteIndexSql(kind, index);
    const auto it = present.find(index.name);
    const bool there = it != present.end() && it->second == sql;
    if (there) present.erase(it);
    std::vector<FieldIndex>& of_kind = opened.indexes[kind];
    const bool twice = std::any_of(of_kind.begin(), of_kind.end(),
                                   [&](const FieldIndex& i) { return i.name == index.name; });
    if (twice) continue;
    if (!there && it != present.end()) {
      HF_RETURN_IF_ERROR(connection.execute(absl::StrCat("DROP INDEX \"", index.name, "\"")));
      present.erase(it);
    }
    if (!there) HF_RETURN_IF_ERROR(connection.execute(sql));
    of_kind.push_back(std::move(index));
  }
  for (const auto& [name, sql] : present) {
    HF_RETURN_IF_ERROR(connection.execute(absl::StrCat("DROP INDEX \"", name, "\"")));
  }
  return absl::OkStatus();
}

absl::StatusOr<Opened> Prepare(Connection& connection, const PrepareOptions& options) {
  HF_ASSIGN_OR_RETURN(const bool old, HasTables(connection));
  if (!old) HF_RETURN_IF_ERROR(CreateTables(connection, options.fresh_incarnation));
  HF_RETURN_IF_ERROR(BringUpToDate(connection));
  if (options.origin == Origin::kRestored) {
    HF_RETURN_IF_ERROR(
        connection.query("UPDATE meta SET incarnation = $1", {Text(options.fresh_incarnation)})
            .status());
  }
  Opened opened;
  HF_ASSIGN_OR_RETURN(auto meta, connection.query("SELECT incarnation FROM meta"));
  opened.incarnation = ToText(std::move(meta[0][0]));
  HF_RETURN_IF_ERROR(LoadNames(connection, opened.names));
  HF_RETURN_IF_ERROR(SetIndexes(connection, options.indexes, opened));
  return opened;
}

}  // namespace

absl::StatusOr<Opened> PrepareSqlite(Connection& connection, const PrepareOptions& options) {
  // One transaction: a crash leaves the database as it was, or ready.
  HF_RETURN_IF_ERROR(connection.execute("BEGIN IMMEDIATE"));
  absl::StatusOr<Opened> opened = Prepare(connection, options);
  const absl::Status end = connection.execute(opened.ok() ? "COMMIT" : "ROLLBACK");
  if (opened.ok() && !end.ok()) return end;
  return opened;
}

}  // namespace holdfast::storage::sql
