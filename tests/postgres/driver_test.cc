// What a batch is on PostgreSQL when all goes well, and what is read.
#include <limits>

#include "tests/postgres/driver_fixture.h"

namespace holdfast::batch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(DriverTest, CommitsAllStatements) {
  HF_COVERS("T1", "T4");
  Batch batch("test");
  batch.add(Insert(1, "one"));
  const StepHandle second = batch.add(
      Step{.sql = "INSERT INTO t (id, name, n) VALUES ($1, $2, $3) RETURNING id, name",
           .binds = {{Number(2), Text("two"), Null{}}, {Number(3), Text("three"), Number(7)}}});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(second),
              ElementsAre(Row{Number(2), Text("two")}, Row{Number(3), Text("three")}));
  EXPECT_EQ(count("t"), 3);
}

TEST_F(DriverTest, BindsAndReturnsTypedValues) {
  HF_COVERS("T4");
  const std::string odd = "it's \"quoted\" \\ {a,b} é NULL";
  const Blob bytes{std::string("\0\x01\xff'\\", 5)};
  const Row all = {std::numeric_limits<int64_t>::min(), 0.1, odd, bytes, Null{}, Text("")};
  const Step each{.sql =
                      "SELECT $1::bigint, $2::float8, $3::text, $4::bytea, $5::text, $6::text, "
                      "true, 7::smallint, 1e300::float8, 'x'::name, '8'::xid8",
                  .binds = {all}};
  Batch batch("test");
  const StepHandle one = batch.add(each);
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  Row expected = all;
  for (Value more : Row{Number(1), Number(7), 1e300, Text("x"), Number(8)})
    expected.push_back(more);
  EXPECT_THAT(outcome.rows(one), ElementsAre(expected));
}

TEST_F(DriverTest, TakesASetOfRowsInOneStatement) {
  HF_COVERS("T4");
  const Blob bytes{std::string("\0\xff\"\\", 4)};
  Batch batch("test");
  const StepHandle set = batch.add(
      Step{.sql = "SELECT o, a, b, c, d FROM unnest($1::bigint[], $2::text[], $3::bytea[], "
                  "$4::float8[]) WITH ORDINALITY AS u(a, b, c, d, o) ORDER BY o DESC",
           .binds = {{Number(5), Text("NULL"), bytes, 0.5},
                     {Null{}, Text("a \"b\" \\ c,{}"), Null{}, -1e-9},
                     {Number(-7), Text(""), Blob{""}, Null{}}},
           .expect = Expect::Exactly(1),
           .takes = Step::Takes::kSet});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(set), ElementsAre(Row{Number(5), Text("NULL"), bytes, 0.5},
                                             Row{Null{}, Text("a \"b\" \\ c,{}"), Null{}, -1e-9},
                                             Row{Number(-7), Text(""), Blob{""}, Null{}}));
}

TEST_F(DriverTest, SendsNothingForAnEmptySet) {
  Batch batch("test");
  const StepHandle set = batch.add(
      Step{.sql = "SELECT 1, 2 / 0", .expect = Expect::Exactly(1), .takes = Step::Takes::kSet});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(set), IsEmpty());
}

TEST_F(DriverTest, LetsLaterStepsSeeEarlierOnes) {
  HF_COVERS("T1");
  Batch batch("test");
  batch.add(Insert(1, "one"));
  const StepHandle read = batch.add(Step{.sql = "SELECT name FROM t WHERE id = $1",
                                         .binds = {{Number(1)}},
                                         .expect = Expect::Exactly(1)});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(read), ElementsAre(Row{Text("one")}));
}

