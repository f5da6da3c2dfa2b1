// Deleting a VPC with thousands of firewall rules: more than fits into one batch, and yet done as a
// whole or not at all, whoever comes between and wherever the process dies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "examples/network/hooks/network_store.h"
#include "google/rpc/error_details.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/testing/covers.h"

namespace holdfast::network {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kProject[] = "organizations/acme/projects/web";
constexpr char kVpc[] = "organizations/acme/projects/web/vpcs/default";
constexpr char kSubnet[] = "organizations/acme/projects/web/vpcs/default/subnets/default";
constexpr int kManyRules = 10'000;

std::string Rule(int i) { return absl::StrCat(kVpc, "/firewallRules/r", i); }
std::string Instance(int i) { return absl::StrCat(kProject, "/instances/i", i); }
std::string InDefaultSubnet() { return absl::StrCat("interfaces { subnet: '", kSubnet, "' }"); }

// What would be left of the VPC for a reader.
std::vector<std::string> LeftOf(NetworkStore& store) {
  std::vector<std::string> names = store.names();
  std::erase_if(names, [](const std::string& name) { return !absl::StartsWith(name, kVpc); });
  return names;
}

// How many rows a batch changes.
size_t Changes(const storage::Batch& batch) {
  return static_cast<size_t>(
      std::count_if(batch.ops.begin(), batch.ops.end(), [](const storage::Op& op) {
        return std::holds_alternative<storage::CreateRow>(op) ||
               std::holds_alternative<storage::UpdateRow>(op) ||
               std::holds_alternative<storage::SetState>(op) ||
               std::holds_alternative<storage::EraseRow>(op);
      }));
}

// Is it the one that makes the deletion irrevocable?
bool Decides(const storage::Batch& batch) {
  return std::any_of(batch.ops.begin(), batch.ops.end(), [](const storage::Op& op) {
    const auto* update = std::get_if<storage::UpdateRow>(&op);
    return update != nullptr && update->row.state == storage::RowState::kDeleting;
  });
}

class DeleteVpc : public ::testing::TestWithParam<Database> {
 protected:
  // A project with its VPC, and so many rules more in that.
  static void GivenRules(NetworkStore& store, int count) {
    constexpr int kBatch = 500;
    store.given(store.create("organizations/acme"));
    store.given(store.create(kProject));
    for (int begin = 0; begin < count; begin += kBatch) {
      store::WriteRequest request;
      for (int i = begin; i < std::min(count, begin + kBatch); ++i) {
        request.ops.push_back(store.create(Rule(i), "action: DENY"));
      }
      const auto result = store.write(std::move(request));
      ASSERT_TRUE(result.ok()) << result.status();
    }
  }
  // Batches so small that forty rules are a large deletion.
  static NetworkStoreOptions Small(uint64_t seed = 1) {
    NetworkStoreOptions options;
    options.seed = seed;
    options.store.max_batch_ops = 20;
    options.store.max_inline_dependants = 5;
    return options;
  }
  static void GivenSmall(NetworkStore& store) {
    store.given(store.create("organizations/acme"));
    store.given(store.create(kProject));
    for (int i = 0; i < 40; ++i) store.given(store.create(Rule(i), "action: DENY"));
  }
  // The deletion, and after so many steps of it the requests. The answers: the deletion's, theirs.
  static std::vector<absl::Status> RaceWithDeletion(NetworkStore& store, int steps,
                                                    std::vector<store::WriteRequest> requests) {
    const auto deletion = store.start(Request(store.erase(kVpc)));
    EXPECT_TRUE(store.env().run_until([&] { return deletion->done || steps-- <= 0; }));
    std::vector<absl::Status> answers = store.race(std::move(requests));
    EXPECT_TRUE(store.env().run_until([&] { return deletion->done; }));
    answers.insert(answers.begin(), deletion->result.status());
    store.settle();
    return answers;
  }
  // The VPC is there with all that is in it, or gone with all of it; nothing is under way.
  static void ExpectWholeOrGone(NetworkStore& store, bool exists) {
    EXPECT_EQ(store.exists(kVpc), exists);
    const bool has_rules = store.exists(Rule(0)) && store.exists(Rule(39));
    EXPECT_TRUE(exists ? has_rules : LeftOf(store).empty());
    EXPECT_THAT(store.dump(), Not(AnyOf(HasSubstr(" CLOSING "), HasSubstr(" DELETING "))));
    EXPECT_EQ(store.fsck(), "");
  }
};
INSTANTIATE_TEST_SUITE_P(On, DeleteVpc, ::testing::Values(Database::kMemory, Database::kSqlite),
                         DatabaseName);

TEST_P(DeleteVpc, SaysWhenThereIsNone) {
  NetworkStore store(GetParam());
  store.given(store.create("organizations/acme"));
  store.given(store.create(kProject));
  EXPECT_TRUE(absl::IsNotFound(store.apply(store.erase(absl::StrCat(kProject, "/vpcs/other")))));
  store.given(store.erase(kVpc));
  const absl::Status again = store.apply(store.erase(kVpc));
  EXPECT_TRUE(absl::IsNotFound(again)) << again;
}

TEST_P(DeleteVpc, TakesThousandsOfRulesInBoundedBatches) {
  HF_COVERS("T7");
  NetworkStoreOptions options;
  options.network = {.first_vni = 1, .last_vni = 1};
  const size_t max_batch_ops = options.store.max_batch_ops;
  NetworkStore store(GetParam(), std::move(options));
  GivenRules(store, kManyRules);
  size_t largest = 0;
  store.engine().before_commit(
      [&](const storage::Batch& batch) { largest = std::max(largest, Changes(batch)); });
  store.given(store.erase(kVpc));
  store.settle();
  EXPECT_LE(largest, max_batch_ops);
  EXPECT_GT(largest, 1u);
  EXPECT_THAT(LeftOf(store), IsEmpty());
  EXPECT_EQ(store.fsck(), "");
  EXPECT_THAT(store.dump(), Not(AnyOf(HasSubstr(" CLOSING "), HasSubstr(" DELETING "))));
  // The name is free again, and so is the only virtual network id.
  store.given(store.create(kVpc));
  EXPECT_EQ(NumberOf(*store.get(kVpc), "vni"), 1);
  EXPECT_FALSE(store.exists(Rule(0)));
}

TEST_P(DeleteVpc, IsRefusedWholeWhileInstancesAreInASubnet) {
  HF_COVERS("T7");
  NetworkStore store(GetParam());
  GivenRules(store, kManyRules);
  for (int i = 0; i < 12; ++i) store.given(store.create(Instance(i), InDefaultSubnet()));
  const std::string before = store.dump();
  const absl::Status status = store.apply(store.erase(kVpc));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kDeleteBlocked);
  EXPECT_THAT(std::string(status.message()), HasSubstr("12"));
  google::rpc::PreconditionFailure failure;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.PreconditionFailure");
  ASSERT_TRUE(payload.has_value());
  ASSERT_TRUE(failure.ParseFromString(std::string(*payload)));
  ASSERT_GT(failure.violations_size(), 0);
  EXPECT_EQ(failure.violations(0).subject(), Instance(0));
  EXPECT_EQ(store.dump(), before);

