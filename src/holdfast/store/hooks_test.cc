// Hooks: checks, completions, further operations in the same batch.
#include "holdfast/store/hooks.h"

#include "holdfast/store/fault_engine.h"
#include "holdfast/store/test_store.h"
#include "holdfast/testing/covers.h"

namespace holdfast::store {
namespace {

// Does what a test says.
class TestHook final : public Hook {
 public:
  using OnSave = std::function<Task<absl::Status>(HookContext&, google::protobuf::Message&)>;
  using BeforeCommit = std::function<Task<absl::Status>(HookContext&, WriteOp::Type,
                                                        const google::protobuf::Message*)>;
  TestHook(OnSave save, BeforeCommit commit)
      : on_save_(std::move(save)), before_commit_(std::move(commit)) {}

  Task<absl::Status> on_save(HookContext& context, google::protobuf::Message& resource) override {
    if (on_save_ == nullptr) co_return absl::OkStatus();
    absl::Status status = co_await on_save_(context, resource);
    co_return status;
  }
  Task<absl::Status> before_commit(HookContext& context, WriteOp::Type type,
                                   const google::protobuf::Message* resource) override {
    if (before_commit_ == nullptr) co_return absl::OkStatus();
    absl::Status status = co_await before_commit_(context, type, resource);
    co_return status;
  }

 private:
  OnSave on_save_;
  BeforeCommit before_commit_;
};

void SetField(google::protobuf::Message& resource, const char* field, std::string value) {
  resource.GetReflection()->SetString(&resource, resource.GetDescriptor()->FindFieldByName(field),
                                      std::move(value));
}

class Hooks : public OnEveryEngine {
 protected:
  void on_save(const char* example, TestHook::OnSave hook) {
    store.hooks().add(KindOf(example).name, std::make_unique<TestHook>(std::move(hook), nullptr));
  }
  void before_commit(const char* example, TestHook::BeforeCommit hook) {
    store.hooks().add(KindOf(example).name, std::make_unique<TestHook>(nullptr, std::move(hook)));
  }
  // A project comes with a vpc, a vpc with a rule.
  void add_defaults() {
    before_commit("projects/p",
                  [](HookContext& context, WriteOp::Type type,
                     const google::protobuf::Message* project) -> Task<absl::Status> {
                    if (type == WriteOp::Type::kCreate) {
                      context.add("vpc", Create(FieldOf(*project, "name") + "/vpcs/default"));
                    }
                    co_return absl::OkStatus();
                  });
    before_commit("projects/p/vpcs/v",
                  [](HookContext& context, WriteOp::Type type,
                     const google::protobuf::Message* vpc) -> Task<absl::Status> {
                    if (type == WriteOp::Type::kCreate) {
                      context.add("rule", Create(FieldOf(*vpc, "name") + "/rules/default"));
                    }
                    co_return absl::OkStatus();
                  });
  }

  FaultEngine* fault = nullptr;
  TestStore store{GetParam(), StoreOptions{}, 1, [this](std::unique_ptr<storage::Engine> engine) {
                    auto wrapped = std::make_unique<FaultEngine>(std::move(engine));
                    fault = wrapped.get();
                    return wrapped;
                  }};
};
INSTANTIATE_TEST_SUITE_P(Engines, Hooks, EveryEngine(), EngineName);

TEST_P(Hooks, AddOperationsToTheSameBatch) {
  add_defaults();
  int batches = 0;
  fault->watch([&batches](const storage::Batch&) { ++batches; });
  auto result = store.write(Request(Create("projects/p")));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->resources.size(), 1u);
  EXPECT_EQ(batches, 1);
  EXPECT_TRUE(store.exists("projects/p/vpcs/default/rules/default"));
  EXPECT_EQ(store.findings(), "");
}

TEST_P(Hooks, FailuresOfTheirOperationsAreInternalWithThePathOfLabels) {
  HF_COVERS("T2", "T3");
  add_defaults();
  on_save("projects/p/vpcs/v/rules/r",
          [](HookContext&, google::protobuf::Message&) -> Task<absl::Status> {
            co_return FieldError(Reason::kInvalidField, "priority", "is bad");
          });
  const absl::Status status = store.apply(Create("projects/p"));
  EXPECT_THAT(status, FailsWith(Reason::kInternal));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("project.create/vpc/rule"));
  EXPECT_FALSE(store.exists("projects/p"));
  // What a client asks for itself fails as it is.
  store.given(Create("groups/a"));
  EXPECT_THAT(store.apply(Create("projects/q")), FailsWith(Reason::kInternal));
}

TEST_P(Hooks, WhatAHookMakesCannotBeMadeByTheClientInTheSameRequest) {
  add_defaults();
  for (const bool turned : {false, true}) {
    WriteRequest request = Request(Create("projects/p"));
    request.ops.push_back(Create("projects/p/vpcs/default"));
    if (turned) std::swap(request.ops[0], request.ops[1]);
    const auto result = store.write(std::move(request));
    EXPECT_THAT(result.status(), FailsWith(Reason::kMalformedRequest));
    EXPECT_THAT(std::string(result.status().message()),
                ::testing::HasSubstr("projects/p/vpcs/default"));
  }
  EXPECT_FALSE(store.exists("projects/p"));
}

