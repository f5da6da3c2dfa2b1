// Creating a project with its whole network: what can go wrong, what the client hears, and what is
// left behind, which is nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "examples/network/hooks/network_store.h"
#include "google/rpc/error_details.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/testing/covers.h"

namespace holdfast::network {
namespace {

using google::protobuf::Message;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kAcme[] = "organizations/acme";
constexpr char kWeb[] = "organizations/acme/projects/web";
// What a project comes with, itself included.
constexpr size_t kRowsOfAProject = 10;

template <class Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload = status.GetPayload("type.googleapis.com/" + detail.GetTypeName());
  EXPECT_TRUE(payload.has_value()) << status << " has no " << detail.GetTypeName();
  EXPECT_TRUE(detail.ParseFromString(std::string(payload.value_or(absl::Cord()))));
  return detail;
}

// A request that happens once, however often it is sent.
store::WriteRequest Once(store::WriteOp op) {
  store::WriteRequest request = Request(std::move(op));
  request.request_id = "once";
  request.request_hash = "hash";
  return request;
}

// Adds an op to every creation of a kind, as an author's mistake would.
class AddingHook : public store::Hook {
 public:
  using Make = std::function<store::WriteOp(const std::string& name)>;
  explicit AddingHook(Make make) : make_(std::move(make)) {}

  Task<absl::Status> before_commit(store::HookContext& context, store::WriteOp::Type type,
                                   const Message* resource) override {
    if (type == store::WriteOp::Type::kCreate) {
      context.add("extra", make_(TextOf(*resource, "name")));
    }
    co_return absl::OkStatus();
  }

 private:
  const Make make_;
};

class CreateProject : public ::testing::TestWithParam<Database> {
 protected:
  // Fails, and leaves the database as it was.
  static absl::Status refused(NetworkStore& store, store::WriteOp op) {
    const std::string before = store.dump();
    const absl::Status status = store.apply(std::move(op));
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(store.dump(), before);
    return status;
  }
};
INSTANTIATE_TEST_SUITE_P(On, CreateProject, ::testing::Values(Database::kMemory, Database::kSqlite),
                         DatabaseName);

TEST_P(CreateProject, BringsItsNetworkInOneBatch) {
  HF_COVERS("T5", "T3");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  const int before = store.engine().commits();
  store.given(store.create(kWeb));
  EXPECT_EQ(store.engine().commits(), before + 1);
  EXPECT_THAT(
      store.names(),
      ElementsAre("organizations/acme/projects/web/vpcs/default/firewallRules/allow-icmp",
                  "organizations/acme/projects/web/vpcs/default/firewallRules/allow-internal",
                  "organizations/acme/projects/web/vpcs/default/firewallRules/allow-ssh",
                  "organizations/acme/projects/web/vpcs/default/internetGateways/default",
                  "organizations/acme", "organizations/acme/projects/web",
                  "organizations/acme/projects/web/vpcs/default/routers/system/routes/"
                  "default-outbound",
                  "organizations/acme/projects/web/vpcs/default/routers/system/routes/"
                  "default-subnet",
                  "organizations/acme/projects/web/vpcs/default/routers/system",
                  "organizations/acme/projects/web/vpcs/default/subnets/default",
                  "organizations/acme/projects/web/vpcs/default"));
  EXPECT_EQ(store.used(kAcme, "Project"), 1);
  EXPECT_EQ(store.fsck(), "");
}

TEST_P(CreateProject, IsTriedWithAllThatBelongsToItWithoutBeingDone) {
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  const std::string before = store.dump();
  store::WriteRequest request = Request(store.create(kWeb));
  request.mode = store::WriteMode::kValidateOnly;
  EXPECT_TRUE(store.write(std::move(request)).ok());
  EXPECT_EQ(store.dump(), before);
}

TEST_P(CreateProject, NeedsItsOrganization) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  const absl::Status absent = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_EQ(ReasonOf(absent), Reason::kParentNotFound);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(absent).resource_name(), kAcme);

  store.given(store.create(kAcme));
  store.given(store.erase(kAcme));
  const absl::Status deleted = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsNotFound(deleted)) << deleted;
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(deleted).resource_name(), kAcme);
}

TEST_P(CreateProject, RefusesANameThatIsTaken) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.given(store.create(kWeb));
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(status).resource_name(), kWeb);
  EXPECT_EQ(store.used(kAcme, "Project"), 1);
}

