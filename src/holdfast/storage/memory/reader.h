// What a snapshot of a MemoryEngine answers. Plain functions of one state; snapshot.cc makes
// coroutines of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/memory/tables.h"

namespace holdfast::storage::memory {

// The caller holds the tables' mutex.
class Reader {
 public:
  Reader(const Tables& tables, Revision at) : tables_(tables), at_(at) {}

  [[nodiscard]] std::vector<std::optional<Row>> get(const std::vector<ResourceKey>& keys,
                                                    Fields fields) const;
  [[nodiscard]] ScanPage scan(const ScanQuery& query) const;
  [[nodiscard]] ScanPage duties(const DutyQuery& query) const;
  [[nodiscard]] InboundPage inbound(const InboundQuery& query) const;
  [[nodiscard]] int64_t count_inbound(const ResourceKey& target, uint32_t behaviors) const;
  [[nodiscard]] std::vector<std::optional<Claim>> get_claims(
      const std::vector<ClaimKey>& keys) const;
  [[nodiscard]] std::vector<Claim> claims(const ClaimQuery& query) const;
  [[nodiscard]] std::vector<Claim> due_claims(ClaimType type, Timestamp by, size_t limit) const;
  [[nodiscard]] std::vector<LimitRow> limits(const std::optional<LimitKey>& after,
                                             size_t limit) const;
  // `floor`: as it was when the snapshot was taken.
  [[nodiscard]] absl::StatusOr<FeedPage> feed(const Cursor& from, size_t limit,
                                              const std::string& incarnation, Revision floor) const;

 private:
  const Tables& tables_;
  Revision at_;
};

}  // namespace holdfast::storage::memory
