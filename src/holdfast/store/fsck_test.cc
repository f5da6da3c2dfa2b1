// fsck finds each thing that can be wrong. The tests damage the database behind the store's back.
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class FsckFinds : public OnEveryEngine {
 protected:
  void SetUp() override {
    store.given(Create("projects/p", "code: 'c'"), Create("projects/p/vpcs/v"),
                Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
    ASSERT_EQ(store.findings(), "");
  }
  void damage(storage::Op op) {
    storage::Batch batch;
    batch.add(std::move(op));
    const storage::Commit commit = store.env().run(store.engine().commit(std::move(batch)));
    ASSERT_TRUE(commit.ok());
  }
  // The row as it is, to be written back changed.
  storage::UpdateRow Rewrite(const char* name) {
    storage::UpdateRow op;
    op.row = *store.row(name);
    op.expected = op.row.version;
    return op;
  }
  static storage::Edge EdgeOf(const char* source, const char* field, const char* target) {
    return {
        .target = Key(target), .source = Key(source), .field = field, .behavior = OnDelete::kBlock};
  }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, FsckFinds, EveryEngine(), EngineName);

TEST_P(FsckFinds, AReferenceWithoutItsEdge) {
  storage::UpdateRow op = Rewrite("projects/p/gateways/g");
  op.removed_edges = {EdgeOf("projects/p/gateways/g", "vpc", "projects/p/vpcs/v")};
  damage(std::move(op));
  EXPECT_EQ(store.findings(),
            "reference-without-edge projects/p/gateways/g: vpc refers to projects/p/vpcs/v\n");
}

TEST_P(FsckFinds, AnEdgeWithoutItsReference) {
  storage::UpdateRow op = Rewrite("projects/p/vpcs/v");
  op.added_edges = {EdgeOf("projects/p/vpcs/v", "gateway", "projects/p/gateways/g")};
  damage(std::move(op));
  EXPECT_EQ(store.findings(),
            "edge-without-reference projects/p/vpcs/v: gateway no longer refers to "
            "projects/p/gateways/g\n");
}

TEST_P(FsckFinds, ADanglingReferenceAndAMissingParent) {
  const storage::Row vpc = *store.row("projects/p/vpcs/v");
  damage(storage::EraseRow{.key = vpc.key, .uid = vpc.uid, .expected = vpc.version});
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("dangling-reference projects/p/gateways/g"));
  const storage::Row project = *store.row("projects/p");
  damage(storage::EraseRow{.key = project.key, .uid = project.uid, .expected = project.version});
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("missing-parent projects/p/gateways/g"));
}

TEST_P(FsckFinds, ALimitThatIsCountedWrong) {
  damage(storage::TakeLimit{
      .key = {.holder = Key("projects/p"), .counted = Key("projects/p/vpcs/v").kind},
      .n = 1,
      .default_max = 9});
  EXPECT_EQ(store.findings(),
            "limit-mismatch projects/p: test.example.com/Vpc: 2 are counted, 1 are there\n");
}

TEST_P(FsckFinds, ABodyThatIsAnotherOrNone) {
  storage::UpdateRow op = Rewrite("projects/p");
  op.row.version = Version(7);
  damage(std::move(op));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("metadata-mismatch projects/p"));
  op = Rewrite("projects/p");
  op.row.body = "\xff";
  damage(std::move(op));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("unreadable-body projects/p"));
  op = Rewrite("projects/p");
  op.row.body.reset();
  damage(std::move(op));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("missing-body projects/p"));
}

TEST_P(FsckFinds, AnIndexThatIsStaleAndAValueThatIsThereTwice) {
  storage::UpdateRow op = Rewrite("projects/p");
  op.row.fields = "{}";
  damage(std::move(op));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("stale-index projects/p"));
  store.given(Create("projects/q"));
  MessagePtr forged = Text("projects/q", "name: 'projects/q' code: 'c'");
  op = Rewrite("projects/q");
  op.row.body = forged->SerializeAsString();
  damage(std::move(op));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("duplicate-value projects/q: code"));
}

TEST_P(FsckFinds, DeletionsThatNobodyWouldGoOnWith) {
  const storage::Row vpc = *store.row("projects/p/vpcs/v");
  damage(storage::SetState{.key = vpc.key,
                           .uid = vpc.uid,
                           .from_states = ~0u,
                           .from_round = std::nullopt,
                           .to = RowState::kClosing,
                           .round = "lost"});
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("orphaned-closing projects/p/vpcs/v"));
  damage(storage::SetState{.key = vpc.key,
                           .uid = vpc.uid,
                           .from_states = ~0u,
                           .from_round = std::nullopt,
                           .to = RowState::kDeleting,
                           .round = "lost"});
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("stuck-deletion projects/p/vpcs/v"));
}

TEST_P(FsckFinds, KindsAndNamesThatTheSchemaHasNot) {
  storage::CreateRow op;
  op.row.key = {.kind = KindName("test.example.com/Ghost"), .name = ResourceName("ghosts/g")};
  op.row.uid = Uid("u");
  op.row.version = Version(1);
  damage(op);
  op.row.key = {.kind = Key("groups/a").kind, .name = ResourceName("teams/a")};
  damage(op);
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("unknown-kind ghosts/g"));
  EXPECT_THAT(store.findings(), ::testing::HasSubstr("bad-name teams/a"));
}

}  // namespace
}  // namespace holdfast::store
