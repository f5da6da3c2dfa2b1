// The vocabulary of a commit: guards and changes that an Engine does together or not at all.
//
// Order. An engine runs a batch as: the request record; guards; changes; checks; that is in the
// order of the op's type in `Op`, then of position. Each op sees what those before it did. The
// failing op that an engine reports is the first in this order, in every engine.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "holdfast/base/types.h"
#include "holdfast/storage/claim.h"
#include "holdfast/storage/row.h"

namespace holdfast::storage {

// --- the request record -------------------------------------------------------------------------

// Remembers an answer under a client's request_id, so that a repeat gets it again.
// Fails (kRequestSeen) if the id is there: Failure::request holds what was kept.
struct PutRequest {
  std::string id;
  std::string hash;    // of the request
  std::string answer;  // serialized; the engine appends nothing
};

// --- guards: hold at the beginning -----------------------------------------------------------

// The row is there in one of these states, and is this one. Fails with what was observed.
struct RequireRow {
  ResourceKey key;
  uint32_t states = 1u << static_cast<int>(RowState::kActive);  // bit mask of RowState
  std::optional<Uid> uid;
  std::optional<Version> version;
  std::optional<std::string> round;
};

// The claim is there, for this life of its target, in one of these states. Fails with what was
// observed.
struct RequireClaim {
  ClaimKey key;
  Uid uid;
  uint32_t states = 1u << kRightHeld;  // bit mask
};

// --- changes ---------------------------------------------------------------------------------

// A new resource. Over nothing or a tombstone; else fails with the state observed; then with the
// first of `unique` that is taken.
struct CreateRow {
  Row row;  // stamp and revision are the engine's
  std::vector<Edge> edges;
  std::vector<UniqueValue> unique;
};

// Replaces a row's version, state, pending, round, delete_time, body, fields and outgoing. The row
// must be there (a tombstone isn't) with this uid and version `expected`; else fails with what was
// observed; then with the first of `added_unique` that is taken. What is removed goes before what
// is added. An edge is one (target, source, field): removing one that isn't there does nothing,
// adding one that is there replaces its behavior.
struct UpdateRow {
  Row row;
  Version expected;
  std::vector<Edge> removed_edges;
  std::vector<Edge> added_edges;
  std::vector<UniqueValue> removed_unique;
  std::vector<UniqueValue> added_unique;
};

// Changes only the shadow part: the version and update time stay. Fails like RequireRow.
struct SetState {
  ResourceKey key;
  Uid uid;
  uint32_t from_states = 0;  // bit mask
  std::optional<std::string> from_round;
  RowState to = RowState::kActive;
  std::string round;     // the new round
  uint32_t pending = 0;  // the new pending bits
  Timestamp delete_time;
};

// Turns the row into a tombstone: body, fields, outgoing, pending, round, and the edges and unique
// values named here go; uid, stamp and version stay. Fails like UpdateRow; `expected` may be left
// out when the uid suffices.
struct EraseRow {
  ResourceKey key;
  Uid uid;
  std::optional<Version> expected;
  Timestamp delete_time;
  std::vector<Edge> removed_edges;
  std::vector<UniqueValue> removed_unique;
};

// used += n (n may be negative). The row is made if it isn't there; `default_max` becomes its max.
// Fails (kLimit) if n is positive and used would be above max, with used (before this op) and max;
// below zero is a bug.
struct TakeLimit {
  LimitKey key;
  int64_t n = 0;
  int64_t default_max = 0;
};

// A named position or a small record of the deployment's own (keys, cursors, rounds).
struct PutCursor {
  std::string name;
  std::string value;                    // empty: removes it
  std::optional<std::string> expected;  // compare-and-set; "": must not be there
};

// The claim is there with these terms, and goes. Fails with what was observed.
struct DropClaim {
  ClaimKey key;
  ClaimTerms expected;
};

// Replaces the claim that is there with the terms `expected`; nullopt: there must be none. Fails
// with what was observed.
struct PutClaim {
  Claim claim;
  std::optional<ClaimTerms> expected;
};

// --- checks: hold at the end -----------------------------------------------------------------

// A reference's target or a parent: there and ACTIVE. The batch itself may have created it.
struct RequireTarget {
  ResourceKey key;
};

// No reference points here any more. References of ALLOW_DANGLING don't count.
struct RequireNoInbound {
  ResourceKey key;
};

// No resource (of any state but GONE) of these kinds has a name that begins with `key.name/`. Fails
// with the first in order of (kind, name).
struct RequireNoChildren {
  ResourceKey key;
  std::vector<KindName> kinds;
};

// Nobody elsewhere holds the row: no blockade is on it, and no source of an earlier round than this
// (all are earlier than the default). Fails with the first claim by (type, holder).
struct RequireUnheld {
  ResourceKey key;
  int64_t before_round = std::numeric_limits<int64_t>::max();
};

// The order of alternatives is the order of running within a phase.
using Op =
    std::variant<PutRequest,                                                      // request
                 RequireRow, RequireClaim,                                        // guards
                 EraseRow, UpdateRow, SetState, CreateRow, PutCursor, TakeLimit,  // changes
                 DropClaim, PutClaim, RequireTarget, RequireNoInbound, RequireNoChildren,  // checks
                 RequireUnheld>;

// Why a commit failed.
struct Failure {
  enum class Kind {
    kRequestSeen,  // PutRequest
    kGuard,        // an op's condition on a row, claim, cursor, target, inbound or children fails
    kUnique,       // CreateRow, UpdateRow: `unique` says which value
    kLimit,        // TakeLimit
    kRetryable,    // nothing happened; send it again
    kAmbiguous,    // may have committed
    kUnavailable,  // certainly not committed
    kBug,
  };
  Kind kind = Kind::kBug;
  size_t op = 0;  // index in Batch::ops
  // What was observed, as far as it applies: the row without body, fields and outgoing (nullopt:
  // none), the claim, the limit, the kept request, the value, the first edge or child that stands
  // against it.
  std::optional<Row> row;
  std::optional<Claim> claim;
  std::optional<LimitRow> limit;
  std::optional<PutRequest> request;
  std::optional<UniqueValue> unique;
  std::optional<Edge> edge;
  std::optional<ResourceKey> child;
  std::string message;  // for logs, and for kBug, kUnavailable
};

// Says what a failure of this op means to the client. Composed pieces bring their own.
using Explain = std::function<absl::Status(const Failure&)>;

struct Batch {
  std::string label;  // "network.acme.com/Vpc.create", for logs and metrics
  std::vector<Op> ops;
  // Beside each op; may be empty: then a failure of it is INTERNAL with the label.
  std::vector<Explain> explains;
  // Run everything, then undo: answers as a commit would, with nothing changed (validate_only).
  enum class Mode { kCommit, kRehearse } mode = Mode::kCommit;

  size_t add(Op op, Explain explain = nullptr) {
    ops.push_back(std::move(op));
    explains.push_back(std::move(explain));
    return ops.size() - 1;
  }
};

struct Commit {
  absl::Status status;             // of the failing op's Explain
  std::optional<Failure> failure;  // nullopt: committed
  // Of this batch. 0: of a rehearsal; or the engine doesn't know (several writers: a transaction
  // has no place of its own among the states). A snapshot taken now has the batch.
  Revision revision;

  [[nodiscard]] bool ok() const { return !failure.has_value(); }
};

}  // namespace holdfast::storage
