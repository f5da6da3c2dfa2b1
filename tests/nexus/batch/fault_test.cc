// What a database server does to a batch: deadlocks, lost connections, processes that are killed.
// Whatever becomes of it, a project is there with all that belongs to it, or nothing of it is.
#include <signal.h>

#include <atomic>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/mutex.h"
#include "holdfast/testing/covers.h"
#include "holdfast/testing/postgres_cluster.h"
#include "tests/nexus/batch/network_database.h"

namespace holdfast::nexus {
namespace {

using batch::Batch;
using batch::Outcome;
using batch::Row;
using ::holdfast::testing::PostgresCluster;
using ::testing::IsEmpty;

class Faults : public ::testing::TestWithParam<On> {};
INSTANTIATE_TEST_SUITE_P(On, Faults, EveryPostgres(), ParamName);

TEST_P(Faults, ADeadlockIsTriedAgain) {
  HF_COVERS("T5");
  auto stats = std::make_shared<batch::PostgresStats>();
  NetworkDatabase db(GetParam(), {.stats = stats});
  for (const char* id : {"a", "b"}) {
    db.given("organization.create", db.network().create_organization(id));
  }
  const auto take = [](const std::vector<std::string>& holders) {
    Batch batch("take");
    for (const std::string& holder : holders) {
      batch.add({.label = holder,
                 .sql = "UPDATE quota SET used = used + 1 WHERE holder = $1",
                 .binds = {{holder}},
                 .expect = batch::Expect::Exactly(1)});
      batch.add({.label = "slowly", .sql = "SELECT pg_sleep(0.005)"});
    }
    return batch;
  };
  constexpr int kRuns = 10;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<Task<absl::Status>> rivals;
    rivals.push_back(db.rival(take({"a", "b"})));
    rivals.push_back(db.rival(take({"b", "a"})));
    for (const absl::Status& answer : db.race(std::move(rivals)))
      EXPECT_TRUE(answer.ok()) << answer;
  }
  EXPECT_EQ(db.used("a"), 2 * kRuns);
  EXPECT_EQ(db.used("b"), 2 * kRuns);
  EXPECT_GT(stats->retries.load(), 0) << "there was no deadlock: this test can't fail";
}

TEST_P(Faults, TryingAgainEndsAtSomePoint) {
  HF_COVERS("T5");
  auto stats = std::make_shared<batch::PostgresStats>();
  NetworkDatabase db(GetParam(), {.max_attempts = 3, .stats = stats});
  db.given_project();
  const int64_t before = stats->attempts;
  const std::string dump = db.dump();
  Batch batch = Of("project.create", db.network().create_project("acme", "p2", "second"));
  batch.add({.label = "loses", .sql = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"});
  const Outcome lost = db.commit(std::move(batch));
  EXPECT_EQ(lost.status().code(), absl::StatusCode::kAborted) << lost.status();
  EXPECT_EQ(ReasonOf(lost.status()), Reason::kConflict);
  EXPECT_EQ(stats->attempts.load() - before, 3);
  EXPECT_EQ(db.dump(), dump);
}

TEST_P(Faults, ADatabaseThatIsGoneIsUnavailableUntilItIsBack) {
  HF_COVERS("T5");
  const auto cluster = PostgresCluster::Start();
  NetworkDatabase db(GetParam(), {.dsn = cluster->create_database()});
  db.given_project();
  const std::string before = db.dump();
  cluster->stop(PostgresCluster::Stop::kFast);
  const Outcome gone =
      db.commit("project.create", db.network().create_project("acme", "p2", "second"));
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kUnavailable) << gone.status();
  EXPECT_EQ(ReasonOf(gone.status()), Reason::kDatabaseUnavailable);
  EXPECT_TRUE(IsRetryable(*ReasonOf(gone.status())));
  cluster->start();
  EXPECT_EQ(db.dump(), before);
  db.given("project.create", db.network().create_project("acme", "p2", "second"));
}

// Creates one project after another until it is told to stop, and remembers the answers.
class Customers {
 public:
  enum class Keys { kNone, kEach };
  Customers(NetworkDatabase& db, Keys keys) : db_(db), keys_(keys) {}

  Task<absl::Status> create(std::string prefix) {
    for (int i = 0; !stopped_; ++i) {
      const std::string id = absl::StrCat(prefix, i);
      Batch batch = Of("project.create", db_.network().create_project("acme", id, id));
      if (keys_ == Keys::kEach) batch.set_idempotency_key(id, "hash", "answer of " + id);
      const Outcome outcome = co_await db_.database().commit(std::move(batch));
      if (outcome.resolved()) {
        EXPECT_EQ(outcome.answer(), "answer of " + id);
      }
      remember(id, outcome.status());
    }
    co_return absl::OkStatus();
  }
  void stop() { stopped_ = true; }
  [[nodiscard]] std::map<std::string, absl::Status> answers() const {
    const MutexLock lock(mutex_);
    return answers_;
  }

 private:
  void remember(const std::string& id, const absl::Status& status) {
    const MutexLock lock(mutex_);
    answers_[id] = status;
  }

  NetworkDatabase& db_;
  const Keys keys_;
  std::atomic<bool> stopped_ = false;
  mutable Mutex mutex_;
  std::map<std::string, absl::Status> answers_ ABSL_GUARDED_BY(mutex_);
};

enum class Victim { kBackend, kPostmaster };

class Kills : public ::testing::TestWithParam<std::tuple<On, Customers::Keys, Victim>> {
 protected:
  static void Kill(PostgresCluster& cluster, Victim victim) {
    if (victim == Victim::kPostmaster) {
      cluster.stop(PostgresCluster::Stop::kKill);
      cluster.start();
      return;
    }
    // The postmaster takes it for corruption, ends all others, and begins anew.
    const pid_t backend = SomeBackend(cluster);
    if (backend > 0) kill(backend, SIGKILL);
  }
  // 0: the server isn't up again from the last time.
  static pid_t SomeBackend(const PostgresCluster& cluster) {
    const auto pid = cluster.sql(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
    int number = 0;
    return pid.ok() && absl::SimpleAtoi(*pid, &number) ? number : 0;
  }
  // Projects that are there in part.
  static std::vector<Row> Halves(NetworkDatabase& db) {
    return db.query(
        "SELECT p.id FROM project p WHERE "
        "(SELECT count(*) FROM quota q WHERE q.holder = p.id) <> 1 OR "
        "(SELECT count(*) FROM vpc v WHERE v.project = p.id) <> 1 OR "
        "(SELECT count(*) FROM router r WHERE r.vpc = p.id || '.vpc') <> 1 OR "
        "(SELECT count(*) FROM route r WHERE r.vpc = p.id || '.vpc') <> 2 OR "
        "(SELECT count(*) FROM firewall_rule f WHERE f.vpc = p.id || '.vpc') <> 3 "
        "UNION ALL SELECT v.id FROM vpc v WHERE v.project NOT IN (SELECT id FROM project)");
  }
  // The snapshots' connections may have died, too.
  static void WaitUntilUp(NetworkDatabase& db) {
    for (int i = 0; i < 1000; ++i) {
      auto snapshot = db.env().run(db.database().snapshot());
      if (snapshot.ok()) {
        auto rows = db.env().run((*snapshot)->query("SELECT 1", {}, 1));
        if (rows.ok()) return;
      }
      db.env().run(db.linger());
    }
    FAIL() << "the database doesn't come back";
  }
};
std::string NameOfKill(const ::testing::TestParamInfo<Kills::ParamType>& kill) {
  const auto [on, keys, victim] = kill.param;
  return absl::StrCat(NameOf(on), keys == Customers::Keys::kEach ? "WithKey" : "",
                      victim == Victim::kBackend ? "Backend" : "Postmaster");
}
INSTANTIATE_TEST_SUITE_P(
    On, Kills,
    ::testing::Combine(EveryPostgres(),
                       ::testing::Values(Customers::Keys::kNone, Customers::Keys::kEach),
                       ::testing::Values(Victim::kBackend, Victim::kPostmaster)),
    NameOfKill);

TEST_P(Kills, LeaveAllOrNothingAndTheTrueAnswer) {
  HF_COVERS("T5", "T9");
  const auto [on, keys, victim] = GetParam();
  const auto cluster = PostgresCluster::Start();
  NetworkDatabase db(
      on, {.vnis = 100'000, .limits = {.projects = 100'000}, .dsn = cluster->create_database()});
  db.given("organization.create", db.network().create_organization("acme"));
  Customers customers(db, keys);
  std::vector<std::future<absl::Status>> done;
  for (int i = 0; i < 8; ++i) done.push_back(db.start(customers.create(absl::StrCat("c", i, "-"))));
  for (int i = 0; i < 3; ++i) {
    for (int moment = 0; moment < 150; ++moment) db.env().run(db.linger());
    Kill(*cluster, victim);
  }
  for (int moment = 0; moment < 150; ++moment) db.env().run(db.linger());
  customers.stop();
  for (auto& each : done) (void)each.get();
  WaitUntilUp(db);
  EXPECT_THAT(Halves(db), IsEmpty());
  std::set<std::string> there;
  for (const Row& row : db.query("SELECT id FROM project")) {
    there.insert(std::get<std::string>(row[0]));
  }
  EXPECT_EQ(db.used("acme"), static_cast<int64_t>(there.size()));
  int unknown = 0;
  for (const auto& [id, answer] : customers.answers()) {
    const bool said_unknown = ReasonOf(answer) == Reason::kCommitUnknown;
    unknown += said_unknown ? 1 : 0;
    EXPECT_TRUE(answer.ok() || absl::IsUnavailable(answer) || absl::IsAborted(answer)) << answer;
    if (!said_unknown) {
      EXPECT_EQ(answer.ok(), there.contains(id)) << id << ": " << answer;
    }
    there.erase(id);
  }
  EXPECT_THAT(there, IsEmpty());
  if (keys == Customers::Keys::kEach) {
    EXPECT_EQ(unknown, 0);
  }
}

}  // namespace
}  // namespace holdfast::nexus
