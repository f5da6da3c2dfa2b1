// Lists in an order of the client's.
#include "holdfast/store/test_store.h"

namespace holdfast::store {
namespace {

class Lists : public ::testing::Test {
 protected:
  absl::StatusOr<ListPage> by_display_name(size_t page_size) {
    ListQuery query;
    query.kind = &KindOf("projects/p");
    query.page_size = page_size;
    auto order = filter::OrderBy::Parse("display_name desc", query.kind->message);
    EXPECT_TRUE(order.ok()) << order.status();
    query.order = *std::move(order);
    return store.env().run(store.store().list(std::move(query)));
  }

  TestStore store{EngineKind::kMemory, StoreOptions{.max_sorted = 3}};
};

TEST_F(Lists, SortsAsMuchAsItMayLookAt) {
  store.given(Create("projects/a", "display_name: '1'"), Create("projects/b", "display_name: '3'"),
              Create("projects/c", "display_name: '2'"));
  const absl::StatusOr<ListPage> page = by_display_name(2);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->resources.size(), 2u);
  EXPECT_EQ(FieldOf(*page->resources[0], "name"), "projects/b");
  EXPECT_EQ(FieldOf(*page->resources[1], "name"), "projects/c");
}

TEST_F(Lists, RefusesToSortMore) {
  store.given(Create("projects/a"), Create("projects/b"), Create("projects/c"),
              Create("projects/d"));
  EXPECT_THAT(by_display_name(2).status(), FailsWith(Reason::kTooManyMatches));
}

}  // namespace
}  // namespace holdfast::store
