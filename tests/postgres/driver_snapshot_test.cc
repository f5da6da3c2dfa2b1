// How long a snapshot may be held. Its answers are tested in driver_test.cc.
#include "tests/postgres/driver_fixture.h"

namespace holdfast::batch {
namespace {

// Whether the server still has the transaction of a snapshot.
bool IsHeld() {
  const auto held = testing::PostgresCluster::Shared().sql(
      "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'idle in transaction'");
  return held.value() == "t";
}

absl::StatusCode Read(RealEnv& env, ReadSnapshot& snapshot) {
  return env.run(snapshot.query("SELECT 1", {}, 10)).status().code();
}

TEST_F(DriverTest, EndsASnapshotThatNobodyUses) {
  open({.max_snapshot_idle = Milliseconds(50)});
  const auto snapshot = env_.run(database_->snapshot());
  ASSERT_EQ(Read(env_, **snapshot), absl::StatusCode::kOk);
  while (IsHeld()) {
  }
  EXPECT_EQ(Read(env_, **snapshot), absl::StatusCode::kUnavailable);
}

TEST_F(DriverTest, KeepsASnapshotThatIsUsedButNotForever) {
  open({.max_snapshot_idle = Seconds(1), .max_snapshot_life = Seconds(3)});
  const int64_t begun = env_.clock().monotonic().value();
  const auto snapshot = env_.run(database_->snapshot());
  while (Read(env_, **snapshot) == absl::StatusCode::kOk) {
  }
  EXPECT_GE(env_.clock().monotonic().value() - begun, Seconds(3).value());
}

}  // namespace
}  // namespace holdfast::batch
