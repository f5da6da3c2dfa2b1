// What SQLite's failures mean in the words of batch.h.
//
// Constraint names. SQLite names a CHECK by its name (or its text); of a unique violation it tells
// the columns, of a foreign key nothing. So a constraint is called, in ErrorMaps:
//
//   CHECK                  its name
//   UNIQUE, PRIMARY KEY    "unique(t.a,t.b)"; an index over expressions: "unique(index_name)"
//   NOT NULL               "not_null(t.a)"
//   foreign key            "foreign_key"
//   RAISE in a trigger     its message
//
// and a table of ConstraintNames can give these the names that another database has for them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "holdfast/batch/batch.h"

namespace holdfast::batch::sqlite {

// From the derived names above to one's own.
using ConstraintNames = std::map<std::string, std::string, std::less<>>;

// What a call of SQLite said.
struct Error {
  int code = 0;  // extended result code
  std::string message;
};

// Class, constraint, sqlstate and message. A commit's own IOERR is ambiguous: see group.cc.
[[nodiscard]] Failure ClassifyError(const Error& error, const ConstraintNames& names);

// For errors outside of batches: retryable and unavailable ones are UNAVAILABLE, others INTERNAL.
[[nodiscard]] absl::Status ToStatus(const Error& error, std::string_view what);

// "SQLITE_BUSY", "SQLITE_IOERR(1034)" for an extended code.
[[nodiscard]] std::string CodeName(int extended_code);

}  // namespace holdfast::batch::sqlite
