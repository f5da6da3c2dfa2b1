// What tests of the feed on PostgreSQL share: a database with an engine, sessions beside it, our
// reader, and the readers that one would write first.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/storage/conformance.h"
#include "holdfast/testing/covers.h"
#include "tests/postgres/engine_fixture.h"
#include "tests/postgres/feed_reader.h"
#include "tests/postgres/session.h"

namespace holdfast::storage {

using testing::PostgresCluster;
using testing::Session;

// A reader in plain SQL that goes by the order of transaction ids: "name" -> version.
class NaiveReader {
 public:
  enum class Goes {
    kBehindTheLast,    // what is behind the last id that it has seen
    kUpToTheOldest,    // and below the oldest running transaction
    kByPlainSnapshot,  // what its last snapshot hadn't seen, whatever became of that
  };
  NaiveReader(Session session, Goes goes) : session_(std::move(session)), goes_(goes) {
    const auto rows = session_.run("SELECT name, version FROM resource WHERE state <> 3");
    for (const auto& row : rows) view_[row[0]] = row[1];
    move_on();
  }

  void poll() {
    session_.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const auto rows = session_.run("SELECT name, version, state FROM resource WHERE " + unseen() +
                                   " ORDER BY revision, name");
    for (const auto& row : rows) {
      view_[row[0]] = row[1];
      if (row[2] == "3") view_.erase(row[0]);
    }
    move_on();
    session_.run("COMMIT");
  }
  [[nodiscard]] const std::map<std::string, std::string>& view() const { return view_; }

 private:
  [[nodiscard]] std::string unseen() const {
    switch (goes_) {
      case Goes::kBehindTheLast:
        return "revision > '" + last_ + "'";
      case Goes::kUpToTheOldest:
        return "revision >= '" + last_ + "' AND revision < pg_snapshot_xmin(pg_current_snapshot())";
      case Goes::kByPlainSnapshot:
        return "NOT pg_visible_in_snapshot(revision, '" + last_ + "')";
    }
    return "";
  }
  void move_on() {
    const std::string newest =
        "SELECT coalesce((SELECT revision FROM resource ORDER BY revision DESC LIMIT 1), '0')";
    if (goes_ == Goes::kBehindTheLast) last_ = session_.value(newest);
    if (goes_ == Goes::kUpToTheOldest) {
      last_ = session_.value("SELECT pg_snapshot_xmin(pg_current_snapshot())");
    }
    if (goes_ == Goes::kByPlainSnapshot) last_ = session_.value("SELECT pg_current_snapshot()");
  }

  Session session_;
  Goes goes_;
  std::string last_;
  std::map<std::string, std::string> view_;
};

class PostgresFeed {
 public:
  explicit PostgresFeed(PostgresEngineOptions options)
      : options_(std::move(options)), engine_(open()) {}

  // Another process.
  [[nodiscard]] std::unique_ptr<Engine> open() { return OpenEngine(env_, options_); }
  [[nodiscard]] Session session() const {
    return Session(options_.postgres.dsn, options_.postgres.schema);
  }
  [[nodiscard]] NaiveReader naive(NaiveReader::Goes goes) const {
    return NaiveReader(Session(options_.postgres.dsn, options_.postgres.schema), goes);
  }

  void commit(std::vector<Op> ops) {
    const Commit done = env_.run(engine_->commit({.label = "t", .ops = std::move(ops)}));
    HF_CHECK(done.ok()) << Show(done);
  }
  void create(std::vector<std::string_view> vpcs) {
    std::vector<Op> ops;
    for (const std::string_view vpc : vpcs) ops.emplace_back(CreateRow{.row = NewRow(Vpc(vpc))});
    commit(std::move(ops));
  }
  void erase(std::string_view vpc) {
    commit({EraseRow{.key = Vpc(vpc), .uid = NewRow(Vpc(vpc)).uid, .delete_time = Timestamp(1)}});
  }
  void purge() { HF_CHECK(env_.run(engine_->purge(Timestamp(2), 1000)).ok()); }

  // What a writer does, by hand: a new version of these rows.
  static std::string Touch(std::string_view names) {
    return absl::StrCat(
        "UPDATE resource SET revision = pg_current_xact_id(), version = version + 1 "
        "WHERE name IN (",
        std::string(names), ")");
  }

  FeedReader reader() {
    FeedReader reader;
    HF_CHECK(env_.run(reader.start(*engine_)).ok());
    return reader;
  }
  void poll(FeedReader& reader, size_t limit = 2) {
    const absl::Status status = env_.run(reader.poll(*engine_, limit));
    HF_CHECK(status.ok()) << status.ToString();
  }
  std::optional<Reason> refusal(FeedReader& reader, Engine& engine) {
    return ReasonOf(env_.run(reader.poll(engine, 2)));
  }

  RealSuiteEnv env_;
  PostgresEngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

// "1" of "vpcs/a#1 s1 v1 ACTIVE".
inline std::string VersionIn(const FeedReader& reader, std::string_view vpc) {
  const auto found = reader.view().find(absl::StrCat("vpcs/", std::string(vpc)));
  if (found == reader.view().end()) return "none";
  const size_t at = found->second.find(" v") + 2;
  return found->second.substr(at, found->second.find(' ', at) - at);
}

inline std::string VersionIn(const NaiveReader& reader, std::string_view vpc) {
  const auto found = reader.view().find(absl::StrCat("vpcs/", std::string(vpc)));
  return found == reader.view().end() ? "none" : found->second;
}

}  // namespace holdfast::storage
