// Tasks and timers of one thread on virtual time, with a seeded choice among the tasks that could
// run: what ManualEnv and the simulator's nodes run on. The same seed gives the same run.
//
// A Lane is what may end by itself while the rest goes on: one node of several. For one thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <boost/asio/execution_context.hpp>

#include "absl/functional/any_invocable.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"

namespace holdfast {

// std::mt19937_64 gives the same numbers everywhere; the standard's distributions don't.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : engine_(seed) {}
  [[nodiscard]] uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

class Lane;

class Scheduler {
 public:
  // Tasks that run one after another without time passing: more is a livelock, and fails a check.
  static constexpr int64_t kMaxStepsAtOneTime = 10'000'000;

  explicit Scheduler(uint64_t seed) : choice_(seed) {}

  // Since the start; stands still while anything is runnable.
  [[nodiscard]] Duration now() const { return now_; }
  // Runs one task; false if none can run.
  bool step();
  // Moves the clock to the next timers and makes all that are due then runnable; false if there
  // is none until `limit`.
  bool next_time(Duration limit);
  // Runs until `holds`, asked after every step, letting time pass where nothing else is to do.
  // Returns false if it can't come true: nothing is left to run, or `patience` has passed.
  [[nodiscard]] bool run_until(const std::function<bool()>& holds, Duration patience);
  // Lets `d` of time pass, running what falls due on the way.
  void advance(Duration d);

  [[nodiscard]] int64_t steps() const { return steps_; }
  // Of every choice so far, when it was made, and among how many: equal runs have equal hashes.
  [[nodiscard]] uint64_t trace_hash() const { return trace_; }

 private:
  friend class Lane;
  using Work = absl::AnyInvocable<void()>;
  struct Entry {
    const Lane* lane;
    Work work;
  };

  void drop(const Lane& lane);
  void set_time(Duration now);

  SeededRandom choice_;
  Duration now_;
  int64_t steps_ = 0;
  int64_t steps_at_this_time_ = 0;
  uint64_t trace_ = 0;
  uint64_t last_timer_ = 0;
  std::vector<Entry> runnable_;
  std::map<std::pair<Duration, uint64_t>, Entry> timers_;
};

// Once closed it runs nothing and keeps nothing: work that still arrives (Asio posts the unwinding
// of a dropped coroutine) is destroyed on the spot.
class Lane final : public boost::asio::execution_context,
                   public std::enable_shared_from_this<Lane> {
 public:
  [[nodiscard]] static std::shared_ptr<Lane> Make(std::shared_ptr<Scheduler> scheduler);
  ~Lane() { close(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void add(absl::AnyInvocable<void()> work);
  void add_timer(Duration after, absl::AnyInvocable<void()> work);
  [[nodiscard]] Task<void> sleep(Duration d);
  // Every hop of what runs there is a choice of the scheduler. Keeps the lane: coroutines that
  // outlive who made it find it closed.
  [[nodiscard]] Executor executor();
  // Runs the work as tasks of this lane, in order.
  [[nodiscard]] std::unique_ptr<Worker> make_worker();

  // Drops what is still suspended or waiting; destructors of coroutine frames run in here. Not
  // from a task of this lane.
  void close();

 private:
  class LaneExecutor;
  class SerialWorker;

  explicit Lane(std::shared_ptr<Scheduler> scheduler) : scheduler_(std::move(scheduler)) {}

  std::shared_ptr<Scheduler> scheduler_;  // shared by its lanes, and whoever drives it
  bool closed_ = false;
};

}  // namespace holdfast
