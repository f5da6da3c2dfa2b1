// Each query goes the way it is meant to: SQLite's planner must choose the index, and sort nothing
// that could be long. Without statistics a plan doesn't depend on what is in the tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/sqlite_schema.h"

namespace holdfast::storage::sql {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SqlitePlans : public ::testing::Test {
 protected:
  void SetUp() override {
    auto database = batch::sqlite::SqliteDatabase::Open(env_, {.path = ":memory:"});
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = *std::move(database);
    auto opened =
        PrepareSqlite(database_->setup(),
                      {.fresh_incarnation = "x",
                       .indexes = {{.kind = KindName("test/A"), .paths = {"size"}},
                                   {.kind = KindName("test/A"), .paths = {"meta.color", "size"}}}});
    ASSERT_TRUE(opened.ok()) << opened.status();
    opened_ = *std::move(opened);
  }

  // One line a step of the plan.
  std::string plan(const std::string& sql) {
    const batch::Row binds(20);
    auto rows = database_->setup().query(absl::StrCat("EXPLAIN QUERY PLAN ", sql), binds);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::string text;
    if (!rows.ok()) return text;
    for (batch::Row& row : *rows) absl::StrAppend(&text, ToText(std::move(row[3])), "\n");
    return text;
  }

  Matching matching(size_t index, std::vector<filter::IndexCondition> conditions) {
    const auto& [kind, indexes] = *opened_.indexes.begin();
    return {.kind = kind, .index = indexes[index], .conditions = std::move(conditions)};
  }

