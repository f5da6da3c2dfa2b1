// A process is killed while it commits, again and again; what it left must be whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/testing/covers.h"

namespace holdfast::batch::sqlite {
namespace {

constexpr int kRounds = 25;
constexpr int64_t kRowsPerBatch = 30;
constexpr int kClients = 6;

Batch Numbered(int64_t number) {
  Batch batch("numbered");
  Step rows{.sql = "INSERT INTO t(batch, i, filler) VALUES ($1, $2, zeroblob(500))"};
  for (int64_t i = 0; i < kRowsPerBatch; ++i) rows.binds.push_back({number, i});
  batch.add(std::move(rows));
  batch.add(Step{.sql = "UPDATE counter SET n = n + 1"});
  return batch;
}

// Commits batches for ever and writes the number of each to the pipe as soon as it is acknowledged.
Task<void> Client(SqliteDatabase& database, int acknowledged, int64_t number) {
  for (;; number += kClients) {
    const Outcome outcome = co_await database.commit(Numbered(number));
    HF_CHECK(outcome.ok()) << outcome.status().ToString();
    HF_CHECK(::write(acknowledged, &number, sizeof(number)) == sizeof(number));
  }
}

[[noreturn]] void WriteUntilKilled(const std::string& path, int acknowledged, int64_t first) {
  ManualEnv env;
  auto database = SqliteDatabase::Open(env, {.path = path, .checkpoint_pages = 50});
  HF_CHECK(database.ok()) << database.status().ToString();
  for (int i = 0; i < kClients; ++i) Spawn(env, Client(**database, acknowledged, first + i));
  env.run_until_idle();
  std::abort();
}

absl::Status CreateTables(const std::string& path) {
  ManualEnv env;
  auto database = SqliteDatabase::Open(env, {.path = path});
  if (!database.ok()) return database.status();
  return (*database)->setup().execute(
      "CREATE TABLE t(batch INTEGER, i INTEGER, filler BLOB, PRIMARY KEY (batch, i)); "
      "CREATE TABLE counter(n INTEGER); INSERT INTO counter VALUES (0)");
}

// What is wrong with the file, or "". A batch must be whole, and every acknowledged one there.
std::string Inspect(const std::string& path, const std::set<int64_t>& acknowledged) {
  ManualEnv env;
  auto database = SqliteDatabase::Open(env, {.path = path});
  if (!database.ok()) return database.status().ToString();
  Connection& connection = (*database)->setup();
  const auto batches = connection.query("SELECT batch, count(*) FROM t GROUP BY batch");
  const auto counter = connection.query("SELECT n FROM counter");
  if (!batches.ok() || !counter.ok()) return "unreadable";
  std::set<int64_t> present;
  for (const Row& row : *batches) {
    if (row[1] != Value(kRowsPerBatch)) return "half a batch";
    present.insert(std::get<int64_t>(row[0]));
  }
  if ((*counter)[0][0] != Value(static_cast<int64_t>(present.size()))) return "half a batch";
  for (const int64_t number : acknowledged) {
    if (!present.contains(number)) return absl::StrCat("acknowledged batch ", number, " is lost");
  }
  return "";
}

class Crash : public ::testing::Test {
 protected:
  Crash() : path_(::testing::TempDir() + "/crash.db") {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
    HF_CHECK(CreateTables(path_).ok());
  }

  // A child writes until it has acknowledged `count` batches more, and dies in the middle of more.
  void kill_after(int count) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const int64_t first = acknowledged_.empty() ? 0 : *acknowledged_.rbegin() + 10 * kClients;
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) WriteUntilKilled(path_, ends[1], first);
    ::close(ends[1]);
    int64_t number = 0;
    while (count-- > 0 && ::read(ends[0], &number, sizeof(number)) == sizeof(number)) {
      acknowledged_.insert(number);
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    while (::read(ends[0], &number, sizeof(number)) == sizeof(number)) {
      acknowledged_.insert(number);
    }
    ::close(ends[0]);
  }

  std::string path_;
  std::set<int64_t> acknowledged_;
};

TEST_F(Crash, LeavesWholeBatchesAndEveryAcknowledgedOne) {
  HF_COVERS("T1", "T9");
  std::mt19937 random(20240229);
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_NO_FATAL_FAILURE(kill_after(static_cast<int>(random() % 40)));
    ASSERT_EQ(Inspect(path_, acknowledged_), "") << "round " << round;
  }
  EXPECT_GT(acknowledged_.size(), static_cast<size_t>(kRounds));
}

TEST_F(Crash, WouldBeNoticedIfABatchWereHalf) {
  ASSERT_NO_FATAL_FAILURE(kill_after(5));
  ASSERT_EQ(Inspect(path_, acknowledged_), "");
  EXPECT_EQ(Inspect(path_, {-1}), "acknowledged batch -1 is lost");
  {
    ManualEnv env;
    auto database = SqliteDatabase::Open(env, {.path = path_});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->setup().execute("DELETE FROM t WHERE batch = 0 AND i = 3").ok());
  }
  EXPECT_EQ(Inspect(path_, acknowledged_), "half a batch");
}

}  // namespace
}  // namespace holdfast::batch::sqlite
