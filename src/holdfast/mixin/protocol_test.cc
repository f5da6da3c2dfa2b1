// The protocol as a whole: two deployments refer to the resources of a third, over a network that
// loses, repeats and reorders, while everybody may stop at any step. After every commit no
// committed reference leads to what is being deleted; when faults stop, nothing is left over. And
// with a rule left out it breaks.
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/mixin/source.h"
#include "holdfast/mixin/target.h"
#include "holdfast/storage/guarded.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::mixin {
namespace {

using storage::Batch;
using storage::Claim;
using storage::ClaimType;
using storage::Commit;
using storage::Op;
using storage::Row;
using storage::RowState;

const KindName kTarget("a.test/Target");
const KindName kHolder("b.test/Holder");
constexpr const char* kNames[] = {"t0", "t1"};
constexpr ClaimType kClaims[] = {ClaimType::kRight, ClaimType::kToken, ClaimType::kBlockade,
                                 ClaimType::kSource};

constexpr uint32_t Bit(RowState state) { return 1u << static_cast<int>(state); }

storage::Edge EdgeOf(const ResourceKey& source, const ResourceKey& target) {
  return {.target = target, .source = source, .field = "to"};
}

Life LifeOf(const Row& row) { return {.key = row.key, .uid = row.uid}; }

// Ops that a broken product would forget.
using Omits = bool (*)(const Op& op);

struct Faults {
  bool on = true;
  Omits omits = nullptr;
};

// What all databases hold, as of each commit.
class Truth {
 public:
  void apply(const std::string& where, const Batch& batch) {
    for (const Op& op : batch.ops) {
      if (const auto* o = std::get_if<storage::CreateRow>(&op)) create(where, *o);
      if (const auto* o = std::get_if<storage::EraseRow>(&op)) erase(where, o->key);
      if (const auto* o = std::get_if<storage::SetState>(&op)) targets_[o->key].state = o->to;
    }
    if (broken_.empty()) look(batch.label);
  }
  [[nodiscard]] const std::string& broken() const { return broken_; }
  [[nodiscard]] size_t references() const { return references_.size(); }
  [[nodiscard]] int lives() const { return lives_; }
  [[nodiscard]] int decided() const { return decided_; }

 private:
  struct Standing {
    Uid uid;
    RowState state = RowState::kGone;
  };
  void create(const std::string& where, const storage::CreateRow& op) {
    if (op.edges.empty()) {
      targets_[op.row.key] = {op.row.uid, RowState::kActive};
      ++lives_;
    } else {
      references_[{where, op.row.key}] = {op.edges[0].target, Uid(*op.row.body)};
    }
  }
  void erase(const std::string& where, const ResourceKey& key) {
    if (key.kind == kHolder) {
      references_.erase({where, key});
    } else {
      targets_[key].state = RowState::kGone;
      ++decided_;
    }
  }
  void look(const std::string& label) {
    for (const auto& [holder, to] : references_) {
      const Standing& target = targets_[to.key];
      const bool stands = target.uid == to.uid &&
                          (target.state == RowState::kActive || target.state == RowState::kClosing);
      if (stands) continue;
      broken_ = absl::StrCat(label, ": ", holder.second.name.str(), " in ", holder.first,
                             " refers to ", to.key.name.str(), ", which is gone");
    }
  }

  std::map<ResourceKey, Standing> targets_;
  std::map<std::pair<std::string, ResourceKey>, Life> references_;
  std::string broken_;
  int lives_ = 0;
  int decided_ = 0;
};

// A memory engine whose commits take their time, and of which an answer may be lost.
class FaultyEngine final : public storage::Engine {
 public:
  FaultyEngine(ManualEnv& env, std::string name, Truth& truth, const Faults& faults)
      : env_(env),
        name_(std::move(name)),
        truth_(truth),
        faults_(faults),
        inner_(storage::NewMemoryEngine(env, {.incarnation = name_})) {
    inner_->on_commit([this](Revision) { truth_.apply(name_, *current_); });
  }
  [[nodiscard]] const std::string& incarnation() const override { return inner_->incarnation(); }
  [[nodiscard]] Writers writers() const override { return Writers::kOthersToo; }
  void on_commit(std::function<void(Revision)>) override {}
  Task<absl::StatusOr<storage::PurgeResult>> purge(Timestamp before, size_t limit) override {
    return inner_->purge(before, limit);
  }
  Task<absl::StatusOr<std::unique_ptr<storage::Snapshot>>> snapshot() override {
    co_await pause();
    co_return co_await inner_->snapshot();
  }
  Task<Commit> commit(Batch batch) override {
    co_await pause();
    if (faults_.on && one_in(20)) co_await env_.sleep(Seconds(static_cast<int64_t>(draw() % 30)));
    if (faults_.omits != nullptr) {
      std::erase_if(batch.ops, faults_.omits);
      batch.explains.clear();
    }
    const bool lost = faults_.on && one_in(15);
    if (lost && one_in(2)) co_return Lost();
    while (current_ != nullptr) co_await env_.sleep(Duration(1));
    current_ = &batch;
    const Commit done = co_await inner_->commit(batch);
    current_ = nullptr;
    co_await pause();
    if (lost) co_return Lost();
    co_return done;
  }

