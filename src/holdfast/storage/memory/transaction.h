// Runs one batch against the tables, op by op, as batch.h says.
#pragma once

#include <optional>
#include <vector>

#include "holdfast/storage/batch.h"
#include "holdfast/storage/memory/tables.h"

namespace holdfast::storage::memory {

// The caller holds the tables' mutex, and keeps or undoes what was written.
class Transaction {
 public:
  Transaction(Tables& tables, Revision revision, Timestamp now)
      : tables_(tables), revision_(revision), now_(now) {}

  // The first failure, or nullopt.
  [[nodiscard]] std::optional<Failure> run(const std::vector<Op>& ops);

 private:
  using Result = std::optional<Failure>;

  Result apply(const PutRequest& op);
  Result apply(const RequireRow& op);
  Result apply(const RequireClaim& op);
  Result apply(const EraseRow& op);
  Result apply(const UpdateRow& op);
  Result apply(const SetState& op);
  Result apply(const CreateRow& op);
  Result apply(const PutCursor& op);
  Result apply(const TakeLimit& op);
  Result apply(const DropClaim& op);
  Result apply(const PutClaim& op);
  Result apply(const RequireTarget& op);
  Result apply(const RequireNoInbound& op);
  Result apply(const RequireNoChildren& op);
  Result apply(const RequireUnheld& op);

  [[nodiscard]] const Row* find(const ResourceKey& key) const;
  void put(Row row);
  [[nodiscard]] const Claim* find(const ClaimKey& key) const;
  // nullopt: none.
  void put(const ClaimKey& key, std::optional<Claim> claim);
  void remove_edges(const std::vector<Edge>& edges);
  void add_edges(const std::vector<Edge>& edges);
  void remove_unique(const std::vector<UniqueValue>& values);
  // Fails with the first that is taken.
  Result add_unique(const std::vector<UniqueValue>& values);

  Tables& tables_;
  Revision revision_;
  Timestamp now_;
};

}  // namespace holdfast::storage::memory