TEST_P(CreateProject, GivesANameThatWasUsedANewUid) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.given(store.create(kWeb));
  const std::string first = UidOf(*store.get(kWeb));
  store.given(store.erase(kWeb));
  store.settle();
  store.given(store.create(kWeb));
  EXPECT_NE(UidOf(*store.get(kWeb)), first);
  EXPECT_THAT(store.names(), SizeIs(kRowsOfAProject + 1));
}

TEST_P(CreateProject, StopsAtTheOrganizationsLimit) {
  HF_COVERS("T5", "T6");
  NetworkStore store(GetParam(), {.projects_per_organization = 2});
  store.given(store.create(kAcme));
  store.given(store.create("organizations/acme/projects/a"));
  store.given(store.create("organizations/acme/projects/b"));
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kLimitExceeded);
  const auto quota = DetailOf<google::rpc::QuotaFailure>(status);
  ASSERT_EQ(quota.violations_size(), 1);
  EXPECT_THAT(quota.violations(0).subject(), AllOf(HasSubstr(kAcme), HasSubstr("Project")));
  EXPECT_THAT(quota.violations(0).description(),
              AllOf(HasSubstr("at most 2"), HasSubstr("2 are there")));
  EXPECT_EQ(store.used(kAcme, "Project"), 2);

  // One less, and there is room again.
  store.given(store.erase("organizations/acme/projects/a"));
  store.settle();
  EXPECT_EQ(store.used(kAcme, "Project"), 1);
  store.given(store.create(kWeb));
  EXPECT_EQ(store.used(kAcme, "Project"), 2);
}

TEST_P(CreateProject, CallsATakenNameOfItsOwnChoosingABug) {
  HF_COVERS("T2", "T3", "T5");
  NetworkStore store(GetParam());
  store.hooks().add(KindName("network.example.com/Project"),
                    std::make_unique<AddingHook>([&](const std::string& project) {
                      return store.create(project + "/vpcs/default");
                    }));
  store.given(store.create(kAcme));
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("project.create/extra"));
}

TEST_P(CreateProject, CallsATakenValueOfItsOwnChoosingABug) {
  HF_COVERS("T2", "T3", "T5");
  NetworkStore store(GetParam());
  // "default" is the dns_name of the VPC that the project brings.
  store.hooks().add(KindName("network.example.com/Project"),
                    std::make_unique<AddingHook>([&](const std::string& project) {
                      return store.create(project + "/vpcs/second", "dns_name: 'default'");
                    }));
  store.given(store.create(kAcme));
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_EQ(ReasonOf(status), Reason::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("project.create/extra"));
}

TEST_P(CreateProject, CallsAnOverlapOfItsOwnChoosingABug) {
  HF_COVERS("T2", "T3", "T5");
  NetworkStore store(GetParam());
  store.hooks().add(KindName("network.example.com/Vpc"),
                    std::make_unique<AddingHook>([&](const std::string& vpc) {
                      return store.create(vpc + "/subnets/second", "ipv4_range: '172.30.1.0/24'");
                    }));
  store.given(store.create(kAcme));
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("project.create/vpc/extra"));
}

TEST_P(CreateProject, EndsWhenNoVirtualNetworkIdIsFree) {
  HF_COVERS("T5");
  NetworkStore store(GetParam(), {.network = {.first_vni = 7, .last_vni = 8}});
  store.given(store.create(kAcme));
  store.given(store.create("organizations/acme/projects/a"));
  store.given(store.create("organizations/acme/projects/a/vpcs/second"));
  for (const std::string name : {kWeb, "organizations/acme/projects/a/vpcs/third"}) {
    const absl::Status status = refused(store, store.create(name));
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(DetailOf<google::rpc::QuotaFailure>(status).violations(0).description(),
                HasSubstr("none of 2 ids is free"));
  }
  std::set<int64_t> vnis = {
      NumberOf(*store.get("organizations/acme/projects/a/vpcs/default"), "vni"),
      NumberOf(*store.get("organizations/acme/projects/a/vpcs/second"), "vni")};
  EXPECT_THAT(vnis, ElementsAre(7, 8));

  store.given(store.erase("organizations/acme/projects/a/vpcs/second"));
  store.settle();
  store.given(store.create(kWeb));
}

TEST_P(CreateProject, IsTriedAgainAfterADeadlockAndEndsAtSomePoint) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.engine().fail({Fault::kRetryable, Fault::kRetryable, Fault::kRetryable});
  store.given(store.create(kWeb));
  store.engine().always_fail(Fault::kRetryable);
  const int before = store.engine().commits();
  const absl::Status status = refused(store, store.create("organizations/acme/projects/b"));
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(store.engine().commits() - before, store::StoreOptions().max_attempts);
}

