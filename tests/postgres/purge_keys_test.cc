// The driver keeps a key for each batch that may have to be found again; nobody else forgets them.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "holdfast/real_env/real_env.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::storage {
namespace {

class PurgeKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string dsn = testing::PostgresCluster::Shared().create_database();
    database_ = dsn.substr(dsn.rfind('=') + 1);
    PostgresEngineOptions options;
    options.postgres.dsn = dsn;
    options.postgres.schema = "purged";
    auto engine = env_.run(OpenPostgresEngine(env_, std::move(options)));
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }

  void write(const std::string& request_id) {
    Batch batch;
    batch.add(PutRequest{.id = request_id, .hash = "hash", .answer = "answer"});
    const auto commit = env_.run(engine_->commit(std::move(batch)));
    ASSERT_TRUE(commit.status.ok()) << commit.status;
  }

  std::string keys() {
    return testing::PostgresCluster::Shared()
        .sql("SELECT count(*) FROM holdfast_batch.idempotency", database_)
        .value();
  }

  RealEnv env_;
  std::string database_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(PurgeKeysTest, ForgetsThemPageByPage) {
  for (const char* id : {"a", "b", "c"}) write(id);
  ASSERT_EQ(keys(), "3");
  const Timestamp now = env_.clock().now();
  auto purged = env_.run(engine_->purge(Timestamp(now.value() - Seconds(3600).value()), 2));
  EXPECT_FALSE(purged.value().more);
  EXPECT_EQ(keys(), "3");
  const Timestamp later(now.value() + Seconds(3600).value());
  EXPECT_TRUE(env_.run(engine_->purge(later, 2)).value().more);
  EXPECT_EQ(keys(), "1");
  EXPECT_FALSE(env_.run(engine_->purge(later, 2)).value().more);
  EXPECT_EQ(keys(), "0");
}

}  // namespace
}  // namespace holdfast::storage
