// What one simulated machine runs on: a lane of the run's scheduler, with a clock of its own that
// may drift and jump. It dies by close(), between any two of its tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "holdfast/env/env.h"
#include "holdfast/env/scheduler.h"

namespace holdfast::sim {

class NodeEnv final : public Env {
 public:
  // The wall time at virtual time zero: 2024-01-01T00:00:00Z.
  static constexpr Timestamp kStart = Timestamp(1'704'067'200'000'000);

  NodeEnv(std::shared_ptr<Scheduler> scheduler, uint64_t seed);
  ~NodeEnv() override;
  NodeEnv(const NodeEnv&) = delete;
  NodeEnv& operator=(const NodeEnv&) = delete;

  [[nodiscard]] Clock& clock() override { return clock_; }
  [[nodiscard]] Random& random() override { return random_; }
  [[nodiscard]] Executor executor() override { return lane_->executor(); }
  [[nodiscard]] Task<void> sleep(Duration d) override;
  void post_after(Duration d, std::function<void()> f) override;
  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::string_view name) override;

  // Somebody sets the wall clock, and sets it wrong.
  void set_clock_error(Duration error) { clock_.set_error(error); }
  // From now on it runs so many parts per million too fast (or too slow), timers included.
  void set_drift(int64_t ppm) { clock_.set_drift(ppm); }

  // Everything that is suspended or waiting here is dropped: the machine is dead. Not from a task
  // of its own.
  void close() { lane_->close(); }

 private:
  class DriftingClock final : public Clock {
   public:
    explicit DriftingClock(const Scheduler& scheduler) : scheduler_(scheduler) {}
    [[nodiscard]] Timestamp now() override { return kStart + monotonic() + error_; }
    [[nodiscard]] Duration monotonic() override;
    void set_error(Duration error) { error_ = error; }
    void set_drift(int64_t ppm);
    // How long `local` is to everybody else.
    [[nodiscard]] Duration true_length(Duration local) const;

   private:
    const Scheduler& scheduler_;
    Duration error_;
    int64_t ppm_ = 0;
    Duration since_;  // the drift began, true time
    Duration shown_;  // then
  };

  std::shared_ptr<Scheduler> scheduler_;  // shared by all lanes of the run
  std::shared_ptr<Lane> lane_;            // shared with executors
  DriftingClock clock_;
  SeededRandom random_;
};

}  // namespace holdfast::sim
