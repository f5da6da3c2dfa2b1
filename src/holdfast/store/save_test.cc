// Creations and updates.
#include "holdfast/store/core/answers.h"
#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

class Saves : public OnEveryEngine {
 protected:
  TestStore store{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Engines, Saves, EveryEngine(), EngineName);

TEST_P(Saves, CreateWhatWasAskedFor) {
  HF_COVERS("S24", "R32");
  auto result = store.write(Request(
      Create("projects/p1",
             "display_name: 'One' metadata { uid: 'mine' resource_version: '7' generation: 9"
             " etag: 'e' labels { key: 'k' value: 'v' } lifecycle { state: DELETING } }")));
  ASSERT_TRUE(result.ok()) << result.status();
  const SharedMessage project = store.get("projects/p1");
  ASSERT_NE(project, nullptr);
  EXPECT_EQ(project->DebugString(), result->resources[0]->DebugString());
  EXPECT_EQ(FieldOf(*project, "name"), "projects/p1");
  const Meta& meta = MetaOf(*project);
  EXPECT_EQ(meta.resource_version(), "1");
  EXPECT_EQ(meta.generation(), 1);
  EXPECT_EQ(meta.lifecycle().state(), Meta::ACTIVE);
  EXPECT_EQ(meta.uid().size(), 36u);
  EXPECT_EQ(meta.labels().at("k"), "v");
  EXPECT_EQ(meta.create_time().seconds(), ManualEnv::kStart.value() / 1'000'000);
  EXPECT_NE(meta.etag(), "e");
  EXPECT_EQ(result->revision, store.revision());
}

TEST_P(Saves, RefuseNamesThatMatchNoPattern) {
  WriteOp op = Create("projects/p");
  op.name = ResourceName("projects/a/b");
  EXPECT_THAT(store.apply(std::move(op)), FailsWith(Reason::kInvalidName));
  op = Create("projects/p");
  op.name = ResourceName("projects/" + std::string(2000, 'x'));
  EXPECT_THAT(store.apply(std::move(op)), FailsWith(Reason::kInvalidName));
}

TEST_P(Saves, ConnectReferencesThatAreCreatedTogetherInAnyOrder) {
  HF_COVERS("R33", "R37", "R38");
  store.given(Create("projects/p"));
  EXPECT_TRUE(store
                  .apply(Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"),
                         Create("projects/p/vpcs/v", "gateway: 'projects/p/gateways/g'"),
                         Create("projects/p/instances/i",
                                "vpc: 'projects/p/vpcs/v' peer: 'projects/p/instances/i'"))
                  .ok());
  EXPECT_THAT(store.apply(Create("projects/p/gateways/h", "vpc: 'projects/p/vpcs/w'")),
              FailsWith(Reason::kReferenceNotFound));
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Saves, CreateParentsAndChildrenTogether) {
  EXPECT_TRUE(store.apply(Create("projects/p/vpcs/v"), Create("projects/p")).ok());
  const absl::Status status = store.apply(Create("projects/q/vpcs/v"));
  EXPECT_THAT(status, FailsWith(Reason::kParentNotFound));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("projects/q"));
}

TEST_P(Saves, NameTheOperationThatFailedAndDoNothing) {
  HF_COVERS("B6", "T2");
  WriteOp bad = Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'");
  bad.label = "the gateway";
  const Revision before = store.revision();
  const absl::Status status = store.apply(Create("projects/p"), std::move(bad));
  EXPECT_THAT(status, FailsWith(Reason::kReferenceNotFound));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("operation 1 (the gateway)"));
  EXPECT_FALSE(store.exists("projects/p"));
  EXPECT_EQ(store.revision(), before);
}

TEST_P(Saves, CheckReferencesInEveryPlace) {
  HF_COVERS("R33", "S17");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  const std::string vpc = "vpc: 'projects/p/vpcs/v' ";
  for (const char* field : {"gateway: 'projects/p/gateways/x'", "group: 'groups/x'",
                            "image: 'images/x'", "host: 'hosts/x'", "disks: ['projects/p/disks/x']",
                            "spec { routes { gateway: 'projects/p/gateways/x' } }",
                            "labels_to_groups { key: 'k' value: 'groups/x' }",
                            "mounts { key: 'k' value { disk: 'projects/p/disks/x' } }",
                            "boot_image: 'images/x'", "boot_disk: 'projects/p/disks/x'",
                            "peer: 'projects/p/instances/x'", "watched: 'hosts/x'"}) {
    EXPECT_THAT(store.apply(Create("projects/p/instances/i", vpc + field)),
                FailsWith(Reason::kReferenceNotFound))
        << field;
  }
  EXPECT_TRUE(
      store.apply(Create("projects/p/instances/i", vpc + "last_seen_host: 'hosts/x'")).ok());
}

