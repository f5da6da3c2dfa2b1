// Any SQL engine against the memory engine: the same random batches, each answer compared.
#pragma once

#include <map>
#include <memory>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/check.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/storage/random_batches.h"

namespace holdfast::storage {

inline const char* NameOf(const Op& op) {
  static constexpr const char* kNames[] = {
      "PutRequest", "RequireRow",    "RequireClaim",     "EraseRow",          "UpdateRow",
      "SetState",   "CreateRow",     "PutCursor",        "TakeLimit",         "DropClaim",
      "PutClaim",   "RequireTarget", "RequireNoInbound", "RequireNoChildren", "RequireUnheld"};
  return kNames[op.index()];
}

// All but the words for logs.
inline std::string Outcome(const Commit& commit) {
  return commit.ok() ? Show(commit) : Show(*commit.failure);
}

inline std::string Describe(const Batch& batch) {
  std::string text;
  for (const Op& op : batch.ops) absl::StrAppend(&text, NameOf(op), " ");
  return text;
}

class EngineModel {
 public:
  // `sql`: fresh and empty, with an index on the field "size" of kVpc.
  EngineModel(uint64_t seed, SuiteEnv& env, std::unique_ptr<Engine> sql)
      : env_(env),
        random_(seed),
        sql_(std::move(sql)),
        memory_(NewMemoryEngine(env_, {.incarnation = sql_->incarnation()})),
        same_revisions_(sql_->writers() == Engine::Writers::kThisProcess) {}

  // One batch and everything that can be asked after it.
  void step() {
    Pair before = snapshots();
    const std::string old = DumpSnapshot(env_, *before.memory);
    const std::vector<Row> there = rows(before);
    const Batch batch = random_.batch(there, claims(before));
    SCOPED_TRACE(Describe(batch));
    commit(batch);
    if (random_.chance(3)) purge();
    if (random_.chance(10)) env_.advance(Seconds(1));
    EXPECT_EQ(plain(DumpSnapshot(env_, *before.sql)), plain(old)) << "a snapshot moved";
    Pair after = snapshots();
    if (same_revisions_) {
      EXPECT_EQ(after.sql->revision(), after.memory->revision());
    }
    static_cast<void>(rows(after));
    compare_scan(after);
    compare_duties(after);
    compare_edges(after);
    if (same_revisions_) compare_feed(after);
    compare_records(after);
    compare_claims(after);
  }

  [[nodiscard]] int committed() const { return committed_; }
  // How many batches failed of what.
  [[nodiscard]] const std::map<std::string, int>& failures() const { return failures_; }
  [[nodiscard]] int64_t purged() const { return purged_; }

 private:
  struct Pair {
    std::unique_ptr<Snapshot> memory;
    std::unique_ptr<Snapshot> sql;
  };
  Pair snapshots() {
    auto memory = env_.run(memory_->snapshot());
    auto sql = env_.run(sql_->snapshot());
    HF_CHECK(memory.ok() && sql.ok()) << sql.status().ToString();
    return {*std::move(memory), *std::move(sql)};
  }

  // Several writers' revisions are numbers of their own.
  [[nodiscard]] std::string plain(const std::string& text) const {
    static const std::regex revision("revision=[0-9]+ |committed at [0-9]+");
    return same_revisions_ ? text : std::regex_replace(text, revision, "");
  }

  // Asks both the same question. Returns the memory engine's answer.
  template <class Ask>
  auto same(Pair& pair, const Ask& ask) {
    auto memory = env_.run(ask(*pair.memory));
    const auto sql = env_.run(ask(*pair.sql));
    EXPECT_EQ(plain(ShowAnswer(sql)), plain(ShowAnswer(memory)));
    return memory;
  }

  template <class Ask>
  void compare(Pair& pair, const Ask& ask) {
    EXPECT_TRUE(same(pair, ask).ok());
  }

  std::vector<Row> rows(Pair& pair) {
    const auto all =
        same(pair, [](Snapshot& s) { return s.scan({.tombstones = Tombstones::kInclude}); });
    return all.ok() ? all->rows : std::vector<Row>();
  }

  // All, of all types.
  std::vector<Claim> claims(Pair& pair) {
    std::vector<Claim> all;
    for (const ClaimType type : RandomBatches::kClaimTypes) {
      const auto some = same(pair, [type](Snapshot& s) { return s.claims({.type = type}); });
      if (some.ok()) all.insert(all.end(), some->begin(), some->end());
    }
    return all;
  }

  // The same batch to both.
  void commit(const Batch& batch) {
    const Commit memory = env_.run(memory_->commit(batch));
    const Commit sql = env_.run(sql_->commit(batch));
    if (batch.mode == Batch::Mode::kRehearse && memory.ok() && sql.ok()) return;
    EXPECT_EQ(plain(Outcome(sql)), plain(Outcome(memory))) << Show(sql);
    memory.ok() ? ++committed_ : ++failures_[Show(memory.failure->kind)];
  }

  void purge() {
    const Timestamp before = random_.chance(50) ? random_.time() : env_.clock().now();
    const size_t limit = 1 + random_.below(4);
    const auto memory = env_.run(memory_->purge(before, limit));
    const auto sql = env_.run(sql_->purge(before, limit));
    ASSERT_TRUE(memory.ok() && sql.ok()) << sql.status();
    EXPECT_EQ(sql->tombstones, memory->tombstones);
    EXPECT_EQ(sql->requests, memory->requests);
    EXPECT_EQ(sql->more, memory->more);
    purged_ += memory->tombstones;
  }

