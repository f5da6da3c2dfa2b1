#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::testing {
namespace {

using Stop = PostgresCluster::Stop;

TEST(PostgresCluster, GivesEachTestADatabaseOfItsOwn) {
  PostgresCluster& cluster = PostgresCluster::Shared();
  const std::string first = cluster.create_database();
  const std::string second = cluster.create_database();
  EXPECT_NE(first, second);
  const std::string name = first.substr(first.rfind('=') + 1);
  ASSERT_TRUE(cluster.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)", name).ok());
  EXPECT_EQ(*cluster.sql("SELECT a, a + 1 FROM t ORDER BY a", name), "1|2\n2|3");
  EXPECT_FALSE(cluster.sql("SELECT * FROM t", second.substr(second.rfind('=') + 1)).ok());
}

TEST(PostgresCluster, KeepsItsDataAndItsAddressOverAKill) {
  const std::unique_ptr<PostgresCluster> cluster = PostgresCluster::Start();
  const std::string dsn = cluster->tcp_dsn();
  const pid_t first = cluster->postmaster_pid();
  ASSERT_TRUE(cluster->sql("CREATE TABLE t AS SELECT 7 AS a").ok());
  cluster->stop(Stop::kKill);
  EXPECT_NE(kill(first, 0), 0);
  EXPECT_FALSE(cluster->sql("SELECT 1").ok());
  cluster->start();
  EXPECT_NE(cluster->postmaster_pid(), first);
  EXPECT_EQ(cluster->tcp_dsn(), dsn);
  EXPECT_EQ(*cluster->sql("SELECT a FROM t"), "7");
}

TEST(PostgresCluster, PromotesAStandbyOfAKilledPrimary) {
  const std::unique_ptr<PostgresCluster> primary = PostgresCluster::Start();
  const std::unique_ptr<PostgresCluster> standby =
      PostgresCluster::Start({.standby_of = primary->dsn()});
  ASSERT_TRUE(primary->sql("ALTER SYSTEM SET synchronous_standby_names = '*'").ok());
  ASSERT_TRUE(primary->sql("SELECT pg_reload_conf()").ok());
  ASSERT_TRUE(primary->sql("CREATE TABLE t AS SELECT 7 AS a").ok());
  EXPECT_EQ(*standby->sql("SELECT pg_is_in_recovery()"), "t");
  primary->stop(Stop::kKill);
  standby->promote();
  EXPECT_EQ(*standby->sql("INSERT INTO t VALUES (8); SELECT count(*) FROM t"), "2");
}

// The test binary may be killed at any time, the server with it or not.
TEST(PostgresCluster, LeavesNothingWhenItsTestIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<PostgresCluster> cluster = PostgresCluster::Start();
    const std::string told =
        std::to_string(cluster->postmaster_pid()) + " " + cluster->socket_folder();
    if (write(ends[1], told.data(), told.size()) < 0) _exit(1);
    while (true) pause();
  }
  char told[200] = {};
  ASSERT_GT(read(ends[0], told, sizeof(told) - 1), 0);
  const pid_t postmaster = std::atoi(told);
  const std::filesystem::path folder = std::strchr(told, ' ') + 1;
  EXPECT_EQ(kill(postmaster, 0), 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "data"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (int i = 0; i < 2000 && std::filesystem::exists(folder); ++i) usleep(10'000);
  EXPECT_NE(kill(postmaster, 0), 0);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace holdfast::testing
