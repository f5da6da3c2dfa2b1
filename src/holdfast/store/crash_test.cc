// A process dies at each of the commits of a large deletion; another one goes on. Or its client's
// deadline comes there.
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

constexpr size_t kBatch = 7;
using Crash = std::tuple<EngineKind, FaultEngine::LastCommit>;

// A graph in which a deletion of projects/p closes, cascades by children and by references,
// unsets, and waits for the background; `blocker` stands against it deep inside.
struct World {
  explicit World(EngineKind kind, size_t max_probed = 1000)
      : store(kind, {.max_batch_ops = kBatch, .max_inline_dependants = 3, .max_probed = max_probed},
              1, [this](std::unique_ptr<storage::Engine> engine) {
                auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
                fault = wrapped.get();
                return wrapped;
              }) {
    store.given(Create("projects/p", "code: 'c'"), Create("projects/p/vpcs/v"),
                Create("projects/p/vpcs/w"), Create("groups/a"));
    store.given(Create("projects/q"), Create("projects/q/vpcs/v"), Create("hosts/h"),
                Create("projects/p/gateways/g"), Create("projects/p/clusters/c"));
    for (int i = 0; i < 16; ++i) {
      store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)),
                  Create(absl::StrCat("projects/p/instances/i", i),
                         "vpc: 'projects/p/vpcs/w' group: 'groups/a'"),
                  Create(absl::StrCat("projects/q/instances/i", i),
                         "vpc: 'projects/q/vpcs/v' gateway: 'projects/p/gateways/g'"
                         " spec { routes { gateway: 'projects/p/gateways/g' } }"));
    }
  }
  void add_blocker() { store.given(Create("projects/q/gateways/b", "vpc: 'projects/p/vpcs/w'")); }

  FaultEngine* fault = nullptr;
  TestStore store;
};

// The whole state, as readers see it, with versions.
std::string Dump(TestStore& store) {
  std::string text;
  auto snapshot = store.env().run(store.engine().snapshot());
  storage::ScanQuery scan;
  auto page = store.env().run((*snapshot)->scan(scan));
  for (const storage::Row& row : page->rows) {
    const auto resource = store.store().decode(row);
    if (*resource != nullptr) absl::StrAppend(&text, (*resource)->ShortDebugString(), "\n");
  }
  return text;
}

class CrashedDeletes : public ::testing::TestWithParam<Crash> {
 protected:
  static EngineKind engine() { return std::get<0>(GetParam()); }
  static FaultEngine::LastCommit last() { return std::get<1>(GetParam()); }
};

std::string CrashName(const ::testing::TestParamInfo<Crash>& crash) {
  const bool memory = std::get<0>(crash.param) == EngineKind::kMemory;
  const bool lost = std::get<1>(crash.param) == FaultEngine::LastCommit::kLost;
  return absl::StrCat(memory ? "Memory" : "Sqlite", lost ? "BeforeACommit" : "AfterACommit");
}

INSTANTIATE_TEST_SUITE_P(Engines, CrashedDeletes,
                         ::testing::Combine(::testing::Values(EngineKind::kMemory,
                                                              EngineKind::kSqlite),
                                            ::testing::Values(FaultEngine::LastCommit::kLost,
                                                              FaultEngine::LastCommit::kDone)),
                         CrashName);

TEST_P(CrashedDeletes, AreDoneWholeOrNotAtAllWhereverTheyWereBrokenOff) {
  HF_COVERS("T7", "T9", "R42");
  int broken_off = 0;
  for (int commits = 0;; ++commits) {
    World world(engine());
    TestStore& store = world.store;
    const std::string before = Dump(store);
    world.fault->crash_at(commits, last());
    const absl::Status status = store.apply(Delete("projects/p"));
    store.settle_quietly();
    const bool died = world.fault->dead();
    world.fault->revive();
    store.restart();
    store.settle();
    EXPECT_EQ(store.findings(), "") << "after " << commits;
    EXPECT_EQ(store.duties(), 0u) << "after " << commits;
    if (store.exists("projects/p")) {
      EXPECT_FALSE(status.ok());
      EXPECT_EQ(Dump(store), before) << "after " << commits;
    } else {
      for (const char* gone : {"projects/p/vpcs/v/rules/r3", "projects/p/instances/i7",
                               "projects/p/clusters/c", "projects/p/gateways/g"}) {
        EXPECT_FALSE(store.exists(gone)) << gone << " after " << commits;
      }
      EXPECT_EQ(store.text("projects/q/instances/i1"),
                "vpc: \"projects/q/vpcs/v\" spec { routes { } }");
      EXPECT_TRUE(store.apply(Create("projects/p", "code: 'c'")).ok());
    }
    if (!died) break;
    ++broken_off;
  }
  EXPECT_GT(broken_off, 15);
}

