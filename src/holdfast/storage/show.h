// Storage's values as text, for tests that compare two engines, or one with itself: equal texts
// mean equal values, and a difference can be read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/suite_env.h"

namespace holdfast::storage {

inline std::string Show(const std::string& text) { return text; }
inline std::string Show(int64_t number) { return std::to_string(number); }

inline std::string Show(const ResourceKey& key) {
  return absl::StrCat(key.kind.str(), ":", key.name.str());
}

inline std::string Show(RowState state) {
  static constexpr const char* kNames[] = {"ACTIVE", "CLOSING", "DELETING", "GONE"};
  return kNames[static_cast<size_t>(state)];
}

inline std::string Show(const Row& row) {
  return absl::StrCat(Show(row.key), " uid=", row.uid.str(), " stamp=", row.stamp,
                      " version=", row.version.value(), " revision=", row.revision.value(), " ",
                      Show(row.state), " pending=", row.pending, " round=", row.round,
                      " delete_time=", row.delete_time.value(),
                      " body=", row.body.has_value() ? "'" + *row.body + "'" : "none",
                      " fields=", row.fields, " outgoing=", row.outgoing);
}

inline std::string Show(const Edge& edge) {
  return absl::StrCat(Show(edge.source), ".", edge.field, " -> ", Show(edge.target), " behavior ",
                      static_cast<int>(edge.behavior));
}

inline std::string Show(const UniqueValue& value) {
  return absl::StrCat(value.kind.str(), ".", value.field, " in '", value.scope, "': '", value.value,
                      "'");
}

inline std::string Show(const LimitRow& row) {
  return absl::StrCat(row.key.counted.str(), " in ", Show(row.key.holder), ": ", row.used, " of ",
                      row.max);
}

inline std::string Show(const ClaimKey& key) {
  return absl::StrCat("claim ", static_cast<int>(key.type), " of '", key.holder, "' on ",
                      Show(key.target));
}

inline std::string Show(const Claim& claim) {
  const ClaimTerms& terms = claim.terms;
  return absl::StrCat(Show(claim.key), ": uid=", terms.uid.str(), " state=", terms.state,
                      " number=", terms.number, " round=", terms.round, " version=", terms.version,
                      " due=", claim.due.value(), " note=", claim.note);
}

inline std::string Show(const PutRequest& request) {
  return absl::StrCat(request.id, " ", request.hash, " ", request.answer);
}

inline std::string Show(const Cursor& cursor) {
  return absl::StrCat(cursor.incarnation, "@", cursor.revision.value(),
                      cursor.key.has_value() ? " " + Show(*cursor.key) : "",
                      cursor.snapshot.empty() ? "" : " {" + cursor.snapshot + "}");
}

inline std::string Show(Failure::Kind kind) {
  static constexpr const char* kNames[] = {"REQUEST_SEEN", "GUARD",     "UNIQUE",      "LIMIT",
                                           "RETRYABLE",    "AMBIGUOUS", "UNAVAILABLE", "BUG"};
  return kNames[static_cast<size_t>(kind)];
}

template <class T>
std::string Show(const std::optional<T>& value) {
  return value.has_value() ? Show(*value) : "none";
}

// All but the message, which is for logs.
inline std::string Show(const Failure& failure) {
  return absl::StrCat(Show(failure.kind), " of op ", failure.op, "; row ", Show(failure.row), "; ",
                      Show(failure.claim), "; limit ", Show(failure.limit), "; request ",
                      Show(failure.request), "; unique ", Show(failure.unique), "; edge ",
                      Show(failure.edge), "; child ", Show(failure.child));
}

inline std::string Show(const Commit& commit) {
  if (commit.ok()) return absl::StrCat("committed at ", commit.revision.value());
  return absl::StrCat(Show(*commit.failure), "; ", commit.failure->message);
}

template <class T>
std::string Show(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) absl::StrAppend(&text, "  ", Show(value), "\n");
  return text;
}

inline std::string Show(const ScanPage& page) {
  return absl::StrCat(Show(page.rows), "  next ", Show(page.next), "\n");
}

inline std::string Show(const InboundPage& page) {
  return absl::StrCat(Show(page.edges), "  next ", Show(page.next), "\n");
}

inline std::string Show(const FeedPage& page) {
  return absl::StrCat(Show(page.rows), "  next ", Show(page.next),
                      page.complete ? " complete\n" : "\n");
}

// An error by its reason: messages may differ.
template <class T>
std::string ShowAnswer(const absl::StatusOr<T>& answer) {
  if (answer.ok()) return Show(*answer);
  const std::optional<Reason> reason = ReasonOf(answer.status());
  return reason.has_value() ? std::string(ReasonText(*reason)) : answer.status().ToString();
}

// Every row, limit and claim: what one state of a database holds, as far as it can be listed, but
// not its own revision, which may count what else happens.
// `env` is one that can run a task to its end.
template <class RunningEnv>
std::string DumpSnapshot(RunningEnv& env, Snapshot& snapshot) {
  std::string text;
  ScanQuery query{.tombstones = Tombstones::kInclude};
  do {
    absl::StatusOr<ScanPage> page = env.run(snapshot.scan(query));
    if (!page.ok()) return page.status().ToString();
    absl::StrAppend(&text, Show(page->rows));
    for (const Row& row : page->rows) {
      absl::StrAppend(&text, ShowAnswer(env.run(snapshot.inbound({.target = row.key}))));
    }
    query.after = page->next;
  } while (query.after.has_value());
  absl::StrAppend(&text, ShowAnswer(env.run(snapshot.limits(std::nullopt, kMaxPage))));
  for (const ClaimType type : {ClaimType::kRight, ClaimType::kToken, ClaimType::kBlockade,
                               ClaimType::kSource, ClaimType::kRounds}) {
    absl::StrAppend(&text, ShowAnswer(env.run(snapshot.claims({.type = type}))));
  }
  return text;
}

}  // namespace holdfast::storage
