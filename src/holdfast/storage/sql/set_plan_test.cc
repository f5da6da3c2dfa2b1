// The fast form of a batch: how many statements, in which order, and when there is none.
#include "holdfast/storage/sql/set_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"

namespace holdfast::storage::sql {
namespace {

using ::testing::ElementsAre;

NameIds Known() {
  NameIds names;
  names.kinds = {{kRule.str(), 1}, {kVpc.str(), 2}};
  names.fields = {{"target", 1}, {"display_name", 2}};
  return names;
}

std::optional<batch::Batch> PlanOf(std::vector<Op> ops) {
  const Batch batch{.label = "test", .ops = std::move(ops)};
  return SetPlan(PostgresDialect(), Known(), batch, Timestamp(1));
}

std::vector<std::string> LabelsOf(const std::optional<batch::Batch>& plan) {
  std::vector<std::string> labels;
  if (!plan.has_value()) return {"none"};
  for (const batch::Step& step : plan->steps()) labels.push_back(step.label);
  return labels;
}

UpdateRow Update(const ResourceKey& key) {
  UpdateRow op{.row = NewRow(key), .expected = Version(1)};
  op.row.version = Version(2);
  return op;
}

// Of every sort of op so many, each about rows of its own.
std::vector<Op> Many(int n) {
  std::vector<Op> ops;
  for (int i = 0; i < n; ++i) {
    const std::string id = std::to_string(i);
    const ResourceKey created = Rule("new", id);
    UpdateRow update = Update(Rule("updated", id));
    update.added_edges = {EdgeTo(Vpc("t" + id), update.row.key)};
    update.removed_edges = {EdgeTo(Vpc("old"), update.row.key)};
    ops.push_back(CreateRow{.row = NewRow(created),
                            .edges = {EdgeTo(Vpc("t" + id), created)},
                            .unique = {UniqueName(id)}});
    ops.push_back(RequireRow{.key = update.row.key});
    ops.push_back(std::move(update));
    ops.push_back(EraseRow{.key = Rule("erased", id), .removed_unique = {UniqueName("x" + id)}});
    ops.push_back(SetState{.key = Rule("closed", id), .to = RowState::kClosing});
    ops.push_back(RequireTarget{.key = Vpc("t" + id)});
    ops.push_back(
        TakeLimit{.key = {.holder = Vpc("t" + id), .counted = kRule}, .n = 1, .default_max = 9});
    ops.push_back(RequireNoInbound{.key = Rule("erased", id)});
    ops.push_back(RequireNoChildren{.key = Rule("erased", id), .kinds = {kVpc, kRule}});
  }
  return ops;
}

TEST(SetPlan, ANewChildWithAReferenceIsOneStatement) {
  const CreateRow create{.row = NewRow(Rule("a", "1")),
                         .edges = {EdgeTo(Vpc("b"), Rule("a", "1"))}};
  std::vector<Op> ops = {create, RequireTarget{.key = Vpc("b")}, RequireTarget{.key = Vpc("a")}};
  const std::optional<batch::Batch> plan = PlanOf(ops);
  EXPECT_THAT(LabelsOf(plan), ElementsAre("sets.create_row_on_targets"));
  // The targets come last, in order of their keys.
  const batch::Row& binds = plan->steps()[0].binds.at(0);
  EXPECT_EQ(binds.at(binds.size() - 3), batch::Value(std::string("vpcs/a")));
  EXPECT_EQ(binds.back(), batch::Value(std::string("vpcs/b")));

  for (const char* id : {"c", "d"}) ops.push_back(RequireTarget{.key = Vpc(id)});
  EXPECT_THAT(LabelsOf(PlanOf(ops)),
              ElementsAre("sets.lock_target[]", "sets.create_row_with_edge"));
}

TEST(SetPlan, ARowThatLocksMoreThanTargetsIsMadeAfterThem) {
  const CreateRow create{.row = NewRow(Rule("a", "1"))};
  const RequireTarget target{.key = Vpc("a")};
  EXPECT_THAT(LabelsOf(PlanOf({create, target})), ElementsAre("sets.create_row_on_targets"));
  EXPECT_THAT(LabelsOf(PlanOf({create, target, RequireRow{.key = Vpc("b")}})),
              ElementsAre("sets.lock_mixed[]", "sets.create_row"));
  EXPECT_THAT(LabelsOf(PlanOf({create, target, CreateRow{.row = NewRow(Rule("a", "2"))}})),
              ElementsAre("sets.lock_target", "sets.create_row[]"));
}

TEST(SetPlan, AGuardedUpdateIsTwoStatements) {
  EXPECT_THAT(LabelsOf(PlanOf({RequireRow{.key = Vpc("a")}, Update(Vpc("a"))})),
              ElementsAre("sets.lock_row", "sets.update_row"));
}

TEST(SetPlan, StatementsDoNotGrowWithTheOps) {
  HF_COVERS("T5");
  const std::optional<batch::Batch> few = PlanOf(Many(2));
  const std::optional<batch::Batch> many = PlanOf(Many(100));
  ASSERT_TRUE(few.has_value() && many.has_value());
  EXPECT_EQ(LabelsOf(few), LabelsOf(many));
  EXPECT_LE(many->size(), 14u);
  for (const batch::Step& step : many->steps()) {
    EXPECT_EQ(step.takes, batch::Step::Takes::kSet) << step.label;
  }
}

TEST(SetPlan, RowsAreLockedFirstInOrderOfTheirKeys) {
  const std::optional<batch::Batch> plan = PlanOf(
      {RequireTarget{.key = Vpc("c")}, EraseRow{.key = Vpc("a")}, RequireRow{.key = Vpc("b")}});
  ASSERT_TRUE(plan.has_value());
  ASSERT_EQ(plan->steps()[0].label, "sets.lock_mixed[]");
  std::vector<std::string> locked;
  for (const batch::Row& row : plan->steps()[0].binds) {
    locked.push_back(std::get<std::string>(row[1]) + " " +
                     std::to_string(std::get<int64_t>(row.back())));
  }
  EXPECT_THAT(locked, ElementsAre("vpcs/a 3", "vpcs/b 1", "vpcs/c 0"));
}

TEST(SetPlan, RowToBeClosedIsNotLockedAgainstItsUsers) {
  const std::optional<batch::Batch> plan = PlanOf({SetState{
      .key = Vpc("a"), .from_states = StateBit(RowState::kActive), .to = RowState::kClosing}});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->steps()[0].sql, PostgresDialect().sets->lock_row[2].each);
}

TEST(SetPlan, ThereIsNoneWhereTheOrderOfOpsMatters) {
  EXPECT_FALSE(PlanOf({Update(Vpc("a")), Update(Vpc("a"))}).has_value());
  UpdateRow takes = Update(Vpc("a"));
  takes.added_unique = {UniqueName("n")};
  UpdateRow gives = Update(Vpc("b"));
  gives.removed_unique = {UniqueName("n")};
  EXPECT_FALSE(PlanOf({takes, gives}).has_value());
  EXPECT_TRUE(PlanOf({gives, takes}).has_value());
}

TEST(SetPlan, OpsOnOneLimitAreOneChange) {
  const LimitKey key{.holder = Vpc("a"), .counted = kRule};
  const auto take = [&](int64_t n) { return TakeLimit{.key = key, .n = n, .default_max = 9}; };
  const std::optional<batch::Batch> adds = PlanOf({take(1), take(2)});
  EXPECT_THAT(LabelsOf(adds), ElementsAre("sets.add_limit"));
  EXPECT_EQ(adds->steps()[0].binds[0][3], batch::Value(int64_t{3}));
  const std::optional<batch::Batch> swings = PlanOf({take(-2), take(5), take(-1)});
  EXPECT_THAT(LabelsOf(swings), ElementsAre("sets.change_limit"));
  // In all, the max, the lowest sum on the way, and the highest after something was added.
  const batch::Row wanted = {kVpc.str(), std::string("vpcs/a"), kRule.str(), int64_t{2},
                             int64_t{9}, int64_t{-2},           int64_t{3}};
  EXPECT_EQ(swings->steps()[0].binds[0], wanted);
}

}  // namespace
}  // namespace holdfast::storage::sql
