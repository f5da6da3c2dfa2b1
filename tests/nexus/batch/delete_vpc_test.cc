// Deleting a VPC with ten thousand firewall rules, batch by batch: what can go wrong, and that
// nobody ever sees a live child of a dead parent.
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "holdfast/base/error.h"
#include "holdfast/testing/covers.h"
#include "tests/nexus/batch/network_database.h"

namespace holdfast::nexus {
namespace {

using absl::StatusCode;
using batch::Batch;
using batch::FailureClass;
using batch::Outcome;

constexpr int kManyRules = 10'000;
constexpr int kBatch = 500;
constexpr char kVpc[] = "p1.vpc";
const Range kOtherRange = {"10.0.0.0/24", 0x0A000000, 0x0A0000FF};

std::vector<std::string> RuleNames(int begin, int end) {
  std::vector<std::string> names;
  for (int i = begin; i < end; ++i) names.push_back(absl::StrCat("r", i));
  return names;
}

class DeleteVpc : public ::testing::TestWithParam<On> {
 protected:
  static int64_t RowsOfVpcs(NetworkDatabase& db) {
    int64_t rows = db.count("vpc");
    for (const std::string& part : Network::PartsOfVpc()) rows += db.count(part);
    return rows;
  }
};
INSTANTIATE_TEST_SUITE_P(On, DeleteVpc, EveryDatabase(), ParamName);

TEST_P(DeleteVpc, SaysWhenThereIsNone) {
  HF_COVERS("T2", "T7");
  NetworkDatabase db(GetParam());
  db.given_project();
  EXPECT_THAT(db.refused("vpc.close", db.network().close_vpc("other")),
              FailsAt(StatusCode::kNotFound, "vpc.close/vpc"));
  EXPECT_TRUE(db.delete_vpc(kVpc).ok());
  EXPECT_THAT(db.refused("vpc.close", db.network().close_vpc(kVpc)),
              FailsAt(StatusCode::kNotFound, "vpc.close/vpc"));
  EXPECT_THAT(db.refused("vpc.finish", db.network().finish_vpc(kVpc)),
              FailsAt(StatusCode::kNotFound, "vpc.finish/delete"));
}

TEST_P(DeleteVpc, TakesTenThousandRulesInBoundedBatches) {
  HF_COVERS("T7");
  NetworkDatabase db(GetParam(), {.vnis = 1});
  db.given_project();
  for (int i = 0; i < kManyRules; i += kBatch) {
    db.given("rules.create",
             db.network().create_rules(kVpc, RuleNames(i, i + kBatch), Chosen::kByClient));
  }
  EXPECT_EQ(db.count("firewall_rule"), kManyRules + 3);
  const absl::Status deleted = db.delete_vpc(kVpc, kBatch);
  EXPECT_TRUE(deleted.ok()) << deleted;
  EXPECT_EQ(RowsOfVpcs(db), 0);
  // Its name and the only virtual network id are free again.
  db.given("vpc.create", db.network().create_vpc("p1", kVpc, "default", Chosen::kByClient));
}

TEST_P(DeleteVpc, IsRefusedWhileAnInstanceIsInASubnet) {
  HF_COVERS("T2", "T7");
  NetworkDatabase db(GetParam());
  db.given_project();
  for (const char* id : {"i1", "i2"}) {
    db.given("instance.create", db.network().create_instance("p1", id, "p1.vpc.subnet"));
  }
  const Outcome refused = db.refused("vpc.close", db.network().close_vpc(kVpc));
  EXPECT_THAT(refused, FailsAt(StatusCode::kFailedPrecondition, "vpc.close/no_interfaces"));
  EXPECT_EQ(refused.failure()->failure_class, FailureClass::kGuard);
  EXPECT_EQ(refused.failure()->observed, (batch::Row{int64_t{2}, std::string("i1")}));
  google::rpc::PreconditionFailure details;
  const auto payload =
      refused.status().GetPayload("type.googleapis.com/google.rpc.PreconditionFailure");
  ASSERT_TRUE(payload.has_value() && details.ParseFromString(std::string(*payload)));
  EXPECT_EQ(details.violations(0).subject(), "i1");
  for (const char* id : {"i1", "i2"}) {
    db.given("instance.delete", db.network().delete_instance("p1", id));
  }
  EXPECT_TRUE(db.delete_vpc(kVpc).ok());
}

TEST_P(DeleteVpc, LetsNothingInOnceItIsClosed) {
  HF_COVERS("T2", "T7");
  NetworkDatabase db(GetParam());
  db.given_project();
  const Network& network = db.network();
  db.given("vpc.close", network.close_vpc(kVpc));
  const auto refused = [&](batch::Fragment fragment, StatusCode code, std::string_view step) {
    EXPECT_THAT(db.refused("create", std::move(fragment)),
                FailsAt(code, absl::StrCat("create/", std::string(step))));
  };
  refused(network.create_router(kVpc, "r", "r", Chosen::kByClient), StatusCode::kNotFound, "vpc");
  refused(network.create_route(kVpc, "p1.vpc.router", "r", "", Chosen::kByClient),
          StatusCode::kNotFound, "vpc");
  refused(network.create_gateway(kVpc, "g", "g", Chosen::kByClient), StatusCode::kNotFound, "vpc");
  refused(network.create_subnet(kVpc, "s", "s", kOtherRange, Chosen::kByClient),
          StatusCode::kNotFound, "vpc");
  refused(network.create_rules(kVpc, {"r"}, Chosen::kByClient), StatusCode::kNotFound, "vpc");
  refused(network.replace_rules(kVpc, {"r"}), StatusCode::kNotFound, "vpc");
  refused(network.create_instance("p1", "i", "p1.vpc.subnet"), StatusCode::kFailedPrecondition,
          "subnet");
}

TEST_P(DeleteVpc, NeverFinishesBeforeItIsEmpty) {
  HF_COVERS("T2", "T7");
  NetworkDatabase db(GetParam());
  db.given_project();
  db.given("vpc.close", db.network().close_vpc(kVpc));
  for (const std::string& part : Network::PartsOfVpc()) {
    EXPECT_THAT(db.refused("vpc.finish", db.network().finish_vpc(kVpc)),
                FailsAt(StatusCode::kInternal, absl::StrCat("vpc.finish/no_", part)));
    db.given("vpc.empty", db.network().delete_parts(part, kVpc, kBatch));
  }
  db.given("vpc.finish", db.network().finish_vpc(kVpc));
  EXPECT_EQ(RowsOfVpcs(db), 0);
}

TEST_P(DeleteVpc, ReplacesAThousandRulesInOneBatch) {
  HF_COVERS("T1", "T7");
  NetworkDatabase db(GetParam());
  db.given_project();
  db.given("rules.put", db.network().replace_rules(kVpc, RuleNames(0, 1024)));
  EXPECT_EQ(db.count("firewall_rule"), 1024);
  std::vector<std::string> twice = RuleNames(0, 1024);
  twice[1023] = "r0";
  const Outcome refused = db.refused("rules.put", db.network().replace_rules(kVpc, twice));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.failure()->failure_class, FailureClass::kConstraint);
  EXPECT_EQ(refused.failure()->label, "rules.put/put/firewall_rule");
  EXPECT_EQ(refused.failure()->execution, 1023u);
}

TEST_P(DeleteVpc, GoesOnWhereAnotherLeftOff) {
  HF_COVERS("T7", "T9");
  NetworkDatabase db(GetParam());
  db.given_project();
  db.given("rules.put", db.network().replace_rules(kVpc, RuleNames(0, 50)));
  db.given("vpc.close", db.network().close_vpc(kVpc));
  // One dies here; another, who knows nothing but the row's state, does the same pieces again.
  db.given("vpc.empty", db.network().delete_parts("firewall_rule", kVpc, 20));
  for (int i = 0; i < 2; ++i) {
    for (const std::string& part : Network::PartsOfVpc()) {
      db.given("vpc.empty", db.network().delete_parts(part, kVpc, kBatch));
    }
  }
  db.given("vpc.finish", db.network().finish_vpc(kVpc));
  EXPECT_EQ(RowsOfVpcs(db), 0);
}

}  // namespace
}  // namespace holdfast::nexus
