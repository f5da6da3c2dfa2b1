#include "sim/run/run.h"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "sim/clients/actor.h"
#include "sim/run/breaker.h"
#include "sim/run/sweep.h"
#include "sim/workloads/workload.h"

namespace holdfast::sim {
namespace {

constexpr size_t kShownEvents = 60;
// Between two things that a client does.
constexpr Duration kLongestThought = Milliseconds(400);
// In simulated time. Whatever takes longer will never end.
constexpr Duration kSetupPatience = Seconds(600);
constexpr Duration kPatience = Seconds(3600);
constexpr Duration kRestPatience = Seconds(900);
// For what is still under way when clients have stopped: a delayed request, a timeout.
constexpr Duration kAftermath = Seconds(10);

NodeOptions NodeOptionsFor(const Scenario& scenario, World& world) {
  NodeOptions options;
  // Few, so that a deletion takes several batches; enough for what a project is born with.
  options.max_batch_ops = 14 + world.below(27);
  options.closing_patience = world.between(Seconds(1), Seconds(10));
  options.cache_bytes = world.chance(0.3) ? 0 : size_t{2048} << world.below(6);
  options.retention =
      world.between(Seconds(scenario.least_retention), Seconds(scenario.most_retention));
  options.purge_interval = world.between(Seconds(5), Seconds(30));
  options.feed.ring_rows = size_t{8} << world.below(8);
  options.feed.page = 2 + world.below(20);
  options.feed.batch_bytes = size_t{200} << world.below(8);
  options.feed.catch_up_reads = 1 + world.below(3);
  return options;
}

Database::Make MakeOf(const Scenario& scenario, World& world) {
  const bool sqlite = world.chance(0.35);
  return scenario.database.value_or(sqlite ? Database::Make::kSqlite : Database::Make::kMemory);
}

// Everything of one run, in the order of making.
class Theatre {
 public:
  Theatre(const Scenario& scenario, uint64_t seed, const TraceListener& listener)
      : scenario_(scenario),
        world_(seed),
        cast_{MakeOf(scenario, world_), nodes(), NodeOptionsFor(scenario, world_)},
        cluster_(world_, scenario.service == "archive" ? ArchiveService() : NetworkService(),
                 cast_.make, cast_.nodes, cast_.options),
        history_(world_, cluster_.oracle()),
        stage_{cluster_, history_, scenario.operations},
        breaker_(cluster_, scenario) {
    if (listener) world_.trace().listen(listener);
    for (const auto& [workload, n] : scenario.clients) {
      for (int64_t i = 1; i <= n; ++i) add_client(workload, i);
    }
  }
  // Coroutines go before what they use.
  ~Theatre() { world_.env().close(); }
  Theatre(const Theatre&) = delete;
  Theatre& operator=(const Theatre&) = delete;

  RunResult run() {
    RunResult result;
    if (!play()) result.verdict = RunResult::Verdict::kStuck;
    if (world_.violation().has_value()) result.verdict = RunResult::Verdict::kBroken;
    result.violation = world_.violation();
    if (result.verdict != RunResult::Verdict::kGood) {
      std::vector<ResourceKey> keys = cluster_.oracle().restless();
      if (result.violation.has_value()) keys = result.violation->keys;
      result.trace = world_.trace().about(keys, kShownEvents);
    }
    result.operations = cluster_.operations();
    result.commits = cluster_.oracle().commits();
    result.time = world_.now();
    result.hash = world_.trace().hash() ^ world_.scheduler()->trace_hash();
    result.hits = world_.hits();
    return result;
  }

 private:
  // Drawn one after another: arguments would be drawn in whatever order a compiler likes.
  struct Cast {
    Database::Make make = Database::Make::kMemory;
    size_t nodes = 1;
    NodeOptions options;
  };
  struct Part {
    std::unique_ptr<Actor> actor;
    std::unique_ptr<Workload> workload;
    bool is_first = false;  // of its kind
  };
  using Act = std::function<Task<void>(Workload&)>;

