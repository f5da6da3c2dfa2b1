// The commands of `holdfast`, one function each. They print results to standard output and return a
// status; main.cc turns it into words and an exit code.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/app/holdfast/context.h"
#include "holdfast/app/holdfast/interruption.h"

namespace holdfast::cli {

// --- reading (read.cc) ---
[[nodiscard]] absl::Status Get(Context& context, const std::vector<std::string>& names);

struct ListFlags {
  std::string collection;  // "packages" or "suites/bookworm/packages"
  std::string parent;
  std::string filter;
  std::string order_by;
  std::string fields;  // a read mask, comma-separated
  int64_t limit = 0;   // 0: all
  int page_size = 1000;
  bool show_deleted = false;
};
[[nodiscard]] absl::Status List(Context& context, const ListFlags& flags);

struct WatchFlags {
  std::string target;  // a resource's name, or a collection
  std::string parent;
  std::string filter;
  std::string resume_token;
  int64_t count = 0;   // stop after so many changes; 0: never
  std::string until;   // "current": stop when the snapshot is complete
  bool quiet = false;  // only count
};
// Ends well when it is interrupted: the last line says where to go on.
[[nodiscard]] absl::Status Watch(Context& context, const WatchFlags& flags,
                                 Interruption& interruption);

// --- writing (write.cc) ---
struct WriteFlags {
  std::string name;
  std::string file;
  std::vector<std::string> assignments;  // --set
  std::vector<std::string> mask;         // empty: what is assigned, or what the file sets
  std::string etag;
  std::string request_id;
  std::string plan_digest;
  bool dry_run = false;
  bool force = false;
  bool allow_missing = false;
};
[[nodiscard]] absl::Status Create(Context& context, const WriteFlags& flags);
[[nodiscard]] absl::Status Update(Context& context, const WriteFlags& flags);
[[nodiscard]] absl::Status Delete(Context& context, const WriteFlags& flags);

// --- batches (batch.cc) ---
[[nodiscard]] absl::Status Apply(Context& context, const WriteFlags& flags);
[[nodiscard]] absl::Status Transact(Context& context, const WriteFlags& flags);

// --- the graph (graph.cc) ---
struct ExplainFlags {
  std::string name;
  bool force = false;
  int samples = 20;
};
[[nodiscard]] absl::Status ExplainDelete(Context& context, const ExplainFlags& flags);
[[nodiscard]] absl::Status Refs(Context& context, const std::string& name, int64_t limit);
[[nodiscard]] absl::Status Tree(Context& context, const std::string& name, int64_t limit);

// --- schemas and operation (schema.cc) ---
[[nodiscard]] absl::Status SchemaCheck(const std::vector<std::string>& roots,
                                       const std::vector<std::string>& against);
[[nodiscard]] absl::Status SchemaKinds(Context& context);
[[nodiscard]] absl::Status SchemaExport(Context& context, const std::string& folder);
[[nodiscard]] absl::Status Fsck(Context& context, const std::string& service);

// The script that `eval "$(holdfast completion bash)"` runs.
[[nodiscard]] std::string BashCompletion();

}  // namespace holdfast::cli
