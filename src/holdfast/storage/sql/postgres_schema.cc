#include "holdfast/storage/sql/postgres_schema.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/postgres_texts.h"

namespace holdfast::storage::sql {
namespace {

using Rows = std::vector<batch::Row>;

// One who makes tables or indexes keeps out others who would: an advisory lock, till its end.
constexpr const char* kLock = "SELECT pg_advisory_xact_lock(7810208112014815081)";

// All text is compared by its bytes, as everywhere in Holdfast. Long columns last. `fields` is
// json: what was written comes back as it was.
constexpr const char* kTables[] = {
    R"sql(CREATE TABLE meta (
  id int4 PRIMARY KEY CHECK (id = 1),
  schema_version int8 NOT NULL,
  incarnation text COLLATE "C" NOT NULL,
  purge_floor xid8 NOT NULL DEFAULT '0',
  purge_mark xid8 NOT NULL DEFAULT '0',
  lift int8 NOT NULL DEFAULT 0
))sql",
    R"sql(CREATE TABLE kind (
  id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
))sql",
    R"sql(CREATE TABLE field (
  id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path text COLLATE "C" NOT NULL UNIQUE
))sql",
    R"sql(CREATE TABLE resource (
  kind int4 NOT NULL,
  name text COLLATE "C" NOT NULL,
  uid text COLLATE "C" NOT NULL,
  stamp int8 NOT NULL,
  version int8 NOT NULL,
  revision xid8 NOT NULL,
  pending int8 NOT NULL,
  delete_time int8 NOT NULL,
  state int2 NOT NULL,
  round text COLLATE "C" NOT NULL,
  fields json,
  outgoing bytea,
  body bytea,
  PRIMARY KEY (kind, name)
))sql",
    "CREATE INDEX resource_by_revision ON resource(revision)",
    R"sql(CREATE INDEX resource_with_duties ON resource(kind, name)
  WHERE state IN (1, 2) OR pending <> 0)sql",
    "CREATE INDEX resource_gone ON resource(revision, delete_time) WHERE state = 3",
    R"sql(CREATE TABLE edge (
  target_kind int4 NOT NULL,
  target_name text COLLATE "C" NOT NULL,
  source_kind int4 NOT NULL,
  source_name text COLLATE "C" NOT NULL,
  field int4 NOT NULL,
  behavior int2 NOT NULL,
  PRIMARY KEY (target_kind, target_name, source_kind, source_name, field)
))sql",
    R"sql(CREATE TABLE unique_value (
  kind int4 NOT NULL,
  field int4 NOT NULL,
  scope text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  PRIMARY KEY (kind, field, scope, value)
))sql",
    R"sql(CREATE TABLE limit_row (
  holder_kind text COLLATE "C" NOT NULL,
  holder_name text COLLATE "C" NOT NULL,
  counted text COLLATE "C" NOT NULL,
  used int8 NOT NULL CONSTRAINT limit_used CHECK (used >= 0),
  max int8 NOT NULL,
  PRIMARY KEY (holder_kind, holder_name, counted)
) WITH (fillfactor = 50))sql",
    R"sql(CREATE TABLE request (
  id text COLLATE "C" PRIMARY KEY,
  hash bytea NOT NULL,
  answer bytea NOT NULL,
  made int8 NOT NULL
))sql",
    "CREATE INDEX request_by_time ON request(made)",
    "CREATE TABLE cursor (name text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL)",
    "INSERT INTO meta(id, schema_version, incarnation) VALUES (1, 0, '')"};

constexpr const char* kClaims[] = {R"sql(CREATE TABLE claim (
  type int2 NOT NULL,
  target_kind text COLLATE "C" NOT NULL,
  target_name text COLLATE "C" NOT NULL,
  holder text COLLATE "C" NOT NULL,
  uid text COLLATE "C" NOT NULL,
  state int2 NOT NULL,
  number int8 NOT NULL,
  round int8 NOT NULL,
  version int8 NOT NULL,
  due int8 NOT NULL,
  note bytea NOT NULL,
  PRIMARY KEY (type, target_kind, target_name, holder)
))sql",
                                   "CREATE INDEX claim_by_due ON claim(type, due)"};

std::string Literal(std::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(ToAbsl(text), {{"'", "''"}}), "'");
}

// Setting up one namespace.
class SetUp {
 public:
  SetUp(batch::Database& database, std::string space, PrepareOptions options)
      : database_(database), space_(std::move(space)), options_(std::move(options)) {}

  Task<absl::Status> migrate(const Migrations& migrations);
  Task<absl::StatusOr<Opened>> open();

 private:
  // 0: there are no tables.
  Task<absl::StatusOr<int64_t>> version();
  Task<absl::Status> migrate_one(const Migration& step);
  Task<absl::Status> make_space();
  Task<absl::Status> set_indexes(Opened& opened);
  Task<absl::StatusOr<int64_t>> number_of(KindName kind, NameIds& names);