TEST_P(Saves, RefuseReferencesThatAreNoNamesOfTheirKind) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"));
  for (const char* field : {"vpc: 'projects/p'", "vpc: 'projects/p/vpcs/v' gateway: 'x'",
                            "vpc: 'projects/p/vpcs/v' watched: 'nothing/x'",
                            "vpc: 'projects/p/vpcs/v' last_seen_host: 'hosts/a/b'"}) {
    EXPECT_THAT(store.apply(Create("projects/p/instances/i", field)),
                FailsWith(Reason::kInvalidName))
        << field;
  }
}

TEST_P(Saves, LeaveUnconstrainedKindsUnchecked) {
  HF_COVERS("S18");
  EXPECT_TRUE(
      store.apply(Create("projects/absent/events/e", "instance: 'projects/absent/instances/i'"))
          .ok());
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Saves, ChangeOnlyWhatTheMaskNames) {
  HF_COVERS("S24");
  store.given(Create("projects/p", "display_name: 'a' code: 'c'"));
  auto result =
      store.write(Request(Update("projects/p", "display_name: 'b' code: 'd'", {"display_name"})));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(store.text("projects/p"), "display_name: \"b\" code: \"c\"");
  EXPECT_EQ(MetaOf(*result->resources[0]).resource_version(), "2");
  EXPECT_EQ(MetaOf(*result->resources[0]).generation(), 2);
  ASSERT_TRUE(store
                  .apply(Update("projects/p", "metadata { labels { key: 'k' value: 'v' } }",
                                {"metadata.labels"}))
                  .ok());
  EXPECT_EQ(MetaOf(*store.get("projects/p")).resource_version(), "3");
  EXPECT_EQ(MetaOf(*store.get("projects/p")).generation(), 2);
}

TEST_P(Saves, WriteNothingWhenNothingChanges) {
  store.given(Create("projects/p",
                     "display_name: 'a' metadata { labels { key: 'k' value: 'v' }"
                     " labels { key: 'a' value: 'b' } }"));
  const Revision before = store.revision();
  for (const auto& paths : {std::vector<std::string>{}, std::vector<std::string>{"display_name"}}) {
    auto result =
        store.write(Request(Update("projects/p",
                                   "display_name: 'a' metadata { labels { key: 'a' value: 'b' }"
                                   " labels { key: 'k' value: 'v' } uid: 'other' }",
                                   paths)));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(MetaOf(*result->resources[0]).resource_version(), "1");
  }
  EXPECT_EQ(store.revision(), before);
}

TEST_P(Saves, SeeMapsInAnyOrderAsEqual) {
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"),
              Create("projects/p/instances/i",
                     "vpc: 'projects/p/vpcs/v' attributes { key: 'b' value: '1' }"
                     " attributes { key: 'a' value: '2' } counters { key: 'y' value: 1 }"
                     " counters { key: 'x' value: 2 }"));
  const Revision before = store.revision();
  EXPECT_TRUE(store
                  .apply(Update("projects/p/instances/i",
                                "vpc: 'projects/p/vpcs/v' attributes { key: 'a' value: '2' }"
                                " attributes { key: 'b' value: '1' } counters { key: 'x' value: 2 }"
                                " counters { key: 'y' value: 1 }"))
                  .ok());
  EXPECT_EQ(store.revision(), before);
}

TEST_P(Saves, CompareTheEtag) {
  HF_COVERS("S24");
  store.given(Create("projects/p"));
  const std::string etag = MetaOf(*store.get("projects/p")).etag();
  EXPECT_TRUE(
      store
          .apply(Update("projects/p", absl::StrCat("code: 'x' metadata { etag: '", etag, "' }"),
                        {"code"}))
          .ok());
  EXPECT_THAT(
      store.apply(Update("projects/p", absl::StrCat("code: 'y' metadata { etag: '", etag, "' }"),
                         {"code"})),
      FailsWith(Reason::kEtagMismatch));
  WriteOp gone = Delete("projects/p");
  gone.etag = etag;
  EXPECT_THAT(store.apply(std::move(gone)), FailsWith(Reason::kEtagMismatch));
}

