#include "sim/checkers/oracle.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "sim/clients/client.h"
#include "sim/cluster/service.h"

namespace holdfast::sim {
namespace {

using storage::Batch;
using storage::RowState;

constexpr const char* kProject = "organizations/o/projects/p";
constexpr const char* kVpc = "organizations/o/projects/p/vpcs/v";
constexpr const char* kSubnet = "organizations/o/projects/p/vpcs/v/subnets/s";
constexpr const char* kInstance = "organizations/o/projects/p/instances/i";

// Batches as nodes might send them, right and wrong ones.
class OracleTest : public ::testing::Test {
 protected:
  [[nodiscard]] ResourceKey key(const std::string& kind, const std::string& name) const {
    return {service_.kind(kind).name, ResourceName(name)};
  }
  [[nodiscard]] MessagePtr make(const std::string& kind, const std::string& name) const {
    MessagePtr resource = service_.schema->new_message(service_.kind(kind).message);
    Set(*resource, "name", name);
    return resource;
  }
  [[nodiscard]] storage::Row row(const std::string& kind, const google::protobuf::Message& resource,
                                 int64_t version = 1) const {
    storage::Row row;
    row.key = key(kind, Get(resource, "name"));
    row.uid = Uid("uid of " + Get(resource, "name"));
    row.version = Version(version);
    row.body = resource.SerializeAsString();
    return row;
  }
  void commit(std::vector<storage::Op> ops) {
    Batch batch;
    batch.label = "by hand";
    for (storage::Op& op : ops) batch.add(std::move(op), nullptr);
    oracle_.committed(batch, Revision(++revision_));
  }
  storage::CreateRow creation(const std::string& kind, const std::string& name) {
    storage::CreateRow op;
    op.row = row(kind, *make(kind, name));
    return op;
  }
  storage::EraseRow erasure(const std::string& kind, const std::string& name) {
    storage::EraseRow op;
    op.key = key(kind, name);
    op.uid = Uid("uid of " + name);
    return op;
  }
  storage::SetState state(const std::string& kind, const std::string& name, RowState to,
                          const std::string& round) {
    storage::SetState op;
    op.key = key(kind, name);
    op.uid = Uid("uid of " + name);
    op.from_states = ~0u;
    op.to = to;
    op.round = round;
    return op;
  }
  storage::TakeLimit take(const std::string& holder_kind, const std::string& holder,
                          const std::string& counted, int64_t n) {
    storage::TakeLimit op;
    op.key = {key(holder_kind, holder), service_.kind(counted).name};
    op.n = n;
    op.default_max = 3;
    return op;
  }
  // A project with a VPC, a subnet in it, and an instance that refers to the subnet.
  void build() {
    storage::CreateRow instance;
    const MessagePtr resource = make("Instance", kInstance);
    Set(Sub(*resource, "interfaces"), "subnet", kSubnet);
    instance.row = row("Instance", *resource);
    commit({creation("Organization", "organizations/o")});
    commit({creation("Project", kProject), take("Organization", "organizations/o", "Project", 1)});
    commit({creation("Vpc", kVpc)});
    commit({creation("Subnet", kSubnet)});
    commit({std::move(instance), take("Project", kProject, "Instance", 1)});
    EXPECT_EQ(rule(), "");
  }
  [[nodiscard]] std::string rule() const {
    return world_.violation().has_value() ? world_.violation()->rule : "";
  }