  // Reads that page, with the same questions: page by page.
  void compare_scan(Pair& pair) {
    ScanQuery query{.limit = 1 + random_.below(8), .max_bytes = 1 + random_.below(200)};
    if (random_.chance(50)) query.kinds.push_back(kVpc);
    if (random_.chance(30)) query.kinds.push_back(kRule);
    if (random_.chance(50)) query.name_prefix = "vpcs/" + std::to_string(random_.below(3));
    if (random_.chance(30)) query.after = random_.key();
    if (random_.chance(50)) query.fields = Fields::kShadow;
    if (random_.chance(50)) query.tombstones = Tombstones::kInclude;
    drain(pair, [&query](Snapshot& s, const auto& after) {
      ScanQuery page = query;
      if (after.has_value()) page.after = after;
      return s.scan(page);
    });
  }

  void compare_duties(Pair& pair) {
    DutyQuery query{.limit = 1 + random_.below(4)};
    if (random_.chance(30)) query.state = random_.state();
    if (random_.chance(30)) query.round = "r0";
    if (random_.chance(50)) query.pending = random_.behaviors();
    drain(pair, [&query](Snapshot& s, const auto& after) {
      query.after = after;
      return s.duties(query);
    });
  }

  // Engines may end pages at other places (one looks ahead, another doesn't): rows are compared.
  template <class Ask>
  void drain(Pair& pair, const Ask& ask) {
    EXPECT_EQ(plain(drain_one(*pair.sql, ask)), plain(drain_one(*pair.memory, ask)));
  }
  template <class Ask>
  std::string drain_one(Snapshot& snapshot, Ask ask) {
    std::string text;
    std::optional<ResourceKey> after;
    do {
      const absl::StatusOr<ScanPage> page = env_.run(ask(snapshot, after));
      if (!page.ok()) return text + page.status().ToString();
      absl::StrAppend(&text, Show(page->rows));
      after = page->next;
    } while (after.has_value());
    return text;
  }

  void compare_edges(Pair& pair) {
    InboundQuery query{.target = random_.key(), .limit = 1 + random_.below(3)};
    if (random_.chance(50)) query.behaviors = random_.behaviors();
    compare(pair, [&](Snapshot& s) { return s.count_inbound(query.target, query.behaviors); });
    do {
      const auto page = same(pair, [&](Snapshot& s) { return s.inbound(query); });
      if (!page.ok()) return;
      query.after = page->next;
    } while (query.after.has_value());
  }

  void compare_feed(Pair& pair) {
    const auto last = static_cast<uint64_t>(pair.memory->revision().value());
    Cursor cursor{.incarnation = sql_->incarnation()};
    cursor.revision = Revision(static_cast<int64_t>(random_.below(last + 2)));
    if (random_.chance(20)) cursor.key = random_.key();
    const size_t limit = 1 + random_.below(10);
    for (;;) {
      const auto page = same(pair, [&](Snapshot& s) { return s.feed(cursor, limit); });
      if (!page.ok() || page->complete) return;
      cursor = page->next;
    }
  }

  void compare_records(Pair& pair) {
    const std::string cursor = random_.cursor_name();
    compare(pair, [&](Snapshot& s) { return s.cursor(cursor); });
    const std::string request = random_.request_id();
    compare(pair, [&](Snapshot& s) { return s.request(request); });
    const LimitKey limit = random_.limit_key();
    compare(pair, [&](Snapshot& s) { return s.limit(limit); });
    compare(pair, [&](Snapshot& s) { return s.limits(std::nullopt, 10); });
  }

  void compare_claims(Pair& pair) {
    const ClaimKey key = random_.claim_key();
    const ClaimKey other = random_.claim_key();
    compare(pair, [&](Snapshot& s) { return s.get_claims({key, other, key}); });
    ClaimQuery query{.type = key.type, .limit = 1 + random_.below(3)};
    if (random_.chance(50)) query.target = key.target;
    if (random_.chance(50)) query.after = key;
    compare(pair, [&](Snapshot& s) { return s.claims(query); });
    const Timestamp by = random_.time();
    compare(pair, [&](Snapshot& s) { return s.due_claims(key.type, by, query.limit); });
  }

  SuiteEnv& env_;
  RandomBatches random_;
  std::unique_ptr<Engine> sql_;
  std::unique_ptr<Engine> memory_;
  const bool same_revisions_;
  int committed_ = 0;
  std::map<std::string, int> failures_;
  int64_t purged_ = 0;
};

// A model for each seed, so many batches each.
struct ModelRun {
  int seeds = 0;
  int batches_per_seed = 0;
  std::function<std::unique_ptr<SuiteEnv>()> env;
  std::function<std::unique_ptr<Engine>(Env&)> make;
};

inline void RunModel(const ModelRun& run) {
  int committed = 0;
  int64_t purged = 0;
  std::map<std::string, int> failures;
  for (int seed = 1; seed <= run.seeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const std::unique_ptr<SuiteEnv> env = run.env();
    EngineModel model(static_cast<uint64_t>(seed), *env, run.make(*env));
    for (int n = 0; n < run.batches_per_seed && !::testing::Test::HasFailure(); ++n) {
      SCOPED_TRACE("batch " + std::to_string(n));
      model.step();
    }
    committed += model.committed();
    purged += model.purged();
    for (const auto& [kind, count] : model.failures()) failures[kind] += count;
  }
  // That it was a test of what succeeds and of each way to fail.
  const int batches = run.seeds * run.batches_per_seed;
  EXPECT_GT(committed, batches / 5);
  EXPECT_GT(purged, run.seeds / 2);
  EXPECT_GT(failures["GUARD"], batches / 10);
  for (const char* kind : {"UNIQUE", "LIMIT", "REQUEST_SEEN", "BUG"}) {
    EXPECT_GT(failures[kind], run.seeds / 8) << kind;
  }
}

}  // namespace holdfast::storage
