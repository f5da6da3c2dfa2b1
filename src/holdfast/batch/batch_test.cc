#include "holdfast/batch/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/base/error.h"
#include "holdfast/testing/covers.h"

namespace holdfast::batch {
namespace {

using ::testing::HasSubstr;

Step Named(std::string label) { return {.label = std::move(label), .sql = "SELECT 1"}; }

ErrorMap::Mapper Says(Reason reason) {
  return [reason](const Failure& failure) { return MakeError(reason, failure.label); };
}

Failure Of(FailureClass failure_class, size_t step = 0, std::string constraint = "") {
  Failure failure;
  failure.failure_class = failure_class;
  failure.step = step;
  failure.constraint = std::move(constraint);
  return failure;
}

std::string LabelOf(const Batch& batch, size_t step) {
  return Outcome::Failed(batch, Of(FailureClass::kBug, step)).failure()->label;
}

TEST(Fragment, NestsAndItsLabelsBecomeAPath) {
  HF_COVERS("T3");
  Fragment vpc;
  vpc.add(Named("insert"));
  Fragment subnets;
  subnets.add(Named("first"));
  subnets.add(Named(""));
  vpc.add("subnets", std::move(subnets));

  Batch batch("project.create");
  const StepHandle project = batch.add(Named("project"));
  const StepHandle first_of_vpc = batch.add("vpc.create", std::move(vpc));

  EXPECT_EQ(project.index, 0u);
  EXPECT_EQ(first_of_vpc.index, 1u);
  EXPECT_EQ(LabelOf(batch, 0), "project.create/project");
  EXPECT_EQ(LabelOf(batch, 1), "project.create/vpc.create/insert");
  EXPECT_EQ(LabelOf(batch, 2), "project.create/vpc.create/subnets/first");
  EXPECT_EQ(LabelOf(batch, 3), "project.create/vpc.create/subnets");
}

TEST(Fragment, SaysWhereItsStepsAre) {
  Fragment inner;
  inner.add(Named("a"));
  inner.add(Named("b"));
  Fragment outer;
  EXPECT_EQ(outer.add(Named("first")), 0u);
  EXPECT_EQ(outer.add("inner", std::move(inner)), 1u);
  EXPECT_EQ(outer.add(Named("last")), 3u);
}

TEST(ErrorMap, GivesEachStepItsOwnWords) {
  HF_COVERS("T2", "T3");
  Step step = Named("insert");
  step.errors.on_constraint("unique(t.name)", Says(Reason::kResourceExists))
      .on_constraint("t_size", Says(Reason::kInvalidField))
      .on_guard(Says(Reason::kPlanChanged))
      .on_row_count(Says(Reason::kResourceNotFound));
  Batch batch("create");
  batch.add(step);
  const auto reason = [&batch](Failure failure) {
    return ReasonOf(Outcome::Failed(batch, std::move(failure)).status());
  };

  EXPECT_EQ(reason(Of(FailureClass::kConstraint, 0, "unique(t.name)")), Reason::kResourceExists);
  EXPECT_EQ(reason(Of(FailureClass::kConstraint, 0, "t_size")), Reason::kInvalidField);
  EXPECT_EQ(reason(Of(FailureClass::kGuard)), Reason::kPlanChanged);
  EXPECT_EQ(reason(Of(FailureClass::kRowCount)), Reason::kResourceNotFound);
}

TEST(ErrorMap, CallsWhatNobodyExpectedABug) {
  HF_COVERS("T2");
  Batch batch("create");
  batch.add(Named("insert"));
  for (const FailureClass unmapped : {FailureClass::kConstraint, FailureClass::kGuard,
                                      FailureClass::kRowCount, FailureClass::kBug}) {
    const Outcome outcome = Outcome::Failed(batch, Of(unmapped, 0, "unique(t.uid)"));
    EXPECT_EQ(ReasonOf(outcome.status()), Reason::kInternal);
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("create/insert"));
  }
}

TEST(ErrorMap, LeavesTheDatabasesOwnTroubleToItself) {
  Batch batch("create");
  Step step = Named("insert");
  step.errors.on_guard(Says(Reason::kPlanChanged)).on_row_count(Says(Reason::kResourceNotFound));
  batch.add(step);
  const auto reason = [&batch](FailureClass failure_class, size_t at) {
    return ReasonOf(Outcome::Failed(batch, Of(failure_class, at)).status());
  };
  EXPECT_EQ(reason(FailureClass::kRetryable, 0), Reason::kConflict);
  EXPECT_EQ(reason(FailureClass::kUnavailable, 0), Reason::kDatabaseUnavailable);
  EXPECT_EQ(reason(FailureClass::kAmbiguous, 1), Reason::kCommitUnknown);
}

TEST(Outcome, CallsWhatFailsOutsideOfStepsTheCommit) {
  Batch batch("create");
  batch.add(Named("insert"));
  EXPECT_EQ(LabelOf(batch, 1), "create/commit");
}

TEST(Outcome, HandsOutTheRowsOfEachStep) {
  HF_COVERS("T4");
  Batch batch("read");
  const StepHandle first = batch.add(Named("a"));
  const StepHandle second = batch.add(Named("b"));
  const Outcome outcome =
      Outcome::Committed({{{int64_t{1}}}, {{std::string("x")}, {std::string("y")}}});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.rows(first), (std::vector<Row>{{int64_t{1}}}));
  EXPECT_EQ(outcome.rows(second), (std::vector<Row>{{std::string("x")}, {std::string("y")}}));
}

TEST(Outcome, OfAResolvedBatchHasItsAnswerButNoRows) {
  Batch batch("create");
  const StepHandle insert = batch.add(Named("insert"));
  const Outcome outcome = Outcome::Resolved(batch, "what was answered then");
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(outcome.resolved());
  EXPECT_EQ(outcome.answer(), "what was answered then");
  EXPECT_TRUE(outcome.rows(insert).empty());
  EXPECT_FALSE(Outcome::Committed({{}}).resolved());
}

TEST(Outcome, CallsAKeyWithAnotherRequestTheClientsFault) {
  const Batch batch("create");
  const Failure reused = Of(FailureClass::kGuard, batch.size(), std::string(kIdempotencyGuard));
  EXPECT_EQ(ReasonOf(Outcome::Failed(batch, reused).status()), Reason::kRequestIdReused);
}

TEST(OutcomeDeathTest, DiesOfAnErrorMapThatCallsAFailureASuccess) {
  Batch batch("create");
  Step step = Named("insert");
  step.errors.on_guard([](const Failure&) { return absl::OkStatus(); });
  batch.add(step);
  EXPECT_DEATH((void)Outcome::Failed(batch, Of(FailureClass::kGuard)), "calls a failure a success");
}

}  // namespace
}  // namespace holdfast::batch
