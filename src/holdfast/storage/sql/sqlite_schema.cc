#include "holdfast/storage/sql/sqlite_schema.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {
namespace {

using batch::sqlite::Connection;

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
INSERT INTO meta VALUES (1, 0, '', 0, 0);
)sql";

constexpr const char* kClaims = R"sql(
CREATE TABLE claim (
  type INTEGER NOT NULL,
  target_kind TEXT NOT NULL,
  target_name TEXT NOT NULL,
  holder TEXT NOT NULL,
  uid TEXT NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  round INTEGER NOT NULL,
  version INTEGER NOT NULL,
  due INTEGER NOT NULL,
  note BLOB NOT NULL,
  PRIMARY KEY (type, target_kind, target_name, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_by_due ON claim(type, due);
)sql";

// All of it or nothing: a crash within leaves the database as it was.
template <class Work>
auto InTransaction(Connection& connection, const Work& work) -> decltype(work()) {
  HF_RETURN_IF_ERROR(connection.execute("BEGIN IMMEDIATE"));
  auto done = work();
  const absl::Status end = connection.execute(done.ok() ? "COMMIT" : "ROLLBACK");
  if (done.ok() && !end.ok()) return end;
  return done;
}

// 0: there are no tables.
absl::StatusOr<int64_t> VersionOf(Connection& connection) {
  HF_ASSIGN_OR_RETURN(const auto tables,
                      connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'meta'"));
  if (tables.empty()) return 0;
  HF_ASSIGN_OR_RETURN(const auto found, connection.query("SELECT schema_version FROM meta"));
  if (found.empty()) return MakeError(Reason::kInternal, "the table `meta` is empty");
  return ToNumber(found[0][0]);
}

absl::Status Migrate(Connection& connection, const Migration& step) {
  HF_ASSIGN_OR_RETURN(const int64_t version, VersionOf(connection));
  if (version >= step.to) return absl::OkStatus();  // somebody else was faster
  for (const std::string& sql : step.statements) HF_RETURN_IF_ERROR(connection.execute(sql));
  return connection.query("UPDATE meta SET schema_version = $1", {Number(step.to)}).status();
}

absl::Status BringUpToDate(Connection& connection, const Migrations& migrations) {
  HF_ASSIGN_OR_RETURN(const int64_t version, VersionOf(connection));
  HF_RETURN_IF_ERROR(CheckVersion(version, migrations));
  for (const Migration& step : migrations) {
    if (step.to <= version) continue;
    HF_RETURN_IF_ERROR(InTransaction(connection, [&] { return Migrate(connection, step); }));
  }
  return absl::OkStatus();
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
                                       {Text(std::string(kDeclaredPrefix))}));
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
    FieldIndex index = DeclaredIndex(kind, definition.paths);
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

absl::StatusOr<Opened> Open(Connection& connection, const PrepareOptions& options) {
  HF_RETURN_IF_ERROR(
      connection
          .query("UPDATE meta SET incarnation = $1 WHERE incarnation = '' OR $2",
                 {Text(options.fresh_incarnation), Number(options.origin == Origin::kRestored)})
          .status());
  Opened opened;
  HF_ASSIGN_OR_RETURN(auto meta, connection.query("SELECT incarnation FROM meta"));
  opened.incarnation = ToText(std::move(meta[0][0]));
  HF_RETURN_IF_ERROR(LoadNames(connection, opened.names));
  HF_RETURN_IF_ERROR(SetIndexes(connection, options.indexes, opened));
  return opened;
}

}  // namespace

const Migrations& SqliteMigrations() {
  static const Migrations migrations = {{.to = 1, .statements = {kTables}},
                                        {.to = 2, .statements = {kClaims}}};
  return migrations;
}

absl::StatusOr<Opened> PrepareSqlite(Connection& connection, const PrepareOptions& options,
                                     const Migrations& migrations) {
  HF_RETURN_IF_ERROR(BringUpToDate(connection, migrations));
  return InTransaction(connection, [&] { return Open(connection, options); });
}

}  // namespace holdfast::storage::sql
