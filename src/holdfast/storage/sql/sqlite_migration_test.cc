// Bringing a SQLite database up to date, with steps that only this test has, broken off within and
// between them. A process that dies is a connection that is closed.
#include <gtest/gtest.h>

#include <filesystem>

#include "holdfast/base/error.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/sqlite_schema.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage::sql {
namespace {

using batch::sqlite::Connection;

// Two steps behind what there is. Each would fail, or show, if it came twice.
Migrations Later() {
  Migrations steps = SqliteMigrations();
  const int64_t now = steps.back().to;
  steps.push_back(
      {.to = now + 1,
       .statements = {"CREATE TABLE added (n INTEGER)", "INSERT INTO added VALUES (1)"}});
  steps.push_back({.to = now + 2, .statements = {"UPDATE added SET n = n + 1"}});
  return steps;
}

class SqliteMigration : public ::testing::Test {
 protected:
  SqliteMigration() : path_(::testing::TempDir() + "/migration.db") { remove(); }
  ~SqliteMigration() override { remove(); }

  void remove() const {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  std::unique_ptr<Connection> connect() {
    auto connection = Connection::Open(path_, Connection::Access::kReadWrite);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  absl::Status open(const Migrations& migrations) {
    const auto connection = connect();
    return PrepareSqlite(*connection, {.fresh_incarnation = "x"}, migrations).status();
  }
  int64_t number(const std::string& sql) {
    const auto rows = connect()->query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() && !rows->empty() ? ToNumber((*rows)[0][0]) : -1;
  }
  int64_t version() { return number("SELECT schema_version FROM meta"); }

  std::string path_;
};

TEST_F(SqliteMigration, TakesAnOlderDatabaseForwardStepByStep) {
  HF_COVERS("T10");
  ASSERT_TRUE(open(SqliteMigrations()).ok());
  const int64_t before = version();
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(version(), before + 2);
  ASSERT_TRUE(open(Later()).ok()) << "a second time there is nothing to do";
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

// Each version that ever was, with something in it.
TEST_F(SqliteMigration, KeepsWhatEachOlderVersionHolds) {
  HF_COVERS("T10");
  const Migrations all = SqliteMigrations();
  for (size_t steps = 1; steps <= all.size(); ++steps) {
    remove();
    ASSERT_TRUE(open(Migrations(all.begin(), all.begin() + static_cast<ptrdiff_t>(steps))).ok());
    ASSERT_TRUE(connect()->execute("INSERT INTO cursor VALUES ('kept', x'01')").ok());
    ASSERT_TRUE(open(all).ok());
    EXPECT_EQ(version(), all.back().to);
    EXPECT_EQ(number("SELECT count(*) FROM cursor"), 1) << "from version " << steps;
    EXPECT_EQ(number("SELECT count(*) FROM claim"), 0) << "from version " << steps;
  }
}

TEST_F(SqliteMigration, GoesOnBehindTheStepsThatWereDone) {
  HF_COVERS("T10");
  Migrations broken = Later();
  broken.back().statements.emplace_back("SELECT no_such_function()");
  EXPECT_FALSE(open(broken).ok());
  EXPECT_EQ(version(), broken.back().to - 1) << "the step before it stays done";
  EXPECT_EQ(number("SELECT n FROM added"), 1) << "and nothing of it is there";
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(SqliteMigration, LosesAStepThatACrashCameInto) {
  ASSERT_TRUE(open(SqliteMigrations()).ok());
  {
    const Migrations later = Later();
    const auto dying = connect();
    ASSERT_TRUE(dying->execute("BEGIN IMMEDIATE").ok());
    for (const std::string& sql : later[SqliteMigrations().size()].statements) {
      ASSERT_TRUE(dying->execute(sql).ok());
    }
  }
  EXPECT_EQ(version(), SqliteMigrations().back().to);
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(number("SELECT n FROM added"), 2);
}

TEST_F(SqliteMigration, RefusesANewerDatabase) {
  ASSERT_TRUE(open(Later()).ok());
  EXPECT_EQ(ReasonOf(open(SqliteMigrations())), Reason::kSchemaNewer);
}

}  // namespace
}  // namespace holdfast::storage::sql
