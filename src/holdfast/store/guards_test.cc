// Each guard of the store, with a rival that comes between reading and writing: exactly that guard
// fails, and the write reads again.
#include <algorithm>
#include <variant>

#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class Guards : public OnEveryEngine {
 protected:
  // Does `rival` when the next write of the test is about to commit for the first time (but
  // `skip`).
  void meanwhile(WriteRequest rival, int skip = 0) {
    rival_ = std::move(rival);
    fault_->before_commit([this]() -> Task<void> { return DoRival(); }, skip);
  }
  // Another deletion's batch then: it changes the row's state and nothing else.
  void restated_meanwhile(std::string_view name, RowState to) {
    row_ = store.row(name);
    fault_->before_commit([this, to]() -> Task<void> { return restate(to); });
  }
  Task<void> restate(RowState to) {
    storage::Batch batch;
    batch.add(storage::SetState{.key = row_->key,
                                .uid = row_->uid,
                                .from_states = ~0u,
                                .from_round = std::nullopt,
                                .to = to,
                                .round = "other",
                                .pending = storage::kPendingRemove});
    const storage::Commit commit = co_await store.engine().commit(std::move(batch));
    EXPECT_TRUE(commit.ok());
  }
  // The same at the first batch that is like this, with anything.
  void meanwhile_at(std::function<bool(const storage::Batch&)> is_like,
                    std::function<Task<void>()> rival) {
    fault_->watch([this, is_like = std::move(is_like), rival = std::move(rival),
                   done = false](const storage::Batch& batch) mutable {
      if (done || !is_like(batch)) return;
      done = true;
      fault_->before_commit(rival);
    });
  }
  // Puts a row there behind the store's back, with an edge to `target` if there is one.
  Task<void> smuggle(std::string name, std::string target) {
    storage::CreateRow create;
    create.row.key = Key(name);
    create.row.uid = Uid("smuggled");
    create.row.version = Version(1);
    create.row.body = Text(name, "")->SerializeAsString();
    if (!target.empty()) {
      create.edges.push_back({.target = Key(target),
                              .source = Key(name),
                              .field = "vpc",
                              .behavior = OnDelete::kBlock});
    }
    storage::Batch batch;
    batch.add(std::move(create));
    const storage::Commit commit = co_await store.engine().commit(std::move(batch));
    EXPECT_TRUE(commit.ok());
  }
  // "projects/p" with a VPC that has so many rules that deleting it takes several batches.
  void given_large_vpc() {
    store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
    for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  }
  Task<void> DoRival() {
    const absl::StatusOr<WriteResult> result = co_await store.store().write(std::move(rival_));
    rival_status = result.status();
  }
  // How many batches the write sent.
  int commits(const std::function<void()>& write) {
    int count = 0;
    fault_->watch([&count](const storage::Batch&) { ++count; });
    write();
    fault_->watch(nullptr);
    return count;
  }

 private:
  FaultEngine* fault_ = nullptr;

 protected:
  WriteRequest rival_;
  std::optional<storage::Row> row_;
  absl::Status rival_status = absl::UnknownError("didn't run");
  TestStore store{GetParam(), StoreOptions{.max_batch_ops = 8, .max_inline_dependants = 4}, 1,
                  [this](std::unique_ptr<storage::Engine> engine) {
                    auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
                    fault_ = wrapped.get();
                    return wrapped;
                  }};
};
INSTANTIATE_TEST_SUITE_P(Engines, Guards, EveryEngine(), EngineName);

TEST_P(Guards, AnUpdateIsMadeAnewOverAnotherOne) {
  store.given(Create("projects/p", "display_name: 'a'"));
  meanwhile(Request(Update("projects/p", "code: 'c'", {"code"})));
  EXPECT_TRUE(store.apply(Update("projects/p", "display_name: 'b'", {"display_name"})).ok());
  EXPECT_TRUE(rival_status.ok());
  EXPECT_EQ(store.text("projects/p"), "display_name: \"b\" code: \"c\"");
  EXPECT_EQ(MetaOf(*store.get("projects/p")).resource_version(), "3");
}

