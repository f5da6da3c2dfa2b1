// What the dialects of PostgreSQL and of those who speak its language share.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"
#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {

inline constexpr absl::string_view kServerShadow =
    "r.uid, r.stamp, r.version, r.revision, r.state, r.pending, r.round, r.delete_time";
inline constexpr absl::string_view kServerRow =
    "r.uid, r.stamp, r.version, r.revision, r.state, r.pending, r.round, r.delete_time, r.body, "
    "r.fields, r.outgoing";

inline constexpr absl::string_view kServerClaim = "uid, state, number, round, due, note, version";

// How makes of database differ in what a commit says.
struct ServerMake {
  std::string_view revision;  // of the running transaction, as an expression
  // By Lock.
  std::array<std::string_view, kLocks> locks;
};

// The texts of names and of commits.
void AddServerCommits(const ServerMake& make, Dialect& dialect);
[[nodiscard]] SetTexts ServerSets(const ServerMake& make, const Dialect& dialect);
// The reads, without head and feed.
void AddServerReads(Dialect& dialect);

// head, feed and purge of PostgreSQL.
void AddPostgresFeed(Dialect& dialect);

// A value as unique_value holds it: without U+0000, and no longer than an index entry may be.
[[nodiscard]] std::string ServerUniqueKey(std::string_view value);

[[nodiscard]] std::string QuotedName(std::string_view identifier);
// The statement that makes a kind's declared index.
[[nodiscard]] std::string ServerIndexSql(int64_t kind, const FieldIndex& index);

}  // namespace holdfast::storage::sql