TEST_P(Hooks, FailuresAtTheDatabaseAreInternalToo) {
  before_commit("groups/a",
                [](HookContext& context, WriteOp::Type,
                   const google::protobuf::Message*) -> Task<absl::Status> {
                  context.add("host", Create("hosts/h"));
                  co_return absl::OkStatus();
                });
  store.given(Create("hosts/h"));
  const absl::Status status = store.apply(Create("groups/a"));
  EXPECT_THAT(status, FailsWith(Reason::kInternal));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("group.create/host"));
}

TEST_P(Hooks, LimitsThatTheyExceedStayWhatTheyAre) {
  before_commit("projects/p",
                [](HookContext& context, WriteOp::Type,
                   const google::protobuf::Message* project) -> Task<absl::Status> {
                  for (int i = 0; i < 4; ++i) {
                    context.add("vpc",
                                Create(absl::StrCat(FieldOf(*project, "name"), "/vpcs/v", i)));
                  }
                  co_return absl::OkStatus();
                });
  EXPECT_THAT(store.apply(Create("projects/p")), FailsWith(Reason::kLimitExceeded));
}

TEST_P(Hooks, CompleteWhatIsSavedAndStartAnewOnEachAttempt) {
  on_save("projects/p",
          [](HookContext& context, google::protobuf::Message& project) -> Task<absl::Status> {
            EXPECT_EQ(FieldOf(project, "code"), "");
            ListQuery query;
            query.kind = &KindOf("projects/p");
            const auto taken = co_await context.list(std::move(query));
            SetField(project, "code", absl::StrCat("c", taken->size()));
            context.chose("code");
            co_return absl::OkStatus();
          });
  // Two at once choose the same: the second chooses again.
  fault->before_commit([this]() -> Task<void> {
    const auto other = co_await store.store().write(Request(Create("projects/q")));
    EXPECT_TRUE(other.ok()) << other.status();
  });
  EXPECT_TRUE(store.apply(Create("projects/p")).ok());
  // A list has the project itself in it.
  EXPECT_EQ(store.text("projects/q"), "code: \"c1\"");
  EXPECT_EQ(store.text("projects/p"), "code: \"c2\"");
}

TEST_P(Hooks, SeeTheirOwnWrite) {
  std::string seen;
  before_commit("groups/b",
                [&seen](HookContext& context, WriteOp::Type,
                        const google::protobuf::Message*) -> Task<absl::Status> {
                  seen.clear();
                  const auto own = co_await context.get(Key("groups/a"));
                  const auto absent = co_await context.get(Key("groups/c"));
                  ListQuery query;
                  query.kind = &KindOf("groups/a");
                  const auto all = co_await context.list(std::move(query));
                  for (const SharedMessage& group : *all) seen += FieldOf(*group, "name") + " ";
                  seen += own.ok() ? "own" : "";
                  seen += absent.ok() ? "absent" : "";
                  co_return absl::OkStatus();
                });
  store.given(Create("groups/0"), Create("groups/9"));
  EXPECT_TRUE(store.apply(Create("groups/a"), Delete("groups/9"), Create("groups/b")).ok());
  EXPECT_EQ(seen, "groups/0 groups/a groups/b own");
}

TEST_P(Hooks, LoseWhatTheyRequireUnchanged) {
  int runs = 0;
  before_commit("hosts/h",
                [&runs](HookContext& context, WriteOp::Type,
                        const google::protobuf::Message*) -> Task<absl::Status> {
                  ++runs;
                  const auto group = co_await context.get(Key("groups/a"));
                  if (group.ok()) context.require_unchanged(**group);
                  co_return group.status();
                });
  store.given(Create("groups/a"));
  fault->before_commit([this]() -> Task<void> {
    const auto other =
        co_await store.store().write(Request(Update("groups/a", "display_name: 'x'")));
    EXPECT_TRUE(other.ok());
  });
  EXPECT_TRUE(store.apply(Create("hosts/h")).ok());
  EXPECT_EQ(runs, 2);
}

TEST_P(Hooks, TakeTurnsWhereTheySerialize) {
  int runs = 0;
  before_commit("hosts/h",
                [&runs](HookContext& context, WriteOp::Type,
                        const google::protobuf::Message*) -> Task<absl::Status> {
                  ++runs;
                  absl::Status status = co_await context.serialize_on("hosts");
                  if (status.ok()) status = co_await context.serialize_on("hosts");
                  co_return status;
                });
  fault->before_commit([this]() -> Task<void> {
    const auto other = co_await store.store().write(Request(Create("hosts/g")));
    EXPECT_TRUE(other.ok());
  });
  EXPECT_TRUE(store.apply(Create("hosts/h")).ok());
  EXPECT_EQ(runs, 3);
}

TEST_P(Hooks, DontGoOnForEver) {
  before_commit("groups/a",
                [](HookContext& context, WriteOp::Type,
                   const google::protobuf::Message* group) -> Task<absl::Status> {
                  context.add("next", Create(FieldOf(*group, "name") + "x"));
                  co_return absl::OkStatus();
                });
  EXPECT_THAT(store.apply(Create("groups/a")), FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace holdfast::store
