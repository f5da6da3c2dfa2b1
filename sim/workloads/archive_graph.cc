#include "sim/workloads/archive_graph.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace holdfast::sim {
namespace {

constexpr const char* kSuite = "suites/small";
constexpr uint64_t kPackages = 14;
constexpr uint64_t kSources = 4;
// Nobody depends on data, and many recommend it: its source can go with all of it at once, and
// clears what outside refers to it.
constexpr uint64_t kData = 6;
constexpr const char* kDataSource = "suites/small/sources/data";

}  // namespace

std::string ArchiveGraph::package() {
  return absl::StrCat(kSuite, "/packages/", actor().any("lib", kPackages));
}

std::string ArchiveGraph::source() {
  return absl::StrCat(kSuite, "/sources/", actor().any("src", kSources));
}

std::string ArchiveGraph::data() {
  return absl::StrCat(kSuite, "/packages/", actor().any("data", kData));
}

Task<void> ArchiveGraph::setup() {
  const Write suite = actor().create("Suite", kSuite);
  co_await actor().must(suite);
  for (uint64_t i = 1; i <= kSources; ++i) {
    const Write source = actor().create("SourcePackage", absl::StrCat(kSuite, "/sources/src", i));
    co_await actor().must(source);
  }
}

void ArchiveGraph::refer(Write& write) {
  Set(*write.resource, "description", actor().marker());
  if (world().chance(0.8)) Set(*write.resource, "source", source());
  for (uint64_t i = world().below(3); i > 0; --i) Set(*write.resource, "depends", package());
  if (world().chance(0.4)) Set(*write.resource, "recommends", package());
  if (world().chance(0.4)) Set(*write.resource, "recommends", data());
}

Task<void> ArchiveGraph::create_data() {
  std::vector<Write> writes;
  if (world().chance(0.5)) writes.push_back(actor().create("SourcePackage", kDataSource));
  writes.push_back(actor().create("Package", data()));
  Set(*writes.back().resource, "source", kDataSource);
  Set(*writes.back().resource, "description", actor().marker());
  co_await actor().transact(writes);
}

// Alone, or several that depend on each other in a circle.
Task<void> ArchiveGraph::create() {
  std::vector<Write> writes;
  const uint64_t n = world().chance(0.5) ? 1 : 2 + world().below(3);
  for (uint64_t i = 0; i < n; ++i) {
    writes.push_back(actor().create("Package", package()));
    refer(writes.back());
  }
  for (size_t i = 0; n > 1 && i < writes.size(); ++i) {
    Set(*writes[i].resource, "depends", writes[(i + 1) % writes.size()].name);
  }
  if (world().chance(0.3)) writes.push_back(actor().create("SourcePackage", source()));
  co_await actor().transact(writes);
}

Task<void> ArchiveGraph::erase() {
  Write write = actor().erase("Package", package());
  if (world().chance(0.4)) write = actor().erase("SourcePackage", source());
  if (world().chance(0.2)) write = actor().erase("SourcePackage", kDataSource);
  co_await actor().write(write);
}

Task<void> ArchiveGraph::step() {
  const uint64_t choice = world().below(100);
  if (choice < 20) {
    co_await create();
  } else if (choice < 30) {
    co_await create_data();
  } else if (choice < 50) {
    Write write = actor().update("Package", package());
    refer(write);
    write.mask = {"*"};
    co_await actor().write(write);
  } else if (choice < 72) {
    co_await erase();
  } else if (choice < 80) {
    co_await actor().look(schema::Verb::kListReferrers, package());
  } else if (choice < 90) {
    co_await actor().list(actor().kind("Package"), kSuite, 100);
  } else {
    co_await actor().get(actor().kind("Package"), package());
  }
}

}  // namespace holdfast::sim
