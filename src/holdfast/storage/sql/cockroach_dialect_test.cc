// What the dialect of CockroachDB says: as far as that can be told without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "holdfast/storage/sql/dialect.h"

namespace holdfast::storage::sql {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> CommitTexts() {
  const Dialect& d = CockroachDialect();
  const SetTexts& sets = *d.sets;
  std::vector<std::string> texts = {
      d.lock_row,      d.wait_out,     d.require_row,    d.require_target,
      d.erase_row,     d.update_row,   d.set_state,      d.create_row,
      d.swap_cursor,   d.take_limit,   sets.lock_mixed,  sets.lock_limits,
      d.require_claim, d.change_claim, d.wait_out_claim, sets.require_claim.set};
  for (const SetText* text : {&sets.lock_target, &sets.erase_row, &sets.update_row, &sets.set_state,
                              &sets.create_row, &sets.create_row_with_edge, &sets.add_limit}) {
    texts.push_back(text->each);
    texts.push_back(text->set);
  }
  for (const SetText& text : sets.lock_row) texts.push_back(text.set);
  for (const auto& of : sets.create_row_on_targets) texts.insert(texts.end(), of.begin(), of.end());
  return texts;
}

TEST(CockroachDialect, NamesNoTransactionByNumber) {
  for (const std::string& text : CommitTexts()) {
    EXPECT_THAT(text, Not(HasSubstr("xid"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("xact"))) << text;
  }
  EXPECT_THAT(CockroachDialect().create_row, HasSubstr("cluster_logical_timestamp()"));
}

TEST(CockroachDialect, LocksByTheTwoLocksThatItHas) {
  for (const std::string& text : CommitTexts()) {
    EXPECT_THAT(text, Not(HasSubstr("KEY SHARE"))) << text;
    EXPECT_THAT(text, Not(HasSubstr("NO KEY UPDATE"))) << text;
  }
  const SetTexts& sets = *CockroachDialect().sets;
  EXPECT_THAT(sets.lock_target.each, HasSubstr("FOR SHARE"));
  EXPECT_THAT(sets.lock_row[3].set, HasSubstr("FOR UPDATE"));
}

TEST(CockroachDialect, CallsNoFunctionOfOurs) {
  for (const std::string& text : CommitTexts()) {
    EXPECT_THAT(text, Not(HasSubstr("holdfast"))) << text;
  }
}

TEST(CockroachDialect, IsPostgresqlOtherwise) {
  const Dialect& here = CockroachDialect();
  const Dialect& there = PostgresDialect();
  EXPECT_EQ(here.see_inbound, there.see_inbound);
  EXPECT_EQ(here.scan_rows, there.scan_rows);
  EXPECT_EQ(here.sets->put_unique.set, there.sets->put_unique.set);
}

}  // namespace
}  // namespace holdfast::storage::sql
