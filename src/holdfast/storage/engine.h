// The database of one deployment as the store sees it. Hides SQL.
//
// Implementations: sql/ (over batch/), memory/. storage/conformance.h is the one suite that every
// engine passes; model_test.cc drives two with the same random operations and compares all answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"
#include "holdfast/filter/filter.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/row.h"

namespace holdfast::storage {

// Pages are bounded: larger limits are cut to this.
inline constexpr size_t kMaxPage = 1000;
// Where a query names no limit of its own: at most so many bytes of bodies a page (at least one
// row), so that a page of large resources fits into memory.
inline constexpr size_t kMaxPageBytes = 4 << 20;

// Which parts of rows to read: bodies are most of the bytes. kShadow: without body, fields and
// outgoing.
enum class Fields { kAll, kShadow };

enum class Tombstones { kSkip, kInclude };

struct ScanQuery {
  // Kinds to read; empty: all. Rows come in order of (kind, name).
  std::vector<KindName> kinds;
  // Only names with this prefix.
  std::string name_prefix;
  // Start behind this key.
  std::optional<ResourceKey> after;
  size_t limit = kMaxPage;
  // At most so many bytes of bodies (at least one row).
  size_t max_bytes = 4 << 20;
  Fields fields = Fields::kAll;
  Tombstones tombstones = Tombstones::kSkip;
  // One kind only: prefilter by an index. An engine may ignore it: callers filter again.
  std::vector<filter::IndexCondition> conditions;
  // How many rows may be looked at before the page ends, matching or not.
  size_t max_examined = 10000;
};

struct ScanPage {
  std::vector<Row> rows;
  // Where to go on; nullopt: that was all. A page may be empty and still have one.
  std::optional<ResourceKey> next;
};

struct InboundQuery {
  ResourceKey target;
  // Bit mask of 1 << OnDelete; default: all.
  uint32_t behaviors = ~0u;
  // Start behind this edge.
  std::optional<Edge> after;
  size_t limit = kMaxPage;
};

struct InboundPage {
  std::vector<Edge> edges;  // in order of (source kind, source name, field)
  std::optional<Edge> next;
};

// Rows with duties: state not ACTIVE and not GONE, or pending not 0. In order of (kind, name).
struct DutyQuery {
  std::optional<RowState> state;
  std::optional<std::string> round;
  uint32_t pending = 0;  // any of these bits; 0: whatever
  std::optional<ResourceKey> after;
  size_t limit = kMaxPage;
};

// Claims of one type, in order of their keys.
struct ClaimQuery {
  ClaimType type = ClaimType::kSource;
  // Only those on this one.
  std::optional<ResourceKey> target;
  // Start behind this key.
  std::optional<ClaimKey> after;
  size_t limit = kMaxPage;
};

// A place in the feed. Opaque to clients; valid over restarts. `incarnation` names the database
// (and its restores): a cursor of another one is refused. Get the first one from
// Snapshot::place(); Cursor{incarnation} is the beginning of everything.
struct Cursor {
  std::string incarnation;
  Revision revision;
  // Within a revision: behind this row; nullopt: the whole revision has been read.
  std::optional<ResourceKey> key;
  // What a number can't say: with several writers at once, which transactions have been seen. The
  // engine's own words, at most kMaxCursorSnapshot bytes; empty where the revision says it all. A
  // text that is older than the revision is a good place too: some rows come again.
  std::string snapshot;
};
inline constexpr size_t kMaxCursorSnapshot = 8 << 10;

struct FeedPage {
  // In order of revision, each key once; tombstones included. A row's revision is the place at
  // which the feed has it: with one writer that of its commit, otherwise that of the state it was
  // read from.
  std::vector<Row> rows;
  Cursor next;
  // True: nothing is left; with these rows the reader's view is exactly the state at
  // next.revision.
  bool complete = false;
};

// Reads of one state of the database. Not thread-safe; give it back soon.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // Of two states of one database, the one that holds more has the higher revision. With one writer
  // it is that of the last commit; with several, a count of finished transactions: it also moves
  // when nothing here has changed.
  [[nodiscard]] virtual Revision revision() const = 0;
  // The state as a place in the feed: what has changed since is behind it.
  [[nodiscard]] virtual Cursor place() const = 0;

