// How fast the archive goes in: batches of 500 creates, each with four edges and a check of each
// edge's target. One iteration imports kResources of them into a new file; time is wall time.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/storage/sql/open.h"

namespace holdfast::storage {
namespace {

constexpr int kResources = 97'000;
constexpr int kBatch = 500;
constexpr int kEdges = 4;
constexpr size_t kBodyBytes = 600;

ResourceKey Key(uint64_t n) {
  return {KindName("archive.example.com/Package"),
          ResourceName(absl::StrCat("suites/bookworm/packages/lib", 1'000'000 + n, "-dev"))};
}

Op Create(Env& env, uint64_t n) {
  CreateRow op;
  op.row.key = Key(n);
  op.row.uid = NewUid(env);
  op.row.version = Version(1);
  op.row.body = std::string(kBodyBytes, 'x');
  for (uint64_t e = 0; e < kEdges; ++e) {
    // Half of the references are to a few resources that everybody needs.
    const uint64_t target = e % 2 == 0 ? n % 10 : env.random().next() % (n + 1);
    op.edges.push_back({.target = Key(target), .source = Key(n), .field = "depends"});
  }
  return op;
}

Batch MakeBatch(Env& env, uint64_t first) {
  Batch batch{.label = "bench"};
  for (uint64_t n = first; n < first + kBatch; ++n) {
    Op op = Create(env, n);
    for (const Edge& edge : std::get<CreateRow>(op).edges) batch.add(RequireTarget{edge.target});
    batch.add(std::move(op));
  }
  return batch;
}

void Import(benchmark::State& state) {
  const std::string path = std::filesystem::temp_directory_path() / "holdfast-bench.db";
  for (auto _ : state) {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    ManualEnv env;
    auto engine = OpenSqliteEngine(env, {.path = path});
    HF_CHECK(engine.ok()) << engine.status().ToString();
    for (uint64_t first = 0; first < kResources; first += kBatch) {
      state.PauseTiming();
      Batch batch = MakeBatch(env, first);
      state.ResumeTiming();
      const Commit done = env.run((*engine)->commit(std::move(batch)));
      HF_CHECK(done.ok()) << done.status.ToString();
    }
  }
  state.SetItemsProcessed(state.iterations() * kResources);
  state.counters["file_mb"] = static_cast<double>(std::filesystem::file_size(path)) / (1024 * 1024);
  std::filesystem::remove(path);
}
BENCHMARK(Import)->Unit(benchmark::kMillisecond)->Iterations(1);

// One create with its references, alone: what a commit costs beside the fsync.
void SmallCommit(benchmark::State& state) {
  ManualEnv env;
  auto engine = OpenSqliteEngine(env, {.path = ":memory:"});
  HF_CHECK(engine.ok()) << engine.status().ToString();
  uint64_t n = 0;
  for (auto _ : state) {
    Batch batch{.label = "bench"};
    Op op = Create(env, n++);
    for (const Edge& edge : std::get<CreateRow>(op).edges) batch.add(RequireTarget{edge.target});
    batch.add(std::move(op));
    const Commit done = env.run((*engine)->commit(std::move(batch)));
    HF_CHECK(done.ok()) << done.status.ToString();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SmallCommit);

// Point reads, as references and Get do them.
void Get(benchmark::State& state) {
  ManualEnv env;
  auto engine = OpenSqliteEngine(env, {.path = ":memory:"});
  HF_CHECK(engine.ok()) << engine.status().ToString();
  for (uint64_t first = 0; first < 20 * kBatch; first += kBatch) {
    const Commit done = env.run((*engine)->commit(MakeBatch(env, first)));
    HF_CHECK(done.ok()) << done.status.ToString();
  }
  uint64_t n = 0;
  for (auto _ : state) {
    auto snapshot = env.run((*engine)->snapshot());
    HF_CHECK(snapshot.ok());
    std::vector<ResourceKey> keys;
    for (int i = 0; i < state.range(0); ++i) keys.push_back(Key(n++ % (20 * kBatch)));
    auto rows = env.run((*snapshot)->get(std::move(keys), Fields::kAll));
    HF_CHECK(rows.ok() && rows->front().has_value());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Get)->Arg(1)->Arg(100);

// A page of resources in order of name.
void Scan(benchmark::State& state) {
  ManualEnv env;
  auto engine = OpenSqliteEngine(env, {.path = ":memory:"});
  HF_CHECK(engine.ok()) << engine.status().ToString();
  for (uint64_t first = 0; first < 10 * kBatch; first += kBatch) {
    const Commit done = env.run((*engine)->commit(MakeBatch(env, first)));
    HF_CHECK(done.ok()) << done.status.ToString();
  }
  int64_t rows = 0;
  for (auto _ : state) {
    auto snapshot = env.run((*engine)->snapshot());
    HF_CHECK(snapshot.ok());
    auto page = env.run((*snapshot)->scan({.limit = 1000}));
    HF_CHECK(page.ok() && page->rows.size() == 1000);
    rows += static_cast<int64_t>(page->rows.size());
  }
  state.SetItemsProcessed(rows);
}
BENCHMARK(Scan);

}  // namespace
}  // namespace holdfast::storage
