// Creating a project with its whole network as one batch of plain SQL: what can go wrong, what the
// caller hears, which step it was, and what is left behind, which is nothing.
#include <algorithm>

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
using batch::Row;
using ::testing::HasSubstr;

template <class Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload = status.GetPayload("type.googleapis.com/" + detail.GetTypeName());
  EXPECT_TRUE(payload.has_value()) << status << " has no " << detail.GetTypeName();
  EXPECT_TRUE(detail.ParseFromString(std::string(payload.value_or(absl::Cord()))));
  return detail;
}

// The rows of a project with its network, in all tables.
constexpr int64_t kRowsOfAProject = 1 + 1 + 1 + 1 + 2 + 1 + 1 + 3;

class CreateProject : public ::testing::TestWithParam<On> {
 protected:
  static int64_t RowsOfProjects(NetworkDatabase& db) {
    int64_t rows = db.count("project") + db.count("quota") - 1;
    for (const char* table :
         {"vpc", "router", "route", "gateway", "subnet", "firewall_rule", "instance"}) {
      rows += db.count(table);
    }
    return rows;
  }
  static Outcome Refused(NetworkDatabase& db) {
    return db.refused("project.create", db.network().create_project("acme", "p2", "second"));
  }
};
INSTANTIATE_TEST_SUITE_P(On, CreateProject, EveryDatabase(), ParamName);

// What all others rely on.
TEST_P(CreateProject, DumpsShowEveryChange) {
  NetworkDatabase db(GetParam());
  const std::string empty = db.dump();
  db.given("organization.create", db.network().create_organization("acme"));
  const std::string created = db.dump();
  EXPECT_NE(created, empty);
  EXPECT_THAT(created, HasSubstr("'acme'"));
  EXPECT_EQ(db.dump(), created);
}

TEST_P(CreateProject, IsOneBatchWithAllThatBelongsToIt) {
  HF_COVERS("T1", "T3", "T5");
  NetworkDatabase db(GetParam());
  db.given("organization.create", db.network().create_organization("acme"));
  db.given("project.create", db.network().create_project("acme", "p1", "web"));
  EXPECT_EQ(RowsOfProjects(db), kRowsOfAProject);
  EXPECT_EQ(db.used("acme"), 1);
}

TEST_P(CreateProject, IsTriedWithoutBeingDone) {
  HF_COVERS("T1");
  NetworkDatabase db(GetParam());
  db.given("organization.create", db.network().create_organization("acme"));
  const std::string before = db.dump();
  Batch batch = Of("project.create", db.network().create_project("acme", "p1", "web"));
  batch.set_mode(Batch::Mode::kRehearse);
  const Outcome outcome = db.commit(std::move(batch));
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(db.dump(), before);
}

TEST_P(CreateProject, NeedsItsOrganization) {
  HF_COVERS("T2", "T5");
  NetworkDatabase db(GetParam());
  const Outcome absent = Refused(db);
  EXPECT_THAT(absent, FailsAt(StatusCode::kNotFound, "project.create/organization"));
  EXPECT_EQ(absent.failure()->failure_class, FailureClass::kRowCount);
  EXPECT_EQ(absent.failure()->rows, 0);
  EXPECT_EQ(ReasonOf(absent.status()), Reason::kParentNotFound);
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(absent.status()).resource_name(), "acme");

  db.given("organization.create", db.network().create_organization("acme"));
  db.given("organization.delete", db.network().delete_organization("acme"));
  EXPECT_THAT(Refused(db), FailsAt(StatusCode::kNotFound, "project.create/organization"));
}

TEST_P(CreateProject, RefusesANameThatIsTaken) {
  HF_COVERS("T2", "T5");
  NetworkDatabase db(GetParam());
  db.given_project();
  const Outcome taken =
      db.refused("project.create", db.network().create_project("acme", "p2", "web"));
  EXPECT_THAT(taken, FailsAt(StatusCode::kAlreadyExists, "project.create/project"));
  EXPECT_EQ(taken.failure()->failure_class, FailureClass::kConstraint);
  EXPECT_EQ(taken.failure()->constraint, "project_name");
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(taken.status()).resource_name(), "web");
  EXPECT_EQ(db.used("acme"), 1);
}

TEST_P(CreateProject, GivesANameThatWasUsedANewId) {
  HF_COVERS("T5");
  NetworkDatabase db(GetParam());
  db.given_project();
  EXPECT_TRUE(db.delete_vpc("p1.vpc").ok());
  db.given("project.delete", db.network().delete_project("acme", "p1"));
  db.given("project.create", db.network().create_project("acme", "p2", "web"));
  EXPECT_EQ(db.query("SELECT id FROM project WHERE state = 'live'"),
            std::vector<Row>{{std::string("p2")}});
  EXPECT_EQ(db.used("acme"), 1);
}