  Task<absl::StatusOr<Rows>> query(std::string sql);
  // Under the lock; a guard, if not empty, must hold. True: it did, and everything is done.
  Task<absl::StatusOr<bool>> run(std::string guard, std::vector<std::string> statements);

  batch::Database& database_;
  const std::string space_;
  const PrepareOptions options_;
};

Task<absl::StatusOr<Rows>> SetUp::query(std::string sql) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<batch::ReadSnapshot> snapshot,
                         co_await database_.snapshot());
  absl::StatusOr<Rows> rows = co_await snapshot->query(sql, {}, kMaxPage * kMaxPage);
  co_return rows;
}

Task<absl::StatusOr<bool>> SetUp::run(std::string guard, std::vector<std::string> statements) {
  batch::Batch batch("storage.set_up");
  batch.add(batch::Step{.label = "lock", .sql = kLock});
  if (!guard.empty()) {
    batch.add(
        batch::Step{.label = "guard", .sql = std::move(guard), .expect = batch::Expect::Guard()});
  }
  for (std::string& sql : statements) batch.add(batch::Step{.sql = std::move(sql)});
  const batch::Outcome outcome = co_await database_.commit(std::move(batch));
  if (outcome.ok()) co_return true;
  if (outcome.failure()->failure_class == batch::FailureClass::kGuard) co_return false;
  co_return outcome.status();
}

Task<absl::StatusOr<int64_t>> SetUp::version() {
  const std::string table = Literal(absl::StrCat(QuotedName(space_), ".meta"));
  HF_CO_ASSIGN_OR_RETURN(const Rows there,
                         co_await query(absl::StrCat("SELECT to_regclass(", table,
                                                     ") IS NOT NULL, "
                                                     "current_setting('server_encoding'), "
                                                     "current_setting('synchronous_commit')")));
  if (ToText(there[0][1]) != "UTF8") {
    co_return absl::FailedPreconditionError(absl::StrCat(
        "the database's encoding is ", ToText(there[0][1]), "; make one with ENCODING 'UTF8'"));
  }
  // A place in the feed is told to readers: what it holds must not be lost in a crash.
  if (ToText(there[0][2]) == "off") {
    co_return absl::FailedPreconditionError("synchronous_commit is off; set it to on");
  }
  if (ToNumber(there[0][0]) == 0) co_return 0;
  HF_CO_ASSIGN_OR_RETURN(const Rows found, co_await query("SELECT schema_version FROM meta"));
  if (found.empty()) co_return MakeError(Reason::kInternal, "the table `meta` is empty");
  co_return ToNumber(found[0][0]);
}

