// libpq as a careful programmer uses it by hand: one connection a client, prepared statements,
// blocking. What the hand-written contenders are made of. Any error ends the program.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct pg_conn;

namespace holdfast::bench {

class Pq {
 public:
  explicit Pq(const std::string& dsn);

  void exec(const std::string& sql);
  void prepare(const std::string& name, const std::string& sql);
  // One round trip: the rows affected or returned.
  int64_t run(const std::string& name, std::span<const std::string> params);
  // The first column of the first row.
  std::string value(const std::string& sql);

  // Pipeline mode from here on: send() any number, then finish() flushes them with one Sync and
  // waits for all `count` answers. The fewest rows that one of them affected or returned.
  void enter_pipeline();
  void send(const std::string& name, std::span<const std::string> params);
  int64_t finish(int count);

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  std::unique_ptr<pg_conn, Close> connection_;
};

}  // namespace holdfast::bench
