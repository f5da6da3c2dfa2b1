// Head, feed and purge of PostgreSQL. Rows carry the id of the transaction that wrote them last.
#include "absl/strings/str_cat.h"
#include "holdfast/batch/postgres/idempotency.h"
#include "holdfast/storage/sql/postgres_texts.h"

namespace holdfast::storage::sql {
namespace {

// Both ends of the feed are ranges of the index on `revision`, whatever else runs in the cluster:
// the writers that are over since, one by one, and all from `top` on. $1 writers, $2 top; $3, $4,
// $5: of this writer what is behind; $6 limit.
std::string Feed(absl::string_view columns) {
  const auto part = [columns](absl::string_view writers) {
    return absl::StrCat("(SELECT k.name AS kind_name, r.name, ", columns,
                        " FROM resource r JOIN kind k ON k.id = r.kind WHERE ", writers,
                        " AND (r.revision <> $3::xid8 OR (k.name, r.name) > ($4::text, $5::text)) "
                        "ORDER BY r.revision, k.name, r.name LIMIT $6::int8)");
  };
  return absl::StrCat("SELECT * FROM (", part("r.revision = ANY ($1::xid8[])"), " UNION ALL ",
                      part("r.revision >= $2::xid8"),
                      ") f ORDER BY f.revision, f.kind_name, f.name LIMIT $6::int8");
}

}  // namespace

void AddPostgresFeed(Dialect& d) {
  d.feed_by = Dialect::FeedBy::kSnapshot;
  // A row of the file's name is the timeline that is being written: pg_control is behind for a
  // while after a promotion.
  d.head =
      "SELECT pg_current_snapshot()::text, "
      "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), "
      "m.lift, m.purge_floor, m.purge_mark, "
      "(SELECT r.revision FROM resource r ORDER BY r.revision DESC LIMIT 1), "
      "(SELECT count(*) FROM kind) FROM meta m";
  d.feed = Feed(kServerRow);
  d.lift = "UPDATE meta SET lift = lift + $1::int8";
  // One statement, as each has its own view of what others have committed. Purges wait for each
  // other at `meta`, with the tombstones of theirs in hand.
  d.purge_rows =
      "WITH victim AS (SELECT r.kind, r.name FROM resource r JOIN kind k ON k.id = r.kind "
      "WHERE r.state = 3 AND r.delete_time < $1::int8 ORDER BY r.revision, k.name, r.name "
      "LIMIT $2::int8 FOR UPDATE OF r SKIP LOCKED), "
      "gone AS (DELETE FROM resource r USING victim v WHERE r.kind = v.kind AND r.name = v.name "
      "RETURNING r.revision), "
      "newest AS (SELECT g.revision FROM gone g ORDER BY g.revision DESC LIMIT 1), "
      "mark AS (UPDATE meta SET purge_floor = greatest(purge_floor, n.revision), "
      "purge_mark = pg_current_xact_id() FROM newest n) SELECT 1 FROM gone";
  d.purge_requests =
      "DELETE FROM request WHERE id IN (SELECT id FROM request WHERE made < $1::int8 "
      "ORDER BY made, id LIMIT $2::int8) RETURNING 1";
  // One that somebody takes of just now stays.
  d.purge_keys = std::string(batch::postgres::kForgetKeys);
  d.purge_limits =
      "DELETE FROM limit_row WHERE (holder_kind, holder_name, counted) IN (SELECT holder_kind, "
      "holder_name, counted FROM limit_row WHERE used = 0 AND $1::int8 IS NOT NULL "
      "LIMIT $2::int8 FOR UPDATE SKIP LOCKED) RETURNING 1";
  d.purge_more =
      "SELECT EXISTS (SELECT 1 FROM resource r WHERE r.state = 3 AND r.delete_time < $1::int8) "
      "OR EXISTS (SELECT 1 FROM request WHERE made < $1::int8 AND $2::int8 IS NOT NULL) "
      "OR EXISTS (SELECT 1 FROM limit_row WHERE used = 0)";
}

}  // namespace holdfast::storage::sql
