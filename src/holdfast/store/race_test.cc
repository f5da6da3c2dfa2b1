// Creators, updaters and deleters of one small graph at once, in many orders.
#include <random>

#include "holdfast/base/check.h"
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/references.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

using Rng = std::mt19937_64;

std::string Pick(Rng& rng, const char* prefix, int count) {
  return absl::StrCat(prefix, rng() % static_cast<uint64_t>(count));
}
std::string Project(Rng& rng) { return Pick(rng, "projects/p", 2); }
std::string Vpc(Rng& rng) {
  std::string project = Project(rng);
  return absl::StrCat(project, "/", Pick(rng, "vpcs/v", 3));
}
std::string Gateway(Rng& rng) {
  std::string project = Project(rng);
  return absl::StrCat(project, "/", Pick(rng, "gateways/g", 2));
}
std::string Instance(Rng& rng) {
  std::string project = Project(rng);
  return absl::StrCat(project, "/", Pick(rng, "instances/i", 6));
}

std::string InstanceText(Rng& rng) {
  std::string text = absl::StrCat("vpc: '", Vpc(rng), "'");
  if (rng() % 2 == 0) absl::StrAppend(&text, " group: '", Pick(rng, "groups/a", 2), "'");
  if (rng() % 2 == 0) absl::StrAppend(&text, " gateway: '", Gateway(rng), "'");
  if (rng() % 4 == 0) absl::StrAppend(&text, " image: '", Pick(rng, "images/m", 2), "'");
  if (rng() % 4 == 0) absl::StrAppend(&text, " host: '", Pick(rng, "hosts/h", 2), "'");
  if (rng() % 4 == 0) absl::StrAppend(&text, " peer: '", Instance(rng), "'");
  return text;
}

WriteOp RandomCreation(Rng& rng) {
  switch (rng() % 9) {
    case 0:
      return Create(Project(rng));
    case 1:
    case 2:
      return Create(Vpc(rng));
    case 3: {
      std::string vpc = Vpc(rng);
      return Create(absl::StrCat(vpc, "/", Pick(rng, "rules/r", 9)));
    }
    case 4: {
      std::string vpc = Vpc(rng);
      return Create(Gateway(rng), rng() % 2 == 0 ? absl::StrCat("vpc: '", vpc, "'") : "");
    }
    case 5:
      return Create(Pick(rng, "groups/a", 2));
    case 6: {
      std::string name = Pick(rng, "hosts/h", 2);
      return rng() % 2 == 0 ? Create(name) : Create(Pick(rng, "images/m", 2));
    }
    default: {
      std::string name = Instance(rng);
      return Create(name, InstanceText(rng));
    }
  }
}

WriteOp RandomDeletion(Rng& rng) {
  const Force force = rng() % 3 == 0 ? Force::kYes : Force::kNo;
  switch (rng() % 8) {
    case 0:
    case 1:
      return Delete(Project(rng), force);
    case 2:
      return Delete(Vpc(rng), force);
    case 3:
      return Delete(Pick(rng, "groups/a", 2), force);
    case 4:
      return Delete(Gateway(rng), force);
    case 5:
      return Delete(Pick(rng, "hosts/h", 2), force);
    case 6:
      return Delete(Pick(rng, "images/m", 2), force);
    default:
      return Delete(Instance(rng), force);
  }
}

WriteRequest RandomRequest(Rng& rng) {
  WriteRequest request;
  const uint64_t dice = rng() % 10;
  const int creations = dice < 5 ? 3 : 1;
  if (dice < 7) {
    for (int i = 0; i < creations; ++i) request.ops.push_back(RandomCreation(rng));
  } else if (dice < 9) {
    request.ops.push_back(RandomDeletion(rng));
  } else {
    std::string name = Instance(rng);
    request.ops.push_back(Update(name, InstanceText(rng), {"vpc", "group", "gateway", "peer"}));
  }
  return request;
}

// I2, in one snapshot: what a blocking reference points at is there, unless both go together.
class BlockingReferencesHold {
 public:
  explicit BlockingReferencesHold(TestStore& store) : store_(store) {}

  // A line for each that doesn't.
  Task<std::string> check() {
    rows_.clear();
    auto snapshot = co_await store_.engine().snapshot();
    storage::ScanQuery scan;
    auto page = co_await (*snapshot)->scan(scan);
    for (storage::Row& row : page->rows) rows_[row.key] = std::move(row);
    std::string text;
    const Plans& plans = store_.plans();
    for (const auto& [key, row] : rows_) {
      if (row.state == RowState::kDeleting || !row.body.has_value()) continue;
      const KindPlan& plan = plans.at(key.kind);
      MessagePtr resource = TestSchema().new_message(plan.kind->message);
      HF_CHECK(resource->ParseFromString(*row.body)) << key.name.str();
      for (const storage::Edge& edge : EdgesOf(plans, plan, key, *resource)) {
        if (edge.behavior != OnDelete::kBlock || holds(edge.target) || goes(row)) continue;
        absl::StrAppend(&text, key.name.str(), ".", edge.field, " -> ", edge.target.name.str(),
                        "\n");
      }
      const auto parent = plan.kind->parent_of(key.name);
      if (parent.has_value() && !rows_.contains(*parent)) {
        absl::StrAppend(&text, key.name.str(), " has no parent\n");
      }
    }
    co_return text;
  }

