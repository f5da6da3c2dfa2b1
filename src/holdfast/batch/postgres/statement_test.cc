#include "holdfast/batch/postgres/statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/batch/postgres/sql_scanner.h"
#include "holdfast/batch/postgres/statement_cache.h"

namespace holdfast::batch::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Verb = StatementParts::Verb;

Step Expecting(std::string sql, Expect expect) { return {.sql = std::move(sql), .expect = expect}; }

std::string TextOf(const Step& step, size_t parameters = 0) {
  const auto wrapped = Wrap(step, parameters);
  EXPECT_TRUE(wrapped.ok()) << wrapped.status();
  return wrapped.ok() ? wrapped->text : "";
}

TEST(Dissect, FindsTheVerbBehindEverythingElse) {
  EXPECT_EQ(Dissect("select 1").verb, Verb::kSelect);
  EXPECT_EQ(Dissect("  -- DELETE\n /* UPDATE /* nested */ */ Insert INTO t").verb, Verb::kInsert);
  EXPECT_EQ(Dissect("CREATE TABLE t (a int)").verb, Verb::kOther);
  const StatementParts with = Dissect(
      "WITH a AS (DELETE FROM t RETURNING id), \"select\"(x) AS MATERIALIZED (SELECT ')') UPDATE u "
      "SET n = 1; ");
  EXPECT_EQ(with.verb, Verb::kUpdate);
  EXPECT_EQ(with.main, "UPDATE u SET n = 1");
  EXPECT_THAT(std::string(with.with), StartsWith("WITH a AS (DELETE"));
  EXPECT_TRUE(with.with_changes);
  EXPECT_FALSE(with.returning) << "that is the other one's";
  EXPECT_FALSE(Dissect("WITH a AS (SELECT 'DELETE') SELECT 1").with_changes);
}

TEST(Dissect, FindsReturningOnlyWhereItIsTheStatements) {
  EXPECT_TRUE(Dissect("INSERT INTO t VALUES (1) returning id").returning);
  EXPECT_FALSE(Dissect("INSERT INTO t VALUES ('RETURNING')").returning);
  EXPECT_FALSE(Dissect("INSERT INTO t VALUES (E'\\' RETURNING ')").returning);
  EXPECT_FALSE(
      Dissect("INSERT INTO t VALUES ($a$ RETURNING $b$ ' $a$, $1) -- RETURNING").returning);
  EXPECT_FALSE(Dissect("INSERT INTO \"RETURNING\" VALUES ('it''s')").returning);
}

TEST(SplitScript, PartsOnlyBetweenStatements) {
  EXPECT_THAT(
      SplitScript("SELECT ';';\n CREATE FUNCTION f() AS $x$ a; b $x$; -- c;\n;SELECT 2"),
      ElementsAre("SELECT ';'", "CREATE FUNCTION f() AS $x$ a; b $x$", "-- c;\n", "SELECT 2"));
}

TEST(Wrap, LeavesWhatExpectsNothing) {
  EXPECT_EQ(TextOf(Expecting("UPDATE t SET a = 1;", {})), "UPDATE t SET a = 1;");
}

TEST(Wrap, MakesTheCheckReadAllOfAChange) {
  EXPECT_EQ(TextOf(Expecting("UPDATE t SET a = 1", Expect::Exactly(1))),
            "WITH hf AS MATERIALIZED (UPDATE t SET a = 1\nRETURNING 1) SELECT FROM hf HAVING CASE "
            "WHEN count(*) = 1 THEN false ELSE "
            "holdfast_batch.fail('exactly',1,NULL,count(*),NULL,NULL,NULL) END");
}

TEST(Wrap, KeepsChangesInCommonTableExpressionsAtTheTop) {
  EXPECT_THAT(TextOf(Expecting("WITH a AS (DELETE FROM t RETURNING 1) SELECT * FROM a",
                               Expect::AtLeast(1))),
              StartsWith("WITH a AS (DELETE FROM t RETURNING 1), hf AS MATERIALIZED (SELECT"));
}

TEST(Wrap, GivesAQueryARowEvenIfItHasNone) {
  const std::string text = TextOf(Expecting("SELECT ok FROM t", Expect::Guard()));
  EXPECT_THAT(text, HasSubstr("FROM (SELECT) AS hfo LEFT JOIN (SELECT ok FROM t\n) AS hf(hf_ok)"));
}

TEST(Wrap, GivesObserveItsParametersOnlyWhereItFails) {
  Step step = Expecting("UPDATE t SET a = $1 WHERE b = $2", Expect::AtMost(3));
  step.observe = "SELECT 'it''s \\'";
  EXPECT_THAT(TextOf(step, 2), HasSubstr("ELSE holdfast_batch.fail('at_most',3,NULL,count(*),NULL,"
                                         "E'SELECT ''it''''s \\\\''',json_build_array($1,$2))"));
}

TEST(Wrap, TellsASetHowManyRowsItHas) {
  Step step = Expecting("SELECT o, true FROM unnest($1::int[]) WITH ORDINALITY AS u(a, o)",
                        Expect::Guard());
  step.takes = Step::Takes::kSet;
  EXPECT_THAT(TextOf(step, 1), HasSubstr("ARRAY(SELECT generate_series(1, $2::bigint))"));
}

TEST(Wrap, RefusesWhatCantHaveAnExpectation) {
  EXPECT_FALSE(Wrap(Expecting("LOCK TABLE t", Expect::Exactly(1)), 0).ok());
  EXPECT_FALSE(Wrap(Expecting("DELETE FROM t", Expect::Guard()), 0).ok());
  Step set = Expecting("DELETE FROM t", Expect::Exactly(1));
  set.takes = Step::Takes::kSet;
  EXPECT_FALSE(Wrap(set, 1).ok());
  Step curious = Expecting("DELETE FROM t", Expect::Exactly(1));
  curious.observe = "SELECT 1";
  EXPECT_TRUE(Wrap(curious, kMaxObserveParameters).ok());
  EXPECT_FALSE(Wrap(curious, kMaxObserveParameters + 1).ok());
}

TEST(LimitRows, IsAPowerOfTwoAndOnlyForQueries) {
  EXPECT_EQ(LimitRows("SELECT a FROM t", 5), "SELECT * FROM (SELECT a FROM t\n) AS hf LIMIT 8");
  EXPECT_EQ(LimitRows("DELETE FROM t", 5), "DELETE FROM t");
  EXPECT_EQ(LimitRows("SELECT a FROM t", ~size_t{0}), "SELECT a FROM t");
}

TEST(StatementCache, GivesEachTextAPlaceOfItsOwnWithinItsBound) {
  StatementCache cache;
  const auto first = cache.get("SELECT 1");
  EXPECT_EQ(cache.get("SELECT 1"), first);
  const auto guard = cache.get(Expecting("SELECT 1", Expect::Guard()));
  ASSERT_TRUE(guard.ok());
  EXPECT_NE(*guard, first);
  for (size_t i = 0; i < 2 * kMaxStatements; ++i) {
    EXPECT_LT(cache.get("SELECT " + std::to_string(i))->place, kMaxStatements);
    EXPECT_EQ(cache.get("SELECT 1"), first) << "it was used a moment ago";
  }
  const auto again = cache.get(Expecting("SELECT 1", Expect::Guard()));
  ASSERT_TRUE(again.ok());
  EXPECT_NE((*again)->id, (*guard)->id) << "it had to go";
}

}  // namespace
}  // namespace holdfast::batch::postgres
