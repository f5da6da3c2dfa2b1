// Bringing the tables up to date, with steps that only this test has: broken off within and between
// them, and by several at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/storage/sql/postgres_schema.h"
#include "holdfast/testing/covers.h"
#include "tests/postgres/engine_fixture.h"

namespace holdfast::storage {
namespace {

using sql::Migration;
using sql::Migrations;

// Two steps behind what there is. Each would fail if it came twice.
Migrations Later() {
  Migrations steps = sql::PostgresMigrations();
  const int64_t now = steps.back().to;
  steps.push_back({.to = now + 1,
                   .statements = {"ALTER TABLE resource ADD COLUMN extra int8 NOT NULL DEFAULT 7",
                                  "CREATE TABLE added (n int8)", "INSERT INTO added VALUES (1)"}});
  steps.push_back({.to = now + 2, .statements = {"UPDATE added SET n = n + 1"}});
  return steps;
}

class PostgresMigration : public ::testing::Test {
 protected:
  PostgresMigration() {
    const PostgresEngineOptions options = EngineOptions(batch::Isolation::kReadCommitted);
    space_ = options.postgres.schema;
    auto database = env_.run(batch::OpenPostgres(env_, options.postgres));
    HF_CHECK(database.ok()) << database.status().ToString();
    database_ = *std::move(database);
  }
  Task<absl::StatusOr<sql::Opened>> prepare(const Migrations& migrations) {
    return sql::PreparePostgres(*database_, space_, {.fresh_incarnation = "x"}, migrations);
  }
  absl::Status open(const Migrations& migrations) { return env_.run(prepare(migrations)).status(); }
  int64_t number(const std::string& sql) {
    auto rows = env_.run(database_->run_script(std::vector<std::string>{sql}));
    HF_CHECK(rows.ok()) << rows.status().ToString();
    return std::get<int64_t>(rows->at(0).at(0).at(0));
  }
  int64_t version() { return number("SELECT schema_version FROM meta"); }

  RealSuiteEnv env_;
  std::string space_;
  std::unique_ptr<batch::PostgresDatabase> database_;
};

TEST_F(PostgresMigration, TakesAnOlderDatabaseForwardStepByStep) {
  HF_COVERS("T10");
  ASSERT_TRUE(open(sql::PostgresMigrations()).ok());
  const int64_t before = version();
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(version(), before + 2);
  EXPECT_EQ(number("SELECT n FROM added"), 2);
  ASSERT_TRUE(open(Later()).ok()) << "a second time there is nothing to do";
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(PostgresMigration, LeavesTheVersionBeforeIfItFailsWithin) {
  Migrations broken = Later();
  broken.back().statements.emplace_back("SELECT 1 / 0");
  EXPECT_FALSE(open(broken).ok());
  EXPECT_EQ(version(), broken.back().to - 1) << "the step before it stays done";
  EXPECT_EQ(number("SELECT n FROM added"), 1) << "and nothing of it is there";
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(PostgresMigration, GoesOnWhereItsSessionWasKilled) {
  HF_COVERS("T10");
  Migrations killed = Later();
  killed.back().statements.insert(killed.back().statements.begin(),
                                  "SELECT pg_terminate_backend(pg_backend_pid())");
  EXPECT_FALSE(open(killed).ok());
  EXPECT_EQ(version(), killed.back().to - 1);
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(PostgresMigration, IsDoneOnceByManyAtOnce) {
  HF_COVERS("T10");
  const Migrations steps = Later();
  std::vector<absl::Status> done(6);
  std::vector<Task<void>> tasks;
  for (absl::Status& status : done) {
    tasks.push_back([](Task<absl::StatusOr<sql::Opened>> task, absl::Status& into) -> Task<void> {
      const absl::StatusOr<sql::Opened> opened = co_await std::move(task);
      into = opened.status();
    }(prepare(steps), status));
  }
  env_.run_all(std::move(tasks));
  for (const absl::Status& status : done) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(version(), steps.back().to);
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(PostgresMigration, RefusesANewerDatabase) {
  ASSERT_TRUE(open(Later()).ok());
  const absl::Status status = open(sql::PostgresMigrations());
  EXPECT_EQ(ReasonOf(status), Reason::kSchemaNewer) << status;
}

}  // namespace
}  // namespace holdfast::storage
