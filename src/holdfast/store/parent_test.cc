// Creating below a parent whose deletion is being decided, or has been.
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class UnderADyingParent : public ::testing::TestWithParam<RowState> {
 protected:
  // As a deletion by another node would leave it.
  void give_parent_state(RowState state) {
    const std::optional<storage::Row> row = store.row("projects/p");
    storage::Batch batch;
    batch.label = "test";
    batch.add(storage::SetState{.key = row->key,
                                .uid = row->uid,
                                .from_states = 1u << static_cast<int>(RowState::kActive),
                                .from_round = std::nullopt,
                                .to = state,
                                .round = "another",
                                .delete_time = Timestamp(1)});
    ASSERT_TRUE(store.env().run(store.engine().commit(std::move(batch))).ok());
  }

  TestStore store;
};

TEST_P(UnderADyingParent, NothingIsCreated) {
  HF_COVERS("R42");
  store.given(Create("projects/p"));
  give_parent_state(GetParam());
  EXPECT_THAT(store.apply(Create("projects/p/vpcs/v")), FailsWith(Reason::kParentDeleting));
  EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
}

INSTANTIATE_TEST_SUITE_P(States, UnderADyingParent,
                         ::testing::Values(RowState::kClosing, RowState::kDeleting));

}  // namespace
}  // namespace holdfast::store