  // Force is about children; it never overrides a reference from outside.
  EXPECT_TRUE(absl::IsFailedPrecondition(store.apply(store.erase(kVpc, store::Force::kYes))));
  EXPECT_EQ(store.dump(), before);
  for (int i = 0; i < 12; ++i) store.given(store.erase(Instance(i)));
  store.given(store.erase(kVpc));
  store.settle();
  EXPECT_THAT(LeftOf(store), IsEmpty());
}

// Children of every kind, at every level.
const char* const kChildren[] = {"/firewallRules/new", "/subnets/new", "/routers/new",
                                 "/internetGateways/new", "/routers/system/routes/new"};

TEST_P(DeleteVpc, NeverLeavesALiveChildOfADeadParent) {
  HF_COVERS("T7", "T9");
  int went_with_it = 0;
  int refused = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    NetworkStore store(GetParam(), Small(seed));
    GivenSmall(store);
    std::vector<store::WriteRequest> requests;
    for (const char* child : kChildren) {
      const bool subnet = absl::StrContains(child, "subnets");
      requests.push_back(Request(
          store.create(absl::StrCat(kVpc, child), subnet ? "ipv4_range: '10.0.0.0/24'" : "")));
    }
    const std::vector<absl::Status> answers =
        RaceWithDeletion(store, static_cast<int>(seed / 2), std::move(requests));
    EXPECT_TRUE(answers[0].ok()) << answers[0];
    for (size_t i = 1; i < answers.size(); ++i) {
      // A child that came first goes with its parent.
      const absl::Status& answer = answers[i];
      ++(answer.ok() ? went_with_it : refused);
      EXPECT_TRUE(answer.ok() || absl::IsNotFound(answer) || absl::IsAborted(answer)) << answer;
    }
    ExpectWholeOrGone(store, /*exists=*/false);
  }
  EXPECT_GT(went_with_it, 0);
  EXPECT_GT(refused, 0);
}

TEST_P(DeleteVpc, LetsExactlyOneOfItAndANewReferenceBe) {
  HF_COVERS("T7", "T9");
  int deleted = 0;
  int created = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    NetworkStore store(GetParam(), Small(seed));
    GivenSmall(store);
    std::vector<store::WriteRequest> requests;
    requests.push_back(Request(store.create(Instance(0), InDefaultSubnet())));
    const std::vector<absl::Status> answers =
        RaceWithDeletion(store, static_cast<int>(seed / 2), std::move(requests));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    ++(answers[0].ok() ? deleted : created);
    const absl::Status& loser = answers[0].ok() ? answers[1] : answers[0];
    EXPECT_TRUE(absl::IsFailedPrecondition(loser) || absl::IsAborted(loser)) << loser;
    ExpectWholeOrGone(store, !answers[0].ok());
  }
  EXPECT_GT(deleted, 0);
  EXPECT_GT(created, 0);
}

