#include "holdfast/env/scheduler.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <string>

#include "holdfast/env/event.h"

namespace holdfast {
namespace {

// Three tasks that wait and write down when they went on.
std::string OrderOf(uint64_t seed) {
  auto scheduler = std::make_shared<Scheduler>(seed);
  const std::shared_ptr<Lane> lane = Lane::Make(scheduler);
  std::string order;
  for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
    lane->add([&order, name] { order += name; });
  }
  while (scheduler->step()) continue;
  return order;
}

TEST(Scheduler, ChoosesAmongRunnableTasksByItsSeed) {
  EXPECT_EQ(OrderOf(1), OrderOf(1));
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < 50; ++seed) orders.insert(OrderOf(seed));
  EXPECT_GT(orders.size(), 20u);
}

TEST(Scheduler, LetsTimePassOnlyWhenNothingCanRun) {
  auto scheduler = std::make_shared<Scheduler>(1);
  const std::shared_ptr<Lane> lane = Lane::Make(scheduler);
  std::string order;
  lane->add_timer(Seconds(2), [&] { order += "late "; });
  lane->add_timer(Seconds(1), [&] { order += "soon "; });
  lane->add([&] { order += "now "; });
  EXPECT_FALSE(scheduler->run_until([&] { return order.size() > 12; }, Milliseconds(1500)));
  EXPECT_EQ(order, "now soon ");
  EXPECT_TRUE(scheduler->run_until([&] { return order.size() > 12; }, Seconds(1)));
  EXPECT_EQ(order, "now soon late ");
  EXPECT_EQ(scheduler->now(), Seconds(2));
}

TEST(Scheduler, HasEqualHashesForEqualRunsOnly) {
  const auto hash = [](uint64_t seed, int tasks) {
    auto scheduler = std::make_shared<Scheduler>(seed);
    const std::shared_ptr<Lane> lane = Lane::Make(scheduler);
    for (int i = 0; i < tasks; ++i) lane->add([] {});
    scheduler->advance(Seconds(1));
    return scheduler->trace_hash();
  };
  EXPECT_EQ(hash(7, 20), hash(7, 20));
  EXPECT_NE(hash(7, 20), hash(8, 20));
  EXPECT_NE(hash(7, 20), hash(7, 21));
}

Task<void> WaitThenCount(OneShot event, int* went_on) {
  co_await event.wait();
  ++*went_on;
}

TEST(Lane, DropsWhatIsSuspendedWhenItIsClosedAndLeavesOthersAlone) {
  auto scheduler = std::make_shared<Scheduler>(1);
  const std::shared_ptr<Lane> dies = Lane::Make(scheduler);
  const std::shared_ptr<Lane> lives = Lane::Make(scheduler);
  OneShot event;
  int dead = 0;
  int alive = 0;
  boost::asio::co_spawn(dies->executor(), WaitThenCount(event, &dead), boost::asio::detached);
  boost::asio::co_spawn(lives->executor(), WaitThenCount(event, &alive), boost::asio::detached);
  dies->add_timer(Seconds(1), [&] { ++dead; });
  scheduler->advance(Milliseconds(1));
  dies->close();
  event.set();
  dies->add([&] { ++dead; });
  scheduler->advance(Seconds(2));
  EXPECT_EQ(dead, 0);
  EXPECT_EQ(alive, 1);
}

}  // namespace
}  // namespace holdfast
