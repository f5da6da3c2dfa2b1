// Deleting a VPC with thousands of firewall rules through the API.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/mutex.h"
#include "holdfast/testing/covers.h"
#include "tests/nexus/api/network_service.h"

namespace holdfast::nexus {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Service = NetworkService;

constexpr int kManyRules = 10'000;
constexpr int kBatch = 500;

class DeleteVpcApi : public ::testing::TestWithParam<On> {
 protected:
  static void GivenProject(Service& service) {
    service.must(Service::CreateOrganization("acme"));
    service.must(Service::CreateProject("acme", "web"));
  }
  // So many writes of rules in one Transact.
  static Json Rules(int begin, int end, const char* verb, const char* action) {
    Json operations = Json::array();
    for (int i = begin; i < end; ++i) {
      Json rule = {{"action", action}};
      if (std::string_view(verb) == "create_firewall_rule") {
        operations.push_back({{verb,
                               {{"parent", kVpc},
                                {"firewall_rule_id", absl::StrCat("r", i)},
                                {"firewall_rule", rule}}}});
      } else {
        rule["name"] = absl::StrCat(kVpc, "/firewallRules/r", i);
        operations.push_back({{verb, {{"firewall_rule", rule}, {"update_mask", "action"}}}});
      }
    }
    return {{"operations", std::move(operations)}};
  }
  static void GivenRules(Service& service, int count) {
    for (int i = 0; i < count; i += kBatch) {
      service.must("Transactions/Transact",
                   Rules(i, std::min(count, i + kBatch), "create_firewall_rule", "DENY"));
    }
  }
  static std::vector<std::string> LeftOf(Service& service) {
    std::vector<std::string> names = service.names();
    std::erase_if(names, [](const std::string& name) { return !absl::StartsWith(name, kVpc); });
    return names;
  }
};
INSTANTIATE_TEST_SUITE_P(On, DeleteVpcApi, EveryDatabase(), ParamName);

TEST_P(DeleteVpcApi, SaysWhenThereIsNone) {
  HF_COVERS("T7");
  Service service(GetParam());
  GivenProject(service);
  const std::string other = absl::StrCat(kWeb, "/vpcs/other");
  const Answer absent = service.refused(Service::Delete("Vpc", other));
  EXPECT_THAT(absent, Says(StatusCode::kNotFound, Reason::kResourceNotFound));
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(absent).resource_name(), other);
  service.must(Service::Delete("Vpc", kVpc));
  service.settle();
  EXPECT_THAT(service.refused(Service::Delete("Vpc", kVpc)),
              Says(StatusCode::kNotFound, Reason::kResourceNotFound));
}

TEST_P(DeleteVpcApi, TakesTenThousandRulesInBoundedBatches) {
  HF_COVERS("T7");
  Service service(GetParam(), {.network = {.first_vni = 1, .last_vni = 1}});
  GivenProject(service);
  GivenRules(service, kManyRules);
  struct {
    Mutex mutex;
    size_t largest ABSL_GUARDED_BY(mutex) = 0;
  } seen;
  service.engine().before_commit([&](const storage::Batch& batch) {
    const MutexLock lock(seen.mutex);
    seen.largest = std::max(seen.largest, batch.ops.size());
  });
  service.must(Service::Delete("Vpc", kVpc));
  service.settle();
  service.engine().before_commit(nullptr);
  {
    // A row's state and what guards it.
    const MutexLock lock(seen.mutex);
    EXPECT_LE(seen.largest, size_t{3} * kBatch);
  }
  EXPECT_THAT(LeftOf(service), IsEmpty());
  EXPECT_EQ(service.fsck(), "");
  // Its name and the only virtual network id are free again.
  service.must(Service::Create("Vpc", kWeb, "default"));
  EXPECT_FALSE(service.exists("FirewallRule", absl::StrCat(kVpc, "/firewallRules/r0")));
}

TEST_P(DeleteVpcApi, IsRefusedWholeWhileInstancesAreInASubnet) {
  HF_COVERS("T7");
  Service service(GetParam());
  GivenProject(service);
  GivenRules(service, 1000);
  const Json interface = {{"subnet", absl::StrCat(kVpc, "/subnets/default")}};
  for (int i = 0; i < 12; ++i) {
    service.must(Service::Create("Instance", kWeb, absl::StrCat("i", i),
                                 {{"interfaces", Json::array({interface})}}));
  }
  const Answer blocked = service.refused(Service::Delete("Vpc", kVpc));
  EXPECT_THAT(blocked, Says(StatusCode::kFailedPrecondition, Reason::kDeleteBlocked));
  const auto failure = DetailOf<google::rpc::PreconditionFailure>(blocked);
  EXPECT_EQ(failure.violations_size(), 10);
  EXPECT_EQ(failure.violations(0).subject(), absl::StrCat(kWeb, "/instances/i0"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(blocked).metadata().at("blocker_count"), "12");
  for (int i = 0; i < 12; ++i) {
    service.must(Service::Delete("Instance", absl::StrCat(kWeb, "/instances/i", i)));
  }
  service.must(Service::Delete("Vpc", kVpc));
  service.settle();
  EXPECT_THAT(LeftOf(service), IsEmpty());
}

TEST_P(DeleteVpcApi, PutsAThousandRulesInOneBatchOrNone) {
  HF_COVERS("T1");
  Service::Options options;
  options.store.max_batch_ops = 1100;
  Service service(GetParam(), std::move(options));
  GivenProject(service);
  service.must("Transactions/Transact", Rules(0, 1024, "create_firewall_rule", "DENY"));
  const int before = service.engine().commits();
  service.must("Transactions/Transact", Rules(0, 1024, "update_firewall_rule", "ALLOW"));
  EXPECT_EQ(service.engine().commits(), before + 1);
  EXPECT_THAT(LeftOf(service), SizeIs(1024 + 9));
  const Answer missing =
      service.refused("Transactions/Transact", Rules(1, 1025, "update_firewall_rule", "DENY"));
  EXPECT_THAT(missing, Says(StatusCode::kNotFound, Reason::kResourceNotFound));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(missing).metadata().at("operation_index"), "1023");
}

}  // namespace
}  // namespace holdfast::nexus
