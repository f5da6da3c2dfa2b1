// Races of batches on several connections: whatever the order, what the guards promise holds in the
// end. And with one lock left out it doesn't, so the locks are needed, and these tests would tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "holdfast/base/check.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/storage/sql/postgres_schema.h"
#include "holdfast/testing/covers.h"
#include "tests/postgres/engine_fixture.h"
#include "tests/postgres/jitter_database.h"
#include "tests/postgres/session.h"

namespace holdfast::storage {
namespace {

using batch::Isolation;

constexpr int kRuns = 200;
// With a lock left out something must break within so many runs; it does within a few.
constexpr int kRunsToBreak = 2000;

// Closing doesn't wait for who holds the row.
constexpr const char* kNoWait = "no wait";

// The dialect without a clause, wherever it stands.
struct Weakened {
  sql::SetTexts sets = *sql::PostgresDialect().sets;
  sql::Dialect dialect = sql::PostgresDialect();

  explicit Weakened(const std::string& clause) {
    if (clause.empty()) return;
    if (clause == kNoWait) dialect.wait_out.clear();
    const auto weaken = [&](std::string& text) {
      text = absl::StrReplaceAll(text, {{clause, ""}});
    };
    for (std::string* text : {&dialect.lock_row, &dialect.require_row, &dialect.require_target,
                              &sets.lock_mixed, &sets.lock_limits}) {
      weaken(*text);
    }
    for (sql::SetText* text : {&sets.lock_target, &sets.require_target, &sets.lock_row[0],
                               &sets.lock_row[1], &sets.lock_row[2], &sets.lock_row[3]}) {
      weaken(text->each);
      weaken(text->set);
    }
    for (auto& texts : sets.create_row_on_targets) {
      for (std::string& text : texts) weaken(text);
    }
    dialect.sets = &sets;
  }
  Weakened(const Weakened&) = delete;
  Weakened& operator=(const Weakened&) = delete;
};

class Arena {
 public:
  explicit Arena(Isolation isolation, const std::string& without = "") : weakened_(without) {
    const PostgresEngineOptions options = EngineOptions(isolation);
    batch::PostgresOptions postgres = options.postgres;
    postgres.connections = 40;
    auto database = env_.run(batch::OpenPostgres(env_, postgres));
    HF_CHECK(database.ok()) << database.status().ToString();
    auto opened =
        env_.run(sql::PreparePostgres(**database, postgres.schema, {.fresh_incarnation = "race"}));
    HF_CHECK(opened.ok()) << opened.status().ToString();
    engine_ = std::make_unique<sql::SqlEngine>(
        env_, weakened_.dialect,
        std::make_unique<batch::JitterDatabase>(*std::move(database), /*seed=*/1),
        *std::move(opened));
  }

  Commit commit(std::vector<Op> ops) {
    return env_.run(engine_->commit(Batch{.label = "test", .ops = std::move(ops)}));
  }
  void put(std::vector<Op> ops) {
    const Commit done = commit(std::move(ops));
    EXPECT_TRUE(done.ok()) << Show(done);
  }
  // All at once. Which of them succeeded.
  std::vector<bool> race(std::vector<std::vector<Op>> batches) {
    std::vector<Commit> done(batches.size());
    std::vector<Task<void>> tasks;
    for (size_t i = 0; i < batches.size(); ++i) {
      tasks.push_back(CommitInto(*engine_, std::move(batches[i]), done[i]));
    }
    env_.run_all(std::move(tasks));
    std::vector<bool> won;
    for (const Commit& commit : done) won.push_back(commit.ok());
    return won;
  }
  std::unique_ptr<Snapshot> snapshot() {
    auto taken = env_.run(engine_->snapshot());
    HF_CHECK(taken.ok()) << taken.status().ToString();
    return *std::move(taken);
  }
  template <class T>
  T read(Task<absl::StatusOr<T>> task) {
    auto answer = env_.run(std::move(task));
    HF_CHECK(answer.ok()) << answer.status().ToString();
    return *std::move(answer);
  }
  RealSuiteEnv& env() { return env_; }
  Engine& engine() { return *engine_; }

 private:
  static Task<void> CommitInto(Engine& engine, std::vector<Op> ops, Commit& into) {
    Batch batch{.label = "race", .ops = std::move(ops)};
    into = co_await engine.commit(std::move(batch));
  }

