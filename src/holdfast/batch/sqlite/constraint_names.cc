#include "holdfast/batch/sqlite/constraint_names.h"

#include <sqlite3.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/base/reason.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch::sqlite {
namespace {

constexpr auto kNames = std::to_array<std::pair<int, std::string_view>>({
    {SQLITE_ERROR, "SQLITE_ERROR"},
    {SQLITE_INTERNAL, "SQLITE_INTERNAL"},
    {SQLITE_PERM, "SQLITE_PERM"},
    {SQLITE_ABORT, "SQLITE_ABORT"},
    {SQLITE_BUSY, "SQLITE_BUSY"},
    {SQLITE_LOCKED, "SQLITE_LOCKED"},
    {SQLITE_NOMEM, "SQLITE_NOMEM"},
    {SQLITE_READONLY, "SQLITE_READONLY"},
    {SQLITE_INTERRUPT, "SQLITE_INTERRUPT"},
    {SQLITE_IOERR, "SQLITE_IOERR"},
    {SQLITE_CORRUPT, "SQLITE_CORRUPT"},
    {SQLITE_FULL, "SQLITE_FULL"},
    {SQLITE_CANTOPEN, "SQLITE_CANTOPEN"},
    {SQLITE_PROTOCOL, "SQLITE_PROTOCOL"},
    {SQLITE_SCHEMA, "SQLITE_SCHEMA"},
    {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
    {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
    {SQLITE_MISMATCH, "SQLITE_MISMATCH"},
    {SQLITE_MISUSE, "SQLITE_MISUSE"},
    {SQLITE_RANGE, "SQLITE_RANGE"},
    {SQLITE_NOTADB, "SQLITE_NOTADB"},
});

int Primary(int extended_code) { return extended_code & 0xFF; }

FailureClass ClassOf(int code) {
  switch (Primary(code)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return FailureClass::kRetryable;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
      return FailureClass::kUnavailable;
    case SQLITE_CONSTRAINT:
      // A value of the wrong type in a STRICT table is no rule about data.
      return code == SQLITE_CONSTRAINT_DATATYPE ? FailureClass::kBug : FailureClass::kConstraint;
    default:
      return FailureClass::kBug;
  }
}

// What stands behind "… constraint failed: ".
std::string_view Detail(std::string_view message) {
  constexpr std::string_view kMark = "constraint failed: ";
  const size_t at = message.find(kMark);
  return at == std::string_view::npos ? std::string_view() : message.substr(at + kMark.size());
}

std::string UniqueName(std::string_view detail) {
  // "index 'name'" for an index over expressions, else "t.a, t.b".
  constexpr std::string_view kIndex = "index '";
  if (detail.starts_with(kIndex) && detail.ends_with("'")) {
    detail = detail.substr(kIndex.size(), detail.size() - kIndex.size() - 1);
    return absl::StrCat("unique(", ToAbsl(detail), ")");
  }
  return absl::StrCat("unique(", absl::StrReplaceAll(ToAbsl(detail), {{", ", ","}}), ")");
}

// Only the message tells which constraint it was: SQLite has no other way of saying it.
std::string DerivedName(const Error& error) {
  switch (error.code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return UniqueName(Detail(error.message));
    case SQLITE_CONSTRAINT_NOTNULL:
      return absl::StrCat("not_null(", ToAbsl(Detail(error.message)), ")");
    case SQLITE_CONSTRAINT_CHECK:
      return std::string(Detail(error.message));
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return "foreign_key";
    default:
      return error.message;
  }
}

}  // namespace

std::string CodeName(int extended_code) {
  for (const auto& [code, name] : kNames) {
    if (code == extended_code) return std::string(name);
    if (code == Primary(extended_code)) {
      return absl::StrCat(ToAbsl(name), "(", extended_code, ")");
    }
  }
  return absl::StrCat("SQLITE(", extended_code, ")");
}

Failure ClassifyError(const Error& error, const ConstraintNames& names) {
  Failure failure;
  failure.failure_class = ClassOf(error.code);
  failure.sqlstate = CodeName(error.code);
  failure.message = error.message;
  if (failure.failure_class == FailureClass::kConstraint) {
    failure.constraint = DerivedName(error);
    const auto own = names.find(failure.constraint);
    if (own != names.end()) failure.constraint = own->second;
  }
  return failure;
}

absl::Status ToStatus(const Error& error, std::string_view what) {
  const FailureClass c = ClassOf(error.code);
  const bool passing = c == FailureClass::kRetryable || c == FailureClass::kUnavailable;
  return MakeError(
      passing ? Reason::kDatabaseUnavailable : Reason::kInternal,
      absl::StrCat(ToAbsl(what), ": ", error.message, " (", CodeName(error.code), ")"));
}

}  // namespace holdfast::batch::sqlite
