// What the SQL engine promises beyond the conformance suite: what is in the file, and across
// openings of it.
#include "holdfast/storage/sql/sql_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/storage/sql/sqlite_schema.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage {
namespace {

using filter::IndexCondition;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const KindName kA("test/A");
const KindName kB("test/B");

ResourceKey Key(std::string_view name, const KindName& kind = kA) {
  return {.kind = kind, .name = ResourceName(name)};
}

CreateRow Create(ResourceKey key, std::string fields = "") {
  CreateRow op;
  op.row.uid = Uid(key.name.str() + "#1");
  op.row.key = std::move(key);
  op.row.version = Version(1);
  op.row.body = "body";
  op.row.fields = std::move(fields);
  return op;
}

class SqlEngineTest : public ::testing::Test {
 protected:
  SqlEngineTest() : path_(::testing::TempDir() + "/engine.db") { remove(); }
  ~SqlEngineTest() override {
    engine_.reset();
    remove();
  }

  void remove() const {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  }
  absl::Status reopen(SqliteEngineOptions options = {}) {
    engine_.reset();
    options.path = path_;
    auto opened = OpenSqliteEngine(env_, std::move(options));
    if (!opened.ok()) return opened.status();
    engine_ = *std::move(opened);
    return absl::OkStatus();
  }
  // With a second connection, as an operator could.
  std::vector<batch::Row> raw(const std::string& sql) {
    auto connection =
        batch::sqlite::Connection::Open(path_, batch::sqlite::Connection::Access::kReadWrite);
    if (!connection.ok()) return {};
    auto rows = (*connection)->query(sql);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? *std::move(rows) : std::vector<batch::Row>();
  }
  Commit commit(std::vector<Op> ops) {
    return env_.run(engine_->commit(Batch{.label = "test", .ops = std::move(ops)}));
  }
  std::unique_ptr<Snapshot> snapshot() {
    auto taken = env_.run(engine_->snapshot());
    EXPECT_TRUE(taken.ok()) << taken.status();
    return *std::move(taken);
  }
  std::vector<std::string> scan(ScanQuery query) {
    const auto taken = snapshot();
    const auto page = env_.run(taken->scan(std::move(query)));
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<std::string> names;
    if (!page.ok()) return names;
    for (const Row& row : page->rows) names.push_back(row.key.name.str());
    return names;
  }
  std::vector<std::string> declared_indexes() {
    std::vector<std::string> names;
    for (const batch::Row& row : raw("SELECT name FROM sqlite_schema WHERE type = 'index' AND "
                                     "name LIKE 'declared:%' ORDER BY name")) {
      names.push_back(std::get<std::string>(row[0]));
    }
    return names;
  }