 private:
  static Commit Lost() {
    Commit commit{.status = absl::UnknownError("the answer was lost")};
    commit.failure.emplace().kind = storage::Failure::Kind::kAmbiguous;
    return commit;
  }
  uint64_t draw() { return env_.random().next(); }
  bool one_in(uint64_t n) { return draw() % n == 0; }
  Task<void> pause() { co_await env_.sleep(Duration(static_cast<int64_t>(draw() % 1000))); }

  ManualEnv& env_;
  const std::string name_;
  Truth& truth_;
  const Faults& faults_;
  std::unique_ptr<storage::Engine> inner_;
  const Batch* current_ = nullptr;
};

class World;

// The network, as one deployment sees it.
class Network final : public Peers {
 public:
  explicit Network(World& world) : world_(world) {}
  Task<absl::StatusOr<Established>> establish(DeploymentId to, Establish what) override;
  Task<absl::Status> confirm(DeploymentId to, Confirm what) override;
  Task<absl::Status> release(DeploymentId to, Release what) override;
  Task<absl::Status> drop(DeploymentId to, Drop what) override;
  Task<absl::StatusOr<Resolved>> resolve(DeploymentId to, Resolve what) override;
  Task<absl::StatusOr<Answer>> ask(DeploymentId to, Question what) override;
  Task<absl::Status> restore(DeploymentId to, Restore what) override;
  Task<absl::StatusOr<Standing>> standing(DeploymentId to, Life what) override;
  Task<absl::StatusOr<RoundState>> round_state(DeploymentId to, Question what) override;

 private:
  template <class Side, class Reply, class What>
  Task<Reply> send(Side& side, Task<Reply> (Side::*method)(What), What what);

  World& world_;
};

struct Deployment {
  Deployment(World& world, ManualEnv& env, std::string name, Truth& truth, const Faults& faults)
      : id(name),
        engine(env, name, truth, faults),
        network(world),
        target(env, engine, network),
        source(env, engine, network, id) {}
  DeploymentId id;
  FaultyEngine engine;
  Network network;
  Target target;
  Source source;
};

// Deployment "a" has the targets, "b" and "c" refer to them.
class World {
 public:
  explicit World(uint64_t seed, Omits omits = nullptr) : env(seed) {
    faults.omits = omits;
    for (const char* name : {"a", "b", "c"}) {
      deployments_.emplace_back(*this, env, name, truth, faults);
    }
  }

  [[nodiscard]] Deployment& at(const DeploymentId& id) {
    return deployments_[static_cast<size_t>(id.str()[0] - 'a')];
  }
  [[nodiscard]] uint64_t below(uint64_t n) { return env.random().next() % n; }
  [[nodiscard]] bool one_in(uint64_t n) { return below(n) == 0; }
  [[nodiscard]] ResourceKey a_target() {
    return {kTarget, ResourceName(kNames[below(std::size(kNames))])};
  }
  Task<void> wait() { co_await env.sleep(Duration(static_cast<int64_t>(below(3'000'000)))); }
  // Stops who asks, now and then: as a process that dies.
  [[nodiscard]] bool dies() { return faults.on && one_in(25); }

  void run();
  [[nodiscard]] std::string rest();

  Faults faults;
  ManualEnv env;
  Truth truth;

