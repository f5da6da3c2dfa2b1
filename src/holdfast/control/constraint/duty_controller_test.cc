#include "holdfast/control/constraint/duty_controller.h"

#include <optional>

#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::control {
namespace {

using store::Create;
using store::Delete;
using store::TestStore;

void GivenAnAsynchronousDeletion(TestStore& store) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("images/m"),
              Create("projects/p/instances/i", "vpc: 'projects/p/vpcs/v' image: 'images/m'"));
  ASSERT_TRUE(store.apply(Delete("images/m")).ok());
}

TEST(DutyController, FinishesDeletionsInTheBackground) {
  HF_COVERS("S18", "R42");
  TestStore store;
  GivenAnAsynchronousDeletion(store);
  DutyController controller(store.env(), store.store());
  controller.start();
  store.env().advance(Seconds(2));
  EXPECT_EQ(store.state("images/m"), storage::RowState::kGone);
  EXPECT_EQ(store.text("projects/p/instances/i"), "vpc: \"projects/p/vpcs/v\"");
  EXPECT_GT(controller.stats().rows, 0);
  controller.stop();
  store.env().run(controller.stopped());
}

TEST(DutyController, LooksAgainAtOnceWhenItIsNudged) {
  TestStore store;
  DutyController controller(store.env(), store.store(), {.idle = Seconds(100)});
  controller.start();
  store.env().run_until_idle();
  GivenAnAsynchronousDeletion(store);
  store.env().run_until_idle();
  EXPECT_EQ(store.state("images/m"), storage::RowState::kDeleting);
  controller.nudge();
  store.env().run_until_idle();
  EXPECT_EQ(store.state("images/m"), storage::RowState::kGone);
  controller.stop();
  store.env().run(controller.stopped());
}

TEST(DutyController, StopsWithoutHavingBeenStarted) {
  TestStore store;
  DutyController controller(store.env(), store.store());
  controller.stop();
  store.env().run(controller.stopped());
  EXPECT_EQ(controller.stats().rounds, 0);
}

}  // namespace
}  // namespace holdfast::control
