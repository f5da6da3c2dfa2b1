// Reads: resources, collections, shadows, referrers, plans of deletions.
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class Reads : public OnEveryEngine {
 protected:
  ListQuery Query(const char* example, const char* parent) {
    ListQuery query;
    query.kind = &KindOf(example);
    query.parent = parent;
    return query;
  }
  // All pages, names only, a bar between pages.
  std::string List(ListQuery query) {
    std::string names;
    for (;;) {
      absl::StatusOr<ListPage> page = store.env().run(store.store().list(query));
      if (!page.ok()) return std::string(page.status().message());
      for (const SharedMessage& resource : page->resources) {
        const std::string name = FieldOf(*resource, "name");
        absl::StrAppend(&names, name.substr(name.rfind('/') + 1), " ");
      }
      if (!page->next.has_value()) return names;
      names += "| ";
      query.after = page->next;
    }
  }
  absl::StatusOr<DeletionPlan> Explain(const char* name, Force force = Force::kNo,
                                       size_t samples = 20) {
    return store.env().run(store.store().explain_delete(Key(name), force, samples));
  }
  static std::string Show(const DeletionNode& node) {
    static constexpr const char* kEffects[] = {"-", "unset ", "BLOCKS ", "PROTECTED "};
    std::string text = absl::StrCat(kEffects[static_cast<int>(node.effect)], node.key.name.str());
    if (!node.field.empty()) absl::StrAppend(&text, ".", node.field);
    if (node.children.empty()) return text;
    text += "(";
    for (const DeletionNode& child : node.children) absl::StrAppend(&text, Show(child), " ");
    text.back() = ')';
    return text;
  }

  TestStore store{GetParam(), StoreOptions{.max_batch_ops = 8, .max_inline_dependants = 6}};
};
INSTANTIATE_TEST_SUITE_P(Engines, Reads, EveryEngine(), EngineName);

TEST_P(Reads, GetSeveralOrNameTheFirstThatIsMissing) {
  store.given(Create("groups/a"), Create("groups/b"));
  const auto get = [this](std::vector<ResourceName> names) {
    return store.env().run(store.store().get(KindOf("groups/a"), std::move(names)));
  };
  auto both = get({ResourceName("groups/b"), ResourceName("groups/a")});
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(FieldOf(*both->resources[0], "name"), "groups/b");
  EXPECT_EQ(both->revision, store.revision());
  auto missing = get({ResourceName("groups/a"), ResourceName("groups/x")});
  EXPECT_THAT(missing.status(), FailsWith(Reason::kResourceNotFound));
  EXPECT_THAT(std::string(missing.status().message()), ::testing::HasSubstr("groups/x"));
}

TEST_P(Reads, AreNeverStaleThoughTheyAreCached) {
  HF_COVERS("S31", "R32");
  store.given(Create("groups/a", "display_name: '1'"));
  EXPECT_EQ(store.text("groups/a"), "display_name: \"1\"");
  // Another node, with a cache of its own, writes.
  const auto other = BuildStore(store.env(), TestSchema(), *TestSchema().services()[0],
                                store.engine(), store.hooks(), {});
  ASSERT_TRUE(store.env().run(other->write(Request(Update("groups/a", "display_name: '2'")))).ok());
  EXPECT_EQ(store.text("groups/a"), "display_name: \"2\"");
  ASSERT_TRUE(store.env().run(other->write(Request(Delete("groups/a")))).ok());
  EXPECT_FALSE(store.exists("groups/a"));
  ASSERT_TRUE(store.env().run(other->write(Request(Create("groups/a")))).ok());
  EXPECT_EQ(store.text("groups/a"), "");
}

TEST_P(Reads, AreTheSameObjectWhileNothingChanges) {
  HF_COVERS("S31");
  store.given(Create("groups/a"));
  const SharedMessage first = store.get("groups/a");
  EXPECT_EQ(store.get("groups/a"), first);
  store.given(Update("groups/a", "display_name: 'x'"));
  EXPECT_NE(store.get("groups/a"), first);
}

TEST_P(Reads, ListInPagesByName) {
  HF_COVERS("S25");
  for (const char* id : {"c", "a", "e", "b", "d"}) {
    store.given(Create(absl::StrCat("groups/", id)));
  }
  ListQuery query = Query("groups/a", "");
  query.page_size = 2;
  EXPECT_EQ(List(query), "a b | c d | e ");
  query.page_size = 5;
  EXPECT_EQ(List(query), "a b c d e ");
}

TEST_P(Reads, ListBelowOneParentOrAny) {
  HF_COVERS("S26");
  store.given(Create("projects/p"), Create("projects/p2"), Create("organizations/o"));
  store.given(Create("projects/p/folders/a"), Create("projects/p2/folders/b"),
              Create("organizations/o/folders/c"));
  EXPECT_EQ(List(Query("projects/p/folders/a", "projects/p")), "a ");
  EXPECT_EQ(List(Query("projects/p/folders/a", "projects/-")), "a b ");
  EXPECT_EQ(List(Query("projects/p/folders/a", "organizations/-")), "c ");
  EXPECT_EQ(List(Query("projects/p/folders/a", "")), "c a b ");
}

