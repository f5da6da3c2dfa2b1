// Does PostgreSQL, asked for an index condition, find what SQLite finds, which is compared with
// filters in memory by filter/index_test.cc?
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/batch/sqlite/connection.h"
#include "holdfast/filter/sql.h"
#include "holdfast/filter/test_random.h"
#include "holdfast/testing/covers.h"
#include "tests/postgres/engine_fixture.h"

namespace holdfast::filter {
namespace {

using Ids = std::set<int64_t>;
using Op = IndexCondition::Op;

// The same rows in both.
class Rows {
 public:
  Rows() {
    auto database = env_.run(batch::OpenPostgres(
        env_, {.dsn = ::holdfast::testing::PostgresCluster::Shared().create_database()}));
    HF_CHECK(database.ok()) << database.status().ToString();
    postgres_ = *std::move(database);
    auto connection =
        batch::sqlite::Connection::Open(":memory:", batch::sqlite::Connection::Access::kReadWrite);
    HF_CHECK(connection.ok()) << connection.status().ToString();
    sqlite_ = *std::move(connection);
    script("CREATE TABLE resource (id bigint, fields json)");
    HF_CHECK(sqlite_->execute("CREATE TABLE resource (id INTEGER, fields TEXT)").ok());
  }

  void fill(const std::vector<std::string>& fields) {
    script("DELETE FROM resource");
    HF_CHECK(sqlite_->execute("DELETE FROM resource").ok());
    batch::Step step{.sql = "INSERT INTO resource VALUES ($1::int8, $2::json)"};
    for (size_t i = 0; i < fields.size(); ++i) {
      batch::Row row = {static_cast<int64_t>(i), fields[i]};
      HF_CHECK(sqlite_->query("INSERT INTO resource VALUES ($1, $2)", row).ok());
      step.binds.push_back(std::move(row));
    }
    batch::Batch batch("fill");
    batch.add(std::move(step));
    const batch::Outcome done = env_.run(postgres_->commit(std::move(batch)));
    HF_CHECK(done.ok()) << done.status().ToString();
  }

  Ids in_postgres(const IndexCondition& condition) {
    const PostgresCondition text = PostgresConditionSql(condition);
    auto snapshot = env_.run(postgres_->snapshot());
    HF_CHECK(snapshot.ok()) << snapshot.status().ToString();
    const auto rows = env_.run((*snapshot)->query(
        absl::StrCat("SELECT id FROM resource WHERE ", text.sql, "$1::text"), {text.value}, 100));
    HF_CHECK(rows.ok()) << rows.status().ToString();
    return IdsOf(*rows);
  }
  Ids in_sqlite(const IndexCondition& condition) {
    std::vector<IndexValue> values;
    std::string sql =
        absl::StrCat("SELECT id FROM resource WHERE ", IndexConditionSql(condition, values));
    sql.replace(sql.size() - 1, 1, "$1");  // for the "?"
    batch::Row binds;
    for (IndexValue& value : values) {
      std::visit([&binds](auto& v) { binds.emplace_back(std::move(v)); }, value);
    }
    const auto rows = sqlite_->query(sql, binds);
    HF_CHECK(rows.ok()) << rows.status().ToString();
    return IdsOf(*rows);
  }

 private:
  static Ids IdsOf(const std::vector<batch::Row>& rows) {
    Ids ids;
    for (const batch::Row& row : rows) ids.insert(std::get<int64_t>(row[0]));
    return ids;
  }
  void script(const std::string& sql) {
    const auto done = env_.run(postgres_->run_script(sql));
    HF_CHECK(done.ok()) << done.status().ToString();
  }

  storage::RealSuiteEnv env_;
  std::unique_ptr<batch::PostgresDatabase> postgres_;
  std::unique_ptr<batch::sqlite::Connection> sqlite_;
};

Rows& SharedRows() {
  static auto* rows = new Rows();  // until the end: its threads outlive the tests
  return *rows;
}

IndexCondition RandomCondition() {
  const std::string path = *rc::gen::elementOf(TestPaths());
  const auto* field = ResolveSingularPath(TestTypes::Get().vpc(), path)->back();
  const Op op =
      *rc::gen::element(Op::kEqual, Op::kLess, Op::kLessOrEqual, Op::kGreater, Op::kGreaterOrEqual);
  std::optional<IndexValue> value;
  while (!value.has_value()) value = ToIndexValue(ViewOf(RandomValue(field)));
  return {.path = path, .op = op, .value = *value};
}

RC_GTEST_PROP(PostgresIndexConditions, FindWhatSqliteFinds, ()) {
  HF_COVERS("S25");
  std::vector<std::string> fields;
  for (int i = 0; i < 6; ++i) fields.push_back(IndexedFieldsJson(*RandomMessage(), TestPaths()));
  SharedRows().fill(fields);
  for (int i = 0; i < 6; ++i) {
    const IndexCondition condition = RandomCondition();
    RC_LOG() << PostgresConditionSql(condition).sql << PostgresConditionSql(condition).value
             << "\n";
    RC_ASSERT(SharedRows().in_postgres(condition) == SharedRows().in_sqlite(condition));
  }
}

TEST(PostgresIndexConditions, FindNumbersBeforeTextsAndNothingWhereThereIsNone) {
  SharedRows().fill({R"({"a":-5})", R"({"a":7})", R"({"a":"7"})", "{}", R"({"a":"\u0001\u0001"})"});
  for (const IndexValue& value : {IndexValue(int64_t{0}), IndexValue(std::string("7"))}) {
    for (const Op op :
         {Op::kEqual, Op::kLess, Op::kLessOrEqual, Op::kGreater, Op::kGreaterOrEqual}) {
      const IndexCondition condition{.path = "a", .op = op, .value = value};
      EXPECT_EQ(SharedRows().in_postgres(condition), SharedRows().in_sqlite(condition));
    }
  }
}

TEST(PostgresIndexConditions, FindAllLongTextsThatMatchAndPerhapsMore) {
  const std::string x(kIndexedCharacters, 'x');
  std::vector<std::string> fields;
  for (const char* end : {"", "a", "b", "\xc3\xa9"}) {
    fields.push_back(absl::StrCat(R"({"a":")", x, end, R"("})"));
  }
  fields.push_back(absl::StrCat(R"({"a":")", x.substr(1), R"("})"));
  SharedRows().fill(fields);
  for (const std::string& text : {x, x + "a", x.substr(1), x + "\xc3\xa9"}) {
    for (const Op op :
         {Op::kEqual, Op::kLess, Op::kLessOrEqual, Op::kGreater, Op::kGreaterOrEqual}) {
      const IndexCondition condition{.path = "a", .op = op, .value = text};
      const Ids found = SharedRows().in_postgres(condition);
      const Ids wanted = SharedRows().in_sqlite(condition);
      EXPECT_TRUE(std::includes(found.begin(), found.end(), wanted.begin(), wanted.end()));
    }
  }
}

}  // namespace
}  // namespace holdfast::filter
