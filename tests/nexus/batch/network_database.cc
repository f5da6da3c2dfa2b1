#include "tests/nexus/batch/network_database.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::nexus {

using batch::Batch;
using batch::Fragment;
using batch::Outcome;
using batch::Row;
using batch::Value;

Batch Of(std::string_view label, Fragment fragment) {
  Batch batch(label);
  batch.add("", std::move(fragment));
  return batch;
}

NetworkDatabase::NetworkDatabase(On on, Options options)
    : network_(on == On::kSqlite ? Make::kSqlite : Make::kPostgres, options.limits),
      env_({.threads = 2}) {
  if (on == On::kSqlite) {
    open_sqlite(options);
  } else {
    open_postgres(on, options);
  }
}

NetworkDatabase::~NetworkDatabase() = default;

void NetworkDatabase::open_sqlite(const Options& options) {
  batch::sqlite::SqliteOptions sqlite;
  sqlite.path = ":memory:";
  sqlite.constraint_names = ConstraintNames();
  auto opened = batch::sqlite::SqliteDatabase::Open(env_, std::move(sqlite));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  for (const std::string& sql : Network::Tables(options.vnis)) {
    const absl::Status done = (*opened)->setup().execute(sql);
    HF_CHECK(done.ok()) << done.ToString();
  }
  database_ = *std::move(opened);
}

void NetworkDatabase::open_postgres(On on, const Options& options) {
  batch::PostgresOptions postgres;
  postgres.dsn =
      options.dsn.empty() ? testing::PostgresCluster::Shared().create_database() : options.dsn;
  postgres.isolation =
      on == On::kSerializable ? batch::Isolation::kSerializable : batch::Isolation::kReadCommitted;
  postgres.connections = static_cast<size_t>(options.connections);
  postgres.max_attempts = options.max_attempts;
  postgres.stats = options.stats;
  // Deadlocks are what some tests wait for.
  postgres.settings = {{"deadlock_timeout", "20ms"}};
  auto opened = env_.run(batch::OpenPostgres(env_, std::move(postgres)));
  HF_CHECK(opened.ok()) << opened.status().ToString();
  database_ = *std::move(opened);
  Batch tables("tables");
  for (const std::string& sql : Network::Tables(options.vnis)) tables.add({.sql = sql});
  const Outcome made = commit(std::move(tables));
  HF_CHECK(made.ok()) << made.status().ToString();
  name_ = std::get<std::string>(query("SELECT current_database()::text").at(0).at(0));
}

Outcome NetworkDatabase::commit(Batch batch) {
  return env_.run(database_->commit(std::move(batch)));
}

Outcome NetworkDatabase::commit(std::string_view label, Fragment fragment) {
  return commit(Of(label, std::move(fragment)));
}

void NetworkDatabase::given(std::string_view label, Fragment fragment) {
  const Outcome outcome = commit(label, std::move(fragment));
  ASSERT_TRUE(outcome.ok()) << label << ": " << outcome.status();
}

Outcome NetworkDatabase::refused(std::string_view label, Fragment fragment) {
  const std::string before = dump();
  Outcome outcome = commit(label, std::move(fragment));
  EXPECT_FALSE(outcome.ok()) << label;
  EXPECT_EQ(dump(), before) << label;
  return outcome;
}

std::future<absl::Status> NetworkDatabase::start(Task<absl::Status> task) {
  return boost::asio::co_spawn(env_.executor(), std::move(task), boost::asio::use_future);
}

std::vector<absl::Status> NetworkDatabase::race(std::vector<Task<absl::Status>> rivals) {
  std::vector<std::future<absl::Status>> answers;
  for (Task<absl::Status>& rival : rivals) {
    answers.push_back(start(std::move(rival)));
  }
  std::vector<absl::Status> statuses;
  for (std::future<absl::Status>& answer : answers) statuses.push_back(answer.get());
  return statuses;
}

Task<void> NetworkDatabase::linger() {
  const auto moment = static_cast<int64_t>(env_.random().next() % 2000);
  co_await env_.sleep(Duration(moment));
}

Task<absl::Status> NetworkDatabase::rival(Batch batch) {
  co_await linger();
  const Outcome outcome = co_await database_->commit(std::move(batch));
  co_return outcome.status();
}

Task<absl::Status> NetworkDatabase::rival_delete_vpc(std::string vpc, int64_t at_most) {
  co_await linger();
  absl::Status status = co_await delete_all_of(std::move(vpc), at_most);
  co_return status;
}

void NetworkDatabase::given_project() {
  given("organization.create", network_.create_organization("acme"));
  given("project.create", network_.create_project("acme", "p1", "web"));
}

Task<absl::Status> NetworkDatabase::delete_all_of(std::string vpc, int64_t at_most) {
  Batch close = Of("vpc.close", network_.close_vpc(vpc));
  const Outcome closed = co_await database_->commit(std::move(close));
  if (!closed.ok()) co_return closed.status();
  for (const std::string& part : Network::PartsOfVpc()) {
    for (bool more = true; more;) {
      Batch batch("vpc.empty");
      const batch::StepHandle step = batch.add(network_.delete_parts(part, vpc, at_most));
      const Outcome emptied = co_await database_->commit(std::move(batch));
      if (!emptied.ok()) co_return emptied.status();
      more = !emptied.rows(step).empty();
    }
  }
  Batch finish = Of("vpc.finish", network_.finish_vpc(vpc));
  const Outcome finished = co_await database_->commit(std::move(finish));
  co_return finished.status();
}

absl::Status NetworkDatabase::delete_vpc(const std::string& vpc, int64_t at_most) {
  return env_.run(delete_all_of(vpc, at_most));
}

std::vector<Row> NetworkDatabase::query(std::string_view sql) {
  auto snapshot = env_.run(database_->snapshot());
  HF_CHECK(snapshot.ok()) << snapshot.status().ToString();
  auto rows = env_.run((*snapshot)->query(sql, {}, 100'000));
  HF_CHECK(rows.ok()) << rows.status().ToString();
  return *std::move(rows);
}

int64_t NetworkDatabase::count(std::string_view table) {
  return std::get<int64_t>(query(absl::StrCat("SELECT count(*) FROM ", ToAbsl(table)))[0][0]);
}

int64_t NetworkDatabase::used(std::string_view holder) {
  const auto rows =
      query(absl::StrCat("SELECT used FROM quota WHERE holder = '", ToAbsl(holder), "'"));
  return rows.empty() ? 0 : std::get<int64_t>(rows[0][0]);
}

std::string NetworkDatabase::dump() {
  std::string text;
  for (const std::string& table : Network::TableNames()) {
    absl::StrAppend(&text, table, "\n");
    for (const Row& row : query(absl::StrCat("SELECT * FROM ", table, " ORDER BY 1, 2"))) {
      for (const Value& value : row) {
        if (const auto* number = std::get_if<int64_t>(&value)) {
          absl::StrAppend(&text, "  ", *number);
        } else if (const auto* string = std::get_if<std::string>(&value)) {
          absl::StrAppend(&text, "  '", absl::CEscape(*string), "'");
        } else {
          absl::StrAppend(&text, "  NULL");
        }
      }
      absl::StrAppend(&text, "\n");
    }
  }
  return text;
}

}  // namespace holdfast::nexus
