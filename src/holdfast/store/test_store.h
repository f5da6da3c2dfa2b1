// A store over the test service, for tests of this module.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/meta.pb.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/storage/memory/memory_engine.h"
#include "holdfast/storage/sql/open.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/stack.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

using schema::TestSchema;

using storage::RowState;

// The kind whose pattern the name matches.
inline const schema::Kind& KindOf(std::string_view name) {
  const schema::Kind* kind =
      TestSchema().find_kind_by_name(*TestSchema().services()[0], ResourceName(name));
  HF_CHECK(kind != nullptr) << "no kind for " << name;
  return *kind;
}

inline ResourceKey Key(std::string_view name) {
  return {.kind = KindOf(name).name, .name = ResourceName(name)};
}

inline MessagePtr Text(std::string_view name, const std::string& text) {
  MessagePtr resource = TestSchema().new_message(KindOf(name).message);
  HF_CHECK(google::protobuf::TextFormat::ParseFromString(text, resource.get())) << text;
  return resource;
}

inline WriteOp Create(std::string_view name, const std::string& text = "") {
  WriteOp op;
  op.type = WriteOp::Type::kCreate;
  op.kind = &KindOf(name);
  op.name = ResourceName(name);
  op.resource = Text(name, text);
  return op;
}

inline WriteOp Update(std::string_view name, const std::string& text,
                      const std::vector<std::string>& paths = {}) {
  WriteOp op = Create(name, text);
  op.type = WriteOp::Type::kUpdate;
  op.mask = *filter::FieldMask::Parse(paths, op.kind->message, "update_mask");
  return op;
}

inline WriteOp Delete(std::string_view name, Force force = Force::kNo) {
  WriteOp op;
  op.type = WriteOp::Type::kDelete;
  op.kind = &KindOf(name);
  op.name = ResourceName(name);
  op.force = force;
  return op;
}

template <class... Ops>
WriteRequest Request(Ops... ops) {
  WriteRequest request;
  (request.ops.push_back(std::move(ops)), ...);
  return request;
}

inline const Meta& MetaOf(const google::protobuf::Message& resource) {
  const auto* field = resource.GetDescriptor()->FindFieldByName("metadata");
  return static_cast<const Meta&>(resource.GetReflection()->GetMessage(resource, field));
}

inline std::string FieldOf(const google::protobuf::Message& resource, const char* field) {
  const auto* descriptor = resource.GetDescriptor()->FindFieldByName(field);
  return resource.GetReflection()->GetString(resource, descriptor);
}

inline std::optional<Reason> ReasonFrom(const absl::Status& status) { return ReasonOf(status); }
template <class T>
std::optional<Reason> ReasonFrom(const absl::StatusOr<T>& result) {
  return ReasonOf(result.status());
}

MATCHER_P(FailsWith, reason, std::string("fails with ") + std::string(ReasonText(reason))) {
  *result_listener << (arg.ok() ? "OK" : ::testing::PrintToString(std::string(arg.ToString())));
  return ReasonOf(arg) == reason;
}

enum class EngineKind { kMemory, kSqlite };

inline std::unique_ptr<storage::Engine> MakeEngine(Env& env, EngineKind kind) {
  if (kind == EngineKind::kMemory) return storage::NewMemoryEngine(env);
  std::vector<storage::IndexDefinition> indexes;
  for (const schema::Kind* declared : TestSchema().services()[0]->kinds) {
    for (const schema::IndexRule& index : declared->indexes) {
      indexes.push_back({.kind = declared->name, .paths = index.paths});
    }
  }
  auto engine = storage::OpenSqliteEngine(env, {.path = ":memory:", .indexes = std::move(indexes)});
  HF_CHECK(engine.ok()) << engine.status().ToString();
  return *std::move(engine);
}

// An engine, a store on it, and short words for what tests do with them.
class TestStore {
 public:
  // Wraps an engine, to make it fail.
  using Wrap = std::function<std::unique_ptr<storage::Engine>(std::unique_ptr<storage::Engine>)>;

  explicit TestStore(EngineKind kind = EngineKind::kMemory, StoreOptions options = {},
                     uint64_t seed = 1, const Wrap& wrap = nullptr)
      : env_(seed), engine_(MakeEngine(env_, kind)), options_(std::move(options)) {
    if (wrap != nullptr) engine_ = wrap(std::move(engine_));
    restart();
  }