TEST_P(Reads, ListFilteredAndSorted) {
  HF_COVERS("S25");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 9; ++i) {
    store.given(Create(
        absl::StrCat("projects/p/instances/i", i),
        absl::StrCat("vpc: 'projects/p/vpcs/v' cpus: ", i % 3, " hostname: 'h", i % 2, "'")));
  }
  ListQuery query = Query("projects/p/instances/i", "projects/p");
  query.page_size = 4;
  query.order = *filter::OrderBy::Parse("cpus desc", query.kind->message);
  EXPECT_EQ(List(query), "i2 i5 i8 i1 | i4 i7 i0 i3 | i6 ");
  query.filter = *filter::Filter::Parse("hostname = \"h1\" AND cpus > 0", query.kind->message);
  EXPECT_EQ(List(query), "i5 i1 i7 ");
  query.order = filter::OrderBy();
  EXPECT_EQ(List(query), "i1 i5 i7 ");
}

TEST_P(Reads, ShowTheShadowOfEveryResource) {
  HF_COVERS("R8", "R11");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  auto shadow = store.env().run(store.store().shadow(Key("projects/p/gateways/g")));
  ASSERT_TRUE(shadow.ok()) << shadow.status();
  EXPECT_EQ(shadow->row.state, RowState::kActive);
  EXPECT_EQ(shadow->row.uid.str(), MetaOf(*store.get("projects/p/gateways/g")).uid());
  ASSERT_EQ(shadow->references.size(), 1u);
  EXPECT_EQ(shadow->references[0].target.name.str(), "projects/p/vpcs/v");
  EXPECT_EQ(shadow->references[0].field, "vpc");

  store.given(Update("projects/p/gateways/g", "", {"vpc"}));
  shadow = store.env().run(store.store().shadow(Key("projects/p/gateways/g")));
  EXPECT_TRUE(shadow->references.empty());
  EXPECT_EQ(shadow->row.version, Version(2));
  store.given(Delete("projects/p/gateways/g"));
  shadow = store.env().run(store.store().shadow(Key("projects/p/gateways/g")));
  EXPECT_EQ(shadow->row.state, RowState::kGone);
}

TEST_P(Reads, ListShadowsInPages) {
  HF_COVERS("R8");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("groups/a"),
              Create("projects/p/events/e"));
  store.given(Delete("groups/a"));
  std::string names;
  std::optional<ResourceKey> after;
  do {
    auto page = store.env().run(store.store().shadows(std::nullopt, after, 1, ShowDeleted::kYes));
    ASSERT_TRUE(page.ok());
    for (const Shadow& shadow : page->shadows)
      absl::StrAppend(&names, shadow.row.key.name.str(), " ");
    after = page->next;
  } while (after.has_value());
  // Events are unconstrained: they have none.
  EXPECT_EQ(names, "groups/a projects/p projects/p/vpcs/v ");
}

TEST_P(Reads, ListReferrersInPagesWithTheirExactNumber) {
  HF_COVERS("B8");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 7; ++i) {
    store.given(Create(absl::StrCat("projects/p/gateways/g", i), "vpc: 'projects/p/vpcs/v'"));
  }
  std::vector<std::string> sources;
  std::optional<storage::Edge> after;
  do {
    auto page = store.env().run(store.store().referrers(Key("projects/p/vpcs/v"), after, 3));
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->total, 7);
    EXPECT_LE(page->edges.size(), 3u);
    for (const storage::Edge& edge : page->edges) sources.push_back(edge.source.name.str());
    after = page->next;
  } while (after.has_value());
  EXPECT_EQ(sources.size(), 7u);
  EXPECT_THAT(store.env().run(store.store().referrers(Key("projects/x"), {}, 3)).status(),
              FailsWith(Reason::kResourceNotFound));
}

TEST_P(Reads, ExplainADeletionAsATree) {
  HF_COVERS("B7");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("groups/a"));
  store.given(Create("projects/p/vpcs/v/rules/r"), Create("projects/p/gateways/g"),
              Create("projects/q"), Create("projects/q/vpcs/w"),
              Create("projects/q/instances/i",
                     "vpc: 'projects/q/vpcs/w' gateway: 'projects/p/gateways/g'"));
  auto plan = Explain("projects/p");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Show(plan->root),
            "-projects/p(-projects/p/gateways/g(unset projects/q/instances/i.gateway) "
            "-projects/p/vpcs/v(-projects/p/vpcs/v/rules/r))");
  EXPECT_EQ(plan->deleted, 4);
  EXPECT_EQ(plan->unset, 1);
  EXPECT_EQ(plan->blockers, 0);
  store.given(Create("projects/q/gateways/h", "vpc: 'projects/p/vpcs/v'"),
              Create("projects/p/disks/d"));
  plan = Explain("projects/p");
  EXPECT_EQ(plan->blockers, 2);
  EXPECT_THAT(Show(plan->root), ::testing::HasSubstr("BLOCKS projects/q/gateways/h.vpc"));
  EXPECT_THAT(Show(plan->root), ::testing::HasSubstr("BLOCKS projects/p/disks/d"));
}