  ManualEnv env_;
  std::string path_;
  std::unique_ptr<Engine> engine_;
};

// --- across openings ----------------------------------------------------------------------------

TEST_F(SqlEngineTest, KeepsEverythingOverAReopening) {
  HF_COVERS("T9");
  ASSERT_TRUE(reopen().ok());
  CreateRow create = Create(Key("a"));
  create.edges.push_back({.target = Key("a"), .source = Key("a"), .field = "self"});
  const Commit done = commit({create, PutCursor{.name = "key", .value = std::string("\0\xff", 2)}});
  ASSERT_TRUE(done.ok()) << done.status;
  const std::string incarnation = engine_->incarnation();

  ASSERT_TRUE(reopen().ok());
  EXPECT_EQ(engine_->incarnation(), incarnation);
  const auto after = snapshot();
  EXPECT_EQ(after->revision(), done.revision);
  const auto rows = env_.run(after->get({Key("a"), Key("a", kB)}, Fields::kAll));
  ASSERT_TRUE(rows.ok());
  ASSERT_TRUE((*rows)[0].has_value());
  EXPECT_EQ((*rows)[0]->body, "body");
  EXPECT_FALSE((*rows)[1].has_value());
  EXPECT_EQ(*env_.run(after->count_inbound(Key("a"), ~0u)), 1);
  EXPECT_EQ(*env_.run(after->cursor("key")), std::string("\0\xff", 2));
  EXPECT_GT(commit({Create(Key("b"))}).revision, done.revision);
}

TEST_F(SqlEngineTest, GivesARestoredBackupAnotherIncarnation) {
  ASSERT_TRUE(reopen().ok());
  const std::string before = engine_->incarnation();
  const Commit done = commit({Create(Key("a"))});
  ASSERT_TRUE(reopen({.origin = sql::Origin::kRestored}).ok());
  const std::string restored = engine_->incarnation();
  EXPECT_NE(restored, before);
  const auto feed =
      env_.run(snapshot()->feed({.incarnation = before, .revision = done.revision}, 1));
  EXPECT_EQ(ReasonOf(feed.status()), Reason::kResumeTooOld);
  ASSERT_TRUE(reopen().ok());
  EXPECT_EQ(engine_->incarnation(), restored);
}

TEST_F(SqlEngineTest, RefusesADatabaseOfANewerVersion) {
  ASSERT_TRUE(reopen().ok());
  engine_.reset();
  raw(absl::StrCat("UPDATE meta SET schema_version = ", sql::SqliteMigrations().back().to + 1));
  const absl::Status status = reopen();
  EXPECT_EQ(ReasonOf(status), Reason::kSchemaNewer);
  EXPECT_THAT(std::string(status.message()), HasSubstr("run the newer one"));
}

TEST_F(SqlEngineTest, RefusesAFileThatIsNoDatabase) {
  FILE* file = std::fopen(path_.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(std::string(8192, 'x').c_str(), file);
  std::fclose(file);
  EXPECT_EQ(ReasonOf(reopen()), Reason::kDatabaseUnavailable);
}

TEST_F(SqlEngineTest, WritesThroughToTheDiskBeforeItAnswers) {
  ASSERT_TRUE(reopen().ok());
  auto database = batch::sqlite::SqliteDatabase::Open(env_, {.path = path_});
  ASSERT_TRUE(database.ok());
  const auto pragma = [&database](const std::string& name) {
    return (*(*database)->setup().query("PRAGMA " + name))[0][0];
  };
  EXPECT_EQ(pragma("synchronous"), batch::Value(int64_t{2}));
  EXPECT_EQ(pragma("journal_mode"), batch::Value(std::string("wal")));
}

// --- declared indexes ---------------------------------------------------------------------------

TEST_F(SqlEngineTest, MakesAndDropsDeclaredIndexesAtOpening) {
  ASSERT_TRUE(reopen({.indexes = {{kA, {"size"}}, {kB, {"color", "size"}}}}).ok());
  EXPECT_THAT(declared_indexes(), ElementsAre("declared:1:size", "declared:2:color,size"));
  ASSERT_TRUE(commit({Create(Key("a"), R"({"size":1})")}).ok());

  ASSERT_TRUE(reopen({.indexes = {{kA, {"size"}}, {kA, {"size"}}}}).ok());
  EXPECT_THAT(declared_indexes(), ElementsAre("declared:1:size"));
  ASSERT_TRUE(reopen().ok());
  EXPECT_THAT(declared_indexes(), IsEmpty());
  EXPECT_THAT(scan({.kinds = {kA}}), ElementsAre("a"));
}

TEST_F(SqlEngineTest, MakesAnIndexAnewThatWasMadeOtherwise) {
  ASSERT_TRUE(reopen({.indexes = {{kA, {"size"}}}}).ok());
  engine_.reset();
  raw("DROP INDEX \"declared:1:size\"");
  raw("CREATE INDEX \"declared:1:size\" ON resource(uid)");
  ASSERT_TRUE(reopen({.indexes = {{kA, {"size"}}}}).ok());
  const auto sql = raw("SELECT sql FROM sqlite_schema WHERE name = 'declared:1:size'");
  EXPECT_THAT(std::get<std::string>(sql[0][0]), HasSubstr("json_extract"));
}

class SqlEngineConditions : public SqlEngineTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(reopen({.indexes = {{kA, {"color", "size"}}, {kA, {"size"}}}}).ok());
    std::vector<Op> ops;
    // Names go against sizes, so that the order tells which one it was.
    for (int i = 0; i < 9; ++i) {
      const std::string color = i % 2 == 0 ? "red" : "blue";
      ops.push_back(Create(Key(absl::StrCat("n", i)),
                           absl::StrCat(R"({"color":")", color, R"(","size":)", 9 - i, "}")));
      ops.push_back(Create(Key(absl::StrCat("n", i), kB), R"({"size":5})"));
    }
    ASSERT_TRUE(commit(std::move(ops)).ok());
  }
  static IndexCondition Is(std::string path, filter::IndexValue value) {
    return {.path = std::move(path), .op = IndexCondition::Op::kEqual, .value = std::move(value)};
  }
  static IndexCondition Above(std::string path, int64_t value) {
    return {.path = std::move(path), .op = IndexCondition::Op::kGreater, .value = value};
  }
};