  // In the order of `keys`; nullopt where there is no row. Tombstones are returned.
  virtual Task<absl::StatusOr<std::vector<std::optional<Row>>>> get(std::vector<ResourceKey> keys,
                                                                    Fields fields) = 0;
  virtual Task<absl::StatusOr<ScanPage>> scan(ScanQuery query) = 0;
  virtual Task<absl::StatusOr<InboundPage>> inbound(InboundQuery query) = 0;
  virtual Task<absl::StatusOr<int64_t>> count_inbound(ResourceKey target, uint32_t behaviors) = 0;
  virtual Task<absl::StatusOr<ScanPage>> duties(DutyQuery query) = 0;
  virtual Task<absl::StatusOr<std::optional<LimitRow>>> limit(LimitKey key) = 0;
  // In the order of `keys`; nullopt where there is none.
  virtual Task<absl::StatusOr<std::vector<std::optional<Claim>>>> get_claims(
      std::vector<ClaimKey> keys) = 0;
  virtual Task<absl::StatusOr<std::vector<Claim>>> claims(ClaimQuery query) = 0;
  // Those due at `by` or before, the first ones first. Who can't end one moves its time on.
  virtual Task<absl::StatusOr<std::vector<Claim>>> due_claims(ClaimType type, Timestamp by,
                                                              size_t limit) = 0;
  // All limit rows in order, behind `after`.
  virtual Task<absl::StatusOr<std::vector<LimitRow>>> limits(std::optional<LimitKey> after,
                                                             size_t limit) = 0;
  virtual Task<absl::StatusOr<std::optional<std::string>>> cursor(std::string name) = 0;
  virtual Task<absl::StatusOr<std::optional<PutRequest>>> request(std::string id) = 0;
  // Changes behind `from`: the latest state of each row, at most kMaxPageBytes of bodies.
  // OUT_OF_RANGE / RESUME_TOO_OLD below the purge's floor (a tombstone behind `from` has been
  // forgotten), for a place that isn't there (yet, or any more: after a failover), or for another
  // incarnation.
  virtual Task<absl::StatusOr<FeedPage>> feed(Cursor from, size_t limit) = 0;
};

struct PurgeResult {
  int64_t tombstones = 0;
  int64_t requests = 0;
  bool more = false;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Names this database: changes when a backup is restored.
  [[nodiscard]] virtual const std::string& incarnation() const = 0;

  // Whether commits may come that on_commit() doesn't tell of.
  enum class Writers { kThisProcess, kOthersToo };
  [[nodiscard]] virtual Writers writers() const = 0;

  // All or nothing; answers when it is durable. And if the batch closes a row (an ACTIVE one gets
  // another state) or puts a right that isn't kRightHeld: when every batch that had required the
  // row or the right as it was before is through. What such batches have added can be read then.
  virtual Task<Commit> commit(Batch batch) = 0;

  virtual Task<absl::StatusOr<std::unique_ptr<Snapshot>>> snapshot() = 0;

  // Forgets tombstones deleted and requests made before `before`, at most `limit` of each (those
  // of the lowest revision first), and raises the feed's floor in the same transaction.
  virtual Task<absl::StatusOr<PurgeResult>> purge(Timestamp before, size_t limit) = 0;

  // Called after each commit of this engine, with Commit::revision, and after each purge that
  // forgot something; on no particular thread. One listener; set it before the first commit.
  virtual void on_commit(std::function<void(Revision)> listener) = 0;
};

// What an engine must know of the schema to keep indexes.
struct IndexDefinition {
  KindName kind;
  std::vector<std::string> paths;
};

}  // namespace holdfast::storage