// Two are at one deletion; the other one ends it, and the name is used again.
TEST_P(CrashedDeletes, DoNotTouchTheNextLifeOfAName) {
  HF_COVERS("R42");
  int next_lives = 0;
  for (int commits = 0; commits < 20; ++commits) {
    World world(engine());
    TestStore& store = world.store;
    world.fault->before_commit(
        [&store]() -> Task<void> {
          for (size_t changed = 1; changed > 0;) {
            const absl::StatusOr<size_t> done = co_await store.store().run_duties();
            changed = done.ok() ? *done : 0;
          }
          WriteRequest vpc = Request(Create("projects/p/vpcs/v"));
          (void)co_await store.store().write(std::move(vpc));
          WriteRequest rule = Request(Create("projects/p/vpcs/v/rules/next"));
          (void)co_await store.store().write(std::move(rule));
        },
        commits);
    (void)store.apply(Delete("projects/p/vpcs/v"));
    store.settle();
    EXPECT_EQ(store.exists("projects/p/vpcs/v"), store.exists("projects/p/vpcs/v/rules/next"))
        << "after " << commits;
    next_lives += store.exists("projects/p/vpcs/v");
  }
  EXPECT_GT(next_lives, 0);
}

TEST_P(CrashedDeletes, ThatAnotherNodeMayBeAtAreGivenTime) {
  World world(engine());
  TestStore& store = world.store;
  world.fault->share();
  world.fault->crash_at(1, last());
  EXPECT_FALSE(store.apply(Delete("projects/p")).ok());
  store.settle_quietly();
  world.fault->revive();
  store.restart();
  store.settle();
  EXPECT_GT(store.duties(), 0u);
  store.env().advance(Seconds(30));
  store.settle();
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_TRUE(store.exists("projects/p"));
}

TEST_P(CrashedDeletes, LeaveNobodyWhoRefersToWhatIsGone) {
  HF_COVERS("R42");
  int broken_off = 0;
  for (int commits = 0;; ++commits) {
    World world(engine());
    TestStore& store = world.store;
    // Needn't be closed, and refers to what must.
    store.given(Create("projects/p/gateways/inside", "vpc: 'projects/p/vpcs/w'"));
    world.fault->crash_at(commits, last());
    (void)store.apply(Delete("projects/p"));
    store.settle_quietly();
    const bool died = world.fault->dead();
    world.fault->revive();
    EXPECT_LE(store.exists("projects/p/gateways/inside"), store.exists("projects/p/vpcs/w"))
        << "after " << commits;
    if (!died) break;
    ++broken_off;
  }
  EXPECT_GT(broken_off, 15);
}

TEST_P(CrashedDeletes, ThatAreBlockedLeaveNothingChanged) {
  HF_COVERS("T7", "T9");
  int broken_off = 0;
  for (int commits = 0;; ++commits) {
    // Nothing is looked through before: the closing itself finds the blocker.
    World world(engine(), 4);
    TestStore& store = world.store;
    world.add_blocker();
    const std::string before = Dump(store);
    world.fault->crash_at(commits, last());
    const absl::Status status = store.apply(Delete("projects/p"));
    const bool died = world.fault->dead();
    world.fault->revive();
    store.restart();
    store.settle();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(Dump(store), before) << "after " << commits;
    EXPECT_EQ(store.findings(), "") << "after " << commits;
    EXPECT_EQ(store.duties(), 0u) << "after " << commits;
    if (!died) {
      EXPECT_THAT(status, FailsWith(Reason::kDeleteBlocked));
      break;
    }
    ++broken_off;
  }
  EXPECT_GE(broken_off, 10);
}

TEST_P(CrashedDeletes, TouchNoMoreRowsInABatchThanAllowed) {
  HF_COVERS("T7");
  World world(engine());
  size_t most = 0;
  world.fault->watch([&most](const storage::Batch& batch) {
    size_t rows = 0;
    for (const storage::Op& op : batch.ops) {
      const bool changes = std::holds_alternative<storage::EraseRow>(op) ||
                           std::holds_alternative<storage::UpdateRow>(op) ||
                           std::holds_alternative<storage::SetState>(op);
      rows += changes ? 1 : 0;
    }
    most = std::max(most, rows);
  });
  EXPECT_TRUE(world.store.apply(Delete("projects/p")).ok());
  world.store.settle();
  EXPECT_EQ(world.store.findings(), "");
  EXPECT_GT(most, 3u);
  EXPECT_LE(most, kBatch);
}

