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

// What nobody looks into is passed on as it is stored, what is shown otherwise isn't.
class SerializedLists : public OnEveryEngine {
 protected:
  // Each resource as text, with the place behind which the next page would start.
  std::string list(const ListQuery& query) {
    const absl::StatusOr<ListPage> page = store.env().run(store.store().list(query));
    if (!page.ok()) return page.status().ToString();
    EXPECT_TRUE(page->resources.empty());
    std::string text;
    for (const SerializedResource& one : page->serialized) {
      const MessagePtr resource = TestSchema().new_message(query.kind->message);
      EXPECT_TRUE(resource->ParseFromString(one.bytes));
      EXPECT_EQ(one.place.name.str(), FieldOf(*resource, "name"));
      absl::StrAppend(&text, one.place.sort_key, one.place.sort_key.empty() ? "" : "|",
                      one.place.name.str(), " ", FieldOf(*resource, "display_name"), " ",
                      Meta::State_Name(MetaOf(*resource).lifecycle().state()), "\n");
    }
    return text;
  }
  static ListQuery projects() {
    ListQuery query;
    query.kind = &KindOf("projects/p");
    query.form = Form::kSerialized;
    return query;
  }

  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, SerializedLists, EveryEngine(), EngineName);

TEST_P(SerializedLists, AreTheSameWithAndWithoutAFilter) {
  store.given(Create("projects/a", "display_name: 'x'"), Create("projects/b", "display_name: 'y'"),
              Create("projects/c", "display_name: 'x'"));
  ListQuery query = projects();
  EXPECT_EQ(list(query), "projects/a x ACTIVE\nprojects/b y ACTIVE\nprojects/c x ACTIVE\n");
  query.filter = *filter::Filter::Parse("display_name = 'x'", query.kind->message);
  EXPECT_EQ(list(query), "projects/a x ACTIVE\nprojects/c x ACTIVE\n");
}

TEST_P(SerializedLists, ShowWhatIsBeingDeletedAsSuch) {
  store.given(Create("projects/a", "display_name: 'x'"));
  const storage::Row row = *store.row("projects/a");
  storage::Batch batch;
  batch.add(storage::SetState{.key = row.key,
                              .uid = row.uid,
                              .from_states = ~0u,
                              .from_round = std::nullopt,
                              .to = RowState::kClosing,
                              .round = "r"});
  ASSERT_TRUE(store.env().run(store.engine().commit(std::move(batch))).ok());
  EXPECT_EQ(list(projects()), "projects/a x CLOSING\n");
}

TEST_P(SerializedLists, SayAtWhichPlaceOfTheOrderTheyAre) {
  store.given(Create("projects/a", "display_name: 'y'"), Create("projects/b", "display_name: 'x'"));
  ListQuery query = projects();
  query.order = *filter::OrderBy::Parse("display_name", query.kind->message);
  const auto key = [&query](const char* display_name) {
    return query.order.sort_key(
        *Text("projects/p", absl::StrCat("display_name: '", display_name, "'")));
  };
  EXPECT_EQ(list(query), key("x") + "|projects/b x ACTIVE\n" + key("y") + "|projects/a y ACTIVE\n");
}

}  // namespace
}  // namespace holdfast::store