 private:
  [[nodiscard]] bool holds(const ResourceKey& target) const {
    const auto found = rows_.find(target);
    return found != rows_.end() && found->second.state != RowState::kDeleting;
  }
  // Is the row, or what it stands below, part of a decided deletion?
  [[nodiscard]] bool goes(const storage::Row& row) const {
    if (row.state == RowState::kDeleting) return true;
    for (const auto& [key, root] : rows_) {
      const bool decided = root.state == RowState::kDeleting && !root.round.empty();
      if (decided && row.state == RowState::kClosing && row.round == root.round) return true;
    }
    const auto parent = store_.plans().at(row.key.kind).kind->parent_of(row.key.name);
    const auto above = parent.has_value() ? rows_.find(*parent) : rows_.end();
    return above != rows_.end() && goes(above->second);
  }

  TestStore& store_;
  std::map<ResourceKey, storage::Row> rows_;
};

class Race {
 public:
  Race(EngineKind kind, uint64_t seed)
      : store_(kind, {.max_batch_ops = 6, .max_inline_dependants = 3, .max_probed = seed % 8},
               seed),
        seed_(seed) {}

  // Runs to the end and settles. What was found; empty: all is well.
  std::string run() {
    Rng rng(seed_);
    std::vector<WriteOp> world;
    for (const char* name : {"projects/p0", "projects/p1", "groups/a0", "hosts/h0", "images/m0"}) {
      EXPECT_TRUE(store_.apply(Create(name)).ok());
    }
    constexpr int kActors = 6;
    int running = kActors + 1;
    for (int i = 0; i < kActors; ++i) Spawn(store_.env(), Act(rng(), running));
    Spawn(store_.env(), Work(running));
    EXPECT_TRUE(store_.env().run_until([&running] { return running == 0; }));
    store_.settle();
    std::string found = found_;
    absl::StrAppend(&found, store_.findings());
    if (store_.duties() > 0) absl::StrAppend(&found, store_.duties(), " duties left\n");
    return found;
  }

  [[nodiscard]] const std::map<std::string, int>& outcomes() const { return outcomes_; }

 private:
  Task<void> Act(uint64_t seed, int& running) {
    Rng rng(seed);
    for (int i = 0; i < 12; ++i) {
      WriteRequest request = RandomRequest(rng);
      const absl::StatusOr<WriteResult> result = co_await store_.store().write(std::move(request));
      const std::optional<Reason> reason = ReasonOf(result.status());
      ++outcomes_[std::string(result.ok() ? "OK" : reason ? ReasonText(*reason) : "?")];
      if (!result.ok() && ReasonOf(result.status()) == Reason::kInternal) {
        absl::StrAppend(&found_, result.status().ToString(), "\n");
      }
      BlockingReferencesHold checker(store_);
      const std::string broken = co_await checker.check();
      absl::StrAppend(&found_, broken);
    }
    --running;
  }

  // The background, all the while.
  Task<void> Work(int& running) {
    while (running > 1) {
      const absl::StatusOr<size_t> changed = co_await store_.store().run_duties();
      if (!changed.ok()) absl::StrAppend(&found_, changed.status().ToString(), "\n");
      co_await store_.env().sleep(Milliseconds(2));
    }
    --running;
  }

  TestStore store_;
  uint64_t seed_;
  std::string found_;
  std::map<std::string, int> outcomes_;
};

TEST(Races, LeaveEveryReferenceTrueInEveryOrder) {
  HF_COVERS("R37", "R41", "T7");
  std::map<std::string, int> outcomes;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Race race(EngineKind::kMemory, seed);
    ASSERT_EQ(race.run(), "") << "seed " << seed;
    for (const auto& [outcome, count] : race.outcomes()) outcomes[outcome] += count;
  }
  // They did meet: each of these has been somebody's answer.
  for (const char* seen : {"OK", "RESOURCE_EXISTS", "REFERENCE_NOT_FOUND", "PARENT_NOT_FOUND",
                           "DELETE_BLOCKED", "RESOURCE_NOT_FOUND"}) {
    EXPECT_GT(outcomes[seen], 0) << seen;
  }
}

TEST(Races, LeaveEveryReferenceTrueOnSqlite) {
  HF_COVERS("R37", "R41", "T7");
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    Race race(EngineKind::kSqlite, seed);
    ASSERT_EQ(race.run(), "") << "seed " << seed;
  }
}

}  // namespace
}  // namespace holdfast::store