class LateDeletes : public OnEveryEngine {};
INSTANTIATE_TEST_SUITE_P(Engines, LateDeletes, EveryEngine(), EngineName);

// All commits are slow, and before each another node looks for what was abandoned.
TEST_P(LateDeletes, MayTakeLongerThanOthersWait) {
  World world(GetParam());
  TestStore& store = world.store;
  ManualEnv& env = store.env();
  world.fault->share();
  const auto other =
      BuildStore(env, TestSchema(), *TestSchema().services()[0], store.engine(), store.hooks(), {});
  const std::function<Task<void>()> look = [&]() -> Task<void> {
    co_await env.sleep(Seconds(9));
    EXPECT_TRUE((co_await other->run_duties()).ok());
    world.fault->before_commit(look);
  };
  const Timestamp start = env.clock().now();
  std::optional<Timestamp> decided;
  world.fault->watch([&](const storage::Batch& batch) {
    if (batch.label.ends_with(".delete")) decided = env.clock().now();
  });
  world.fault->before_commit(look);
  const absl::Status status = store.apply(Delete("projects/p"));
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_FALSE(store.exists("projects/p"));
  ASSERT_TRUE(decided.has_value());
  EXPECT_GT(*decided - start, StoreOptions().closing_patience);
}

// One commit takes longer than the other node waits: what was given up meanwhile is lost, also to
// who has just said that he is at it.
TEST_P(LateDeletes, ThatWereGivenUpMeanwhileAreDoneWholeOrNotAtAll) {
  HF_COVERS("T7");
  int done = 0;
  for (int late = 0;; ++late) {
    World world(GetParam());
    TestStore& store = world.store;
    ManualEnv& env = store.env();
    world.fault->share();
    const auto other = BuildStore(env, TestSchema(), *TestSchema().services()[0], store.engine(),
                                  store.hooks(), {});
    const std::string before = Dump(store);
    int commits = 0;
    const std::function<Task<void>()> look = [&]() -> Task<void> {
      const bool too_long = commits++ == late;
      co_await env.sleep(too_long ? Seconds(60) : Seconds(9));
      for (size_t changed = too_long ? 1 : 0; changed > 0;) {
        const absl::StatusOr<size_t> duties = co_await other->run_duties();
        EXPECT_TRUE(duties.ok()) << duties.status();
        changed = duties.value_or(0);
      }
      world.fault->before_commit(look);
    };
    world.fault->before_commit(look);
    const absl::Status status = store.apply(Delete("projects/p"));
    if (commits <= late) break;
    EXPECT_EQ(store.exists("projects/p"), !status.ok()) << "late at " << late;
    if (!status.ok()) {
      EXPECT_EQ(Dump(store), before) << "late at " << late;
    }
    done += status.ok() ? 1 : 0;
    store.settle();
    EXPECT_EQ(store.findings(), "") << "late at " << late;
    EXPECT_EQ(store.duties(), 0u) << "late at " << late;
  }
  EXPECT_GT(done, 3);
}

TEST_P(LateDeletes, AreRefusedWithNothingChangedOrGoOnInTheBackground) {
  HF_COVERS("T7");
  int refused = 0;
  int went_on = 0;
  for (int commits = 0;; ++commits) {
    World world(GetParam());
    TestStore& store = world.store;
    const std::string before = Dump(store);
    bool late = false;
    world.fault->before_commit(
        [&]() -> Task<void> {
          late = true;
          co_await store.env().sleep(Seconds(60));
        },
        commits);
    WriteRequest request = Request(Delete("projects/p"));
    request.deadline = Duration(store.env().clock().monotonic().value() + Seconds(30).value());
    const absl::Status status = store.apply(std::move(request));
    // What the client was told is so, now and for ever.
    EXPECT_EQ(store.exists("projects/p"), !status.ok()) << "late at " << commits;
    const bool half = store.duties() > 0;
    store.settle();
    EXPECT_EQ(store.exists("projects/p"), !status.ok()) << "late at " << commits;
    EXPECT_EQ(store.findings(), "") << "late at " << commits;
    EXPECT_EQ(store.duties(), 0u) << "late at " << commits;
    if (!late) break;
    if (status.ok()) {
      went_on += half ? 1 : 0;
      EXPECT_FALSE(store.exists("projects/p/vpcs/v/rules/r3")) << "late at " << commits;
    } else {
      ++refused;
      EXPECT_THAT(status, FailsWith(Reason::kDeadlineExceeded));
      EXPECT_EQ(Dump(store), before) << "late at " << commits;
    }
  }
  EXPECT_GT(refused, 3);
  EXPECT_GT(went_on, 3);
}

}  // namespace
}  // namespace holdfast::store
