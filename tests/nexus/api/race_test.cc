// Who comes at the same time: hundreds of runs each, in whatever order chance brings.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/testing/covers.h"
#include "tests/nexus/api/network_service.h"

namespace holdfast::nexus {
namespace {

using absl::StatusCode;

using Service = NetworkService;

constexpr int kRuns = 100;

class RacesApi : public ::testing::TestWithParam<On> {
 protected:
  // Or the test shows less than it says.
  static void ExpectBothWays(int ways) {
    EXPECT_GT(ways, 0);
    EXPECT_LT(ways, kRuns);
  }
  // Batches so small that thirty rules are a large deletion.
  static Service::Options Small() {
    Service::Options options;
    options.store.max_batch_ops = 20;
    options.store.max_inline_dependants = 5;
    options.instances = 1000;
    return options;
  }
  // A VPC with so many rules; its name.
  static std::string GivenVpc(Service& service, int run, int rules) {
    const std::string organization = "organizations/acme";
    if (run == 0) {
      service.must(Service::CreateOrganization("acme"));
      service.must(Service::CreateProject("acme", "web"));
    }
    const std::string id = absl::StrCat("v", run);
    service.must(Service::Create("Vpc", organization + "/projects/web", id));
    const std::string vpc = absl::StrCat(organization, "/projects/web/vpcs/", id);
    Json operations = Json::array();
    for (int i = 0; i < rules; ++i) {
      operations.push_back({{"create_firewall_rule",
                             {{"parent", vpc},
                              {"firewall_rule_id", absl::StrCat("r", i)},
                              {"firewall_rule", {{"action", "DENY"}}}}}});
    }
    service.must("Transactions/Transact", {{"operations", std::move(operations)}});
    return vpc;
  }
};
INSTANTIATE_TEST_SUITE_P(On, RacesApi, EveryDatabase(), ParamName);

TEST_P(RacesApi, OneOfAHundredGetsTheName) {
  HF_COVERS("T5");
  Service service(GetParam());
  service.must(Service::CreateOrganization("acme"));
  for (int run = 0; run < kRuns / 20; ++run) {
    const std::vector<Service::Call> calls(
        100, Service::CreateProject("acme", absl::StrCat("web", run)));
    const std::vector<Answer> answers = service.race(calls);
    const auto count = [&](StatusCode code) {
      return std::count_if(answers.begin(), answers.end(),
                           [&](const Answer& answer) { return answer.status.code() == code; });
    };
    EXPECT_EQ(count(StatusCode::kOk), 1);
    EXPECT_EQ(count(StatusCode::kAlreadyExists), 99);
    EXPECT_EQ(service.used("Organization", "organizations/acme", "Project"), run + 1);
  }
  EXPECT_EQ(service.fsck(), "");
}

TEST_P(RacesApi, NoProjectOutlivesItsOrganization) {
  HF_COVERS("T5", "T9");
  Service service(GetParam());
  int created = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string id = absl::StrCat("o", run);
    service.must(Service::CreateOrganization(id));
    const std::vector<Answer> answers =
        service.race({Service::CreateProject(id, "web"),
                      Service::Delete("Organization", "organizations/" + id)});
    EXPECT_NE(answers[0].ok(), answers[1].ok())
        << answers[0].status << " and " << answers[1].status;
    EXPECT_TRUE(answers[0].ok() || absl::IsNotFound(answers[0].status) ||
                ReasonOf(answers[0].status) == Reason::kParentDeleting)
        << answers[0].status;
    EXPECT_TRUE(answers[1].ok() || ReasonOf(answers[1].status) == Reason::kDeleteBlocked)
        << answers[1].status;
    created += answers[0].ok() ? 1 : 0;
  }
  ExpectBothWays(created);
  service.settle();
  EXPECT_EQ(service.fsck(), "");
}

TEST_P(RacesApi, NothingComesIntoAVpcThatGoes) {
  HF_COVERS("T7", "T9");
  Service service(GetParam(), Small());
  for (int run = 0; run < kRuns / 2; ++run) {
    const std::string vpc = GivenVpc(service, run, 20);
    Json put = Json::array();
    for (int i = 0; i < 20; ++i) {
      put.push_back({{"update_firewall_rule",
                      {{"firewall_rule",
                        {{"name", absl::StrCat(vpc, "/firewallRules/r", i)}, {"action", "ALLOW"}}},
                       {"update_mask", "action"}}}});
    }
    const std::vector<Answer> answers =
        service.race({Service::Delete("Vpc", vpc),
                      Service::Create("FirewallRule", vpc, "new"),
                      Service::Create("Subnet", vpc, "new", {{"ipv4_range", "10.0.0.0/24"}}),
                      Service::Create("Router", vpc, "new"),
                      Service::Create("InternetGateway", vpc, "new"),
                      Service::Create("Route", vpc + "/routers/system", "new"),
                      {"Transactions/Transact", {{"operations", std::move(put)}}}});
    EXPECT_TRUE(answers[0].ok()) << answers[0].status;
    for (const Answer& answer : answers) {
      // What came first goes with the VPC.
      EXPECT_TRUE(answer.ok() || absl::IsNotFound(answer.status) || absl::IsAborted(answer.status))
          << answer.status;
    }
    EXPECT_FALSE(service.exists("Vpc", vpc));
  }
  service.settle();
  EXPECT_EQ(service.fsck(), "");
  EXPECT_EQ(service.names().size(), 11u);  // the organization, and the project with its own VPC
}

TEST_P(RacesApi, EitherTheVpcGoesOrAnInstanceComes) {
  HF_COVERS("T7", "T9");
  Service service(GetParam(), Small());
  int created = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string vpc = GivenVpc(service, run, 20);
    const Json interface = {{"subnet", vpc + "/subnets/default"}};
    Service::Call instance =
        Service::Create("Instance", "organizations/acme/projects/web", absl::StrCat("i", run),
                        {{"interfaces", Json::array({interface})}});
    // A deletion looks around before it closes anything.
    instance.linger = Milliseconds(40);
    const std::vector<Answer> answers = service.race({Service::Delete("Vpc", vpc), instance});
    EXPECT_NE(answers[0].ok(), answers[1].ok())
        << answers[0].status << " and " << answers[1].status;
    const Answer& loser = answers[answers[0].ok() ? 1 : 0];
    EXPECT_TRUE(absl::IsFailedPrecondition(loser.status) || absl::IsAborted(loser.status))
        << loser.status;
    EXPECT_EQ(service.exists("Vpc", vpc), !answers[0].ok());
    created += answers[1].ok() ? 1 : 0;
  }
  ExpectBothWays(created);
  service.settle();
  EXPECT_EQ(service.fsck(), "");
}

TEST_P(RacesApi, TwoDeletionsAreOne) {
  HF_COVERS("T7");
  Service service(GetParam(), Small());
  for (int run = 0; run < kRuns; ++run) {
    const std::string vpc = GivenVpc(service, run, 20);
    const std::vector<Answer> answers =
        service.race({Service::Delete("Vpc", vpc), Service::Delete("Vpc", vpc)});
    EXPECT_TRUE(answers[0].ok() || answers[1].ok())
        << answers[0].status << " and " << answers[1].status;
    for (const Answer& answer : answers) {
      EXPECT_TRUE(answer.ok() || absl::IsNotFound(answer.status)) << answer.status;
    }
    EXPECT_FALSE(service.exists("Vpc", vpc));
  }
  service.settle();
  EXPECT_EQ(service.fsck(), "");
  EXPECT_EQ(service.names().size(), 11u);
}

}  // namespace
}  // namespace holdfast::nexus
