// Who comes at the same time: hundreds of runs each, in whatever order chance brings.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/testing/covers.h"
#include "tests/nexus/batch/network_database.h"

namespace holdfast::nexus {
namespace {

using batch::Row;
using ::testing::IsEmpty;

constexpr int kRuns = 200;

class Races : public ::testing::TestWithParam<On> {
 protected:
  static std::vector<Task<absl::Status>> Two(Task<absl::Status> one, Task<absl::Status> other) {
    std::vector<Task<absl::Status>> rivals;
    rivals.push_back(std::move(one));
    rivals.push_back(std::move(other));
    return rivals;
  }
  // A project with its VPC, to be raced for.
  static std::string GivenProject(NetworkDatabase& db, int run) {
    const std::string id = absl::StrCat("p", run);
    if (run == 0) db.given("organization.create", db.network().create_organization("acme"));
    db.given("project.create", db.network().create_project("acme", id, id));
    return id;
  }
  // Or the test shows less than it says.
  static void ExpectBothWays(int ways) {
    EXPECT_GT(ways, 0);
    EXPECT_LT(ways, kRuns);
  }
  // Parts of VPCs that are gone.
  static std::vector<Row> Orphans(NetworkDatabase& db) {
    std::string sql;
    for (const std::string& part : Network::PartsOfVpc()) {
      absl::StrAppend(&sql, sql.empty() ? "" : " UNION ALL ", "SELECT id FROM ", part,
                      " WHERE vpc NOT IN (SELECT id FROM vpc)");
    }
    return db.query(sql);
  }
};
INSTANTIATE_TEST_SUITE_P(On, Races, EveryDatabase(), ParamName);

TEST_P(Races, OneOfAHundredGetsTheName) {
  HF_COVERS("T5");
  NetworkDatabase db(GetParam(), {.vnis = 1000});
  db.given("organization.create", db.network().create_organization("acme"));
  for (int run = 0; run < kRuns / 20; ++run) {
    std::vector<Task<absl::Status>> rivals;
    for (int i = 0; i < 100; ++i) {
      rivals.push_back(db.rival(
          Of("project.create", db.network().create_project("acme", absl::StrCat("p", run, ".", i),
                                                           absl::StrCat("web", run)))));
    }
    const std::vector<absl::Status> answers = db.race(std::move(rivals));
    const auto count = [&](absl::StatusCode code) {
      return std::count_if(answers.begin(), answers.end(),
                           [&](const absl::Status& answer) { return answer.code() == code; });
    };
    EXPECT_EQ(count(absl::StatusCode::kOk), 1);
    EXPECT_EQ(count(absl::StatusCode::kAlreadyExists), 99);
    EXPECT_EQ(db.used("acme"), run + 1);
  }
}

TEST_P(Races, NoProjectOutlivesItsOrganization) {
  HF_COVERS("T5", "T9");
  NetworkDatabase db(GetParam(), {.vnis = kRuns});
  const Network& network = db.network();
  int created = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string organization = absl::StrCat("o", run);
    db.given("organization.create", network.create_organization(organization));
    const std::string id = absl::StrCat("p", run);
    const std::vector<absl::Status> answers = db.race(
        Two(db.rival(Of("project.create", network.create_project(organization, id, id))),
            db.rival(Of("organization.delete", network.delete_organization(organization)))));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    EXPECT_TRUE(answers[0].ok() || absl::IsNotFound(answers[0])) << answers[0];
    EXPECT_TRUE(answers[1].ok() || absl::IsFailedPrecondition(answers[1])) << answers[1];
    created += answers[0].ok() ? 1 : 0;
  }
  ExpectBothWays(created);
  EXPECT_THAT(db.query("SELECT p.id FROM project p JOIN organization o ON o.id = p.organization "
                       "WHERE o.state <> 'active'"),
              IsEmpty());
}

TEST_P(Races, NothingComesIntoAVpcThatGoes) {
  HF_COVERS("T7", "T9");
  NetworkDatabase db(GetParam(), {.vnis = kRuns});
  const Network& network = db.network();
  for (int run = 0; run < kRuns / 2; ++run) {
    const std::string vpc = GivenProject(db, run) + ".vpc";
    const auto by = Chosen::kByClient;
    std::vector<Task<absl::Status>> rivals;
    rivals.push_back(db.rival_delete_vpc(vpc, 2));
    rivals.push_back(db.rival(Of("r", network.create_router(vpc, vpc + "/r", "r", by))));
    rivals.push_back(
        db.rival(Of("o", network.create_route(vpc, vpc + ".router", "o", "10.0.0.0/8", by))));
    rivals.push_back(db.rival(Of("g", network.create_gateway(vpc, vpc + "/g", "g", by))));
    rivals.push_back(
        db.rival(Of("s", network.create_subnet(vpc, vpc + "/s", "s", {"10.0.0.0/24", 1, 2}, by))));
    rivals.push_back(db.rival(Of("f", network.create_rules(vpc, {"f"}, by))));
    rivals.push_back(db.rival(Of("p", network.replace_rules(vpc, {"a", "b", "c", "d", "e"}))));
    const std::vector<absl::Status> answers = db.race(std::move(rivals));
    EXPECT_TRUE(answers[0].ok()) << answers[0];
    for (const absl::Status& answer : answers) {
      // What came first goes with the VPC.
      EXPECT_TRUE(answer.ok() || absl::IsNotFound(answer)) << answer;
    }
  }
  EXPECT_EQ(db.count("vpc"), 0);
  EXPECT_THAT(Orphans(db), IsEmpty());
}

TEST_P(Races, EitherTheVpcGoesOrAnInstanceComes) {
  HF_COVERS("T7", "T9");
  NetworkDatabase db(GetParam(), {.vnis = kRuns});
  int created = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string project = GivenProject(db, run);
    const std::vector<absl::Status> answers = db.race(Two(
        db.rival_delete_vpc(project + ".vpc", 100),
        db.rival(Of("instance.create", db.network().create_instance(project, project + "/i",
                                                                    project + ".vpc.subnet")))));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    EXPECT_TRUE(answers[0].ok() || absl::IsFailedPrecondition(answers[0])) << answers[0];
    EXPECT_TRUE(answers[1].ok() || absl::IsFailedPrecondition(answers[1])) << answers[1];
    created += answers[1].ok() ? 1 : 0;
  }
  ExpectBothWays(created);
  EXPECT_THAT(db.query("SELECT id FROM interface WHERE subnet NOT IN (SELECT id FROM subnet)"),
              IsEmpty());
  EXPECT_THAT(Orphans(db), IsEmpty());
}

