#include "holdfast/batch/postgres/failures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/error.h"

namespace holdfast::batch::postgres {
namespace {

using ::testing::ElementsAre;

FailureClass ClassOfCode(std::string sqlstate) {
  return Classify({.sqlstate = std::move(sqlstate)}, nullptr).failure_class;
}

TEST(Classify, KnowsEachClass) {
  EXPECT_EQ(ClassOfCode("23505"), FailureClass::kConstraint);
  EXPECT_EQ(ClassOfCode("40001"), FailureClass::kRetryable);
  EXPECT_EQ(ClassOfCode("40P01"), FailureClass::kRetryable);
  EXPECT_EQ(ClassOfCode("55P03"), FailureClass::kRetryable);
  EXPECT_EQ(ClassOfCode("40003"), FailureClass::kAmbiguous);
  for (const char* passing : {"", "08006", "53300", "53100", "57P01", "57014", "58030", "25006"}) {
    EXPECT_EQ(ClassOfCode(passing), FailureClass::kUnavailable) << passing;
  }
  for (const char* wrong : {"42601", "42P01", "22012", "0A000", "26000", "XX000", "P0001"}) {
    EXPECT_EQ(ClassOfCode(wrong), FailureClass::kBug) << wrong;
  }
}

TEST(Classify, TakesAStatementPreparedBeforeForStale) {
  EXPECT_EQ(Classify({.sqlstate = "0A000", .stale = true}, nullptr).failure_class,
            FailureClass::kRetryable);
}

TEST(Classify, NamesConstraints) {
  EXPECT_EQ(Classify({.sqlstate = "23505", .constraint = "t_key"}, nullptr).constraint, "t_key");
  EXPECT_EQ(Classify({.sqlstate = "23502", .table = "t", .column = "a"}, nullptr).constraint,
            "not_null(t.a)");
  // A trigger may raise its own.
  const Failure raised = Classify({.sqlstate = "P0001", .constraint = "no_overlap"}, nullptr);
  EXPECT_EQ(raised.failure_class, FailureClass::kConstraint);
}

TEST(Classify, ReadsWhatAnExpectationObserved) {
  Step guard{.expect = Expect::Guard(), .guard_name = "enough"};
  Failure failure =
      Classify({.sqlstate = "HF001", .detail = R"({i2,i1,i-5,d0.5,"sa b",n})"}, &guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kGuard);
  EXPECT_EQ(failure.constraint, "enough");
  EXPECT_EQ(failure.execution, 2u);
  EXPECT_EQ(failure.rows, 1);
  EXPECT_THAT(failure.observed, ElementsAre(Value(int64_t{-5}), Value(0.5),
                                            Value(std::string("a b")), Value(Null{})));
  guard.expect = Expect::Exactly(1);
  failure = Classify({.sqlstate = "HF001", .detail = "{i0,i7}"}, &guard);
  EXPECT_EQ(failure.failure_class, FailureClass::kRowCount);
  EXPECT_EQ(failure.rows, 7);
}

TEST(ToStatus, TellsPassingTroubleFromBugs) {
  Failure failure{.failure_class = FailureClass::kRetryable, .message = "x"};
  EXPECT_EQ(ReasonOf(ToStatus(failure, "a query")), Reason::kDatabaseUnavailable);
  failure.failure_class = FailureClass::kBug;
  EXPECT_EQ(ReasonOf(ToStatus(failure, "a query")), Reason::kInternal);
}

}  // namespace
}  // namespace holdfast::batch::postgres
