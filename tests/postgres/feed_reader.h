// A reader of the feed that trusts nothing: whenever it is told that its view is complete, it
// compares it with a full read in the same snapshot.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "holdfast/base/macros.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/show.h"

namespace holdfast::storage {

// The resources that are there, "name" -> "uid v3 ACTIVE".
using FeedView = std::map<std::string, std::string>;

inline std::string FeedDigest(const Row& row) {
  return absl::StrCat(row.uid.str(), " s", row.stamp, " v", row.version.value(), " ",
                      Show(row.state));
}

inline Task<absl::StatusOr<FeedView>> FullView(Snapshot& snapshot) {
  FeedView view;
  ScanQuery query;
  do {
    HF_CO_ASSIGN_OR_RETURN(ScanPage page, co_await snapshot.scan(query));
    for (const Row& row : page.rows) view[row.key.name.str()] = FeedDigest(row);
    query.after = std::move(page.next);
  } while (query.after.has_value());
  co_return view;
}

class FeedReader {
 public:
  // Everything as it is now.
  Task<absl::Status> start(Engine& engine) {
    HF_CO_ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, co_await engine.snapshot());
    HF_CO_ASSIGN_OR_RETURN(view_, co_await FullView(*snapshot));
    newest_.clear();
    cursor_ = snapshot->place();
    co_return absl::OkStatus();
  }

  // One page, from a snapshot of its own. Whether it was the last for now.
  Task<absl::StatusOr<bool>> page(Engine& engine, size_t limit) {
    HF_CO_ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, co_await engine.snapshot());
    HF_CO_ASSIGN_OR_RETURN(const bool complete, co_await page_of(*snapshot, limit));
    co_return complete;
  }

  // All pages there are, from one snapshot.
  Task<absl::Status> poll(Engine& engine, size_t limit) {
    HF_CO_ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, co_await engine.snapshot());
    for (bool complete = false; !complete;) {
      HF_CO_ASSIGN_OR_RETURN(complete, co_await page_of(*snapshot, limit));
    }
    co_return absl::OkStatus();
  }

  [[nodiscard]] const FeedView& view() const { return view_; }
  [[nodiscard]] const Cursor& cursor() const { return cursor_; }
  [[nodiscard]] size_t bookmarks() const { return bookmarks_; }
  [[nodiscard]] size_t pages() const { return pages_; }
  // Rows of the last page.
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  Task<absl::StatusOr<bool>> page_of(Snapshot& snapshot, size_t limit) {
    HF_CO_ASSIGN_OR_RETURN(FeedPage page, co_await snapshot.feed(cursor_, limit));
    EXPECT_LE(page.rows.size(), limit);
    EXPECT_GE(page.next.revision, cursor_.revision);
    for (const Row& row : page.rows) take(row);
    rows_ = std::move(page.rows);
    cursor_ = std::move(page.next);
    ++pages_;
    if (!page.complete) co_return false;
    EXPECT_FALSE(cursor_.key.has_value());
    EXPECT_EQ(cursor_.revision, snapshot.revision());
    HF_CO_ASSIGN_OR_RETURN(const FeedView truth, co_await FullView(snapshot));
    EXPECT_EQ(view_, truth) << "at " << Show(cursor_);
    ++bookmarks_;
    co_return true;
  }

  void take(const Row& row) {
    EXPECT_GE(row.revision, cursor_.revision);
    const std::string& name = row.key.name.str();
    const std::pair<int64_t, Version> life(row.stamp, row.version);
    const auto known = newest_.find(name);
    const bool back = known != newest_.end() && life < known->second;
    EXPECT_FALSE(back) << name << " goes back";
    newest_[name] = life;
    // A name whose tombstone has been forgotten starts anew.
    if (row.state == RowState::kGone) newest_.erase(name);
    view_.erase(name);
    if (row.state != RowState::kGone) view_[name] = FeedDigest(row);
  }

  FeedView view_;
  std::map<std::string, std::pair<int64_t, Version>> newest_;
  Cursor cursor_;
  std::vector<Row> rows_;
  size_t bookmarks_ = 0;
  size_t pages_ = 0;
};

}  // namespace holdfast::storage