  RealSuiteEnv env_;
  Weakened weakened_;
  std::unique_ptr<Engine> engine_;
};

Claim Right(const ResourceKey& target, int64_t state) {
  return {.key = {.type = ClaimType::kRight, .target = target},
          .terms = {.uid = Uid(target.name.str() + "#1"), .state = state, .version = 1}};
}

Uid UidOf(const ResourceKey& key) { return Uid(key.name.str() + "#1"); }

EraseRow Erase(const ResourceKey& key) {
  return {.key = key, .uid = UidOf(key), .delete_time = Timestamp(1)};
}

UpdateRow Update(const ResourceKey& key) {
  UpdateRow op{.row = NewRow(key), .expected = Version(1)};
  op.row.version = Version(2);
  return op;
}

// One run of each race: true if what was promised holds. Keys are of the run.
using Race = bool (*)(Arena& arena, const std::string& run);

bool ChildNeverOutlivesItsParent(Arena& arena, const std::string& run) {
  const ResourceKey parent = Vpc(run);
  arena.put({CreateRow{.row = NewRow(parent)}});
  const std::vector<bool> won =
      arena.race({{CreateRow{.row = NewRow(Rule(run, "1"))}, RequireTarget{.key = parent}},
                  {Erase(parent), RequireNoChildren{.key = parent, .kinds = {kRule}}}});
  return !(won[0] && won[1]);
}

bool ReferenceNeverDangles(Arena& arena, const std::string& run) {
  const ResourceKey target = Vpc(run);
  const ResourceKey source = Rule(run, "source");
  arena.put({CreateRow{.row = NewRow(target)}, CreateRow{.row = NewRow(source)}});
  UpdateRow update = Update(source);
  update.added_edges = {EdgeTo(target, source)};
  const std::vector<bool> won = arena.race(
      {{update, RequireTarget{.key = target}}, {Erase(target), RequireNoInbound{.key = target}}});
  return !(won[0] && won[1]);
}

// Each changes one row because of what it read of the other: both at once never happened.
bool WritesDontSkew(Arena& arena, const std::string& run) {
  const ResourceKey a = Vpc(run + "a");
  const ResourceKey b = Vpc(run + "b");
  arena.put({CreateRow{.row = NewRow(a)}, CreateRow{.row = NewRow(b)}});
  const std::vector<bool> won =
      arena.race({{RequireRow{.key = a, .version = Version(1)}, Update(b)},
                  {RequireRow{.key = b, .version = Version(1)}, Update(a)}});
  return won[0] != won[1];
}

bool ValueIsTakenOnce(Arena& arena, const std::string& run) {
  std::vector<std::vector<Op>> batches;
  for (int i = 0; i < 4; ++i) {
    batches.push_back({CreateRow{.row = NewRow(Vpc(run + "x" + std::to_string(i))),
                                 .unique = {UniqueName(run), UniqueName(run, "scope")}}});
  }
  const std::vector<bool> won = arena.race(std::move(batches));
  return std::count(won.begin(), won.end(), true) == 1;
}

bool NameIsTakenOnce(Arena& arena, const std::string& run) {
  std::vector<std::vector<Op>> batches;
  for (int i = 0; i < 4; ++i) batches.push_back({CreateRow{.row = NewRow(Vpc(run), i)}});
  const std::vector<bool> won = arena.race(std::move(batches));
  return std::count(won.begin(), won.end(), true) == 1;
}

bool LimitIsNeverExceeded(Arena& arena, const std::string& run) {
  const LimitKey limit{.holder = Vpc(run), .counted = kRule};
  std::vector<std::vector<Op>> batches;
  for (int i = 0; i < 8; ++i) {
    batches.push_back({CreateRow{.row = NewRow(Rule(run, std::to_string(i)))},
                       TakeLimit{.key = limit, .n = 1, .default_max = 3}});
  }
  const std::vector<bool> won = arena.race(std::move(batches));
  const auto row = arena.read(arena.snapshot()->limit(limit));
  return std::count(won.begin(), won.end(), true) == 3 && row.has_value() && row->used == 3;
}

bool ClaimIsPutOnce(Arena& arena, const std::string& run) {
  std::vector<std::vector<Op>> batches;
  for (int i = 0; i < 4; ++i) {
    PutClaim put{.claim = Right(Vpc(run), kRightHeld)};
    put.claim.terms.number = i;
    batches.push_back({std::move(put)});
  }
  std::vector<bool> won = arena.race(batches);
  if (std::count(won.begin(), won.end(), true) != 1) return false;
  const ClaimKey key = Right(Vpc(run), kRightHeld).key;
  const auto there = arena.read(arena.snapshot()->get_claims({key})).at(0);
  for (auto& ops : batches) {
    std::get<PutClaim>(ops[0]).expected = there->terms;
    std::get<PutClaim>(ops[0]).claim.terms.number += 10;
  }
  batches.push_back({DropClaim{.key = key, .expected = there->terms}});
  won = arena.race(std::move(batches));
  return std::count(won.begin(), won.end(), true) == 1;
}

bool CursorIsSwappedOnce(Arena& arena, const std::string& run) {
  std::vector<std::vector<Op>> batches;
  for (int i = 0; i < 4; ++i) {
    batches.push_back({PutCursor{.name = run, .value = std::to_string(i), .expected = ""}});
  }
  std::vector<bool> won = arena.race(batches);
  if (std::count(won.begin(), won.end(), true) != 1) return false;
  const auto value = arena.read(arena.snapshot()->cursor(run));
  for (auto& ops : batches) std::get<PutCursor>(ops[0]).expected = value;
  for (auto& ops : batches) std::get<PutCursor>(ops[0]).value += "+";
  won = arena.race(batches);
  return std::count(won.begin(), won.end(), true) == 1;
}

struct RaceCase {
  std::string name;
  Race race = nullptr;
};

void PrintTo(const RaceCase& c, std::ostream* to) { *to << c.name; }

class Races : public ::testing::TestWithParam<RaceCase> {
 protected:
  static void Hold(Isolation isolation) {
    Arena arena(isolation);
    for (int run = 0; run < kRuns; ++run) {
      ASSERT_TRUE(GetParam().race(arena, "r" + std::to_string(run))) << "in run " << run;
    }
  }
};

TEST_P(Races, EndWellAtReadCommitted) {
  HF_COVERS("T4", "T9", "R38");
  Hold(Isolation::kReadCommitted);
}

TEST_P(Races, EndWellAtSerializable) {
  HF_COVERS("T4", "T9", "R38");
  Hold(Isolation::kSerializable);
}

INSTANTIATE_TEST_SUITE_P(
    Postgres, Races,
    ::testing::Values(RaceCase{"ChildAndItsParent", &ChildNeverOutlivesItsParent},
                      RaceCase{"ReferenceAndItsTarget", &ReferenceNeverDangles},
                      RaceCase{"WriteSkew", &WritesDontSkew},
                      RaceCase{"UniqueValue", &ValueIsTakenOnce},
                      RaceCase{"Name", &NameIsTakenOnce}, RaceCase{"Limit", &LimitIsNeverExceeded},
                      RaceCase{"Cursor", &CursorIsSwappedOnce}, RaceCase{"Claim", &ClaimIsPutOnce}),
    [](const auto& test) { return test.param.name; });

// Without the lock the race is lost some time.
bool Breaks(Race race, const std::string& without) {
  Arena arena(Isolation::kReadCommitted, without);
  for (int run = 0; run < kRunsToBreak; ++run) {
    if (!race(arena, "r" + std::to_string(run))) return true;
  }
  return false;
}

TEST(RacesWithoutALock, EndBadlyWithoutKeyShareOnTargets) {
  EXPECT_TRUE(Breaks(&ChildNeverOutlivesItsParent, "FOR KEY SHARE"));
  EXPECT_TRUE(Breaks(&ReferenceNeverDangles, "FOR KEY SHARE"));
}

TEST(RacesWithoutALock, EndBadlyWithoutForUpdateOnWhatIsErased) {
  EXPECT_TRUE(Breaks(&ChildNeverOutlivesItsParent, "FOR UPDATE"));
  EXPECT_TRUE(Breaks(&ReferenceNeverDangles, "FOR UPDATE"));
}

TEST(RacesWithoutALock, EndBadlyWithoutShareOnGuards) {
  EXPECT_TRUE(Breaks(&WritesDontSkew, "FOR SHARE"));
}

// --- closing -------------------------------------------------------------------------------------

struct Lockers {
  std::atomic<int> made = 0;  // children, over all
  std::atomic<int> rounds_after_close = 0;
  std::atomic<bool> closing = false;
};

constexpr int kEnough = 5000;

// What is closed under those who use it: a row that gets children, or a right by which references
// are made.
struct Closable {
  ResourceKey key;
  Op use;    // required by those who make something
  Op close;  // may come twice
  // Whether what is made refers to `key`, which is elsewhere.
  bool refers = false;
};

Closable RowToClose(const std::string& name) {
  const ResourceKey key = Vpc(name);
  return {
      .key = key,
      .use = RequireTarget{.key = key},
      .close = SetState{.key = key,
                        .uid = UidOf(key),
                        .from_states = StateBit(RowState::kActive) | StateBit(RowState::kClosing),
                        .to = RowState::kClosing,
                        .round = "round"}};
}

Closable RightToSuspend(const std::string& name) {
  const ResourceKey key = Vpc(name);
  const Claim held = Right(key, kRightHeld);
  return {.key = key,
          .use = RequireClaim{.key = held.key, .uid = held.terms.uid},
          .close = PutClaim{.claim = Right(key, 1), .expected = held.terms},
          .refers = true};
}

// Makes children below a Vpc until that is closed.
Task<void> MakeChildren(Engine& engine, Closable closable, int id, Lockers& lockers) {
  for (int round = 0; round < kEnough; ++round) {
    const std::string name = std::to_string(id) + "-" + std::to_string(round);
    Batch batch{.label = "locker"};
    const ResourceKey child = Rule(closable.key.name.str().substr(5), name);
    CreateRow create{.row = NewRow(child)};
    if (closable.refers) create.edges = {EdgeTo(closable.key, child)};
    batch.add(std::move(create));
    batch.add(closable.use);
    const Commit done = co_await engine.commit(std::move(batch));
    if (lockers.closing) ++lockers.rounds_after_close;
    if (!done.ok()) co_return;
    ++lockers.made;
  }
}

struct Closed {
  int visible = 0;  // children, to who looks right after the closing
};

// Until it is done: at SERIALIZABLE it may lose against many, before the mark or behind it.
Task<void> CommitClose(Engine& engine, Op close) {
  for (int attempt = 0; attempt < kEnough; ++attempt) {
    Batch batch{.label = "close"};
    batch.add(close);
    const Commit done = co_await engine.commit(std::move(batch));
    if (done.ok()) co_return;
    const Failure::Kind kind = done.failure->kind;
    // An attempt of which it isn't known was done: once more from there.
    if (auto* put = std::get_if<PutClaim>(&close); put != nullptr && done.failure->claim) {
      put->expected = done.failure->claim->terms;
      continue;
    }
    HF_CHECK(kind == Failure::Kind::kRetryable || kind == Failure::Kind::kAmbiguous) << Show(done);
  }
  HF_CHECK(false) << "closing never gets done";
}

Task<void> Close(Env& env, Engine& engine, Closable closable, Lockers& lockers, Closed& closed) {
  while (lockers.made < 64) co_await env.sleep(Milliseconds(1));
  lockers.closing = true;
  co_await CommitClose(engine, closable.close);
  auto snapshot = co_await engine.snapshot();
  HF_CHECK(snapshot.ok()) << snapshot.status().ToString();
  if (closable.refers) {
    const auto count = co_await (*snapshot)->count_inbound(closable.key, ~0u);
    HF_CHECK(count.ok()) << count.status().ToString();
    closed.visible = static_cast<int>(*count);
    co_return;
  }
  ScanQuery scan{.kinds = {kRule}, .name_prefix = closable.key.name.str() + "/"};
  do {
    const auto page = co_await (*snapshot)->scan(scan);
    HF_CHECK(page.ok()) << page.status().ToString();
    closed.visible += static_cast<int>(page->rows.size());
    scan.after = page->next;
  } while (scan.after.has_value());
}

// Closes it under 32 who use it. Returns whether all that they have made could be seen by who
// looked after the closing.
bool CloseUnderLoad(Arena& arena, const Closable& closable, int most_rounds = 100) {
  constexpr int kLockers = 32;
  if (closable.refers) {
    arena.put({PutClaim{.claim = Right(closable.key, kRightHeld)}});
  } else {
    arena.put({CreateRow{.row = NewRow(closable.key)}});
  }
  Lockers lockers;
  Closed closed;
  std::vector<Task<void>> tasks;
  for (int id = 0; id < kLockers; ++id) {
    tasks.push_back(MakeChildren(arena.engine(), closable, id, lockers));
  }
  tasks.push_back(Close(arena.env(), arena.engine(), closable, lockers, closed));
  arena.env().run_all(std::move(tasks));
  // How many they do until the mark's batch gets its turn is up to the machine; one that
  // waited for them to leave the row alone would wait for most of all.
  EXPECT_LE(lockers.rounds_after_close, most_rounds * kLockers) << "closing starves";
  return closed.visible == lockers.made;
}

using ToClose = Closable (*)(const std::string& name);

void ExpectClosedWhole(ToClose to_close, Isolation isolation, int runs, int most_rounds) {
  Arena arena(isolation);
  for (int run = 0; run < runs; ++run) {
    const Closable closable = to_close("c" + std::to_string(run));
    ASSERT_TRUE(CloseUnderLoad(arena, closable, most_rounds)) << "in run " << run;
  }
}

TEST(Closing, WaitsForAllWhoHoldTheRowAndForNobodyElse) {
  HF_COVERS("T4", "R11");
  ExpectClosedWhole(&RowToClose, Isolation::kReadCommitted, 20, 100);
}

TEST(Closing, WaitsAtSerializableToo) {
  HF_COVERS("T4", "R11");
  // Here the mark loses against those who are faster, and waits before it tries again.
  ExpectClosedWhole(&RowToClose, Isolation::kSerializable, 5, kEnough / 4);
}

TEST(Suspending, WaitsForAllWhoUseTheRightAndForNobodyElse) {
  ExpectClosedWhole(&RightToSuspend, Isolation::kReadCommitted, 20, 100);
}

TEST(Suspending, WaitsAtSerializableToo) {
  ExpectClosedWhole(&RightToSuspend, Isolation::kSerializable, 5, kEnough / 4);
}

bool Misses(ToClose to_close) {
  Arena arena(Isolation::kReadCommitted, kNoWait);
  for (int run = 0; run < 300; ++run) {
    if (!CloseUnderLoad(arena, to_close("c" + std::to_string(run)))) return true;
  }
  return false;
}

TEST(Closing, MissesChildrenIfItDoesNotWait) { EXPECT_TRUE(Misses(&RowToClose)); }

TEST(Suspending, MissesReferencesIfItDoesNotWait) { EXPECT_TRUE(Misses(&RightToSuspend)); }

// Whether somebody who looked at the row before its mark was written, and comes to lock it after
// the wait, gets it: a key share minds no update that leaves the key.
bool LatecomerHolds(const std::string& wait_out) {
  const std::string dsn = testing::PostgresCluster::Shared().create_database();
  testing::Session closer(dsn);
  closer.run("CREATE TABLE resource (kind int4, name text, state int2, PRIMARY KEY (kind, name))");
  closer.run("INSERT INTO resource VALUES (1, 'v', 0)");
  closer.run("PREPARE wait_out AS " + wait_out);
  testing::Session locker(dsn);
  locker.run("BEGIN");
  // Looks now; locks what it fetches.
  locker.run("DECLARE c CURSOR FOR SELECT 1 FROM resource WHERE state = 0 FOR KEY SHARE");
  closer.run("UPDATE resource SET state = 1");
  closer.run("EXECUTE wait_out(1, 'v')");
  return !locker.run("FETCH c").empty();
}

TEST(Closing, WouldMissALatecomerIfItWaitedByALockOnly) {
  EXPECT_TRUE(LatecomerHolds(
      "SELECT 1 FROM resource WHERE kind = $1::int4 AND name = $2::text FOR UPDATE"));
  EXPECT_FALSE(LatecomerHolds(sql::PostgresDialect().wait_out));
}

}  // namespace
}  // namespace holdfast::storage
