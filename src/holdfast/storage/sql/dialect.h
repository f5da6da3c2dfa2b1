// The SQL of one make of database, as texts. The engine above knows what each text does and which
// parameters it takes, not how it is written. One file of texts for each make: sqlite_dialect.cc,
// postgres_dialect.cc, cockroach_dialect.cc.
//
// Kinds and field paths are numbers in the tables `kind` and `field`: `$kind` below is such a
// number. A "shadow" is the columns kShadowColumns, a "row" those and body, fields, outgoing.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/batch/batch.h"
#include "holdfast/filter/filter.h"
#include "holdfast/storage/engine.h"

namespace holdfast::storage::sql {

// How many columns of a row come before the body: uid, stamp, version, revision, state, pending,
// round, delete_time.
inline constexpr size_t kShadowColumns = 8;

// A declared index as the database has it: over these fields of one kind, in order, then the name.
struct FieldIndex {
  std::string name;
  std::vector<std::string> paths;
};
// By the kind's number.
using FieldIndexes = std::map<int64_t, std::vector<FieldIndex>>;

// The rows of a kind that an index finds. The conditions are on its paths.
struct Matching {
  int64_t kind = 0;
  const FieldIndex& index;
  std::vector<filter::IndexCondition> conditions;
};

// How a row is locked, weakest first: as much as its reader needs to stay true.
enum class Lock : uint8_t {
  kKeyShare,     // it stays, and stays open: the target of a reference
  kShare,        // it stays as it is: a guard read it
  kNoKeyUpdate,  // we change it
  kUpdate,       // we close or remove it: nobody may hold it
};
inline constexpr size_t kLocks = 4;

// A statement in two forms: for one row of parameters, and for many, each parameter an array.
struct SetText {
  std::string each;
  std::string set;
};

// More targets of one new row are locked in a statement of their own.
inline constexpr size_t kJoinedTargets = 3;

// What a server's dialect has besides, for batches as few statements over sets of rows
// (set_plan.h). In a set no key comes twice. A statement that may do less than it should for some
// rows returns the positions 1 to n if it did all, and otherwise not all of these: which row it
// was, the exact form of a batch finds out. Inserts fail by a constraint if there is such a row.
struct SetTexts {
  SetText lock_target;                   // $kind, name: ACTIVE, and stays so (Lock::kKeyShare)
  std::array<SetText, kLocks> lock_row;  // as require_row, with the lock
  std::string lock_mixed;                // the same, and the Lock as a number: in the set's order
  SetText drop_edge, put_edge;
  SetText drop_unique, put_unique;
  SetText put_request;
  SetText erase_row, update_row, set_state, create_row;
  // Parameters of create_row, then of put_edge: n rows and m edges side by side, the shorter filled
  // up with NULL.
  SetText create_row_with_edge;
  // One row, without and with an edge, and behind their parameters 1, 2 or 3 targets as in
  // lock_target: locked in their order. Fails by a constraint if one of them isn't there.
  std::array<std::array<std::string, kJoinedTargets>, 2> create_row_on_targets;
  // For n above zero and, if there is no row yet, not above max.
  SetText add_limit;  // holder's kind, name, counted, n, max
  // There is a row, and it stays within 0 and max all the way.
  SetText change_limit;     // the same, lowest sum, highest sum?
  std::string lock_limits;  // holder's kind, name, counted: a set, in its order; perhaps none
  SetText require_target, find_inbound, find_child;
  SetText find_hold;
  SetText require_claim;  // with Lock::kKeyShare
};

struct Dialect {
  std::string name;  // "sqlite"
  // nullptr: a batch has one form only, the exact one.
  const SetTexts* sets = nullptr;
  // The database has several writers: rows are locked before anything else (require_row's
  // parameters, as a set; holding or not). Empty: they are one after another.
  std::string lock_row;  // $kind, name, Lock
  // Waits until nobody holds the row who was there before its state changed. Empty: not needed.
  std::string wait_out;  // $kind, name
  // The same for a claim: until nobody holds it who required it before its state changed.
  std::string wait_out_claim;  // a claim's key
  // Binds of unique values: text has no U+0000, and index entries are bounded. nullptr: as they
  // are.
  std::string (*unique_key)(std::string_view value) = nullptr;

  // --- names: $1 text; returns nothing, then the number
  std::string add_kind;
  std::string find_kind;
  std::string add_field;
  std::string find_field;
  std::string all_kinds;   // number, name; in order of name
  std::string all_fields;  // number, path

