// storage::Snapshot over a batch::ReadSnapshot.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "holdfast/batch/database.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/names.h"
#include "holdfast/storage/sql/seen.h"

namespace holdfast::storage::sql {

class RowPage;

inline void RaiseTo(std::atomic<int64_t>& highest, Revision revision) {
  int64_t before = highest.load();
  while (before < revision.value() && !highest.compare_exchange_weak(before, revision.value())) {
  }
}

class SqlSnapshot final : public Snapshot {
 public:
  // What stays the same for all snapshots of an engine.
  struct Context {
    const Dialect& dialect;
    const FieldIndexes& indexes;
    const std::string& incarnation;
    // The highest revision that this process has seen, or that a reader has brought from another.
    std::atomic<int64_t>& highest;
  };

  // `known`: names as of the snapshot, or later; where several write, names of before it, and if it
  // has others, `names` learns them.
  [[nodiscard]] static Task<absl::StatusOr<std::unique_ptr<Snapshot>>> Begin(
      Context context, std::unique_ptr<batch::ReadSnapshot> reader,
      std::shared_ptr<const NameIds> known, Names& names);

  [[nodiscard]] Revision revision() const override { return revision_; }
  [[nodiscard]] Cursor place() const override;
  Task<absl::StatusOr<std::vector<std::optional<Row>>>> get(std::vector<ResourceKey> keys,
                                                            Fields fields) override;
  Task<absl::StatusOr<ScanPage>> scan(ScanQuery query) override;
  Task<absl::StatusOr<InboundPage>> inbound(InboundQuery query) override;
  Task<absl::StatusOr<int64_t>> count_inbound(ResourceKey target, uint32_t behaviors) override;
  Task<absl::StatusOr<ScanPage>> duties(DutyQuery query) override;
  Task<absl::StatusOr<std::optional<LimitRow>>> limit(LimitKey key) override;
  Task<absl::StatusOr<std::vector<std::optional<Claim>>>> get_claims(
      std::vector<ClaimKey> keys) override;
  Task<absl::StatusOr<std::vector<Claim>>> claims(ClaimQuery query) override;
  Task<absl::StatusOr<std::vector<Claim>>> due_claims(ClaimType type, Timestamp by,
                                                      size_t limit) override;
  Task<absl::StatusOr<std::vector<LimitRow>>> limits(std::optional<LimitKey> after,
                                                     size_t limit) override;
  Task<absl::StatusOr<std::optional<std::string>>> cursor(std::string name) override;
  Task<absl::StatusOr<std::optional<PutRequest>>> request(std::string id) override;
  Task<absl::StatusOr<FeedPage>> feed(Cursor from, size_t limit) override;

 private:
  SqlSnapshot(Context context, std::unique_ptr<batch::ReadSnapshot> reader,
              std::shared_ptr<const NameIds> known)
      : context_(context), reader_(std::move(reader)), known_(std::move(known)) {}

  // One kind's part of a scan. Returns when the kind is through or the page is full.
  Task<absl::Status> scan_kind(const ScanQuery& query, KindName kind, RowPage& page);
  // Replaces the query by one over an index that serves the conditions, if there is one; `values`
  // are what it takes behind the other parameters.
  Task<absl::Status> use_index(const ScanQuery& query, int64_t kind, std::string& sql,
                               batch::Row& values);
  Task<absl::StatusOr<std::vector<Claim>>> claims_from(const std::string& sql, batch::Row binds,
                                                       ClaimType type, size_t limit);
  Task<absl::Status> duties_of_kind(const DutyQuery& query, KindName kind, RowPage& page);
  Task<absl::Status> inbound_of_kind(const InboundQuery& query, KindName kind, InboundPage& page);

  // In sql_feed.cc.
  [[nodiscard]] absl::Status take_head(batch::Row& head);
  Task<absl::StatusOr<FeedPage>> feed_by_revision(Cursor from, size_t limit);
  [[nodiscard]] absl::Status check_revision(const Cursor& from) const;
  Task<absl::StatusOr<FeedPage>> feed_by_snapshot(Cursor from, size_t limit);
  [[nodiscard]] absl::StatusOr<SeenPlace> start_of(const Cursor& from) const;
  [[nodiscard]] bool forgets_nothing_behind(const SeenPlace& place) const;
  [[nodiscard]] absl::StatusOr<FeedPage> end_page(const SeenPlace& from, Xid last, RowPage& page);

  Task<absl::StatusOr<std::vector<batch::Row>>> rows(const std::string& sql, batch::Row binds,
                                                     size_t max_rows);
  // In order of name, from the given one on.
  [[nodiscard]] std::vector<KindName> kinds_from(const KindName& first) const;
  // nullopt: no row of the kind was ever written.
  [[nodiscard]] std::optional<int64_t> kind_id(const KindName& kind) const;

  Context context_;
  std::unique_ptr<batch::ReadSnapshot> reader_;
  std::shared_ptr<const NameIds> known_;  // shared with the engine, which goes on adding
  Revision revision_;
  Revision floor_;  // by revision

  // By snapshot: what it has seen, and of that what places are made of (seen.h).
  Seen seen_;
  SeenPlace place_;
  Xid purge_floor_ = 0;  // the newest writer of whom a tombstone has been forgotten
  Xid last_purge_ = 0;
};

}  // namespace holdfast::storage::sql