TEST_P(Guards, AnUpdateWithAnEtagIsRefusedAfterAnotherOne) {
  store.given(Create("projects/p", "display_name: 'a'"));
  const std::string etag = MetaOf(*store.get("projects/p")).etag();
  meanwhile(Request(Update("projects/p", "code: 'c'", {"code"})));
  WriteOp op = Update("projects/p", "display_name: 'b'", {"display_name"});
  op.etag = etag;
  EXPECT_THAT(store.apply(std::move(op)), FailsWith(Reason::kEtagMismatch));
}

TEST_P(Guards, AnUpdateOfWhatIsDeletedMeanwhileFindsNothing) {
  store.given(Create("projects/p"));
  meanwhile(Request(Delete("projects/p")));
  EXPECT_THAT(store.apply(Update("projects/p", "code: 'c'")), FailsWith(Reason::kResourceNotFound));
}

TEST_P(Guards, AnUpdateDoesNotOpenWhatIsClosedMeanwhile) {
  // A deletion closes the row between the update's reading and writing, and is then decided: were
  // only the version guarded, the update would open the row again.
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("groups/a"));
  for (int i = 0; i < 12; ++i) {
    store.given(Create(absl::StrCat("projects/p/instances/i", i),
                       "vpc: 'projects/p/vpcs/v' group: 'groups/a'"));
  }
  meanwhile(Request(Delete("groups/a")));
  EXPECT_THAT(store.apply(Update("projects/p/instances/i3", "group: ''", {"group"})),
              FailsWith(Reason::kResourceNotFound));
  EXPECT_TRUE(rival_status.ok()) << rival_status;
  EXPECT_EQ(store.findings(), "");
}

// Its version is the same; its count was given back with the decision.
TEST_P(Guards, ADeletionLeavesWhatAnotherOneHasDecidedMeanwhile) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  restated_meanwhile("projects/p/vpcs/v", RowState::kDeleting);
  EXPECT_FALSE(store.apply(Delete("projects/p/vpcs/v")).ok());
  EXPECT_EQ(store.state("projects/p/vpcs/v"), RowState::kDeleting);
}

TEST_P(Guards, AnUpdateSeesThatOnlyTheStateHasChanged) {
  store.given(Create("projects/p"));
  restated_meanwhile("projects/p", RowState::kClosing);
  // The update, the rival, two to open what the rival left, and the update again.
  EXPECT_EQ(commits([this] { EXPECT_TRUE(store.apply(Update("projects/p", "code: 'c'")).ok()); }),
            5);
  EXPECT_EQ(store.state("projects/p"), RowState::kActive);
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, ACreationLosesTheNameToAnother) {
  HF_COVERS("S24");
  meanwhile(Request(Create("projects/p")));
  EXPECT_THAT(store.apply(Create("projects/p")), FailsWith(Reason::kResourceExists));
}

TEST_P(Guards, AnUpdateThatMayCreateUpdatesWhatAnotherCreated) {
  meanwhile(Request(Create("projects/p", "code: 'c'")));
  WriteOp op = Update("projects/p", "display_name: 'b'", {"display_name"});
  op.allow_missing = AllowMissing::kYes;
  EXPECT_TRUE(store.apply(std::move(op)).ok());
  EXPECT_EQ(store.text("projects/p"), "display_name: \"b\" code: \"c\"");
}

TEST_P(Guards, ACreationLosesAUniqueValueToAnother) {
  meanwhile(Request(Create("projects/q", "code: 'c'")));
  EXPECT_THAT(store.apply(Create("projects/p", "code: 'c'")), FailsWith(Reason::kFieldValueTaken));
}

TEST_P(Guards, ACreationLosesTheLastPlaceToAnother) {
  HF_COVERS("T6");
  store.given(Create("projects/p"), Create("projects/p/vpcs/a"), Create("projects/p/vpcs/b"));
  meanwhile(Request(Create("projects/p/vpcs/c")));
  EXPECT_THAT(store.apply(Create("projects/p/vpcs/d")), FailsWith(Reason::kLimitExceeded));
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, ACreationLosesItsParent) {
  store.given(Create("projects/p"));
  meanwhile(Request(Delete("projects/p")));
  EXPECT_THAT(store.apply(Create("projects/p/vpcs/v")), FailsWith(Reason::kParentNotFound));
}

