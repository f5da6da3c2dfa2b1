// Engines on a database of the shared cluster: each in a schema of its own, which is faster to make
// than a database.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/env/event.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/storage/engine_model.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/storage/suite_env.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::storage {

// Runs in our time; the clock that is read can be put forward.
class RealSuiteEnv final : public ForwardingEnv<RealEnv> {
 public:
  RealSuiteEnv() : ForwardingEnv(RealEnvOptions{.threads = 2}), clock_(inner_.clock()) {}

  [[nodiscard]] Clock& clock() override { return clock_; }
  void run_all(std::vector<Task<void>> tasks) override {
    std::atomic<size_t> left = tasks.size();
    OneShot done;
    for (Task<void>& task : tasks) Spawn(inner_, Count(std::move(task), left, done));
    inner_.run(done.wait());
  }
  void advance(Duration d) override { clock_.put_forward(d); }

 private:
  class ShiftedClock final : public Clock {
   public:
    explicit ShiftedClock(Clock& clock) : clock_(clock) {}
    [[nodiscard]] Timestamp now() override { return clock_.now() + Duration(shift_.load()); }
    [[nodiscard]] Duration monotonic() override {
      return Duration(clock_.monotonic().value() + shift_.load());
    }
    void put_forward(Duration d) { shift_ += d.value(); }

   private:
    Clock& clock_;
    std::atomic<int64_t> shift_ = 0;
  };

  static Task<void> Count(Task<void> task, std::atomic<size_t>& left, OneShot done) {
    co_await std::move(task);
    if (--left == 0) done.set();
  }

  ShiftedClock clock_;
};

// The shared cluster's database for engines.
inline const std::string& EngineDsn() {
  static const std::string dsn = testing::PostgresCluster::Shared().create_database();
  return dsn;
}

inline std::string FreshSchema() {
  static std::atomic<int> count = 0;
  return "s" + std::to_string(++count);
}

inline PostgresEngineOptions EngineOptions(batch::Isolation isolation,
                                           std::vector<IndexDefinition> indexes = {}) {
  PostgresEngineOptions options;
  options.postgres.dsn = EngineDsn();
  options.postgres.schema = FreshSchema();
  options.postgres.isolation = isolation;
  options.postgres.connections = 4;
  options.postgres.snapshots = 4;
  options.indexes = std::move(indexes);
  return options;
}

inline std::unique_ptr<Engine> OpenEngine(Env& env, PostgresEngineOptions options) {
  auto& suite = dynamic_cast<RealSuiteEnv&>(env);
  auto engine = suite.run(OpenPostgresEngine(env, std::move(options)));
  HF_CHECK(engine.ok()) << engine.status().ToString();
  return *std::move(engine);
}

}  // namespace holdfast::storage
