// The networks' tables on a database of choice, with short words for what tests do with them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/batch/database.h"
#include "holdfast/batch/postgres/options.h"
#include "holdfast/real_env/real_env.h"
#include "tests/nexus/batch/network.h"
#include "tests/nexus/databases.h"

namespace holdfast::nexus {

class NetworkDatabase {
 public:
  struct Options {
    int vnis = 100;
    Limits limits;
    int connections = 8;   // PostgreSQL's
    int max_attempts = 8;  // the same
    std::string dsn;       // of another server; empty: the shared cluster's
    // What the driver did; null: nobody wants to know. PostgreSQL's.
    std::shared_ptr<batch::PostgresStats> stats;
  };
  explicit NetworkDatabase(On on, Options options);
  explicit NetworkDatabase(On on) : NetworkDatabase(on, Options()) {}
  ~NetworkDatabase();
  NetworkDatabase(const NetworkDatabase&) = delete;
  NetworkDatabase& operator=(const NetworkDatabase&) = delete;

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] RealEnv& env() { return env_; }
  [[nodiscard]] batch::Database& database() { return *database_; }
  // Of the database on PostgreSQL, its name within the cluster.
  [[nodiscard]] const std::string& name() const { return name_; }

  batch::Outcome commit(batch::Batch batch);
  batch::Outcome commit(std::string_view label, batch::Fragment fragment);
  // Must work.
  void given(std::string_view label, batch::Fragment fragment);
  // Fails, and leaves the database as it was.
  batch::Outcome refused(std::string_view label, batch::Fragment fragment);
  [[nodiscard]] std::future<absl::Status> start(Task<absl::Status> task);
  // A moment of chance, up to two milliseconds.
  [[nodiscard]] Task<void> linger();
  // Each a little later than the others or sooner, as chance has it; the answers beside them.
  std::vector<absl::Status> race(std::vector<Task<absl::Status>> rivals);
  [[nodiscard]] Task<absl::Status> rival(batch::Batch batch);
  [[nodiscard]] Task<absl::Status> rival_delete_vpc(std::string vpc, int64_t at_most);

  // "acme" with the project "web".
  void given_project();
  // All batches of it. What the first that failed says.
  absl::Status delete_vpc(const std::string& vpc, int64_t at_most = 500);

  [[nodiscard]] std::vector<batch::Row> query(std::string_view sql);
  [[nodiscard]] int64_t count(std::string_view table);
  [[nodiscard]] int64_t used(std::string_view holder);
  // All rows of all tables, a line each.
  [[nodiscard]] std::string dump();

 private:
  void open_sqlite(const Options& options);
  void open_postgres(On on, const Options& options);
  [[nodiscard]] Task<absl::Status> delete_all_of(std::string vpc, int64_t at_most);

  Network network_;
  RealEnv env_;
  std::string name_;
  std::unique_ptr<batch::Database> database_;
};

[[nodiscard]] batch::Batch Of(std::string_view label, batch::Fragment fragment);

// The answer has this code, and the failing step this path.
MATCHER_P2(FailsAt, code, label, "") {
  *result_listener << arg.status().ToString();
  if (arg.ok()) return false;
  *result_listener << " at " << arg.failure()->label;
  return arg.status().code() == code && arg.failure()->label == label;
}

}  // namespace holdfast::nexus