TEST_P(CreateProject, CallsACollisionOfIdsABug) {
  HF_COVERS("T2", "T5");
  NetworkDatabase db(GetParam());
  db.given_project();
  const Outcome outcome =
      db.refused("project.create", db.network().create_project("acme", "p1", "other"));
  EXPECT_THAT(outcome, FailsAt(StatusCode::kInternal, "project.create/project"));
  EXPECT_EQ(outcome.failure()->constraint, "project_id");
  EXPECT_THAT(std::string(outcome.status().message()), HasSubstr("project.create/project"));
}

TEST_P(CreateProject, StopsAtTheOrganizationsLimit) {
  HF_COVERS("T2", "T5", "T6");
  NetworkDatabase db(GetParam(), {.limits = {.projects = 1}});
  db.given_project();
  const Outcome full = Refused(db);
  EXPECT_THAT(full, FailsAt(StatusCode::kResourceExhausted, "project.create/limit[project]"));
  EXPECT_EQ(full.failure()->observed, (Row{int64_t{1}, int64_t{1}}));
  const auto quota = DetailOf<google::rpc::QuotaFailure>(full.status());
  EXPECT_EQ(quota.violations(0).subject(), "acme#project");
  EXPECT_EQ(quota.violations(0).description(), "at most 1, 1 are there");
  EXPECT_EQ(db.used("acme"), 1);
}

// A name or an id that we chose is taken, in each of the steps.
struct Collision {
  const char* taken;  // by this row
  const char* label;  // then this step fails
  const char* constraint;
};
const Collision kCollisions[] = {
    {"INSERT INTO quota VALUES ('p2', 'instance', 0, 1)", "quota", "quota_id"},
    {"INSERT INTO vpc VALUES ('p2.vpc', 'x', 'x', 99, 'live')", "vpc/vpc", "vpc_id"},
    {"INSERT INTO vpc VALUES ('x', 'p2', 'default', 99, 'live')", "vpc/vpc", "vpc_name"},
    {"INSERT INTO vpc VALUES ('x', 'x', 'default', 1, 'live')", "vpc/vpc", "vpc_vni"},
    {"INSERT INTO router VALUES ('p2.vpc.router', 'x', 'x')", "vpc/router/router", "router_id"},
    {"INSERT INTO router VALUES ('x', 'p2.vpc', 'system')", "vpc/router/router", "router_name"},
    {"INSERT INTO route VALUES ('p2.vpc.router.outbound', 'x', 'x', 'x', '')",
     "vpc/route[outbound]/route", "route_id"},
    {"INSERT INTO route VALUES ('x', 'x', 'p2.vpc.router', 'subnet', '')",
     "vpc/route[subnet]/route", "route_name"},
    {"INSERT INTO gateway VALUES ('p2.vpc.gateway', 'x', 'x')", "vpc/gateway/gateway",
     "gateway_id"},
    {"INSERT INTO gateway VALUES ('x', 'p2.vpc', 'default')", "vpc/gateway/gateway",
     "gateway_name"},
    {"INSERT INTO subnet VALUES ('p2.vpc.subnet', 'x', 'x', '', 0, 0)", "vpc/subnet/subnet",
     "subnet_id"},
    {"INSERT INTO subnet VALUES ('x', 'p2.vpc', 'default', '', 0, 0)", "vpc/subnet/subnet",
     "subnet_name"},
    {"INSERT INTO firewall_rule VALUES ('p2.vpc/allow-ssh', 'x', 'x')",
     "vpc/firewall/firewall_rule", "firewall_rule_id"},
    {"INSERT INTO firewall_rule VALUES ('x', 'p2.vpc', 'allow-ssh')", "vpc/firewall/firewall_rule",
     "firewall_rule_name"},
};

TEST_P(CreateProject, CallsEveryTakenNameOrIdOfOurChoosingABug) {
  HF_COVERS("T2", "T3", "T5");
  NetworkDatabase db(GetParam());
  db.given("organization.create", db.network().create_organization("acme"));
  for (const Collision& collision : kCollisions) {
    SCOPED_TRACE(collision.taken);
    Batch given("given");
    given.add({.sql = collision.taken});
    ASSERT_TRUE(db.commit(std::move(given)).ok());
    const Outcome outcome = Refused(db);
    EXPECT_THAT(outcome,
                FailsAt(StatusCode::kInternal, absl::StrCat("project.create/", collision.label)));
    if (outcome.ok()) continue;
    EXPECT_EQ(outcome.failure()->constraint, collision.constraint);
    EXPECT_THAT(std::string(outcome.status().message()), HasSubstr(outcome.failure()->label));
    Batch cleared("clear");
    for (const char* table : {"vpc", "router", "route", "gateway", "subnet", "firewall_rule"}) {
      cleared.add({.sql = absl::StrCat("DELETE FROM ", table)});
    }
    cleared.add({.sql = "DELETE FROM quota WHERE holder = 'p2'"});
    ASSERT_TRUE(db.commit(std::move(cleared)).ok());
  }
  db.given("project.create", db.network().create_project("acme", "p2", "second"));
}

