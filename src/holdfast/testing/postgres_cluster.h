// A private PostgreSQL server for a test: made in a temporary folder, gone with the test, however
// the test ends (tools/postgres-cluster sees to that).
//
//   PostgresCluster& cluster = PostgresCluster::Shared();
//   PostgresOptions options{.dsn = cluster.create_database()};
//
// What can't work here (PostgreSQL isn't installed, say) ends the test binary with a message: no
// test could go on. One thread at a time.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace holdfast::testing {

class PostgresCluster {
 public:
  struct Options {
    // Off: commits don't wait for the disk. A killed process loses nothing by that.
    enum class Fsync { kOff, kOn } fsync = Fsync::kOff;
    std::vector<std::string> settings;  // more of PostgreSQL's, as "name=value"
    std::string standby_of;             // another cluster's dsn(): starts as its streaming standby
  };

  enum class Stop {
    kFast,       // rolls back what is under way, writes a checkpoint
    kImmediate,  // like a crash, but every process is told
    kKill,       // kill -9 of the postmaster; its children find out
  };

  // Answers when the server takes connections: about a second.
  [[nodiscard]] static std::unique_ptr<PostgresCluster> Start(const Options& options);
  [[nodiscard]] static std::unique_ptr<PostgresCluster> Start() { return Start(Options()); }
  // One for the whole test binary, started on first use. Leave it running.
  [[nodiscard]] static PostgresCluster& Shared();

  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;
  ~PostgresCluster();

  // Connection strings of libpq: through the unix socket, and through 127.0.0.1. They stay the same
  // when the server is started again.
  [[nodiscard]] std::string dsn(std::string_view database = "postgres") const;
  [[nodiscard]] std::string tcp_dsn(std::string_view database = "postgres") const;
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& socket_folder() const { return sockets_; }

  // An empty database with a name of its own; its dsn(). Takes some 50 ms.
  [[nodiscard]] std::string create_database();
  // Runs `statements` through psql as superuser, in one transaction: the rows, columns parted by
  // '|', or its error.
  [[nodiscard]] absl::StatusOr<std::string> sql(std::string_view statements,
                                                std::string_view database = "postgres") const;

  [[nodiscard]] pid_t postmaster_pid() const { return postmaster_; }
  // The processes behind clients' connections, of all databases or of one.
  [[nodiscard]] std::vector<pid_t> backend_pids(std::string_view database = "") const;

  void stop(Stop how);  // returns when the postmaster is gone
  void start();         // after stop()
  // Makes a standby a primary; returns when it takes writes.
  void promote();

 private:
  PostgresCluster() = default;
  void launch(const Options& options);
  void tell(std::string_view command);
  [[nodiscard]] std::string hear();  // a line
  void hear_ready();

  int to_ = -1;    // the supervisor's standard input
  int from_ = -1;  // and its output
  std::string folder_;
  int port_ = 0;
  pid_t postmaster_ = 0;
  std::string sockets_;
  int databases_ = 0;
};

}  // namespace holdfast::testing