TEST_F(DriverTest, GivesTheRowsOfWhatMetItsExpectation) {
  HF_COVERS("T4");
  Batch batch("test");
  const StepHandle guard = batch.add(
      Step{.sql = "SELECT $1::int > 1, 'seen'", .binds = {{Number(2)}}, .expect = Expect::Guard()});
  const StepHandle none =
      batch.add(Step{.sql = "SELECT id FROM t WHERE id = 9", .expect = Expect::Exactly(0)});
  const StepHandle at_most =
      batch.add(Step{.sql = "SELECT id FROM t WHERE id = 9", .expect = Expect::AtMost(2)});
  const StepHandle at_least = batch.add(
      Step{.sql = "SELECT g FROM generate_series(1, 3) AS g", .expect = Expect::AtLeast(2)});
  const StepHandle silent =
      batch.add(Step{.sql = "UPDATE t SET n = 1 WHERE id = 9", .expect = Expect::AtMost(1)});
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(guard), ElementsAre(Row{Number(1), Text("seen")}));
  EXPECT_THAT(outcome.rows(none), IsEmpty());
  EXPECT_THAT(outcome.rows(at_most), IsEmpty());
  EXPECT_THAT(outcome.rows(at_least), ElementsAre(Row{Number(1)}, Row{Number(2)}, Row{Number(3)}));
  EXPECT_THAT(outcome.rows(silent), IsEmpty());
}

TEST_F(DriverTest, RehearsesABatchWithoutATrace) {
  Batch batch("test");
  const StepHandle insert =
      batch.add(Step{.sql = "INSERT INTO t (id, name) VALUES (1, 'x') RETURNING id"});
  batch.set_mode(Batch::Mode::kRehearse);
  const Outcome outcome = commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_THAT(outcome.rows(insert), ElementsAre(Row{Number(1)}));
  EXPECT_EQ(count("t"), 0);
}

TEST_F(DriverTest, CarriesManyBatchesAtOnce) {
  open({.connections = 3, .max_in_flight_per_connection = 4});
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 200; ++i) {
    Batch batch("test");
    batch.add(Insert(i, "name " + std::to_string(i)));
    batches.push_back(std::move(batch));
  }
  for (const Outcome& outcome : commit_together(std::move(batches))) {
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
  EXPECT_EQ(count("t"), 200);
  // Three for batches; the set-up's, and a reader with one to spare.
  EXPECT_LE(database_->stats().connects, 3 + 3);
}

TEST_F(DriverTest, ASnapshotStaysAsItWas) {
  ASSERT_TRUE(commit(Insert(1, "one")).ok());
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  const auto read = [&] { return env_.run((*snapshot)->query("SELECT id FROM t", {}, 10)); };
  EXPECT_THAT(*read(), ElementsAre(Row{Number(1)}));
  ASSERT_TRUE(commit(Insert(2, "two")).ok());
  EXPECT_THAT(*read(), ElementsAre(Row{Number(1)}));
  EXPECT_EQ(count("t"), 2);
}

TEST_F(DriverTest, ASnapshotReadsNoMoreRowsThanAsked) {
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  const auto rows = env_.run((*snapshot)->query(
      "SELECT 10 / (7 - g) FROM generate_series(1, $1::int) AS g", {Number(100)}, 3));
  ASSERT_TRUE(rows.ok()) << rows.status();  // the seventh would be a division by zero
  EXPECT_EQ(rows->size(), 3u);
  const auto each =
      env_.run((*snapshot)->query_each("SELECT $1::int + 1", {{Number(1)}, {Number(2)}}, 5));
  ASSERT_TRUE(each.ok()) << each.status();
  EXPECT_THAT(*each, ElementsAre(ElementsAre(Row{Number(2)}), ElementsAre(Row{Number(3)})));
}

TEST_F(DriverTest, ASnapshotCantWrite) {
  auto snapshot = env_.run(database_->snapshot());
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_FALSE(env_.run((*snapshot)->query("DELETE FROM t RETURNING 1", {}, 10)).ok());
}

TEST_F(DriverTest, RunsScriptsAsOneTransaction) {
  const auto rows = env_.run(database_->run_script(
      "CREATE TABLE s (a int); INSERT INTO s VALUES (1), (2); SELECT a FROM s ORDER BY a;"));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT((*rows)[2], ElementsAre(Row{Number(1)}, Row{Number(2)}));
  const auto failed =
      env_.run(database_->run_script("INSERT INTO s VALUES (3); INSERT INTO nowhere VALUES (1)"));
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(count("s"), 2);
}

}  // namespace
}  // namespace holdfast::batch