  ManualEnv env_;
  std::unique_ptr<batch::sqlite::SqliteDatabase> database_;
  Opened opened_;
  const Dialect& dialect_ = SqliteDialect();
};

constexpr const char* kSorts = "TEMP B-TREE";
constexpr const char* kByKey = "sqlite_autoindex_resource_1 (kind=? AND name=?)";
constexpr const char* kByNameRange = "sqlite_autoindex_resource_1 (kind=? AND name>? AND name<?)";
constexpr const char* kByTarget = "USING PRIMARY KEY (target_kind=? AND target_name=?";

TEST_F(SqlitePlans, FindRowsByTheirKey) {
  for (const std::string* sql :
       {&dialect_.get_row, &dialect_.see_row, &dialect_.require_row, &dialect_.require_target,
        &dialect_.update_row, &dialect_.erase_row, &dialect_.set_state}) {
    EXPECT_THAT(plan(*sql), HasSubstr(kByKey)) << *sql;
  }
}

TEST_F(SqlitePlans, ScanNamesInOrder) {
  for (const std::string* sql :
       {&dialect_.scan_rows, &dialect_.scan_shadows, &dialect_.find_child, &dialect_.see_child}) {
    EXPECT_THAT(plan(*sql), AllOf(HasSubstr(kByNameRange), Not(HasSubstr(kSorts)))) << *sql;
  }
}

TEST_F(SqlitePlans, ScanADeclaredIndexInOrderOfName) {
  using Op = filter::IndexCondition::Op;
  batch::Row binds(5);
  const std::string one = dialect_.scan_matching(
      matching(0, {{.path = "size", .op = Op::kEqual, .value = int64_t{3}}}), Fields::kAll, binds);
  EXPECT_THAT(plan(one), AllOf(HasSubstr("declared:1:size (<expr>=? AND name>? AND name<?)"),
                               Not(HasSubstr(kSorts))));
  EXPECT_EQ(binds.size(), 6u);

  const std::string two = dialect_.scan_matching(
      matching(1, {{.path = "meta.color", .op = Op::kEqual, .value = std::string("red")},
                   {.path = "size", .op = Op::kEqual, .value = int64_t{3}}}),
      Fields::kShadow, binds);
  EXPECT_THAT(plan(two), AllOf(HasSubstr("declared:1:meta.color,size "
                                         "(<expr>=? AND <expr>=? AND name>? AND name<?)"),
                               Not(HasSubstr(kSorts))));
}

TEST_F(SqlitePlans, CountARangeOfADeclaredIndex) {
  using Op = filter::IndexCondition::Op;
  batch::Row binds;
  const std::string sql = dialect_.count_matching(
      matching(0, {{.path = "size", .op = Op::kGreater, .value = int64_t{3}},
                   {.path = "size", .op = Op::kLessOrEqual, .value = int64_t{9}}}),
      100, binds);
  EXPECT_THAT(plan(sql), HasSubstr("declared:1:size (<expr>>? AND <expr><?)"));
}

TEST_F(SqlitePlans, FindEdgesByTheirTarget) {
  for (const std::string* sql :
       {&dialect_.find_inbound, &dialect_.count_inbound, &dialect_.drop_edge}) {
    EXPECT_THAT(plan(*sql), HasSubstr(kByTarget)) << *sql;
  }
  // Sources in order; only the fields of one source are sorted.
  EXPECT_THAT(plan(dialect_.inbound),
              AllOf(HasSubstr("(target_kind=? AND target_name=? AND source_kind=? AND "
                              "source_name>?)"),
                    HasSubstr("TEMP B-TREE FOR RIGHT PART OF ORDER BY")));
  EXPECT_THAT(plan(dialect_.see_inbound),
              AllOf(HasSubstr("SCAN k USING COVERING INDEX sqlite_autoindex_kind_1"),
                    HasSubstr("(target_kind=? AND target_name=? AND source_kind=?)"),
                    HasSubstr("TEMP B-TREE FOR RIGHT PART OF ORDER BY")));
}

TEST_F(SqlitePlans, FindDutiesAmongRowsWithDuties) {
  EXPECT_THAT(plan(dialect_.duties),
              AllOf(HasSubstr("resource_with_duties (kind=? AND name>?)"), Not(HasSubstr(kSorts))));
}

TEST_F(SqlitePlans, ReadTheFeedByRevision) {
  EXPECT_THAT(plan(dialect_.feed), AllOf(HasSubstr("resource_by_revision (revision>?)"),
                                         HasSubstr("TEMP B-TREE FOR RIGHT PART OF ORDER BY")));
}

TEST_F(SqlitePlans, FindTombstonesAmongTombstones) {
  for (const std::string* sql : {&dialect_.purge_revision, &dialect_.purge_floor,
                                 &dialect_.purge_rows, &dialect_.purge_more}) {
    EXPECT_THAT(plan(*sql), AllOf(HasSubstr("resource_gone"), Not(HasSubstr("SCAN resource\n"))))
        << *sql;
  }
  for (const std::string* sql :
       {&dialect_.purge_revision, &dialect_.purge_requests, &dialect_.purge_more}) {
    EXPECT_THAT(plan(*sql), HasSubstr("request_by_time (made<?)")) << *sql;
  }
}

TEST_F(SqlitePlans, FindSmallRecordsByTheirKey) {
  EXPECT_THAT(plan(dialect_.limits),
              AllOf(HasSubstr("SEARCH limit_row USING PRIMARY KEY"), Not(HasSubstr(kSorts))));
  for (const std::string* sql :
       {&dialect_.see_limit, &dialect_.take_limit, &dialect_.cursor, &dialect_.see_request,
        &dialect_.drop_unique, &dialect_.see_claim, &dialect_.require_claim, &dialect_.change_claim,
        &dialect_.drop_claim, &dialect_.find_hold}) {
    EXPECT_THAT(plan(*sql), HasSubstr("USING PRIMARY KEY")) << *sql;
  }
  for (const std::string* sql : {&dialect_.claims, &dialect_.claims_on, &dialect_.see_hold}) {
    EXPECT_THAT(plan(*sql), AllOf(HasSubstr("USING PRIMARY KEY"), Not(HasSubstr(kSorts)))) << *sql;
  }
  EXPECT_THAT(plan(dialect_.due_claims), HasSubstr("claim_by_due (type=? AND due<?)"));
}

}  // namespace
}  // namespace holdfast::storage::sql
