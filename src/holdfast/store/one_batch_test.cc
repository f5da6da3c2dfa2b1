// Nothing interactive: whatever a write does, the database gets it in one piece.
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class OneBatch : public OnEveryEngine {
 protected:
  // The numbers of ops of the batches that `write` sent.
  std::vector<size_t> batches(WriteRequest request) {
    std::vector<size_t> sizes;
    fault_->watch([&sizes](const storage::Batch& batch) { sizes.push_back(batch.ops.size()); });
    EXPECT_TRUE(store.apply(std::move(request)).ok());
    fault_->watch(nullptr);
    return sizes;
  }

  FaultEngine* fault_ = nullptr;
  TestStore store{GetParam(), StoreOptions{}, 1, [this](std::unique_ptr<storage::Engine> engine) {
                    auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
                    fault_ = wrapped.get();
                    return wrapped;
                  }};
};
INSTANTIATE_TEST_SUITE_P(Engines, OneBatch,
                         ::testing::Values(EngineKind::kMemory, EngineKind::kSqlite), EngineName);

TEST_P(OneBatch, IsWhatAWriteOfManySortsBecomes) {
  HF_COVERS("T8", "T1");
  store.given(Create("projects/old"), Create("projects/old/vpcs/v"), Create("projects/kept"));
  const std::vector<size_t> sent =
      batches(Request(Create("projects/new"), Create("projects/new/vpcs/v"),
                      Update("projects/kept", "display_name: 'x'"), Delete("projects/old")));
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_GE(sent[0], 5u) << "two creations, an update, a deletion and what goes with it";
  EXPECT_FALSE(store.exists("projects/old/vpcs/v"));
}

TEST_P(OneBatch, IsWhatAHookAddsTo) {
  HF_COVERS("T8");
  class WithVpc : public Hook {
   public:
    Task<absl::Status> before_commit(HookContext& context, WriteOp::Type type,
                                     const google::protobuf::Message*) override {
      if (type == WriteOp::Type::kCreate) context.add("vpc", Create("projects/p/vpcs/v"));
      co_return absl::OkStatus();
    }
  };
  store.hooks().add(KindOf("projects/p").name, std::make_unique<WithVpc>());
  store.restart();
  EXPECT_EQ(batches(Request(Create("projects/p"))).size(), 1u);
  EXPECT_TRUE(store.exists("projects/p/vpcs/v"));
}

TEST_P(OneBatch, WaitsForItsTurnWithNoSnapshotOut) {
  HF_COVERS("T8");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  int commits = 0;
  fault_->watch([this, &commits](const storage::Batch& batch) {
    ++commits;
    EXPECT_EQ(fault_->snapshots_out(), 0) << batch.label;
  });
  WriteRequest request = Request(Update("projects/p", "display_name: 'x'"));
  request.request_id = "id";
  EXPECT_TRUE(store.apply(std::move(request)).ok());
  EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
  EXPECT_EQ(commits, 2);
  fault_->watch(nullptr);
}

TEST_P(OneBatch, IsNoneWhereNothingChanges) {
  store.given(Create("projects/p", "display_name: 'x'"));
  EXPECT_TRUE(batches(Request(Update("projects/p", "display_name: 'x'"))).empty());
}

}  // namespace
}  // namespace holdfast::store