 private:
  Task<void> clients(DeploymentId id);
  Task<void> refer(Deployment& at, ResourceKey to);
  Task<void> unrefer(Deployment& at);
  Task<void> owners();
  Task<void> create(ResourceKey key);
  Task<void> delete_small(Row row);
  Task<void> delete_large(Row row);
  Task<void> close(Row row, std::string round);
  Task<bool> is_free(Life life, DeploymentId source, int64_t round);
  Task<void> give_up(Life life, std::string round);
  Task<void> end(Row row);
  Task<void> duties(DeploymentId id);
  Task<std::vector<Row>> rows(Deployment& at, KindName kind);
  Task<void> finish(bool& changed);
  Task<void> left_over(std::string& text);

  std::deque<Deployment> deployments_;
  bool stopped_ = false;
  int64_t names_ = 0;
};

template <class Side, class Reply, class What>
Task<void> DeliverLate(Env& env, Side& side, Task<Reply> (Side::*method)(What), What what,
                       Duration after) {
  co_await env.sleep(after);
  (void)co_await (side.*method)(std::move(what));
}

template <class Side, class Reply, class What>
Task<Reply> Network::send(Side& side, Task<Reply> (Side::*method)(What), What what) {
  ManualEnv& env = world_.env;
  co_await env.sleep(Duration(static_cast<int64_t>(world_.below(50'000))));
  if (world_.faults.on && world_.one_in(6)) {
    // Once more, or only then: after whatever comes meanwhile.
    const auto late = Duration(static_cast<int64_t>(world_.below(60'000'000)));
    Spawn(env, DeliverLate(env, side, method, what, late));
    if (world_.one_in(2)) co_return absl::UnavailableError("lost");
  }
  Reply reply = co_await (side.*method)(std::move(what));
  if (world_.faults.on && world_.one_in(10)) co_return absl::UnavailableError("answer lost");
  co_return reply;
}

Task<absl::StatusOr<Established>> Network::establish(DeploymentId to, Establish what) {
  return send(world_.at(to).target, &Target::establish, std::move(what));
}
Task<absl::Status> Network::confirm(DeploymentId to, Confirm what) {
  return send(world_.at(to).target, &Target::confirm, std::move(what));
}
Task<absl::Status> Network::release(DeploymentId to, Release what) {
  return send(world_.at(to).target, &Target::release, std::move(what));
}
Task<absl::Status> Network::drop(DeploymentId to, Drop what) {
  return send(world_.at(to).target, &Target::drop, std::move(what));
}
Task<absl::StatusOr<RoundState>> Network::round_state(DeploymentId to, Question what) {
  return send(world_.at(to).target, &Target::round_state, std::move(what));
}
Task<absl::StatusOr<Resolved>> Network::resolve(DeploymentId to, Resolve what) {
  return send(world_.at(to).source, &Source::resolve, std::move(what));
}
Task<absl::StatusOr<Standing>> Network::standing(DeploymentId to, Life what) {
  return send(world_.at(to).source, &Source::standing, std::move(what));
}
Task<absl::StatusOr<Answer>> Network::ask(DeploymentId to, Question what) {
  return send(world_.at(to).source, &Source::answer, std::move(what));
}
Task<absl::Status> Network::restore(DeploymentId to, Restore what) {
  return send(world_.at(to).source, &Source::restore, std::move(what));
}

Task<std::vector<Row>> World::rows(Deployment& at, KindName kind) {
  auto snapshot = co_await at.engine.snapshot();
  storage::ScanQuery query;
  query.kinds.push_back(std::move(kind));
  const auto page = co_await (*snapshot)->scan(std::move(query));
  co_return page->rows;
}

// --- who refers ----------------------------------------------------------------------------------

Task<void> World::clients(DeploymentId id) {
  while (!stopped_) {
    co_await wait();
    one_in(2) ? co_await refer(at(id), a_target()) : co_await unrefer(at(id));
  }
}

Task<void> World::refer(Deployment& at, ResourceKey to) {
  std::vector<Wanted> wanted{{.target = to, .where = DeploymentId("a")}};
  const auto obtained = co_await at.source.obtain(std::move(wanted));
  if (!obtained.ok() || obtained->denied.has_value() || dies()) co_return;
  storage::CreateRow create;
  create.row.key = {kHolder, ResourceName("h" + std::to_string(++names_))};
  create.row.uid = NewUid(env);
  create.row.version = Version(1);
  create.edges.push_back(EdgeOf(create.row.key, to));
  for (const Op& op : obtained->permit.ops) {
    const auto* put = std::get_if<storage::PutClaim>(&op);
    const auto* required = std::get_if<storage::RequireClaim>(&op);
    if (required != nullptr) create.row.body = required->uid.str();
    if (put != nullptr && put->claim.key.type == ClaimType::kRight) {
      create.row.body = put->claim.terms.uid.str();
    }
  }
  Batch batch{.label = "refer"};
  batch.add(create);
  for (const Op& op : obtained->permit.ops) batch.add(op);
  const Commit done = co_await at.engine.commit(std::move(batch));
  if (done.ok() || done.failure->kind == storage::Failure::Kind::kAmbiguous || dies()) co_return;
  co_await at.source.give_back(obtained->permit);
}

Task<void> World::unrefer(Deployment& at) {
  const std::vector<Row> there = co_await rows(at, kHolder);
  if (there.empty()) co_return;
  const Row row = there[below(there.size())];
  auto snapshot = co_await at.engine.snapshot();
  Batch batch{.label = "unrefer"};
  storage::EraseRow erase{.key = row.key, .uid = row.uid};
  for (const char* name : kNames) {
    const ResourceKey target{kTarget, ResourceName(name)};
    erase.removed_edges.push_back(EdgeOf(row.key, target));
    const auto look = co_await at.source.look_at_right(**snapshot, target);
    if (look.ok() && look->has_value()) batch.add(**look);
  }
  batch.add(std::move(erase));
  (void)co_await at.engine.commit(std::move(batch));
}

// --- who is referred to --------------------------------------------------------------------------

Task<void> World::owners() {
  while (!stopped_) {
    co_await wait();
    const ResourceKey key = a_target();
    auto snapshot = co_await at(DeploymentId("a")).engine.snapshot();
    const auto row = co_await ReadRow(**snapshot, key);
    snapshot->reset();
    if (!row->has_value() || (*row)->state == RowState::kGone) {
      co_await create(key);
    } else if ((*row)->state == RowState::kActive) {
      one_in(3) ? co_await delete_small(**row) : co_await delete_large(**row);
    } else if ((*row)->state == RowState::kDeleting) {
      co_await end(**row);
    }
  }
}

Task<void> World::create(ResourceKey key) {
  storage::CreateRow create;
  create.row.key = std::move(key);
  create.row.uid = NewUid(env);
  create.row.version = Version(1);
  Batch batch{.label = "create"};
  batch.add(std::move(create));
  (void)co_await at(DeploymentId("a")).engine.commit(std::move(batch));
}

Task<void> World::delete_small(Row row) {
  Batch batch{.label = "delete small"};
  batch.add(storage::RequireRow{.key = row.key, .uid = row.uid});
  batch.add(storage::EraseRow{.key = row.key, .uid = row.uid});
  batch.add(storage::RequireUnheld{.key = row.key});
  (void)co_await at(DeploymentId("a")).engine.commit(std::move(batch));
}

storage::SetState Restate(const Life& life, RowState from, std::string from_round, RowState to,
                          std::string round) {
  return {.key = life.key,
          .uid = life.uid,
          .from_states = Bit(from),
          .from_round = std::move(from_round),
          .to = to,
          .round = std::move(round)};
}

Task<void> World::delete_large(Row row) {
  const Life life = LifeOf(row);
  const std::string round = NewUid(env).str();
  Batch batch{.label = "close"};
  batch.add(Restate(life, RowState::kActive, "", RowState::kClosing, round));
  const Commit closed = co_await at(DeploymentId("a")).engine.commit(std::move(batch));
  if (!closed.ok() || dies()) co_return;
  co_await close(std::move(row), round);
}

Task<void> World::close(Row row, std::string round) {
  Deployment& a = at(DeploymentId("a"));
  const Life life = LifeOf(row);
  auto begun = co_await a.target.begin_round(life, round);
  if (dies()) co_return;
  bool free = begun.ok() && begun->has_value();
  if (free) {
    for (const DeploymentId& source : (*begun)->sources) {
      free = free && co_await is_free(life, source, (*begun)->number);
    }
  }
  if (dies()) co_return;
  if (free) {
    Batch batch{.label = "decide"};
    batch.add(Restate(life, RowState::kClosing, round, RowState::kDeleting, round));
    batch.add(storage::RequireUnheld{.key = life.key, .before_round = (*begun)->number});
    const Commit decided = co_await a.engine.commit(std::move(batch));
    if (decided.ok()) co_return;
  }
  co_await give_up(life, round);
  if (!begun.ok() || !begun->has_value() || dies()) co_return;
  for (const DeploymentId& source : (*begun)->sources) {
    // Only if the round is over: it may have been decided after all.
    Question question{.target = life, .round = (*begun)->number};
    const auto state = co_await a.target.round_state(std::move(question));
    if (!state.ok() || *state != RoundState::kOver) co_return;
    Restore over{.target = life, .round = (*begun)->number};
    (void)co_await a.network.restore(source, std::move(over));
  }
}

Task<bool> World::is_free(Life life, DeploymentId source, int64_t round) {
  Deployment& a = at(DeploymentId("a"));
  Question question{.target = life, .round = round};
  const auto answer = co_await a.network.ask(source, std::move(question));
  if (!answer.ok() || answer->what != Answer::What::kFree) co_return false;
  co_return (co_await a.target.note_free(life, source, round)).ok();
}

Task<void> World::give_up(Life life, std::string round) {
  Batch batch{.label = "give up"};
  batch.add(Restate(life, RowState::kClosing, round, RowState::kActive, ""));
  (void)co_await at(DeploymentId("a")).engine.commit(std::move(batch));
}

Task<void> World::end(Row row) {
  Deployment& a = at(DeploymentId("a"));
  auto snapshot = co_await a.engine.snapshot();
  Batch batch{.label = "end"};
  batch.add(storage::EraseRow{.key = row.key, .uid = row.uid});
  batch.add(storage::RequireUnheld{.key = row.key});
  const auto rounds = co_await a.target.forget_rounds(**snapshot, row.key);
  if (!rounds.ok()) co_return;
  if (rounds->has_value()) batch.add(**rounds);
  (void)co_await a.engine.commit(std::move(batch));
}

// --- what both do in the background --------------------------------------------------------------

Task<void> World::duties(DeploymentId id) {
  while (!stopped_) {
    co_await wait();
    (void)co_await at(id).target.run_duties();
    (void)co_await at(id).source.run_duties();
    if (id.str() != "a" || !one_in(5)) continue;
    // What somebody was closing who is at it no more, or still is.
    for (const Row& row : co_await rows(at(id), kTarget)) {
      if (row.state == RowState::kClosing) co_await give_up(LifeOf(row), row.round);
    }
  }
}

void World::run() {
  for (const char* id : {"b", "c"}) {
    for (int i = 0; i < 2; ++i) Spawn(env, clients(DeploymentId(id)));
  }
  for (int i = 0; i < 2; ++i) Spawn(env, owners());
  for (const char* id : {"a", "a", "b", "b", "c", "c"}) Spawn(env, duties(DeploymentId(id)));
  env.advance(Seconds(300));
  stopped_ = true;
  faults.on = false;
  // What is late comes yet.
  env.advance(Seconds(120));
}

Task<void> World::finish(bool& changed) {
  for (Deployment& deployment : deployments_) {
    const auto target = co_await deployment.target.run_duties();
    const auto source = co_await deployment.source.run_duties();
    changed = changed || target.value_or(1) > 0 || source.value_or(1) > 0;
  }
  for (const Row& row : co_await rows(at(DeploymentId("a")), kTarget)) {
    if (row.state == RowState::kClosing) co_await give_up(LifeOf(row), row.round);
    if (row.state == RowState::kDeleting) co_await end(row);
    changed = changed || row.state == RowState::kClosing;
  }
}

// What is there at rest that shouldn't be, one line each.
std::string World::rest() {
  bool changed = true;
  for (int i = 0; i < 50 && changed; ++i) {
    changed = false;
    env.run(finish(changed));
    env.advance(Seconds(20));
  }
  std::string text = changed ? "it doesn't come to rest\n" : "";
  env.run(left_over(text));
  return text;
}

std::string Told(const std::pair<std::string, Life>& right, int64_t incarnation) {
  return absl::StrCat(right.first, " on ", right.second.key.name.str(), " ", right.second.uid.str(),
                      " #", incarnation);
}

Task<void> World::left_over(std::string& text) {
  std::map<std::pair<std::string, Life>, int64_t> rights;
  std::map<std::pair<std::string, Life>, int64_t> sources;
  for (Deployment& deployment : deployments_) {
    auto snapshot = co_await deployment.engine.snapshot();
    for (const ClaimType type : kClaims) {
      storage::ClaimQuery query{.type = type};
      const auto claims = co_await (*snapshot)->claims(std::move(query));
      for (const Claim& claim : *claims) {
        const Life life{claim.key.target, claim.terms.uid};
        const int64_t state = claim.terms.state;
        if (type == ClaimType::kRight && state == kHeld) {
          rights[{deployment.id.str(), life}] = claim.terms.number;
        }
        if (type == ClaimType::kSource) sources[{claim.key.holder, life}] = claim.terms.number;
        if (type == ClaimType::kBlockade) absl::StrAppend(&text, "a blockade\n");
        if (type == ClaimType::kToken && state == kCommitted) absl::StrAppend(&text, "a token\n");
        if (type == ClaimType::kRight && state == kSuspended) absl::StrAppend(&text, "suspended\n");
      }
    }
  }
  for (const auto& [right, incarnation] : rights) {
    if (sources.contains(right) && sources.at(right) == incarnation) continue;
    absl::StrAppend(&text, Told(right, incarnation), " is a right that the target doesn't know\n");
  }
  for (const auto& [source, incarnation] : sources) {
    if (rights.contains(source) && rights.at(source) == incarnation) continue;
    absl::StrAppend(&text, Told(source, incarnation), " is a source without a right\n");
  }
  for (const Row& row : co_await rows(at(DeploymentId("a")), kTarget)) {
    if (row.state != RowState::kActive) absl::StrAppend(&text, row.key.name.str(), " isn't open\n");
  }
}

TEST(Protocol, LeavesNothingDanglingAndNothingOver) {
  size_t references = 0;
  int lives = 0;
  int decided = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    World world(seed);
    world.run();
    ASSERT_EQ(world.truth.broken(), "") << "seed " << seed;
    ASSERT_EQ(world.rest(), "") << "seed " << seed;
    ASSERT_EQ(world.truth.broken(), "") << "seed " << seed;
    references += world.truth.references();
    lives += world.truth.lives();
    decided += world.truth.decided();
  }
  EXPECT_GT(references, 100u);
  EXPECT_GT(lives, 450);
  EXPECT_GT(decided, 150);
}

struct Rule {
  std::string name;
  Omits omits = nullptr;
};
void PrintTo(const Rule& rule, std::ostream* to) { *to << rule.name; }

template <class T>
const T* As(const Op& op) {
  return std::get_if<T>(&op);
}

bool Puts(const Op& op, ClaimType type) {
  const auto* put = As<storage::PutClaim>(op);
  return put != nullptr && put->claim.key.type == type;
}

class ProtocolWithout : public ::testing::TestWithParam<Rule> {};

TEST_P(ProtocolWithout, LetsAReferenceDangle) {
  uint64_t seed = 1;
  for (; seed <= 2000; ++seed) {
    World world(seed, GetParam().omits);
    world.run();
    if (!world.truth.broken().empty()) break;
  }
  EXPECT_LE(seed, 2000u);
  RecordProperty("seeds", static_cast<int>(seed));
}

INSTANTIATE_TEST_SUITE_P(
    ARule, ProtocolWithout,
    ::testing::Values(
        Rule{"RightInDatabase",
             [](const Op& op) { return As<storage::RequireClaim>(op) != nullptr; }},
        Rule{"TokenInBatch",
             [](const Op& op) {
               const auto* put = As<storage::PutClaim>(op);
               return Puts(op, ClaimType::kToken) && put->claim.terms.state == kCommitted;
             }},
        Rule{"GrantIfActive",
             [](const Op& op) {
               const auto* row = As<storage::RequireRow>(op);
               return row != nullptr && row->states == Bit(RowState::kActive);
             }},
        Rule{"TentativeHolds", [](const Op& op) { return Puts(op, ClaimType::kBlockade); }},
        Rule{"YesConfirms", [](const Op& op) { return Puts(op, ClaimType::kSource); }},
        Rule{"NobodyHolds", [](const Op& op) { return As<storage::RequireUnheld>(op) != nullptr; }},
        Rule{"DropInDatabase",
             [](const Op& op) { return As<storage::RequireNoInbound>(op) != nullptr; }}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace holdfast::mixin
