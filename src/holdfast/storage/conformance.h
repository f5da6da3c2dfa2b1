// The one suite that every engine passes. A new engine is one instantiation, in an own _test.cc:
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EngineConformance,
//                            ::testing::Values(EngineCase{"Memory", MakeMemoryEngine}), CaseName);
//
// The tests are in conformance_*_test.cc; show.h prints what they compare.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "holdfast/storage/engine.h"
#include "holdfast/storage/show.h"
#include "holdfast/storage/suite_env.h"

namespace holdfast::storage {

struct EngineCase {
  std::string name;
  // Where the engine runs.
  std::function<std::unique_ptr<SuiteEnv>()> env = [] {
    return std::make_unique<ManualSuiteEnv>();
  };
  // A fresh, empty database.
  std::function<std::unique_ptr<Engine>(Env&)> make;
};

inline void PrintTo(const EngineCase& c, std::ostream* to) { *to << c.name; }

[[nodiscard]] inline std::string CaseName(const ::testing::TestParamInfo<EngineCase>& info) {
  return info.param.name;
}

inline const KindName kVpc("network.test/Vpc");
inline const KindName kRule("network.test/Rule");

[[nodiscard]] inline ResourceKey Vpc(std::string_view id) {
  return {.kind = kVpc, .name = ResourceName("vpcs/" + std::string(id))};
}
// A child of a Vpc.
[[nodiscard]] inline ResourceKey Rule(std::string_view vpc, std::string_view id) {
  return {.kind = kRule,
          .name = ResourceName("vpcs/" + std::string(vpc) + "/rules/" + std::string(id))};
}

// The first life of the key: uid "<name>#1", version 1, every column set.
[[nodiscard]] inline Row NewRow(const ResourceKey& key, int life = 1) {
  Row row{.key = key, .uid = Uid(key.name.str() + "#" + std::to_string(life))};
  row.version = Version(1);
  row.body = "body of " + key.name.str();
  row.fields = R"({"size":1})";
  return row;
}

[[nodiscard]] inline Edge EdgeTo(const ResourceKey& target, const ResourceKey& source,
                                 OnDelete behavior = OnDelete::kBlock,
                                 std::string field = "target") {
  return {.target = target, .source = source, .field = std::move(field), .behavior = behavior};
}

[[nodiscard]] inline UniqueValue UniqueName(std::string_view value, std::string_view scope = "") {
  return {.kind = kVpc,
          .field = "display_name",
          .scope = std::string(scope),
          .value = std::string(value)};
}

inline constexpr uint32_t StateBit(RowState state) { return 1u << static_cast<int>(state); }

class EngineConformance : public ::testing::TestWithParam<EngineCase> {
 protected:
  EngineConformance()
      : owned_env_(GetParam().env()), env_(*owned_env_), engine_(GetParam().make(env_)) {}

  Commit commit(Batch batch) { return env_.run(engine_->commit(std::move(batch))); }
  Commit commit(std::vector<Op> ops) {
    return commit(Batch{.label = "test", .ops = std::move(ops)});
  }

  // Must succeed. The place of the state with it.
  Cursor put(std::vector<Op> ops) {
    const Commit done = commit(std::move(ops));
    EXPECT_TRUE(done.ok()) << Show(done);
    return snapshot()->place();
  }
  Cursor create(const ResourceKey& key) { return put({CreateRow{.row = NewRow(key)}}); }

  // Must fail at this op, and leave everything as it was.
  Failure refused(std::vector<Op> ops, size_t op, Failure::Kind kind) {
    const std::string before = dump();
    const Commit done = commit(std::move(ops));
    EXPECT_FALSE(done.ok());
    EXPECT_FALSE(done.status.ok());
    EXPECT_EQ(dump(), before);
    const Failure failure = done.failure.value_or(Failure{});
    EXPECT_EQ(failure.op, op) << Show(failure);
    EXPECT_EQ(Show(failure.kind), Show(kind)) << Show(failure);
    return failure;
  }
  Failure guard_fails(std::vector<Op> ops, size_t op) {
    return refused(std::move(ops), op, Failure::Kind::kGuard);
  }

  std::unique_ptr<Snapshot> snapshot() {
    auto snapshot = env_.run(engine_->snapshot());
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return *std::move(snapshot);
  }

  // Must succeed; runs a read of a snapshot.
  template <class T>
  T read(Task<absl::StatusOr<T>> task) {
    absl::StatusOr<T> answer = env_.run(std::move(task));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : T{};
  }

  std::optional<Row> get(const ResourceKey& key) {
    const auto snap = snapshot();
    return read(snap->get({key}, Fields::kAll)).at(0);
  }
  // Names of rows, in order, by as many pages as it takes.
  std::vector<std::string> scan_names(ScanQuery query, size_t* pages = nullptr) {
    const auto snap = snapshot();
    std::vector<std::string> names;
    size_t count = 0;
    do {
      const ScanPage page = read(snap->scan(query));
      for (const Row& row : page.rows) names.push_back(row.key.name.str());
      query.after = page.next;
      if (++count > 1000) ADD_FAILURE() << "the scan doesn't end";
    } while (query.after.has_value() && count <= 1000);
    if (pages != nullptr) *pages = count;
    return names;
  }

  std::optional<Claim> claim(const ClaimKey& key) {
    const auto snap = snapshot();
    return read(snap->get_claims({key})).at(0);
  }
  // Whose claims, in order, page by page.
  std::vector<std::string> holders(ClaimQuery query) {
    const auto snap = snapshot();
    std::vector<std::string> holders;
    for (std::vector<Claim> page = read(snap->claims(query)); !page.empty();
         page = read(snap->claims(query))) {
      EXPECT_LE(page.size(), query.limit);
      for (const Claim& claim : page) holders.push_back(claim.key.holder);
      query.after = page.back().key;
    }
    return holders;
  }

  // Vpcs a, ab, b, c (a tombstone); rules a/1, a/2, b/1.
  void fill() {
    put({CreateRow{.row = NewRow(Vpc("ab"))}, CreateRow{.row = NewRow(Vpc("a"))},
         CreateRow{.row = NewRow(Vpc("c"))}, CreateRow{.row = NewRow(Vpc("b"))},
         CreateRow{.row = NewRow(Rule("b", "1"))}, CreateRow{.row = NewRow(Rule("a", "2"))},
         CreateRow{.row = NewRow(Rule("a", "1"))}});
    put({EraseRow{.key = Vpc("c"), .uid = Uid("vpcs/c#1"), .delete_time = Timestamp(1)}});
  }

  // Before everything in this database's feed.
  Cursor beginning() { return {.incarnation = engine_->incarnation()}; }

  std::string dump() { return DumpSnapshot(env_, *snapshot()); }

  const std::unique_ptr<SuiteEnv> owned_env_;
  SuiteEnv& env_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace holdfast::storage
