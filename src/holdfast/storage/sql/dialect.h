// The SQL of one make of database, as texts. The engine above knows what each text does and which
// parameters it takes, not how it is written. sqlite_dialect.cc has them for SQLite; PostgreSQL
// will bring its own.
//
// Kinds and field paths are numbers in the tables `kind` and `field`: `$kind` below is such a
// number. A "shadow" is the columns kShadowColumns, a "row" those and body, fields, outgoing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
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

struct Dialect {
  // --- names: $1 text; returns nothing, then the number
  std::string add_kind;
  std::string find_kind;
  std::string add_field;
  std::string find_field;
  std::string all_kinds;   // number, name; in order of name
  std::string all_fields;  // number, path

  // --- commit. What fails yields another number of rows than one (unless said otherwise).
  std::string next_revision;  // returns it; what follows in the transaction writes it into rows
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
  std::string require_cursor;  // name, value (empty: none)
  std::string put_cursor;      // name, value
  std::string drop_cursor;     // name; perhaps none
  std::string ensure_limit;  // holder's kind (as text), name, counted (as text), max; perhaps none
  std::string take_limit;    // the first three, n. Below zero: a constraint
  std::string see_limit;     // the first three -> used, max
  std::string require_target;  // $kind, name
  std::string find_inbound;    // $kind, name -> 1 if there is an edge that counts
  std::string see_inbound;     // $kind, name -> the first: source kind, name, path, behavior
  std::string find_child;      // $kind, first name, end of names -> 1 if there is one
  std::string see_child;       // the same -> the first: name

  // --- reads
  std::string head;       // -> revision, purge floor
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
  std::string limits;         // behind holder's kind, name, counted; limit -> these, used, max
  std::string cursor;         // name -> value
  std::string feed;           // revision, behind kind name, name in it; limit
                              // -> kind name, name, row

  // --- purge: each takes time, limit. The victims are the same in all of one transaction.
  std::string purge_revision;  // a new revision, if there are any
  std::string purge_floor;
  std::string purge_rows;      // returns a row each
  std::string purge_requests;  // returns a row each
  std::string purge_more;      // time -> 1 if tombstones or requests are left
};

[[nodiscard]] const Dialect& SqliteDialect();

// The statement that makes the index; what SQLite keeps of it.
[[nodiscard]] std::string SqliteIndexSql(int64_t kind, const FieldIndex& index);

}  // namespace holdfast::storage::sql
