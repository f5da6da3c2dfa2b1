// What clients and hooks ask for, against what is there: ops become changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/store/hooks.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

class ChangeBuilder {
 public:
  // All outlive the builder.
  ChangeBuilder(const Plans& plans, const HookRegistry& hooks) : plans_(plans), hooks_(hooks) {}

  // What is wrong with the request whatever is in the database.
  [[nodiscard]] absl::Status check(const WriteRequest& request, size_t max_ops) const;

  // Fills set.changes() and set.results() with one change for each op, in order, each followed by
  // those that its hooks add.
  Task<absl::Status> build(WriteSet& set) const;

 private:
  // Where an op comes from.
  struct Source {
    Change::Origin origin = Change::Origin::kClient;
    size_t op = 0;
    std::string path;
    int depth = 0;
  };

  [[nodiscard]] absl::Status check_op(const WriteOp& op) const;
  // Builds the op's change and runs its hooks, deeper ones included. nullptr: nothing to do.
  Task<absl::StatusOr<Change*>> build_op(WriteSet& set, WriteOp& op, Source source,
                                         std::optional<storage::Row> row) const;
  Task<absl::Status> build_hook_ops(WriteSet& set, std::vector<std::pair<std::string, WriteOp>> ops,
                                    const Change& parent) const;
  [[nodiscard]] absl::StatusOr<std::optional<Change>> start(WriteSet& set, WriteOp& op,
                                                            const Source& source,
                                                            std::optional<storage::Row> row) const;
  [[nodiscard]] absl::StatusOr<std::optional<Change>> start_create(WriteSet& set, WriteOp& op,
                                                                   const Source& source) const;
  [[nodiscard]] absl::StatusOr<std::optional<Change>> start_update(
      WriteSet& set, const WriteOp& op, const Source& source,
      std::optional<storage::Row> row) const;
  [[nodiscard]] absl::StatusOr<std::optional<Change>> start_delete(
      WriteSet& set, const WriteOp& op, const Source& source,
      std::optional<storage::Row> row) const;
  // After the hooks have seen it: rules of fields, and our part of the metadata.
  [[nodiscard]] absl::Status finish(WriteSet& set, Change& change) const;

  const Plans& plans_;
  const HookRegistry& hooks_;
};

}  // namespace holdfast::store
