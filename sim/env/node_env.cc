#include "sim/env/node_env.h"

#include <utility>

namespace holdfast::sim {
namespace {

constexpr int64_t kMillion = 1'000'000;

}  // namespace

Duration NodeEnv::DriftingClock::monotonic() {
  const int64_t passed = scheduler_.now().value() - since_.value();
  return Duration(shown_.value() + passed + passed * ppm_ / kMillion);
}

void NodeEnv::DriftingClock::set_drift(int64_t ppm) {
  shown_ = monotonic();
  since_ = scheduler_.now();
  ppm_ = ppm;
}

Duration NodeEnv::DriftingClock::true_length(Duration local) const {
  return Duration(local.value() - local.value() * ppm_ / (kMillion + ppm_));
}

NodeEnv::NodeEnv(std::shared_ptr<Scheduler> scheduler, uint64_t seed)
    : scheduler_(std::move(scheduler)),
      lane_(Lane::Make(scheduler_)),
      clock_(*scheduler_),
      random_(seed) {}

NodeEnv::~NodeEnv() { lane_->close(); }

Task<void> NodeEnv::sleep(Duration d) { return lane_->sleep(clock_.true_length(d)); }

void NodeEnv::post_after(Duration d, std::function<void()> f) {
  lane_->add_timer(clock_.true_length(d), std::move(f));
}

std::unique_ptr<Worker> NodeEnv::make_worker(std::string_view /*name*/) {
  return lane_->make_worker();
}

}  // namespace holdfast::sim