TEST_P(CreateProject, CallsAnOverlapInsideABugAndADirectOneTheCallersMistake) {
  HF_COVERS("T2", "T3", "T5");
  NetworkDatabase db(GetParam());
  db.given_project();
  const Range inside = {"172.30.1.0/24", 0xAC1E0100, 0xAC1E01FF};
  const Network& network = db.network();
  const Outcome direct = db.refused(
      "subnet.create", network.create_subnet("p1.vpc", "s2", "two", inside, Chosen::kByClient));
  EXPECT_THAT(direct, FailsAt(StatusCode::kInvalidArgument, "subnet.create/apart"));
  EXPECT_EQ(direct.failure()->failure_class, FailureClass::kGuard);
  EXPECT_EQ(direct.failure()->constraint, "apart");
  const auto bad = DetailOf<google::rpc::BadRequest>(direct.status());
  EXPECT_EQ(bad.field_violations(0).field(), "subnet.range");
  EXPECT_EQ(bad.field_violations(0).description(), "172.30.1.0/24 overlaps 172.30.0.0/22");

  // The very same steps within a project's creation: the client didn't choose these ranges.
  batch::Fragment project = network.create_project("acme", "p2", "second");
  project.add("vpc/extra", network.create_subnet("p2.vpc", "s2", "two", inside, Chosen::kByUs));
  EXPECT_THAT(db.refused("project.create", std::move(project)),
              FailsAt(StatusCode::kInternal, "project.create/vpc/extra/apart"));
}

TEST_P(CreateProject, EndsWhenNoVirtualNetworkIdIsFree) {
  HF_COVERS("T2", "T5");
  NetworkDatabase db(GetParam(), {.vnis = 1});
  db.given_project();
  const Outcome outcome = Refused(db);
  EXPECT_THAT(outcome, FailsAt(StatusCode::kResourceExhausted, "project.create/vpc/vni"));
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(outcome.status()).violations(0).subject(),
            "virtual network ids");
}

TEST_P(CreateProject, TellsTheLimitsChecksApart) {
  HF_COVERS("T2", "T6");
  NetworkDatabase db(GetParam(), {.limits = {.projects = 1}});
  db.given_project();
  const auto change = [](int64_t by) {
    batch::Step step{.label = "quota",
                     .sql = "UPDATE quota SET used = used + $1 WHERE holder = 'acme'",
                     .binds = {{by}}};
    step.errors.on_constraint("quota_full", [](const batch::Failure& failure) {
      return MakeError(Reason::kLimitExceeded, failure.constraint);
    });
    return batch::Fragment(std::move(step));
  };
  EXPECT_THAT(db.refused("take", change(1)), FailsAt(StatusCode::kResourceExhausted, "take/quota"));
  const Outcome below = db.refused("give", change(-2));
  EXPECT_THAT(below, FailsAt(StatusCode::kInternal, "give/quota"));
  EXPECT_EQ(below.failure()->constraint, "quota_negative");
}

TEST_P(CreateProject, HandsBackWhatItsStepsReturned) {
  HF_COVERS("T4");
  NetworkDatabase db(GetParam());
  db.given_project();
  Batch batch("rename");
  const batch::StepHandle rows =
      batch.add({.label = "rules",
                 .sql = "UPDATE firewall_rule SET name = $2 WHERE name = $1 RETURNING vpc, name",
                 .binds = {{std::string("allow-ssh"), std::string("ssh")},
                           {std::string("allow-icmp"), std::string("icmp")}},
                 .expect = batch::Expect::Exactly(1)});
  const batch::StepHandle used =
      batch.add({.label = "used",
                 .sql = "SELECT used, max, CAST(NULL AS text) FROM quota WHERE holder = 'acme'"});
  const Outcome outcome = db.commit(std::move(batch));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome.rows(rows), (std::vector<Row>{{std::string("p1.vpc"), std::string("ssh")},
                                                  {std::string("p1.vpc"), std::string("icmp")}}));
  EXPECT_EQ(outcome.rows(used), (std::vector<Row>{{int64_t{1}, int64_t{1000}, batch::Null()}}));
}

}  // namespace
}  // namespace holdfast::nexus