TEST_F(SqlEngineConditions, FindByOneField) {
  EXPECT_THAT(scan({.kinds = {kA}, .conditions = {Is("size", int64_t{7})}}), ElementsAre("n2"));
  EXPECT_THAT(scan({.kinds = {kA}, .conditions = {Is("size", std::string("7"))}}), IsEmpty())
      << "a text isn't a number";
}

TEST_F(SqlEngineConditions, FindByAllFieldsOfAnIndex) {
  EXPECT_THAT(scan({.kinds = {kA},
                    .conditions = {Is("size", int64_t{9}), Is("color", std::string("red"))}}),
              ElementsAre("n0"));
}

TEST_F(SqlEngineConditions, FindByTheFirstFieldAndARangeStillInOrderOfName) {
  EXPECT_THAT(
      scan({.kinds = {kA}, .conditions = {Is("color", std::string("red")), Above("size", 4)}}),
      ElementsAre("n0", "n2", "n4"));
  EXPECT_THAT(scan({.kinds = {kA}, .conditions = {Above("size", 6)}}),
              ElementsAre("n0", "n1", "n2"));
}

TEST_F(SqlEngineConditions, GoOnFromPageToPage) {
  ScanQuery query{.kinds = {kA}, .limit = 2, .conditions = {Is("color", std::string("red"))}};
  EXPECT_THAT(scan(query), ElementsAre("n0", "n2"));
  query.after = Key("n2");
  EXPECT_THAT(scan(query), ElementsAre("n4", "n6"));
  query.after = Key("n6");
  EXPECT_THAT(scan(query), ElementsAre("n8"));
}

TEST_F(SqlEngineConditions, AreLeftToTheCallerWhereARangeHoldsTooMuch) {
  // Sorting by name would look at all nine for a page that may look at three.
  EXPECT_THAT(scan({.kinds = {kA}, .conditions = {Above("size", 0)}, .max_examined = 3}),
              ElementsAre("n0", "n1", "n2"));
  EXPECT_THAT(scan({.kinds = {kA}, .conditions = {Above("size", 6)}, .max_examined = 3}),
              ElementsAre("n0", "n1", "n2"));
}

TEST_F(SqlEngineConditions, AreLeftToTheCallerWhereNoIndexServes) {
  EXPECT_EQ(scan({.kinds = {kA}, .conditions = {Is("name", std::string("x"))}}).size(), 9u);
  EXPECT_EQ(scan({.kinds = {kB}, .conditions = {Is("size", int64_t{1})}}).size(), 9u);
}

// --- ops in steps -------------------------------------------------------------------------------

UniqueValue Title(std::string value) {
  return {.kind = kA, .field = "title", .scope = "", .value = std::move(value)};
}

CreateRow Titled(std::string_view name, std::string title) {
  CreateRow op = Create(Key(name));
  op.unique.push_back(Title(std::move(title)));
  return op;
}