TEST_P(CreateProject, SaysWhenTheDatabaseIsGone) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.engine().fail({Fault::kUnavailable});
  const absl::Status status = refused(store, store.create(kWeb));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(IsRetryable(*ReasonOf(status)));
  store.given(store.create(kWeb));
}

TEST_P(CreateProject, FindsTheTrueOutcomeOfALostAnswerByItsRequestId) {
  HF_COVERS("T5", "T9");
  for (const Fault fault : {Fault::kLostBefore, Fault::kLostAfter}) {
    NetworkStore store(GetParam());
    store.given(store.create(kAcme));
    store.engine().fail({fault});
    const auto result = store.write(Once(store.create(kWeb)));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(UidOf(*result->resources[0]), UidOf(*store.get(kWeb)));
    EXPECT_THAT(store.names(), SizeIs(kRowsOfAProject + 1));
    EXPECT_EQ(store.used(kAcme, "Project"), 1);
  }
}

TEST_P(CreateProject, AdmitsThatAnAnswerIsLostWithoutARequestId) {
  HF_COVERS("T5", "T9");
  for (const Fault fault : {Fault::kLostBefore, Fault::kLostAfter}) {
    NetworkStore store(GetParam());
    store.given(store.create(kAcme));
    store.engine().fail({fault});
    const absl::Status status = store.apply(store.create(kWeb));
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_EQ(ReasonOf(status), Reason::kCommitUnknown);
    EXPECT_THAT(store.names(), SizeIs(fault == Fault::kLostAfter ? kRowsOfAProject + 1 : 1));
  }
}

TEST_P(CreateProject, IsWholeOrNotThereWhereverTheProcessDies) {
  HF_COVERS("T5", "T9");
  int crashes = 0;
  for (bool done = false; !done; ++crashes) {
    ASSERT_LT(crashes, 2000);
    NetworkStore store(GetParam());
    store.given(store.create(kAcme));
    done = store.crash_after(Once(store.create(kWeb)), crashes);
    store.settle();
    const std::vector<std::string> names = store.names();
    const bool all = names.size() == kRowsOfAProject + 1;
    ASSERT_TRUE(all || names.size() == 1) << "after " << crashes << " steps: " << names.size();
    EXPECT_EQ(store.used(kAcme, "Project"), all ? 1 : 0);
    EXPECT_EQ(store.fsck(), "");
    const std::string uid = all ? UidOf(*store.get(kWeb)) : "";
    // The client asks again, and hears what was done, or has it done.
    const auto again = store.write(Once(store.create(kWeb)));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(UidOf(*again->resources[0]), UidOf(*store.get(kWeb)));
    EXPECT_TRUE(!all || UidOf(*again->resources[0]) == uid);
    EXPECT_THAT(store.names(), SizeIs(kRowsOfAProject + 1));
  }
  EXPECT_GT(crashes, 3);
}

TEST_P(CreateProject, IsDoneForOneOfAHundredWhoWantTheSameName) {
  HF_COVERS("T5");
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    NetworkStore store(GetParam(), {.seed = seed});
    store.given(store.create(kAcme));
    std::vector<store::WriteRequest> requests;
    for (int i = 0; i < 100; ++i) requests.push_back(Request(store.create(kWeb)));
    const std::vector<absl::Status> answers = store.race(std::move(requests));
    const auto count = [&](absl::StatusCode code) {
      return std::count_if(answers.begin(), answers.end(),
                           [&](const absl::Status& answer) { return answer.code() == code; });
    };
    EXPECT_EQ(count(absl::StatusCode::kOk), 1);
    EXPECT_EQ(count(absl::StatusCode::kAlreadyExists), 99);
    EXPECT_THAT(store.names(), SizeIs(kRowsOfAProject + 1));
    EXPECT_EQ(store.used(kAcme, "Project"), 1);
  }
}

TEST_P(CreateProject, GivesIdsThatDifferToThoseWhoCreateAtOnce) {
  constexpr int kProjects = 6;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    NetworkStore store(GetParam(),
                       {.seed = seed, .network = {.first_vni = 1, .last_vni = kProjects}});
    store.given(store.create(kAcme));
    std::vector<store::WriteRequest> requests;
    for (int i = 0; i < kProjects; ++i) {
      requests.push_back(Request(store.create(absl::StrCat("organizations/acme/projects/p", i))));
    }
    std::set<int64_t> vnis;
    for (const absl::Status& answer : store.race(std::move(requests))) {
      EXPECT_TRUE(answer.ok()) << answer;
    }
    for (const std::string& vpc : store.names("Vpc")) vnis.insert(NumberOf(*store.get(vpc), "vni"));
    EXPECT_THAT(vnis, SizeIs(kProjects)) << "seed " << seed;
  }
}

