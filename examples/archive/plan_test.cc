#include "examples/archive/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace holdfast::archive {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Packages by what each depends on.
Index Graph(std::vector<std::vector<size_t>> depends) {
  Index index;
  for (size_t i = 0; i < depends.size(); ++i) {
    Package package;
    package.name = absl::StrCat("p", i);
    package.depends = std::move(depends[i]);
    index.packages.push_back(std::move(package));
  }
  return index;
}

bool Reaches(const Index& index, size_t from, size_t to) {
  std::set<size_t> seen;
  std::vector<size_t> open = {from};
  while (!open.empty()) {
    const size_t node = open.back();
    open.pop_back();
    for (size_t next : index.packages[node].depends) {
      if (next == to) return true;
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return false;
}

// How many packages depend on each other with this one, itself included.
size_t CycleSize(const Index& index, size_t package) {
  size_t size = 1;
  for (size_t other = 0; other < index.packages.size(); ++other) {
    if (other != package && Reaches(index, package, other) && Reaches(index, other, package)) {
      ++size;
    }
  }
  return size;
}

TEST(Plan, PutsDependenciesFirst) {
  const Plan plan = MakePlan(Graph({{1}, {2}, {}}), 1);
  ASSERT_EQ(plan.batches.size(), 3u);
  EXPECT_THAT(plan.batches[0].packages, ElementsAre(2));
  EXPECT_THAT(plan.batches[1].packages, ElementsAre(1));
  EXPECT_THAT(plan.batches[2].packages, ElementsAre(0));
  EXPECT_THAT(plan.batches[0].after, IsEmpty());
  EXPECT_THAT(plan.batches[2].after, ElementsAre(1));
  EXPECT_EQ(plan.cycles, 0u);
}

TEST(Plan, KeepsACycleInOneBatch) {
  const Plan plan = MakePlan(Graph({{1}, {2}, {0}, {0}}), 2);
  EXPECT_EQ(plan.cycles, 1u);
  EXPECT_EQ(plan.largest_cycle, 3u);
  ASSERT_EQ(plan.batches.size(), 2u);
  EXPECT_THAT(plan.batches[0].packages, UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(plan.batches[1].after, ElementsAre(0));
}

TEST(Plan, TakesADependencyOnItselfForNoCycle) {
  const Plan plan = MakePlan(Graph({{0}}), 1);
  EXPECT_EQ(plan.cycles, 0u);
  EXPECT_THAT(plan.batches[0].after, IsEmpty());
}

TEST(Plan, OfNothingIsEmpty) { EXPECT_THAT(MakePlan(Graph({}), 10).batches, IsEmpty()); }

TEST(Plan, DoesNotRecurseOnALongChain) {
  std::vector<std::vector<size_t>> chain(200'000);
  for (size_t i = 0; i + 1 < chain.size(); ++i) chain[i] = {i + 1};
  const Plan plan = MakePlan(Graph(std::move(chain)), 500);
  EXPECT_EQ(plan.batches.size(), 400u);
  EXPECT_EQ(plan.batch_of[0], 399u);
}

TEST(Plan, LetsIndependentPackagesGoAtTheSameTime) {
  // 0..9 depend on nothing; 10 on all of them: its batch waits, theirs don't.
  std::vector<std::vector<size_t>> star(11);
  for (size_t i = 0; i < 10; ++i) star[10].push_back(i);
  const Plan plan = MakePlan(Graph(std::move(star)), 5);
  ASSERT_EQ(plan.batches.size(), 3u);
  EXPECT_THAT(plan.batches[1].after, IsEmpty());
  EXPECT_THAT(plan.batches[2].after, ElementsAre(0, 1));
}

// For random graphs, cyclic ones among them.
RC_GTEST_PROP(PlanProperty, EveryPackageIsInOneBatchAndFindsWhatItNeeds, ()) {
  const size_t size = *rc::gen::inRange<size_t>(1, 40);
  const size_t batch_size = *rc::gen::inRange<size_t>(1, 8);
  const auto edges = *rc::gen::container<std::vector<std::pair<size_t, size_t>>>(
      rc::gen::pair(rc::gen::inRange<size_t>(0, size), rc::gen::inRange<size_t>(0, size)));
  std::vector<std::set<size_t>> targets(size);
  for (const auto& [from, to] : edges) targets[from].insert(to);
  std::vector<std::vector<size_t>> depends;
  for (const std::set<size_t>& of : targets) depends.emplace_back(of.begin(), of.end());
  const Index index = Graph(std::move(depends));
  const Plan plan = MakePlan(index, batch_size);

  // (RC_ASSERT takes expressions apart: only in parentheses of its own does || look at one side.)
  std::vector<size_t> seen;
  for (size_t b = 0; b < plan.batches.size(); ++b) {
    const PlannedBatch& batch = plan.batches[b];
    RC_ASSERT(!batch.packages.empty());
    RC_ASSERT(std::is_sorted(batch.after.begin(), batch.after.end()));
    RC_ASSERT((batch.after.empty() || batch.after.back() < b));
    for (size_t package : batch.packages) {
      seen.push_back(package);
      RC_ASSERT(plan.batch_of[package] == b);
      for (size_t target : index.packages[package].depends) {
        const size_t other = plan.batch_of[target];
        RC_ASSERT(
            (other == b || std::binary_search(batch.after.begin(), batch.after.end(), other)));
        // Who depend on each other are together.
        RC_ASSERT((other == b || !Reaches(index, target, package)));
      }
    }
    // Larger than allowed only for one cycle that is larger.
    RC_ASSERT((batch.packages.size() <= batch_size ||
               CycleSize(index, batch.packages[0]) == batch.packages.size()));
  }
  std::sort(seen.begin(), seen.end());
  RC_ASSERT(seen.size() == size);
  for (size_t i = 0; i < size; ++i) RC_ASSERT(seen[i] == i);
}

}  // namespace
}  // namespace holdfast::archive