TEST_P(Saves, CreateWhatIsMissingWhereThatIsAllowed) {
  HF_COVERS("S24");
  EXPECT_THAT(store.apply(Update("projects/p", "code: 'c'")), FailsWith(Reason::kResourceNotFound));
  WriteOp op = Update("projects/p", "code: 'c'");
  op.allow_missing = AllowMissing::kYes;
  EXPECT_TRUE(store.apply(std::move(op)).ok());
  EXPECT_EQ(store.text("projects/p"), "code: \"c\"");
}

TEST_P(Saves, MoveReferences) {
  HF_COVERS("R33");
  store.given(Create("projects/p"), Create("projects/p/vpcs/v"), Create("projects/p/vpcs/w"),
              Create("projects/p/gateways/g", "vpc: 'projects/p/vpcs/v'"));
  EXPECT_TRUE(
      store.apply(Update("projects/p/gateways/g", "vpc: 'projects/p/vpcs/w'", {"vpc"})).ok());
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/v")).ok());
  EXPECT_THAT(store.apply(Delete("projects/p/vpcs/w")), FailsWith(Reason::kDeleteBlocked));
  EXPECT_TRUE(store.apply(Update("projects/p/gateways/g", "", {"vpc"})).ok());
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/w")).ok());
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Saves, RefuseAFieldThatIsRequiredAndEmpty) {
  store.given(Create("projects/p"));
  const absl::Status status = store.apply(Create("projects/p/instances/i"));
  EXPECT_THAT(status, FailsWith(Reason::kInvalidField));
}

TEST_P(Saves, KeepUniqueValuesApart) {
  store.given(Create("projects/p", "code: 'a'"), Create("projects/q", "code: 'b'"));
  EXPECT_THAT(store.apply(Create("projects/r", "code: 'a'")), FailsWith(Reason::kFieldValueTaken));
  EXPECT_THAT(store.apply(Update("projects/q", "code: 'a'")), FailsWith(Reason::kFieldValueTaken));
  // Two that exchange their values in one write.
  EXPECT_TRUE(
      store.apply(Update("projects/p", "code: 'x'"), Update("projects/q", "code: 'a'")).ok());
  store.given(Create("projects/p/vpcs/v", "dns_name: 'd'"),
              Create("projects/q/vpcs/v", "dns_name: 'd'"));
  EXPECT_THAT(store.apply(Create("projects/q/vpcs/w", "dns_name: 'd'")),
              FailsWith(Reason::kFieldValueTaken));
}

TEST_P(Saves, CountAgainstLimits) {
  HF_COVERS("T6");
  store.given(Create("projects/p"), Create("projects/p/vpcs/a"), Create("projects/p/vpcs/b"));
  const absl::Status status = store.apply(Create("projects/p/vpcs/c"), Create("projects/p/vpcs/d"));
  EXPECT_THAT(status, FailsWith(Reason::kLimitExceeded));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("operation 1"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("at most 3"));
  // What goes makes room for what comes in the same write.
  store.given(Create("projects/p/vpcs/c"));
  EXPECT_TRUE(store.apply(Delete("projects/p/vpcs/a"), Create("projects/p/vpcs/d")).ok());
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Saves, AnswerARepeatedRequestAgain) {
  HF_COVERS("T9");
  const auto request = [](const char* hash, WriteOp op) {
    WriteRequest made = Request(std::move(op));
    made.request_id = "id-1";
    made.request_hash = hash;
    return made;
  };
  auto first = store.write(request("h", Create("projects/p", "code: 'c'")));
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(store.apply(Update("projects/p", "code: 'd'")).ok());
  const Revision before = store.revision();
  auto again = store.write(request("h", Create("projects/p", "code: 'c'")));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->resources[0]->DebugString(), first->resources[0]->DebugString());
  EXPECT_EQ(store.revision(), before);
  EXPECT_THAT(store.apply(request("other", Create("projects/q"))),
              FailsWith(Reason::kRequestIdReused));
}

TEST_P(Saves, AnswerARepeatedLargeRequestAgain) {
  const auto request = [] {
    WriteRequest made;
    for (int i = 0; i < 100; ++i) {
      made.ops.push_back(Create(absl::StrCat("projects/p", i), "display_name: 'much the same'"));
    }
    made.request_id = "id-5";
    made.request_hash = "h";
    return made;
  };
  const auto first = store.write(request());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = store.write(request());
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->resources.size(), 100u);
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(again->resources[i]->DebugString(), first->resources[i]->DebugString());
  }
  const auto snapshot = store.env().run(store.engine().snapshot());
  const auto kept = store.env().run((*snapshot)->request("id-5"));
  size_t bytes = 0;
  for (const SharedMessage& resource : first->resources) bytes += resource->ByteSizeLong();
  EXPECT_LT((*kept)->answer.size(), bytes / 3) << "it isn't compressed";
}

