#include "holdfast/env/manual_env.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>

#include "holdfast/base/check.h"
#include "holdfast/env/scheduler.h"

namespace holdfast {
namespace {

class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(const Scheduler& scheduler) : scheduler_(scheduler) {}
  [[nodiscard]] Timestamp now() override { return ManualEnv::kStart + scheduler_.now(); }
  [[nodiscard]] Duration monotonic() override { return scheduler_.now(); }

 private:
  const Scheduler& scheduler_;
};

}  // namespace

struct ManualEnv::Core {
  // Two streams: what tasks draw doesn't depend on how often the scheduler had to choose.
  explicit Core(uint64_t seed)
      : scheduler(std::make_shared<Scheduler>(~seed)),
        lane(Lane::Make(scheduler)),
        clock(*scheduler),
        random(seed) {}

  const std::shared_ptr<Scheduler> scheduler;
  const std::shared_ptr<Lane> lane;  // shared with executors
  VirtualClock clock;
  SeededRandom random;
};

ManualEnv::ManualEnv(uint64_t seed) : core_(std::make_unique<Core>(seed)) {}

ManualEnv::~ManualEnv() { core_->lane->close(); }

Clock& ManualEnv::clock() { return core_->clock; }
Random& ManualEnv::random() { return core_->random; }
Executor ManualEnv::executor() { return core_->lane->executor(); }

Task<void> ManualEnv::sleep(Duration d) { return core_->lane->sleep(d); }

void ManualEnv::post_after(Duration d, std::function<void()> f) {
  core_->lane->add_timer(d, std::move(f));
}

std::unique_ptr<Worker> ManualEnv::make_worker(std::string_view /*name*/) {
  return core_->lane->make_worker();
}

void ManualEnv::run_until_idle() {
  while (core_->scheduler->step()) {
  }
}

bool ManualEnv::run_until(const std::function<bool()>& holds, Duration patience) {
  return core_->scheduler->run_until(holds, patience);
}

void ManualEnv::advance(Duration d) { core_->scheduler->advance(d); }

void ManualEnv::run_to_end(Task<void> task, Duration patience) {
  bool done = false;
  boost::asio::co_spawn(executor(), std::move(task), [&done](const std::exception_ptr& failure) {
    HF_CHECK(failure == nullptr) << "an exception out of the task";
    done = true;
  });
  HF_CHECK(run_until([&done] { return done; }, patience))
      << "deadlock: the task waits for what no other task and no timer brings";
}

}  // namespace holdfast
