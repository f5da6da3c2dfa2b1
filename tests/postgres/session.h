// One connection to PostgreSQL that does what it is told, statement by statement: for tests that
// hold a transaction open, or come between two statements of others.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace holdfast::testing {

class Session {
 public:
  // `schema` is its search_path; empty: the server's.
  explicit Session(const std::string& dsn, const std::string& schema = "");
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) = delete;

  using Rows = std::vector<std::vector<std::string>>;
  // Waits for the answer. Must succeed. Of several statements the rows of the last.
  Rows run(const std::string& sql);
  // The first column of its first row.
  std::string value(const std::string& sql);
  // Its SQLSTATE; empty if it succeeds.
  std::string error(const std::string& sql);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::testing