TEST_P(Saves, SayThatAKeptAnswerIsDamaged) {
  for (const std::string& damaged : {std::string(), std::string("\0\5", 2), std::string("\1zip")}) {
    EXPECT_THAT(UnpackAnswer(store.plans(), damaged).status(), FailsWith(Reason::kInternal));
  }
}

TEST_P(Saves, AnswerARepeatedRequestAgainAlsoIfItChangedNothing) {
  HF_COVERS("T9");
  store.given(Create("projects/p", "code: 'c'"));
  const auto request = [](WriteMode mode) {
    WriteRequest made = Request(Update("projects/p", "code: 'c'"));
    made.request_id = "id-3";
    made.request_hash = "h";
    made.mode = mode;
    return made;
  };
  const Revision before = store.revision();
  EXPECT_TRUE(store.apply(request(WriteMode::kValidateOnly)).ok());
  auto first = store.write(request(WriteMode::kCommit));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(store.revision(), before);
  EXPECT_EQ(MetaOf(*store.get("projects/p")).resource_version(), "1");
  ASSERT_TRUE(store.apply(Update("projects/p", "code: 'd'")).ok());
  auto again = store.write(request(WriteMode::kCommit));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->resources[0]->DebugString(), first->resources[0]->DebugString());
  EXPECT_EQ(FieldOf(*store.get("projects/p"), "code"), "d");
}

TEST_P(Saves, AnswerARepeatedDeletionOfNothingAgain) {
  const auto request = [] {
    WriteOp op = Delete("projects/p");
    op.allow_missing = AllowMissing::kYes;
    WriteRequest made = Request(std::move(op));
    made.request_id = "id-4";
    made.request_hash = "h";
    return made;
  };
  EXPECT_TRUE(store.apply(request()).ok());
  store.given(Create("projects/p"));
  EXPECT_TRUE(store.apply(request()).ok());
  EXPECT_TRUE(store.exists("projects/p")) << "deleted by a request that was done long ago";
}

TEST_P(Saves, AnswerARepeatedDeletionAgain) {
  store.given(Create("projects/p"));
  const auto request = [] {
    WriteRequest made = Request(Delete("projects/p"));
    made.request_id = "id-2";
    made.request_hash = "h";
    return made;
  };
  EXPECT_TRUE(store.apply(request()).ok());
  EXPECT_TRUE(store.apply(request()).ok());
}

TEST_P(Saves, ChangeNothingWhenOnlyValidated) {
  WriteRequest request = Request(Create("projects/p", "code: 'c'"));
  request.mode = WriteMode::kValidateOnly;
  const Revision before = store.revision();
  auto result = store.write(std::move(request));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(FieldOf(*result->resources[0], "code"), "c");
  EXPECT_FALSE(store.exists("projects/p"));
  EXPECT_EQ(store.revision(), before);
  request = Request(Create("projects/q/vpcs/v"));
  request.mode = WriteMode::kValidateOnly;
  EXPECT_THAT(store.apply(std::move(request)), FailsWith(Reason::kParentNotFound));
}

TEST_P(Saves, RefuseTwoOperationsOnOneResource) {
  EXPECT_THAT(store.apply(Create("projects/p"), Create("projects/p")),
              FailsWith(Reason::kMalformedRequest));
}

TEST_P(Saves, RefuseMoreOperationsThanABatchTakes) {
  TestStore small(GetParam(), {.max_batch_ops = 2});
  EXPECT_THAT(small.apply(Create("projects/a"), Create("projects/b"), Create("projects/c")),
              FailsWith(Reason::kTooManyOperations));
  EXPECT_TRUE(small.apply(Create("projects/a"), Create("projects/b")).ok());
}

TEST_P(Saves, SayWhenTheDatabaseIsGone) {
  FaultEngine* fault = nullptr;
  TestStore broken(GetParam(), {}, 1, [&fault](std::unique_ptr<storage::Engine> engine) {
    auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
    fault = wrapped.get();
    return wrapped;
  });
  fault->crash_at(0, FaultEngine::LastCommit::kLost);
  EXPECT_THAT(broken.apply(Create("projects/p")), FailsWith(Reason::kDatabaseUnavailable));
}

}  // namespace
}  // namespace holdfast::store