Task<absl::Status> SetUp::make_space() {
  std::vector<std::string> statements;
  statements.push_back(absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", QuotedName(space_)));
  absl::Status status = (co_await run("", std::move(statements))).status();
  co_return status;
}

Task<absl::Status> SetUp::migrate_one(const Migration& step) {
  // Whoever else is at it: only one finds the version before.
  std::string guard = absl::StrCat("SELECT schema_version = ", step.to - 1, " FROM meta");
  if (step.to == 1) {
    const std::string table = Literal(absl::StrCat(QuotedName(space_), ".meta"));
    guard = absl::StrCat("SELECT to_regclass(", table, ") IS NULL");
  }
  std::vector<std::string> statements = step.statements;
  statements.push_back(absl::StrCat("UPDATE meta SET schema_version = ", step.to));
  absl::Status status = (co_await run(std::move(guard), std::move(statements))).status();
  co_return status;
}

Task<absl::Status> SetUp::migrate(const Migrations& migrations) {
  HF_CO_ASSIGN_OR_RETURN(const int64_t found, co_await version());
  HF_CO_RETURN_IF_ERROR(CheckVersion(found, migrations));
  if (found == 0) HF_CO_RETURN_IF_ERROR(co_await make_space());
  for (const Migration& step : migrations) {
    if (step.to > found) HF_CO_RETURN_IF_ERROR(co_await migrate_one(step));
  }
  // A newer one may have come in between.
  HF_CO_ASSIGN_OR_RETURN(const int64_t reached, co_await version());
  co_return CheckVersion(reached, migrations);
}

Task<absl::StatusOr<Opened>> SetUp::open() {
  const std::string fresh = Literal(options_.fresh_incarnation);
  const bool restored = options_.origin == Origin::kRestored;
  std::vector<std::string> statements;
  // A dump put back into a younger server brings transactions from the future, and so is a restore,
  // whoever says so.
  statements.push_back(absl::StrCat(
      "WITH future AS (UPDATE resource SET revision = pg_current_xact_id() "
      "WHERE revision >= pg_snapshot_xmax(pg_current_snapshot()) RETURNING 1) "
      "UPDATE meta SET incarnation = ",
      fresh,
      ", purge_floor = '0', purge_mark = '0', lift = 0 WHERE EXISTS (SELECT 1 FROM future) "
      "OR greatest(purge_mark, purge_floor) >= pg_snapshot_xmax(pg_current_snapshot())",
      restored ? " OR true" : ""));
  statements.push_back(
      absl::StrCat("UPDATE meta SET incarnation = ", fresh, " WHERE incarnation = ''"));
  HF_CO_RETURN_IF_ERROR((co_await run("", std::move(statements))).status());
  Opened opened;
  HF_CO_ASSIGN_OR_RETURN(Rows meta, co_await query("SELECT incarnation FROM meta"));
  opened.incarnation = ToText(std::move(meta[0][0]));
  HF_CO_ASSIGN_OR_RETURN(Rows kinds, co_await query(PostgresDialect().all_kinds));
  for (batch::Row& row : kinds) opened.names.kinds[ToText(std::move(row[1]))] = ToNumber(row[0]);
  HF_CO_ASSIGN_OR_RETURN(Rows fields, co_await query(PostgresDialect().all_fields));
  for (batch::Row& row : fields) opened.names.fields[ToText(std::move(row[1]))] = ToNumber(row[0]);
  HF_CO_RETURN_IF_ERROR(co_await set_indexes(opened));
  co_return opened;
}

Task<absl::StatusOr<int64_t>> SetUp::number_of(KindName kind, NameIds& names) {
  const auto known = names.kinds.find(kind.str());
  if (known != names.kinds.end()) co_return known->second;
  const Dialect& dialect = PostgresDialect();
  batch::Batch batch("storage.set_up");
  batch.add(batch::Step{.label = "add_kind", .sql = dialect.add_kind, .binds = {{kind.str()}}});
  const batch::StepHandle found = batch.add(batch::Step{.label = "find_kind",
                                                        .sql = dialect.find_kind,
                                                        .binds = {{kind.str()}},
                                                        .expect = batch::Expect::Exactly(1)});
  const batch::Outcome outcome = co_await database_.commit(std::move(batch));
  if (!outcome.ok()) co_return outcome.status();
  co_return names.kinds[kind.str()] = ToNumber(outcome.rows(found)[0][0]);
}

// The text that made an index is its comment: the server keeps its own wording of it. An index
// whose text would be another now is made anew. Nodes of two schemas would take turns at this,
// until all have the same.
Task<absl::Status> SetUp::set_indexes(Opened& opened) {
  HF_CO_ASSIGN_OR_RETURN(
      Rows found,
      co_await query(absl::StrCat(
          "SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_index x "
          "JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = 'resource'::regclass "
          "AND starts_with(c.relname, '",
          ToAbsl(kDeclaredPrefix), "')")));
  std::map<std::string, std::string> present;
  for (batch::Row& row : found) present[ToText(std::move(row[0]))] = ToText(std::move(row[1]));
  std::vector<std::string> made;
  for (const IndexDefinition& definition : options_.indexes) {
    HF_CO_ASSIGN_OR_RETURN(const int64_t kind, co_await number_of(definition.kind, opened.names));
    FieldIndex index = DeclaredIndex(kind, definition.paths);
    std::vector<FieldIndex>& of_kind = opened.indexes[kind];
    const bool twice = std::any_of(of_kind.begin(), of_kind.end(),
                                   [&](const FieldIndex& i) { return i.name == index.name; });
    if (twice) continue;
    const std::string sql = ServerIndexSql(kind, index);
    const auto it = present.find(index.name);
    if (it != present.end() && it->second == sql) {
      present.erase(it);
    } else {
      made.push_back(absl::StrCat("DROP INDEX IF EXISTS ", QuotedName(index.name)));
      made.push_back(sql);
      made.push_back(
          absl::StrCat("COMMENT ON INDEX ", QuotedName(index.name), " IS ", Literal(sql)));
    }
    of_kind.push_back(std::move(index));
  }
  std::vector<std::string> statements;
  for (const auto& [name, sql] : present) {
    statements.push_back(absl::StrCat("DROP INDEX IF EXISTS ", QuotedName(name)));
  }
  statements.insert(statements.end(), made.begin(), made.end());
  if (statements.empty()) co_return absl::OkStatus();
  absl::Status status = (co_await run("", std::move(statements))).status();
  co_return status;
}

}  // namespace

const Migrations& PostgresMigrations() {
  static const Migrations migrations = {
      {.to = 1, .statements = {std::begin(kTables), std::end(kTables)}},
      {.to = 2, .statements = {std::begin(kClaims), std::end(kClaims)}}};
  return migrations;
}

Task<absl::StatusOr<Opened>> PreparePostgres(batch::Database& database, std::string space,
                                             PrepareOptions options, const Migrations& migrations) {
  SetUp set_up(database, std::move(space), std::move(options));
  HF_CO_RETURN_IF_ERROR(co_await set_up.migrate(migrations));
  absl::StatusOr<Opened> opened = co_await set_up.open();
  co_return opened;
}

}  // namespace holdfast::storage::sql
