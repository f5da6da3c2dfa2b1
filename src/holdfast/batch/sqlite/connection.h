// One connection to a SQLite database and its prepared statements. For one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/base/types.h"
#include "holdfast/batch/batch.h"
#include "holdfast/batch/sqlite/constraint_names.h"

namespace holdfast::batch::sqlite {

// Prepared statements that a connection keeps; the one unused the longest goes. Holdfast itself
// has about fifty texts; filters make more.
inline constexpr size_t kMaxPreparedStatements = 200;

inline constexpr size_t kAllRows = std::numeric_limits<size_t>::max();

// A prepared statement. Its parameters are $1 … $n.
class Statement {
 public:
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

 private:
  friend class Connection;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

  sqlite3_stmt* handle_;
  std::vector<size_t> parameters_;  // for each of SQLite's parameters, the n of its name
  uint64_t last_used_ = 0;
};

class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };

  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path,
                                                                        Access access);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // For the driver: errors as SQLite gives them.

  // From the cache, or prepared now. Valid until the next call.
  [[nodiscard]] std::optional<Error> prepare(std::string_view sql, Statement*& statement);

  struct Result {
    std::vector<Row>* rows = nullptr;  // what is returned is appended; null: isn't wanted
    int64_t count = 0;                 // rows returned, or affected by what returns nothing
  };
  // Runs to the end, or to `max_rows`. `binds` must live until it returns.
  [[nodiscard]] std::optional<Error> run(Statement& statement, const Row& binds, Result& result,
                                         size_t max_rows = kAllRows);
  [[nodiscard]] std::optional<Error> run_text(std::string_view sql);

  // False if SQLite has rolled the transaction back by itself.
  [[nodiscard]] bool in_transaction() const;

  // The write-ahead log. From the first call on, nothing but checkpoint() shortens it.
  void watch_log();
  // Pages in it after the last commit.
  [[nodiscard]] int64_t log_pages() const { return log_pages_; }
  // Copies it into the database and has the next commit begin it anew. Readers of older states must
  // end first: waits for them as long as for locks. True if it begins anew.
  [[nodiscard]] bool checkpoint();

  // How long to wait where another connection has a lock.
  void set_busy_timeout(Duration timeout);

  // For setting up a database.

  // Any number of statements without parameters.
  [[nodiscard]] absl::Status execute(const std::string& script);
  [[nodiscard]] absl::StatusOr<std::vector<Row>> query(std::string_view sql, const Row& binds = {},
                                                       size_t max_rows = kAllRows);

 private:
  explicit Connection(sqlite3* handle) : handle_(handle) {}
  [[nodiscard]] Error last_error() const;
  [[nodiscard]] std::optional<Error> bind(Statement& statement, const Row& binds);
  void make_room();

  sqlite3* handle_;
  std::map<std::string, std::unique_ptr<Statement>, std::less<>> statements_;
  uint64_t uses_ = 0;
  int64_t log_pages_ = 0;
};

}  // namespace holdfast::batch::sqlite