TEST_P(CreateProject, NeverOutlivesAnOrganizationThatIsDeletedMeanwhile) {
  HF_COVERS("T5", "T9");
  int created = 0;
  int deleted = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    NetworkStore store(GetParam(), {.seed = seed});
    store.given(store.create(kAcme));
    std::vector<store::WriteRequest> requests;
    requests.push_back(Request(store.create(kWeb)));
    requests.push_back(Request(store.erase(kAcme)));
    const std::vector<absl::Status> answers = store.race(std::move(requests));
    store.settle();
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    if (answers[0].ok()) {
      ++created;
      EXPECT_TRUE(absl::IsFailedPrecondition(answers[1])) << answers[1];
      EXPECT_THAT(store.names(), SizeIs(kRowsOfAProject + 1));
    } else {
      ++deleted;
      EXPECT_TRUE(absl::IsNotFound(answers[0]) || absl::IsAborted(answers[0])) << answers[0];
      EXPECT_THAT(store.names(), IsEmpty());
    }
    EXPECT_EQ(store.fsck(), "");
  }
  // Both orders have been seen, or the test shows less than it says.
  EXPECT_GT(created, 0);
  EXPECT_GT(deleted, 0);
}

class CreateSubnet : public CreateProject {};
INSTANTIATE_TEST_SUITE_P(On, CreateSubnet, ::testing::Values(Database::kMemory, Database::kSqlite),
                         DatabaseName);

constexpr char kSecond[] = "organizations/acme/projects/web/vpcs/default/subnets/second";

TEST_P(CreateSubnet, RefusesARangeThatOverlapsAndNamesBoth) {
  HF_COVERS("T5");
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.given(store.create(kWeb));
  const absl::Status status = refused(store, store.create(kSecond, "ipv4_range: '172.30.1.0/24'"));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("172.30.1.0/24"), HasSubstr("172.30.0.0/22")));
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status).field_violations(0).field(),
            "subnet.ipv4_range");
  store.given(store.create(kSecond, "ipv4_range: '172.30.4.0/24'"));
  // Its own range stands in nobody's way.
  store.given(store.update(kSecond, "ipv4_range: '172.30.4.0/23'"));
}

TEST_P(CreateSubnet, RefusesWhatIsNoRange) {
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.given(store.create(kWeb));
  const absl::Status status = refused(store, store.create(kSecond, "ipv4_range: 'everything'"));
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_P(CreateSubnet, LetsOnlyOneHaveARangeThatTwoWant) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    NetworkStore store(GetParam(), {.seed = seed});
    store.given(store.create(kAcme));
    store.given(store.create(kWeb));
    const std::string vpc = std::string(kWeb) + "/vpcs/default";
    std::vector<store::WriteRequest> requests;
    requests.push_back(Request(store.create(vpc + "/subnets/a", "ipv4_range: '10.0.0.0/16'")));
    requests.push_back(Request(store.create(vpc + "/subnets/b", "ipv4_range: '10.0.1.0/24'")));
    const std::vector<absl::Status> answers = store.race(std::move(requests));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    const absl::Status& loser = answers[0].ok() ? answers[1] : answers[0];
    EXPECT_TRUE(absl::IsInvalidArgument(loser)) << loser;
  }
}

TEST_P(CreateSubnet, StopsWhereComparingWouldTakeTooLong) {
  NetworkStore store(GetParam());
  store.given(store.create(kAcme));
  store.given(store.create(kWeb));
  const std::string vpc = std::string(kWeb) + "/vpcs/default";
  store::WriteRequest request;
  for (size_t i = 1; i < kMaxSubnets; ++i) {
    request.ops.push_back(store.create(absl::StrCat(vpc, "/subnets/s", i),
                                       absl::StrCat("ipv4_range: '10.0.", i, ".0/24'")));
  }
  const auto result = store.write(std::move(request));
  ASSERT_TRUE(result.ok()) << result.status();
  const absl::Status status =
      refused(store, store.create(vpc + "/subnets/last", "ipv4_range: '10.1.0.0/24'"));
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("overlaps")));
}

}  // namespace
}  // namespace holdfast::network
