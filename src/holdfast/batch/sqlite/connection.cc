#include "holdfast/batch/sqlite/connection.h"

#include <charconv>
#include <mutex>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "holdfast/base/strings.h"

namespace holdfast::batch::sqlite {
namespace {

// Counting allocations takes a global lock for figures that nobody reads.
void ConfigureOnce() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

// The values outlive the execution, so SQLite needn't copy them.
struct Binder {
  sqlite3_stmt* statement;
  int index;

  int operator()(Null) const { return sqlite3_bind_null(statement, index); }
  int operator()(int64_t v) const { return sqlite3_bind_int64(statement, index, v); }
  int operator()(double v) const { return sqlite3_bind_double(statement, index, v); }
  int operator()(const std::string& v) const {
    return sqlite3_bind_text64(statement, index, v.data(), v.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  int operator()(const Blob& v) const {
    return sqlite3_bind_blob64(statement, index, v.bytes.data(), v.bytes.size(), SQLITE_STATIC);
  }
};

std::string Bytes(const void* data, int size) {
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

Value ReadColumn(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const void* text = sqlite3_column_text(statement, column);
      return Bytes(text, sqlite3_column_bytes(statement, column));
    }
    case SQLITE_BLOB: {
      const void* blob = sqlite3_column_blob(statement, column);
      return Blob{Bytes(blob, sqlite3_column_bytes(statement, column))};
    }
    default:
      return Null{};
  }
}

Row ReadRow(sqlite3_stmt* statement) {
  const int columns = sqlite3_column_count(statement);
  Row row;
  row.reserve(static_cast<size_t>(columns));
  for (int i = 0; i < columns; ++i) row.push_back(ReadColumn(statement, i));
  return row;
}

// The n of "$n"; 0 for any other name.
size_t ParameterNumber(const char* name) {
  if (name == nullptr || *name != '$') return 0;
  const std::string_view digits(name + 1);
  size_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return error == std::errc() && end == digits.data() + digits.size() ? n : 0;
}

}  // namespace

Statement::~Statement() { sqlite3_finalize(handle_); }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path,
                                                             Access access) {
  ConfigureOnce();
  sqlite3* handle = nullptr;
  // Readers too open for writing: only so can they take part in the WAL's shared memory.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection(new Connection(handle));
  if (code != SQLITE_OK) {
    const Error error =
        handle == nullptr ? Error{code, sqlite3_errstr(code)} : connection->last_error();
    return ToStatus(error, absl::StrCat("can't open the database '", path, "'"));
  }
  sqlite3_extended_result_codes(handle, 1);
  if (access == Access::kReadOnly) {
    absl::Status status = connection->execute("PRAGMA query_only = ON");
    if (!status.ok()) return status;
  }
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close_v2(handle_);
}

Error Connection::last_error() const {
  return {sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_)};
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Connection::make_room() {
  if (statements_.size() < kMaxPreparedStatements) return;
  const auto oldest = std::min_element(
      statements_.begin(), statements_.end(),
      [](const auto& a, const auto& b) { return a.second->last_used_ < b.second->last_used_; });
  statements_.erase(oldest);
}

std::optional<Error> Connection::prepare(std::string_view sql, Statement*& statement) {
  auto it = statements_.find(sql);
  if (it == statements_.end()) {
    make_room();
    sqlite3_stmt* handle = nullptr;
    const char* tail = nullptr;
    const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle, &tail);
    if (code != SQLITE_OK) return last_error();
    std::unique_ptr<Statement> prepared(new Statement(handle));
    if (handle == nullptr || tail != sql.data() + sql.size()) {
      return Error{SQLITE_ERROR, "not exactly one statement"};
    }
    for (int i = 1; i <= sqlite3_bind_parameter_count(handle); ++i) {
      const size_t n = ParameterNumber(sqlite3_bind_parameter_name(handle, i));
      if (n == 0) return Error{SQLITE_ERROR, "parameters are called $1 … $n"};
      prepared->parameters_.push_back(n);
    }
    it = statements_.emplace(sql, std::move(prepared)).first;
  }
  statement = it->second.get();
  statement->last_used_ = ++uses_;
  return std::nullopt;
}

std::optional<Error> Connection::bind(Statement& statement, const Row& binds) {
  for (size_t i = 0; i < statement.parameters_.size(); ++i) {
    const size_t n = statement.parameters_[i];
    if (n > binds.size()) return Error{SQLITE_RANGE, absl::StrCat("no value for $", n)};
    const Binder binder{statement.handle_, static_cast<int>(i + 1)};
    if (std::visit(binder, binds[n - 1]) != SQLITE_OK) return last_error();
  }
  return std::nullopt;
}

std::optional<Error> Connection::run(Statement& statement, const Row& binds, Result& result,
                                     size_t max_rows) {
  if (auto error = bind(statement, binds)) return error;
  sqlite3_stmt* handle = statement.handle_;
  std::optional<Error> error;
  int64_t returned = 0;
  for (size_t left = max_rows; left > 0; --left) {
    const int code = sqlite3_step(handle);
    if (code == SQLITE_ROW) {
      ++returned;
      if (result.rows != nullptr) result.rows->push_back(ReadRow(handle));
      continue;
    }
    if (code != SQLITE_DONE) error = last_error();
    break;
  }
  const bool returns = sqlite3_column_count(handle) > 0;
  result.count = returns                              ? returned
                 : sqlite3_stmt_readonly(handle) != 0 ? 0
                                                      : sqlite3_changes64(handle_);
  sqlite3_reset(handle);
  return error;
}

std::optional<Error> Connection::run_text(std::string_view sql) {
  Statement* statement = nullptr;
  if (auto error = prepare(sql, statement)) return error;
  Result result;
  return run(*statement, {}, result);
}

void Connection::watch_log() {
  // The hook takes the place of SQLite's own, which makes automatic checkpoints.
  const auto hook = [](void* self, sqlite3*, const char*, int pages) {
    static_cast<Connection*>(self)->log_pages_ = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_, hook, this);
}

void Connection::set_busy_timeout(Duration timeout) {
  sqlite3_busy_timeout(handle_, static_cast<int>(timeout.value() / 1000));
}

bool Connection::checkpoint() {
  const int code =
      sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  if (code == SQLITE_OK) log_pages_ = 0;
  return code == SQLITE_OK;
}

absl::Status Connection::execute(const std::string& script) {
  if (sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return ToStatus(last_error(), ForMessage(script));
}

absl::StatusOr<std::vector<Row>> Connection::query(std::string_view sql, const Row& binds,
                                                   size_t max_rows) {
  Statement* statement = nullptr;
  std::vector<Row> rows;
  Result result{.rows = &rows};
  std::optional<Error> error = prepare(sql, statement);
  if (!error.has_value()) error = run(*statement, binds, result, max_rows);
  if (error.has_value()) return ToStatus(*error, ForMessage(sql));
  return rows;
}

}  // namespace holdfast::batch::sqlite