TEST_F(SqlEngineTest, FindsTheFirstFailingOpWhicheverStatementItFailsIn) {
  HF_COVERS("T2");
  ASSERT_TRUE(reopen().ok());
  ASSERT_TRUE(commit({Titled("taken", "t")}).ok());
  // The value of the first comes before the row of the second, though rows are one statement.
  const Commit unique_first = commit({Create(Key("x")), Titled("a", "t"), Create(Key("taken"))});
  ASSERT_FALSE(unique_first.ok());
  EXPECT_EQ(unique_first.failure->kind, Failure::Kind::kUnique);
  EXPECT_EQ(unique_first.failure->op, 1u);
  EXPECT_EQ(unique_first.failure->unique, Title("t"));

  const Commit row_first = commit({Create(Key("x")), Create(Key("taken")), Titled("a", "t")});
  ASSERT_FALSE(row_first.ok());
  EXPECT_EQ(row_first.failure->kind, Failure::Kind::kGuard);
  EXPECT_EQ(row_first.failure->op, 1u);
}

TEST_F(SqlEngineTest, NamesTheValueOfSeveralThatIsTaken) {
  ASSERT_TRUE(reopen().ok());
  ASSERT_TRUE(commit({Titled("taken", "t")}).ok());
  CreateRow op = Titled("a", "free");
  op.unique.push_back(Title("t"));
  const Commit failed = commit({op});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure->unique, Title("t"));
}

TEST_F(SqlEngineTest, SeesTheSameRowTwiceInOneBatch) {
  ASSERT_TRUE(reopen().ok());
  ASSERT_TRUE(commit({Create(Key("a"))}).ok());
  const auto update = [](int64_t from, std::string body) {
    UpdateRow op;
    op.row = Create(Key("a")).row;
    op.expected = Version(from);
    op.row.version = Version(from + 1);
    op.row.body = std::move(body);
    return op;
  };
  const Commit done = commit({update(1, "two"), update(2, "three")});
  ASSERT_TRUE(done.ok()) << done.status;
  const auto rows = env_.run(snapshot()->get({Key("a")}, Fields::kAll));
  EXPECT_EQ((*rows)[0]->body, "three");
  EXPECT_EQ((*rows)[0]->version, Version(3));
}

TEST_F(SqlEngineTest, HandsTheFailureToItsOpsExplanation) {
  HF_COVERS("T2", "T3");
  ASSERT_TRUE(reopen().ok());
  Batch batch{.label = "test"};
  batch.add(Create(Key("a")), [](const Failure&) { return absl::AbortedError("not this"); });
  batch.add(RequireTarget{Key("nowhere")}, [](const Failure& failure) {
    return absl::NotFoundError(failure.row.has_value() ? "there" : "nothing there");
  });
  const Commit failed = env_.run(engine_->commit(std::move(batch)));
  EXPECT_EQ(failed.status, absl::NotFoundError("nothing there"));
  EXPECT_EQ(snapshot()->revision(), Revision(0));
}

TEST_F(SqlEngineTest, CallsAnUnexplainedFailureABug) {
  ASSERT_TRUE(reopen().ok());
  const Commit failed = commit({RequireTarget{Key("nowhere")}});
  EXPECT_EQ(ReasonOf(failed.status), Reason::kInternal);
}

TEST_F(SqlEngineTest, SaysUnavailableWhenTheDatabaseIs) {
  ASSERT_TRUE(reopen({.sqlite = {.max_queue = 0}}).ok());
  const Commit failed = commit({Create(Key("a"))});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.failure->kind, Failure::Kind::kUnavailable);
  EXPECT_EQ(ReasonOf(failed.status), Reason::kDatabaseUnavailable);
}

TEST_F(SqlEngineTest, CutsPagesOfLargeBodies) {
  ASSERT_TRUE(reopen().ok());
  for (int i = 0; i < 60; ++i) {
    CreateRow op = Create(Key(absl::StrCat("n", 100 + i)));
    op.row.body = std::string(10'000, 'x');
    ASSERT_TRUE(commit({op}).ok());
  }
  EXPECT_EQ(scan({.max_bytes = 305'000}).size(), 30u);
  EXPECT_EQ(scan({.max_bytes = 305'000, .fields = Fields::kShadow}).size(), 60u);
}

}  // namespace
}  // namespace holdfast::storage