  World world_{1};
  const SimService& service_ = NetworkService();
  Oracle oracle_{world_, *service_.schema, *service_.service};
  int64_t revision_ = 0;
};

TEST_F(OracleTest, IsContentWithWhatIsRight) {
  build();
  oracle_.asked_to_delete(key("Instance", kInstance));
  oracle_.asked_to_delete(key("Subnet", kSubnet));
  commit({erasure("Instance", kInstance), take("Project", kProject, "Instance", -1)});
  commit({erasure("Subnet", kSubnet)});
  EXPECT_EQ(rule(), "");
  EXPECT_TRUE(oracle_.restless().empty());
}

TEST_F(OracleTest, SeesABlockingReferenceDangle) {
  build();
  oracle_.asked_to_delete(key("Subnet", kSubnet));
  commit({erasure("Subnet", kSubnet)});
  EXPECT_EQ(rule(), "I2");
}

TEST_F(OracleTest, SeesATargetOfOthersBeDeleted) {
  build();
  commit({state("Subnet", kSubnet, RowState::kDeleting, "round")});
  EXPECT_EQ(rule(), "I2");
}

TEST_F(OracleTest, LetsATargetCloseAndSeesANewReferenceToIt) {
  build();
  commit({state("Subnet", kSubnet, RowState::kClosing, "round")});
  EXPECT_EQ(rule(), "");
  EXPECT_EQ(oracle_.restless().size(), 1u);
  storage::CreateRow late;
  const MessagePtr resource = make("Instance", "organizations/o/projects/p/instances/late");
  Set(Sub(*resource, "interfaces"), "subnet", kSubnet);
  late.row = row("Instance", *resource);
  commit({std::move(late), take("Project", kProject, "Instance", 1)});
  EXPECT_EQ(rule(), "I2");
}

TEST_F(OracleTest, SeesWhatNobodyAskedForGo) {
  build();
  oracle_.asked_to_delete(key("Vpc", "organizations/o/projects/p/vpcs/another"));
  commit({erasure("Instance", kInstance), take("Project", kProject, "Instance", -1)});
  EXPECT_EQ(rule(), "unasked");
}

TEST_F(OracleTest, SeesWhatIsProtectedGo) {
  build();
  const std::string name = absl::StrCat(kVpc, "/firewallRules/f");
  const MessagePtr resource = make("FirewallRule", name);
  Set(*resource, "metadata.lifecycle.block_deletion", 1);
  storage::CreateRow creation;
  creation.row = row("FirewallRule", *resource);
  commit({std::move(creation)});
  oracle_.asked_to_delete(key("FirewallRule", name));
  EXPECT_EQ(rule(), "");
  commit({erasure("FirewallRule", name)});
  EXPECT_EQ(rule(), "protected");
}

TEST_F(OracleTest, LetsWhatOneDeletionHasClosedGoInAnyOrder) {
  build();
  oracle_.asked_to_delete(key("Project", kProject));
  commit({state("Project", kProject, RowState::kClosing, "round")});
  for (const auto& [kind, name] :
       {std::pair("Vpc", kVpc), std::pair("Subnet", kSubnet), std::pair("Instance", kInstance)}) {
    commit({state(kind, name, RowState::kClosing, "round")});
  }
  commit({erasure("Subnet", kSubnet)});
  EXPECT_EQ(rule(), "");
  commit({erasure("Instance", kInstance), take("Project", kProject, "Instance", -1)});
  EXPECT_EQ(rule(), "");
}

TEST_F(OracleTest, SeesAChildBelowWhatIsNotThere) {
  build();
  commit({creation("Subnet", "organizations/o/projects/p/vpcs/none/subnets/s")});
  EXPECT_EQ(rule(), "parent");
}

TEST_F(OracleTest, SeesAParentGoBeforeItsChild) {
  build();
  oracle_.asked_to_delete(key("Instance", kInstance));
  oracle_.asked_to_delete(key("Vpc", kVpc));
  commit({erasure("Instance", kInstance), take("Project", kProject, "Instance", -1)});
  commit({erasure("Vpc", kVpc)});
  EXPECT_EQ(rule(), "parent");
}

TEST_F(OracleTest, SeesALimitThatIsNotCounted) {
  build();
  commit({creation("Instance", "organizations/o/projects/p/instances/free")});
  EXPECT_EQ(rule(), "I5");
}

TEST_F(OracleTest, SeesALimitExceeded) {
  build();
  for (const char* id : {"a", "b", "c"}) {
    commit({creation("Instance", std::string("organizations/o/projects/p/instances/") + id),
            take("Project", kProject, "Instance", 1)});
  }
  EXPECT_EQ(rule(), "I5");
}

TEST_F(OracleTest, SeesGuardsThatDidNotHold) {
  build();
  storage::UpdateRow update;
  update.row = row("Vpc", *make("Vpc", kVpc), 3);
  update.expected = Version(2);
  commit({std::move(update)});
  EXPECT_EQ(rule(), "guard");
}

TEST_F(OracleTest, SeesAVersionGoBack) {
  build();
  storage::UpdateRow update;
  update.row = row("Vpc", *make("Vpc", kVpc), 0);
  update.expected = Version(1);
  commit({std::move(update)});
  EXPECT_EQ(rule(), "I4");
}

TEST_F(OracleTest, SeesAUniqueValueTwice) {
  build();
  for (const char* id : {"x", "y"}) {
    const MessagePtr vpc = make("Vpc", std::string(kProject) + "/vpcs/" + id);
    Set(*vpc, "dns_name", "same");
    storage::CreateRow op;
    op.row = row("Vpc", *vpc);
    EXPECT_EQ(rule(), "");
    commit({std::move(op)});
  }
  EXPECT_EQ(rule(), "unique");
}

TEST_F(OracleTest, SeesARequestDoneTwice) {
  storage::PutRequest request;
  request.id = "id";
  commit({request});
  EXPECT_EQ(rule(), "");
  commit({request});
  EXPECT_EQ(rule(), "request-twice");
}

TEST_F(OracleTest, SeesARefusedWriteAppear) {
  const MessagePtr organization = make("Organization", "organizations/o");
  Set(*organization, "display_name", "mark");
  storage::CreateRow op;
  op.row = row("Organization", *organization);
  oracle_.refused(service_.kind("Organization").name, "mark");
  commit({std::move(op)});
  EXPECT_EQ(rule(), "I3");
}

TEST_F(OracleTest, SeesADatabaseThatHasLostSomething) {
  build();
  const std::unique_ptr<storage::Engine> empty = storage::NewMemoryEngine(world_.env());
  Spawn(world_.env(), oracle_.check_at_rest(*empty));
  world_.scheduler()->advance(Seconds(1));
  EXPECT_EQ(rule(), "I3");
  world_.env().close();
}

TEST_F(OracleTest, KnowsWhatAReaderOfARevisionSees) {
  build();
  oracle_.asked_to_delete(key("Instance", kInstance));
  commit({erasure("Instance", kInstance), take("Project", kProject, "Instance", -1)});
  const ResourceKey instance = key("Instance", kInstance);
  EXPECT_EQ(oracle_.at(instance, Revision(4)), nullptr);
  EXPECT_NE(oracle_.at(instance, Revision(5)), nullptr);
  EXPECT_EQ(oracle_.at(instance, Revision(6)), nullptr);
  EXPECT_EQ(oracle_.view(instance.kind, std::string(kProject) + "/", Revision(5)).size(), 1u);
  EXPECT_EQ(oracle_.history(instance).size(), 2u);
}

}  // namespace
}  // namespace holdfast::sim