TEST_P(Guards, AReferenceLosesItsTarget) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  meanwhile(Request(Delete("projects/p/vpcs/v")));
  EXPECT_THAT(store.apply(Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'")),
              FailsWith(Reason::kReferenceNotFound));
}

TEST_P(Guards, ADeletionLosesToANewReference) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  meanwhile(Request(Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'")));
  EXPECT_THAT(store.apply(Delete("projects/p/vpcs/v")), FailsWith(Reason::kDeleteBlocked));
}

TEST_P(Guards, ADeletionTakesAChildThatCameMeanwhile) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  meanwhile(Request(Create("projects/p/vpcs/v/rules/r")));
  EXPECT_EQ(commits([this] { EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok()); }), 3);
  EXPECT_TRUE(rival_status.ok());
  EXPECT_FALSE(store.exists("projects/p/vpcs/v/rules/r"));
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, ADeletionSeesAProtectionThatCameMeanwhile) {
  store.given(Create("projects/p"));
  meanwhile(Request(Update("projects/p", "metadata { lifecycle { block_deletion: true } }",
                           {"metadata.lifecycle.block_deletion"})));
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kDeletionProtected));
}

TEST_P(Guards, TwoDeletionsAreOne) {
  store.given(Create("projects/p"));
  meanwhile(Request(Delete("projects/p")));
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kResourceNotFound));
}

TEST_P(Guards, ALargeDeletionLosesItsRootBeforeItIsClosed) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  meanwhile(Request(Update("projects/p", "metadata { lifecycle { block_deletion: true } }",
                           {"metadata.lifecycle.block_deletion"})));
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kDeletionProtected));
  EXPECT_EQ(store.duties(), 0u);
}

TEST_P(Guards, ALargeDeletionSeesWhatCameBeforeItClosedAMember) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/q"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  // The root is closed; the vpc isn't yet.
  meanwhile(Request(Create("projects/q/gateways/g", "vpc: 'projects/p/vpcs/v'")), 1);
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kDeleteBlocked));
  EXPECT_TRUE(rival_status.ok()) << rival_status;
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, ALargeDeletionReadsAMemberAgainThatChanged) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  meanwhile(Request(Update("projects/p/vpcs/v", "metadata { lifecycle { block_deletion: true } }",
                           {"metadata.lifecycle.block_deletion"})),
            1);
  EXPECT_THAT(store.apply(Delete("projects/p")), FailsWith(Reason::kDeletionProtected));
  EXPECT_TRUE(rival_status.ok()) << rival_status;
  EXPECT_EQ(store.duties(), 0u);
}

TEST_P(Guards, NothingIsAddedToWhatIsClosed) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/q"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  // By the fourth batch root and vpc are closed.
  meanwhile(Request(Create("projects/q/gateways/g", "vpc: 'projects/p/vpcs/v'")), 3);
  EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
  EXPECT_THAT(rival_status, FailsWith(Reason::kReferenceNotFound));
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, ARoundThatWasGivenUpCantBeDecided) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  // Another node takes the deletion for abandoned and opens what it has closed.
  const auto other = BuildStore(store.env(), TestSchema(), *TestSchema().services()[0],
                                store.engine(), store.hooks(), {});
  for (int skip = 1; skip < 5; ++skip) {
    std::optional<absl::StatusOr<size_t>> reopened;
    const auto node = [&]() -> Task<void> {
      return [](Store& s, std::optional<absl::StatusOr<size_t>>& r) -> Task<void> {
        r = co_await s.run_duties();
      }(*other, reopened);
    };
    static_cast<FaultEngine&>(store.engine()).before_commit(node, skip);
    WriteRequest request = Request(Delete("projects/p"));
    request.mode = WriteMode::kCommit;
    const absl::Status status = store.apply(std::move(request));
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_TRUE(reopened.has_value()) << skip;
    EXPECT_FALSE(store.exists("projects/p/vpcs/v"));
    store.settle();
    EXPECT_EQ(store.findings(), "") << skip;
    store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
    for (int i = 0; i < 12; ++i) store.given(Create(absl::StrCat("projects/p/vpcs/v/rules/r", i)));
  }
}

