#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/postgres_texts.h"

namespace holdfast::storage::sql {
namespace {

constexpr ServerMake kPostgres = {
    .revision = "pg_current_xact_id()",
    .locks = {"FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"}};

}  // namespace

const Dialect& PostgresDialect() {
  static const SetTexts sets = [] {
    Dialect d;
    AddServerCommits(kPostgres, d);
    return ServerSets(kPostgres, d);
  }();
  static const Dialect dialect = [] {
    Dialect d;
    d.name = "postgres";
    d.sets = &sets;
    AddServerCommits(kPostgres, d);
    AddServerReads(d);
    AddPostgresFeed(d);
    return d;
  }();
  return dialect;
}

}  // namespace holdfast::storage::sql