  // Another process on the same database.
  void restart() {
    store_ =
        BuildStore(env_, TestSchema(), *TestSchema().services()[0], *engine_, hooks_, options_);
  }

  [[nodiscard]] ManualEnv& env() { return env_; }
  [[nodiscard]] storage::Engine& engine() { return *engine_; }
  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] HookRegistry& hooks() { return hooks_; }
  [[nodiscard]] const Plans& plans() const { return plans_; }

  absl::StatusOr<WriteResult> write(WriteRequest request) {
    return env_.run(store_->write(std::move(request)));
  }
  absl::Status apply(WriteRequest request) { return write(std::move(request)).status(); }
  template <class... Ops>
  absl::Status apply(WriteOp first, Ops... ops) {
    return apply(Request(std::move(first), std::move(ops)...));
  }
  // Creates that must work.
  template <class... Ops>
  void given(Ops... ops) {
    const absl::Status status = apply(Request(std::move(ops)...));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  SharedMessage get(std::string_view name) {
    auto result = env_.run(store_->get(KindOf(name), {ResourceName(name)}));
    return result.ok() ? result->resources[0] : nullptr;
  }
  [[nodiscard]] bool exists(std::string_view name) { return get(name) != nullptr; }
  std::string text(std::string_view name) {
    const SharedMessage resource = get(name);
    if (resource == nullptr) return "absent";
    MessagePtr copy(resource->New());
    copy->CopyFrom(*resource);
    const auto* descriptor = copy->GetDescriptor();
    copy->GetReflection()->ClearField(copy.get(), descriptor->FindFieldByName("metadata"));
    copy->GetReflection()->ClearField(copy.get(), descriptor->FindFieldByName("name"));
    return copy->ShortDebugString();
  }
  RowState state(std::string_view name) {
    const std::optional<storage::Row> found = row(name);
    return found.has_value() ? found->state : RowState::kGone;
  }
  std::optional<storage::Row> row(std::string_view name) {
    auto snapshot = env_.run(engine_->snapshot());
    auto rows = env_.run((*snapshot)->get({Key(name)}, storage::Fields::kAll));
    HF_CHECK(rows.ok()) << rows.status().ToString();
    return (*rows)[0];
  }
  // The background, until it has nothing to do.
  void settle() {
    for (int i = 0; i < 1000; ++i) {
      const absl::StatusOr<size_t> changed = env_.run(store_->run_duties());
      HF_CHECK(changed.ok()) << changed.status().ToString();
      if (*changed == 0) return;
    }
    FAIL() << "the background never gets done";
  }
  // The same where the database may be dead.
  void settle_quietly() {
    for (absl::StatusOr<size_t> changed = 1; changed.ok() && *changed > 0;) {
      changed = env_.run(store_->run_duties());
    }
  }
  // What fsck finds, one a line; empty: all is well.
  std::string findings() {
    const absl::StatusOr<FsckReport> report = env_.run(store_->fsck());
    if (!report.ok()) return std::string(report.status().ToString());
    std::string text;
    for (const Finding& finding : report->findings) {
      absl::StrAppend(&text, finding.rule, " ", finding.key.name.str(), ": ", finding.detail, "\n");
    }
    return text;
  }
  // Rows that wait for something.
  size_t duties() {
    auto snapshot = env_.run(engine_->snapshot());
    auto page = env_.run((*snapshot)->duties({}));
    HF_CHECK(page.ok()) << page.status().ToString();
    return page->rows.size();
  }
  Revision revision() {
    auto snapshot = env_.run(engine_->snapshot());
    return (*snapshot)->revision();
  }

 private:
  ManualEnv env_;
  std::unique_ptr<storage::Engine> engine_;
  HookRegistry hooks_;
  Plans plans_{TestSchema(), *TestSchema().services()[0]};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

// Tests that hold on every engine.
class OnEveryEngine : public ::testing::TestWithParam<EngineKind> {};
inline std::string EngineName(const ::testing::TestParamInfo<EngineKind>& kind) {
  return kind.param == EngineKind::kMemory ? "Memory" : "Sqlite";
}
inline auto EveryEngine() { return ::testing::Values(EngineKind::kMemory, EngineKind::kSqlite); }

}  // namespace holdfast::store
