// Commits of which the database doesn't say that they are done.
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

using storage::Failure;
using LastCommit = FaultEngine::LastCommit;

constexpr int kAttempts = 4;

class UnsureCommits : public OnEveryEngine {
 protected:
  static WriteRequest With(const char* request_id, WriteOp op) {
    WriteRequest request = Request(std::move(op));
    request.request_id = request_id;
    request.request_hash = "hash";
    return request;
  }

  FaultEngine* fault = nullptr;
  TestStore store{
      GetParam(), {.max_attempts = kAttempts}, 1, [this](std::unique_ptr<storage::Engine> engine) {
        auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
        fault = wrapped.get();
        return wrapped;
      }};
};
INSTANTIATE_TEST_SUITE_P(Engines, UnsureCommits, EveryEngine(), EngineName);

TEST_P(UnsureCommits, AreSentAgainWhereNothingHappened) {
  fault->answer(Failure::Kind::kRetryable, LastCommit::kLost, kAttempts - 1);
  EXPECT_TRUE(store.apply(Create("projects/p")).ok());
  EXPECT_EQ(MetaOf(*store.get("projects/p")).resource_version(), "1");
}

TEST_P(UnsureCommits, AreGivenUpAsAborted) {
  fault->answer(Failure::Kind::kRetryable, LastCommit::kLost, kAttempts);
  const absl::Status status = store.apply(Create("projects/p"));
  EXPECT_THAT(status, FailsWith(Reason::kConflict));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_FALSE(store.exists("projects/p"));
}

TEST_P(UnsureCommits, AreNotGuessedAbout) {
  for (const LastCommit last : {LastCommit::kLost, LastCommit::kDone}) {
    fault->answer(Failure::Kind::kAmbiguous, last, 1);
    const char* name = last == LastCommit::kLost ? "projects/lost" : "projects/done";
    const absl::Status status = store.apply(Create(name));
    EXPECT_THAT(status, FailsWith(Reason::kCommitUnknown));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(store.exists(name), last == LastCommit::kDone);
  }
}

TEST_P(UnsureCommits, AreSettledByTheRequestId) {
  HF_COVERS("T9");
  for (const LastCommit last : {LastCommit::kLost, LastCommit::kDone}) {
    const char* id = last == LastCommit::kLost ? "lost" : "done";
    const std::string name = absl::StrCat("projects/", id);
    fault->answer(Failure::Kind::kAmbiguous, last, 1);
    const absl::StatusOr<WriteResult> result = store.write(With(id, Create(name)));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->resources[0]->ShortDebugString(), store.get(name)->ShortDebugString());
    EXPECT_EQ(MetaOf(*store.get(name)).resource_version(), "1");
  }
}

TEST_P(UnsureCommits, StayUnknownWhateverALaterAttemptIsTold) {
  HF_COVERS("T9");
  for (const Failure::Kind later : {Failure::Kind::kUnavailable, Failure::Kind::kRetryable}) {
    fault->answer(Failure::Kind::kAmbiguous, LastCommit::kLost, 1);
    int attempts = 0;
    fault->watch([&](const storage::Batch&) {
      if (++attempts == 2) fault->answer(later, LastCommit::kLost, kAttempts);
    });
    EXPECT_THAT(store.apply(With("id", Create("projects/p"))), FailsWith(Reason::kCommitUnknown));
    EXPECT_GE(attempts, 2);
    fault->answer(later, LastCommit::kLost, 0);
    fault->watch(nullptr);
  }
  // Nor does what it finds say that the first one did nothing.
  fault->before_commit([this]() -> Task<void> {
    (void)co_await store.store().write(Request(Create("projects/p")));
    fault->answer(Failure::Kind::kAmbiguous, LastCommit::kLost, 1);
  });
  EXPECT_THAT(store.apply(With("id", Create("projects/p"))), FailsWith(Reason::kCommitUnknown));
}

TEST_P(UnsureCommits, StayUnknownIfTheyNeverSettle) {
  fault->answer(Failure::Kind::kAmbiguous, LastCommit::kLost, kAttempts);
  EXPECT_THAT(store.apply(With("id", Create("projects/p"))), FailsWith(Reason::kCommitUnknown));
  EXPECT_TRUE(store.apply(With("id", Create("projects/p"))).ok());
}

TEST_P(UnsureCommits, AreDoneIfOnlyTheLastAttemptWasUnknown) {
  fault->answer(Failure::Kind::kAmbiguous, LastCommit::kDone, kAttempts);
  EXPECT_TRUE(store.apply(With("id", Create("projects/p"))).ok());
}

}  // namespace
}  // namespace holdfast::store