  // --- commit. What fails yields another number of rows than one (unless said otherwise).
  std::string next_revision;  // returns it; what follows in the transaction writes it into rows
  std::string this_revision;  // the same without a new one: nothing is changed that a reader sees
  std::string put_request;    // id, hash, answer, time
  std::string see_request;    // id -> hash, answer
  std::string require_row;    // $kind, name, states, uid?, version?, round?
  std::string see_row;        // $kind, name -> shadow
  std::string erase_row;      // $kind, name, uid, version?, delete_time
  std::string update_row;     // $kind, name, uid, expected version, version, state, pending, round,
                              // delete_time, body, fields, outgoing
  std::string set_state;      // $kind, name, uid, from states, from round?, state, round, pending,
                              // delete_time
  std::string create_row;   // $kind, name, uid, version, state, pending, round, delete_time, body,
                            // fields, outgoing
  std::string put_edge;     // $target kind, name, $source kind, name, $field, behavior
  std::string drop_edge;    // $target kind, name, $source kind, name, $field; perhaps none
  std::string put_unique;   // $kind, $field, scope, value
  std::string drop_unique;  // the same; perhaps none
  std::string swap_cursor;  // name, value (empty: none), expected?; empty text: the next three
  std::string require_cursor;  // name, value (empty: none)
  std::string put_cursor;      // name, value
  std::string drop_cursor;     // name; perhaps none
  // A claim's key is: type, kind of the target (as text), its name, holder.
  std::string require_claim;  // key, uid, states
  std::string make_claim;     // key, uid, state, number, round, due, note: if there is none
  std::string change_claim;   // key, expected terms; uid, state, number, round, due, note
  std::string drop_claim;     // key, expected terms: uid, state, number, round, version
  std::string see_claim;      // key -> uid, state, number, round, due, note, version
  // Makes the row, or gives it another max; perhaps neither.
  std::string ensure_limit;    // holder's kind (as text), name, counted (as text), max
  std::string take_limit;      // the first three, n. Below zero: a constraint, or no row either
  std::string see_limit;       // the first three -> used, max
  std::string require_target;  // $kind, name
  std::string find_inbound;    // $kind, name -> 1 if there is an edge that counts
  std::string see_inbound;     // $kind, name -> the first: source kind, name, path, behavior
  std::string find_child;      // $kind, first name, end of names -> 1 if there is one
  std::string see_child;       // the same -> the first: name
  std::string find_hold;  // target's kind, name, round -> 1 if a blockade or a source is earlier
  std::string see_hold;   // the same -> the first: type, holder, and as see_claim

  // --- reads
  // What tells a reader which changes are new: numbers in order of commit, or, with several writers
  // at once, which transactions its snapshot has seen (seen.h).
  enum class FeedBy { kRevision, kSnapshot } feed_by = FeedBy::kRevision;
  // -> revision, purge floor
  // by snapshot: snapshot, timeline, lift, purge floor, last purge, newest visible writer, number
  // of kinds (transactions as numbers)
  std::string head;
  std::string get_row;    // $kind, name -> row
  std::string scan_rows;  // $kind, from name, but not name, to name (exclusive), limit -> name, row
  std::string scan_shadows;  // the same -> name, shadow
  // As scan_rows and scan_shadows; appends the conditions' values to their parameters.
  std::string (*scan_matching)(const Matching& matching, Fields fields,
                               batch::Row& binds) = nullptr;
  // -> count, of at most so many.
  std::string (*count_matching)(const Matching& matching, size_t at_most,
                                batch::Row& binds) = nullptr;
  std::string duties;   // $kind, behind name, state?, round?, pending bits, limit -> name, row
  std::string inbound;  // $kind, name, $source kind, from source, behind field, behaviors,
                        // limit -> source, path, behavior
  std::string count_inbound;  // $kind, name, behaviors -> count
  // -> target's kind, name, holder, and as see_claim
  std::string claims;      // key to start behind, limit: in order, all of the type
  std::string claims_on;   // the same: only those on this target
  std::string due_claims;  // type, time, limit: by time, then in order
  std::string limits;      // behind holder's kind, name, counted; limit -> these, used, max
  std::string cursor;      // name -> value
  // revision, behind kind name, name in it; limit -> kind name, name, row
  // by snapshot: writers below `top` to look at, top; of the lowest writer of these only what is
  // behind: that writer (0: nothing of the sort), kind name, name; limit
  std::string feed;
  std::string lift;  // by snapshot: n. Puts all later revisions so much higher

  // --- purge: each takes time, limit. The victims are the same in all of one transaction.
  std::string purge_revision;  // a new revision, if there are any; may be empty
  std::string purge_floor;     // empty: purge_rows raises it too
  std::string purge_rows;      // returns a row each
  std::string purge_requests;  // returns a row each
  std::string purge_limits;    // those of which nothing is used; returns a row each
  std::string purge_keys;      // of the driver, by which it knows its batches; returns a row each
  std::string purge_more;      // time -> 1 if any of these are left
};

[[nodiscard]] const Dialect& SqliteDialect();
[[nodiscard]] const Dialect& PostgresDialect();
// Not run against a server yet: docs/design/cockroach.md.
[[nodiscard]] const Dialect& CockroachDialect();

// The statement that makes the index; what SQLite keeps of it.
[[nodiscard]] std::string SqliteIndexSql(int64_t kind, const FieldIndex& index);

}  // namespace holdfast::storage::sql