// What a batch has an op of this sort about a row for.
template <class Op>
std::function<bool(const storage::Batch&)> Has(std::string_view name) {
  return [key = Key(name)](const storage::Batch& batch) {
    return std::any_of(batch.ops.begin(), batch.ops.end(), [&](const storage::Op& op) {
      const auto* wanted = std::get_if<Op>(&op);
      return wanted != nullptr && wanted->key == key;
    });
  };
}

TEST_P(Guards, ALargeDeletionIsNotDecidedUnderARequestIdThatIsTaken) {
  HF_COVERS("T9");
  given_large_vpc();
  const auto once = [](WriteOp op, std::string hash) {
    WriteRequest request = Request(std::move(op));
    request.request_id = "id";
    request.request_hash = std::move(hash);
    return request;
  };
  const auto decides = [](const storage::Batch& batch) {
    return !batch.ops.empty() && std::holds_alternative<storage::PutRequest>(batch.ops[0]);
  };
  rival_ = once(Create("projects/q"), "another");
  meanwhile_at(decides, [this]() -> Task<void> { return DoRival(); });
  const auto result = store.write(once(Delete("projects/p"), "hash"));
  EXPECT_TRUE(rival_status.ok()) << rival_status;
  EXPECT_EQ(ReasonOf(result.status()), Reason::kRequestIdReused) << result.status();
  store.settle();
  EXPECT_TRUE(store.exists("projects/p/vpcs/v/rules/r0"));
  EXPECT_EQ(store.duties(), 0u);
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Guards, OneOfTwoNodesOpensWhatADeadOneClosed) {
  HF_COVERS("T7", "T9");
  for (int skip = 0; skip < 4; ++skip) {
    given_large_vpc();
    FaultEngine& engine = static_cast<FaultEngine&>(store.engine());
    engine.crash_at(3, FaultEngine::LastCommit::kLost);
    EXPECT_FALSE(store.apply(Delete("projects/p")).ok());
    engine.revive();
    store.restart();
    ASSERT_GT(store.duties(), 0u);
    const auto other = BuildStore(store.env(), TestSchema(), *TestSchema().services()[0],
                                  store.engine(), store.hooks(), {});
    const auto node = [&]() -> Task<void> {
      return [](Store& s) -> Task<void> {
        for (absl::StatusOr<size_t> left = 1; left.ok() && *left > 0;)
          left = co_await s.run_duties();
      }(*other);
    };
    engine.before_commit(node, skip);
    store.settle();
    EXPECT_EQ(store.duties(), 0u);
    EXPECT_EQ(store.findings(), "") << skip;
    EXPECT_TRUE(store.apply(Delete("projects/p")).ok());
    store.settle();
  }
}

TEST_P(Guards, ARemovalNeverLeavesAReferenceThatShouldNotBeThere) {
  HF_COVERS("T7");
  given_large_vpc();
  store.given(Create("projects/q"));
  meanwhile_at(Has<storage::RequireNoInbound>("projects/p/vpcs/v"), [this]() -> Task<void> {
    return smuggle("projects/q/gateways/g", "projects/p/vpcs/v");
  });
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok());
  store.settle_quietly();
  EXPECT_EQ(store.state("projects/p/vpcs/v"), RowState::kDeleting);
}

TEST_P(Guards, ARemovalTakesAChildThatShouldNotBeThere) {
  HF_COVERS("T7");
  given_large_vpc();
  meanwhile_at(Has<storage::RequireNoChildren>("projects/p/vpcs/v"),
               [this]() -> Task<void> { return smuggle("projects/p/vpcs/v/rules/late", ""); });
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok());
  store.settle();
  EXPECT_EQ(store.state("projects/p/vpcs/v"), RowState::kGone);
  EXPECT_FALSE(store.exists("projects/p/vpcs/v/rules/late"));
}

TEST_P(Guards, ARequestIdIsTakenOnce) {
  HF_COVERS("T9");
  const auto request = [] {
    WriteRequest made = Request(Create("projects/p"));
    made.request_id = "id";
    made.request_hash = "hash";
    return made;
  };
  meanwhile(request());
  const auto result = store.write(request());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->resources[0]->DebugString(), store.get("projects/p")->DebugString());
}

}  // namespace
}  // namespace holdfast::store
