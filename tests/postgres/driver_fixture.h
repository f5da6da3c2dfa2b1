// A PostgreSQL database of the test's own, and the driver over it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/batch/batch.h"
#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/testing/covers.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::batch {

inline Value Text(std::string text) { return Value(std::move(text)); }
inline Value Number(int64_t number) { return Value(number); }

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dsn_ = testing::PostgresCluster::Shared().create_database();
    open({});
    script("CREATE TABLE t (id bigint PRIMARY KEY, name text UNIQUE, n int CHECK (n >= 0))");
  }

  // Another driver over the same database, instead of the last one.
  void open(PostgresOptions options) {
    database_.reset();
    if (options.dsn.empty()) options.dsn = dsn_;
    database_ = open_another(std::move(options));
  }
  [[nodiscard]] std::unique_ptr<PostgresDatabase> open_another(PostgresOptions options) {
    auto opened = env_.run(OpenPostgres(env_, std::move(options)));
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  void script(std::string statements) {
    const auto done = env_.run(database_->run_script(std::move(statements)));
    ASSERT_TRUE(done.ok()) << done.status();
  }

  Outcome commit(Batch batch) { return env_.run(database_->commit(std::move(batch))); }
  Outcome commit(Step step) {
    Batch batch("test");
    batch.add(std::move(step));
    return commit(std::move(batch));
  }

  // All begin at once; their outcomes in the same order.
  std::vector<Outcome> commit_together(std::vector<Batch> batches) {
    std::vector<std::future<Outcome>> waiting;
    for (Batch& batch : batches) {
      waiting.push_back(boost::asio::co_spawn(env_.executor(), database_->commit(std::move(batch)),
                                              boost::asio::use_future));
    }
    std::vector<Outcome> outcomes;
    for (auto& future : waiting) outcomes.push_back(future.get());
    return outcomes;
  }

  std::vector<Row> query(const std::string& sql) {
    auto snapshot = env_.run(database_->snapshot());
    if (!snapshot.ok()) return {{std::string(snapshot.status().message())}};
    auto rows = env_.run((*snapshot)->query(sql, {}, 1000));
    if (!rows.ok()) return {{std::string(rows.status().message())}};
    return *std::move(rows);
  }
  int64_t count(const std::string& table) {
    const std::vector<Row> rows = query("SELECT count(*) FROM " + table);
    const auto* number = std::get_if<int64_t>(&rows[0][0]);
    EXPECT_NE(number, nullptr) << std::get<std::string>(rows[0][0]);
    return number == nullptr ? -1 : *number;
  }

  RealEnv env_;
  std::string dsn_;
  std::unique_ptr<PostgresDatabase> database_;
};

inline Step Insert(int64_t id, const std::string& name, int64_t n = 0) {
  return {.label = "insert",
          .sql = "INSERT INTO t (id, name, n) VALUES ($1, $2, $3)",
          .binds = {{id, name, n}}};
}

}  // namespace holdfast::batch
