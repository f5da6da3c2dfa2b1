// CockroachDB: what is different there. The texts are unit-tested; they have not been run against a
// server (docs/design/cockroach.md).
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/postgres_texts.h"

namespace holdfast::storage::sql {
namespace {

// Its transactions have no number, but a time by which they are in order. It knows two locks: its
// SHARE and UPDATE stand for the weaker ones, too.
constexpr ServerMake kCockroach = {.revision = "cluster_logical_timestamp()",
                                   .locks = {"FOR SHARE", "FOR SHARE", "FOR UPDATE", "FOR UPDATE"}};

// The feed goes by time, up to one at which all transactions are over: with nothing to wait for.
void AddFeed(Dialect& d) {
  d.head =
      "SELECT cluster_logical_timestamp(), m.purge_floor, (SELECT count(*) FROM kind) FROM meta m";
  d.feed =
      "SELECT k.name, r.name, r.uid, r.stamp, r.version, r.revision, r.state, r.pending, r.round, "
      "r.delete_time, r.body, r.fields, r.outgoing FROM resource r JOIN kind k ON k.id = r.kind "
      "WHERE r.revision >= $1::decimal "
      "AND (r.revision > $1::decimal OR (k.name, r.name) > ($2::text, $3::text)) "
      "ORDER BY r.revision, k.name, r.name LIMIT $4::int8";
}

}  // namespace

const Dialect& CockroachDialect() {
  static const SetTexts sets = [] {
    Dialect d;
    AddServerCommits(kCockroach, d);
    return ServerSets(kCockroach, d);
  }();
  static const Dialect dialect = [] {
    Dialect d;
    d.name = "cockroach";
    d.sets = &sets;
    AddServerCommits(kCockroach, d);
    AddServerReads(d);
    AddFeed(d);
    return d;
  }();
  return dialect;
}

}  // namespace holdfast::storage::sql