TEST_P(Reads, BoundTheTreeAndCountWhatItLeavesOut) {
  HF_COVERS("B7");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  auto plan = Explain("projects/p/vpcs/v", Force::kNo, 3);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->root.children.size(), 3u);
  EXPECT_EQ(plan->root.child_count, 12);
  EXPECT_EQ(plan->deleted, 13);
}

TEST_P(Reads, PlansAreExecutedExactlyOrNotAtAll) {
  HF_COVERS("B7");
  for (const int rules : {2, 20}) {  // in one batch, and in several
    store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
    for (int i = 0; i < rules; ++i) {
      store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
    }
    auto plan = Explain("projects/p");
    ASSERT_TRUE(plan.ok());
    const auto deletion = [&plan] {
      WriteOp op = Delete("projects/p");
      op.plan_digest = plan->digest;
      return op;
    };
    store.given(Update("projects/p/vpcs/v/rules/r1", "priority: 7"));
    EXPECT_THAT(store.apply(deletion()), FailsWith(Reason::kPlanChanged)) << rules;
    EXPECT_EQ(store.duties(), 0u);
    plan = Explain("projects/p");
    store.given(Create("projects/p/gateways/g"));
    EXPECT_THAT(store.apply(deletion()), FailsWith(Reason::kPlanChanged)) << rules;
    plan = Explain("projects/p");
    const absl::Status status = store.apply(deletion());
    EXPECT_TRUE(status.ok()) << rules << ": " << status;
    EXPECT_EQ(store.findings(), "");
  }
}

TEST_P(Reads, DecodeWhatTheFeedBrings) {
  store.given(Create("groups/a", "display_name: 'x'"));
  auto there = store.store().decode(*store.row("groups/a"));
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(FieldOf(**there, "display_name"), "x");
  store.given(Delete("groups/a"));
  auto gone = store.store().decode(*store.row("groups/a"));
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(*gone, nullptr);
}

TEST(AsynchronousDeletion, StaysReadableUntilNothingRefersToIt) {
  HF_COVERS("S18", "R42", "R43");
  FaultEngine* fault = nullptr;
  TestStore store(EngineKind::kMemory, {.max_batch_ops = 4, .max_inline_dependants = 2}, 1,
                  [&fault](std::unique_ptr<storage::Engine> engine) {
                    auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
                    fault = wrapped.get();
                    return wrapped;
                  });
  store.given(Create("projects/p"), Create("projects/p/clusters/c", "display_name: 'c'"),
              Create("projects/p/vpcs/v"));
  for (int i = 0; i < 12; ++i) {
    store.given(Create(absl::StrCat("projects/p/instances/i", i),
                       "vpc: 'projects/p/vpcs/v' watched: 'projects/p/clusters/c'"));
  }
  // The process dies right after the decision, which is its third batch or so.
  for (int commits = 1; store.state("projects/p/clusters/c") != RowState::kDeleting; ++commits) {
    fault->crash_at(commits, FaultEngine::LastCommit::kLost);
    const absl::Status status = store.apply(Delete("projects/p/clusters/c"));
    fault->revive();
    store.restart();
    ASSERT_LT(commits, 10) << status;
  }
  const SharedMessage cluster = store.get("projects/p/clusters/c");
  ASSERT_NE(cluster, nullptr);
  EXPECT_EQ(FieldOf(*cluster, "display_name"), "c");
  EXPECT_EQ(MetaOf(*cluster).lifecycle().state(), Meta::DELETING);
  EXPECT_TRUE(MetaOf(*cluster).has_delete_time());
  EXPECT_THAT(store.apply(Create("projects/p/clusters/c")), FailsWith(Reason::kNameBeingDeleted));
  EXPECT_THAT(store.apply(Update("projects/p/clusters/c", "display_name: 'd'")),
              FailsWith(Reason::kNameBeingDeleted));
  EXPECT_TRUE(
      store.apply(Update("projects/p/instances/i11", "display_name: 'x'", {"display_name"})).ok());
  // A second deletion joins the first.
  EXPECT_TRUE(store.apply(Delete("projects/p/clusters/c")).ok());
  store.settle();
  EXPECT_FALSE(store.exists("projects/p/clusters/c"));
  EXPECT_EQ(store.text("projects/p/instances/i11"),
            "display_name: \"x\" vpc: \"projects/p/vpcs/v\"");
  EXPECT_EQ(store.findings(), "");
}

}  // namespace
}  // namespace holdfast::store
