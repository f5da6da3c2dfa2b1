// Makes the archive service hold what a Packages list says, through its public API.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "examples/archive/packages.h"
#include "examples/archive/remote.h"

namespace holdfast::archive {

struct ImportOptions {
  std::string suite;
  size_t batch_size = 500;  // operations in one Transact; the server's max_batch_ops bounds it
  size_t in_flight = 4;     // batches under way at once
  // How long a batch is sent again while the server is away, in seconds.
  int64_t patience_seconds = 60;
  // Called with (done, all) operations, from any thread, one call at a time.
  std::function<void(size_t, size_t)> progress;
};

// What was done, counted where it was done.
struct ImportResult {
  size_t packages = 0;
  size_t sources = 0;
  size_t references = 0;  // `depends` only
  size_t recommends = 0;
  size_t cycles = 0;  // groups of packages that depend on each other
  size_t created = 0;
  size_t updated = 0;    // of those 2nd visits to packages just created: see below
  size_t completed = 0;  // packages whose `recommends` had to wait for later packages
  size_t requests = 0;
  double seconds = 0;
};

// Three rounds: sources; packages, in an order in which all that a package depends on is there
// before it or comes in the same batch (cycles), with those of `recommends` that are there; then
// what is different from the list, which is the rest of `recommends`, and in a repeated import
// whatever has changed. What is there and equal isn't touched.
[[nodiscard]] absl::StatusOr<ImportResult> Import(Remote& remote, const Index& index,
                                                  const ImportOptions& options);

}  // namespace holdfast::archive