TEST_P(Races, OneOfTwoDeletionsDoesIt) {
  HF_COVERS("T7");
  NetworkDatabase db(GetParam(), {.vnis = kRuns});
  for (int run = 0; run < kRuns; ++run) {
    const std::string vpc = GivenProject(db, run) + ".vpc";
    const std::vector<absl::Status> answers =
        db.race(Two(db.rival_delete_vpc(vpc, 2), db.rival_delete_vpc(vpc, 2)));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    EXPECT_TRUE(absl::IsNotFound(answers[answers[0].ok() ? 1 : 0]));
  }
  EXPECT_EQ(db.count("vpc"), 0);
  EXPECT_THAT(Orphans(db), IsEmpty());
}

TEST_P(Races, OneOfTwoGetsARange) {
  NetworkDatabase db(GetParam());
  const Network& network = db.network();
  const std::string vpc = GivenProject(db, 0) + ".vpc";
  for (int run = 0; run < kRuns; ++run) {
    const auto subnet = [&](const std::string& name) {
      const Range range = {"a range", int64_t{10} * run, int64_t{10} * run + 5};
      return Of("subnet.create",
                network.create_subnet(vpc, vpc + name, name, range, Chosen::kByClient));
    };
    const std::vector<absl::Status> answers = db.race(
        Two(db.rival(subnet(absl::StrCat("a", run))), db.rival(subnet(absl::StrCat("b", run)))));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    EXPECT_TRUE(absl::IsInvalidArgument(answers[answers[0].ok() ? 1 : 0]));
  }
}

TEST_P(Races, OneOfTwoGetsTheLastPlace) {
  HF_COVERS("T6");
  NetworkDatabase db(GetParam(), {.vnis = 2 * kRuns, .limits = {.projects = 1}});
  const Network& network = db.network();
  for (int run = 0; run < kRuns; ++run) {
    const std::string organization = absl::StrCat("o", run);
    db.given("organization.create", network.create_organization(organization));
    const auto project = [&](const std::string& id) {
      return Of("project.create", network.create_project(organization, id, id));
    };
    const std::vector<absl::Status> answers = db.race(
        Two(db.rival(project(absl::StrCat("a", run))), db.rival(project(absl::StrCat("b", run)))));
    EXPECT_NE(answers[0].ok(), answers[1].ok()) << answers[0] << " and " << answers[1];
    EXPECT_TRUE(absl::IsResourceExhausted(answers[answers[0].ok() ? 1 : 0]));
    EXPECT_EQ(db.used(organization), 1);
  }
}

}  // namespace
}  // namespace holdfast::nexus