  [[nodiscard]] size_t nodes() {
    const auto span = static_cast<uint64_t>(scenario_.most_nodes - scenario_.least_nodes + 1);
    return static_cast<size_t>(scenario_.least_nodes) + world_.below(span);
  }

  void add_client(const std::string& workload, int64_t i) {
    Part part;
    const std::string name = absl::StrCat(workload, i);
    cluster_.add_client(name);
    part.actor = std::make_unique<Actor>(stage_, name);
    part.workload = Workloads().at(workload)(*part.actor);
    part.is_first = i == 1;
    parts_.push_back(std::move(part));
  }

  // False if it got stuck.
  bool play() {
    cluster_.start();
    const auto setup = [](Workload& workload) { return workload.setup(); };
    if (!act(setup, kSetupPatience, true)) return stuck("setting up");
    breaker_.start();
    const auto steps = [this](Workload& workload) { return take_steps(workload); };
    if (!act(steps, kPatience, false)) return stuck("clients don't come to an end");
    breaker_.mend();
    if (!come_to_rest()) return stuck("work is left that nobody does");
    const auto check = [](Workload& workload) { return workload.check(); };
    if (!act(check, kPatience, false)) return stuck("the last look doesn't come to an end");
    if (!finish(Sweep(sweeper_))) return stuck("deletions don't come to an end");
    if (!come_to_rest()) return stuck("work is left behind the last deletions");
    history_.check_at_end();
    Task<void> comparison = cluster_.oracle().check_at_rest(cluster_.database().engine());
    return finish(std::move(comparison)) || stuck("the database can't be read");
  }

  bool stuck(const std::string& where) {
    for (const auto& node : cluster_.nodes()) world_.note(node->address(), node->background());
    world_.note("run", absl::StrCat("stuck: ", where), cluster_.oracle().restless());
    return false;
  }

  Task<void> take_steps(Workload& workload) {
    while (stage_.goes_on()) {
      co_await workload.step();
      const Duration thought = world_.between(Duration(0), kLongestThought);
      co_await world_.env().sleep(thought);
    }
  }

  template <class Done>
  void start(Task<void> task, Done done) {
    boost::asio::co_spawn(world_.env().executor(), std::move(task),
                          [done = std::move(done)](const std::exception_ptr& failure) mutable {
                            HF_CHECK(failure == nullptr) << "an exception out of a run";
                            done();
                          });
  }

  bool drive(const std::function<bool()>& done, Duration patience) {
    return world_.scheduler()->run_until([&] { return done() || world_.violation().has_value(); },
                                         patience);
  }

  bool finish(Task<void> task) {
    bool ended = false;
    start(std::move(task), [&ended] { ended = true; });
    const bool good = drive([&ended] { return ended; }, kPatience);
    if (!ended) world_.env().close();
    return good;
  }

  // All parts at once, or the first of each kind only.
  bool act(const Act& act, Duration patience, bool only_first) {
    size_t left = 0;
    for (const Part& part : parts_) {
      if (only_first && !part.is_first) continue;
      ++left;
      start(act(*part.workload), [&left] { --left; });
    }
    const bool ended = drive([&left] { return left == 0; }, patience);
    // What is left must not count down any more.
    if (left > 0) world_.env().close();
    return ended;
  }

  bool come_to_rest() {
    world_.scheduler()->advance(kAftermath);
    for (Duration waited; waited < kRestPatience;
         waited = Duration(waited.value() + Seconds(1).value())) {
      if (world_.violation().has_value() || cluster_.oracle().restless().empty()) return true;
      world_.scheduler()->advance(Seconds(1));
    }
    return false;
  }

  const Scenario& scenario_;
  World world_;
  const Cast cast_;
  Cluster cluster_;
  ClientHistory history_;
  Stage stage_;
  Breaker breaker_;
  Actor sweeper_{stage_, "sweeper"};
  std::vector<Part> parts_;
};

}  // namespace

RunResult Simulate(const Scenario& scenario, uint64_t seed, const TraceListener& listener) {
  return Theatre(scenario, seed, listener).run();
}

}  // namespace holdfast::sim