TEST_P(DeleteVpc, IsDoneOnceWhenTwoWantIt) {
  HF_COVERS("T7");
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    NetworkStore store(GetParam(), Small(seed));
    GivenSmall(store);
    std::vector<store::WriteRequest> requests;
    requests.push_back(Request(store.erase(kVpc)));
    const std::vector<absl::Status> answers =
        RaceWithDeletion(store, static_cast<int>(seed / 2), std::move(requests));
    EXPECT_TRUE(answers[0].ok() || answers[1].ok()) << answers[0] << " and " << answers[1];
    for (const absl::Status& answer : answers) {
      EXPECT_TRUE(answer.ok() || absl::IsNotFound(answer)) << "seed " << seed << ": " << answer;
    }
    ExpectWholeOrGone(store, /*exists=*/false);
  }
}

TEST_P(DeleteVpc, LeavesNoRuleThatWasReplacedMeanwhile) {
  HF_COVERS("T7");
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    NetworkStoreOptions options = Small(seed);
    options.store.max_batch_ops = 50;
    NetworkStore store(GetParam(), std::move(options));
    GivenSmall(store);
    store::WriteRequest put;
    for (int i = 0; i < 40; ++i) put.ops.push_back(store.update(Rule(i), "action: ALLOW"));
    std::vector<store::WriteRequest> requests;
    requests.push_back(std::move(put));
    const std::vector<absl::Status> answers =
        RaceWithDeletion(store, static_cast<int>(seed / 2), std::move(requests));
    EXPECT_TRUE(answers[0].ok()) << answers[0];
    EXPECT_TRUE(answers[1].ok() || absl::IsNotFound(answers[1]) || absl::IsAborted(answers[1]))
        << answers[1];
    ExpectWholeOrGone(store, /*exists=*/false);
  }
}

TEST_P(DeleteVpc, LetsOthersWriteMeanwhile) {
  NetworkStore store(GetParam(), Small());
  GivenSmall(store);
  store.given(store.create("organizations/acme/projects/other"));
  const std::string other = "organizations/acme/projects/other/vpcs/default";
  const auto deletion = store.start(Request(store.erase(kVpc)));
  int written = 0;
  for (; !deletion->done; ++written) {
    const absl::Status status =
        store.apply(store.create(absl::StrCat(other, "/firewallRules/r", written), "action: DENY"));
    EXPECT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(deletion->result.ok()) << deletion->result.status();
  EXPECT_GT(written, 1);
  store.settle();
  ExpectWholeOrGone(store, /*exists=*/false);
}

TEST_P(DeleteVpc, IsResumedOrGivenUpWhereverTheProcessDies) {
  HF_COVERS("T7", "T9");
  int resumed = 0;
  int given_up = 0;
  int crashes = 0;
  for (bool done = false; !done; ++crashes) {
    ASSERT_LT(crashes, 10'000);
    NetworkStore store(GetParam(), Small());
    GivenSmall(store);
    done = store.crash_after(Request(store.erase(kVpc)), crashes);
    // Whatever the dead one left: a reader sees a VPC with all its rules, or no VPC.
    EXPECT_TRUE(!store.exists(kVpc) || (store.exists(Rule(0)) && store.exists(Rule(39))));
    store.settle();
    const bool exists = store.exists(kVpc);
    ++(exists ? given_up : resumed);
    ExpectWholeOrGone(store, exists);
    if (::testing::Test::HasFailure()) FAIL() << "after " << crashes << " steps";
    if (exists) store.given(store.erase(kVpc));
    store.settle();
    ExpectWholeOrGone(store, /*exists=*/false);
    store.given(store.create(kVpc));
  }
  EXPECT_GT(crashes, 5);
  EXPECT_GT(given_up, 1);
  EXPECT_GT(resumed, 1);
}

TEST_P(DeleteVpc, IsFinishedByProcessesThatDieOneAfterAnother) {
  HF_COVERS("T7", "T9");
  NetworkStore store(GetParam(), Small());
  GivenSmall(store);
  // The first dies as it decides, each further one after a bounded piece of the work.
  bool decides = false;
  store.engine().before_commit([&](const storage::Batch& batch) { decides |= Decides(batch); });
  const auto deletion = store.start(Request(store.erase(kVpc)));
  ASSERT_TRUE(store.env().run_until([&] { return decides; }));
  EXPECT_FALSE(deletion->done);
  store.crash();
  store.env().run_until_idle();
  EXPECT_FALSE(store.exists(kVpc));
  int deaths = 0;
  for (; absl::StrContains(store.dump(), " DELETING "); ++deaths) {
    ASSERT_LT(deaths, 1000);
    store.crash();
    const auto step = store.env().run(store.store().run_duties());
    ASSERT_TRUE(step.ok()) << step.status();
  }
  EXPECT_GT(deaths, 0);
  ExpectWholeOrGone(store, /*exists=*/false);
}

}  // namespace
}  // namespace holdfast::network
