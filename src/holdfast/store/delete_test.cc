#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

TEST(Delete, IsRefusedWhileABlockingReferenceStands) {
  HF_COVERS("S15");
  TestStore store;
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  const absl::Status status = store.apply(Delete("projects/p/vpcs/v"));
  EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
  EXPECT_TRUE(store.exists("projects/p/vpcs/v"));
  EXPECT_TRUE(store.apply(Delete("projects/p/gateways/g")).ok());
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok());
  EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
}

}  // namespace
}  // namespace holdfast::store
