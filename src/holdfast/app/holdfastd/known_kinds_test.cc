#include "holdfast/app/holdfastd/known_kinds.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

#include "holdfast/base/error.h"
#include "holdfast/env/manual_env.h"
#include "holdfast/storage/memory/memory_engine.h"

namespace holdfast::app {
namespace {

class KnownKinds : public ::testing::Test {
 protected:
  storage::Row given(const std::string& kind, const std::string& name) {
    storage::CreateRow create;
    create.row.key = {KindName(kind), ResourceName(name)};
    create.row.uid = NewUid(env_);
    create.row.version = Version(1);
    create.row.body = "";
    storage::Row row = create.row;
    commit(std::move(create));
    return row;
  }
  void commit(storage::Op op) {
    storage::Batch batch;
    batch.add(std::move(op));
    env_.run([](storage::Engine& engine, storage::Batch all) -> Task<void> {
      const storage::Commit done = co_await engine.commit(std::move(all));
      EXPECT_TRUE(done.ok()) << done.status;
    }(*engine_, std::move(batch)));
  }
  absl::Status check(std::initializer_list<const char*> kinds) {
    std::set<KindName> known;
    for (const char* kind : kinds) known.insert(KindName(kind));
    absl::Status status;
    env_.run([](storage::Engine& engine, std::set<KindName> all, absl::Status& out) -> Task<void> {
      out = co_await CheckKinds(engine, std::move(all));
    }(*engine_, std::move(known), status));
    return status;
  }

  ManualEnv env_{1};
  std::unique_ptr<storage::Engine> engine_ = storage::NewMemoryEngine(env_);
};

TEST_F(KnownKinds, ServeADatabaseThatHasNoOthers) {
  EXPECT_TRUE(check({}).ok());
  given("a/A", "as/1");
  given("a/A", "as/~+:@%=zz");
  given("a/B", "bs/1");
  EXPECT_TRUE(check({"a/A", "a/B", "a/C"}).ok());
}

TEST_F(KnownKinds, RefuseADatabaseWithOneMore) {
  given("a/A", "as/1");
  given("a/B", "bs/1");
  given("a/C", "cs/1");
  const absl::Status status = check({"a/A", "a/C"});
  EXPECT_EQ(ReasonOf(status), Reason::kSchemaNewer);
  EXPECT_NE(status.message().find("a/B"), absl::string_view::npos) << status;
}

TEST_F(KnownKinds, NeedNotCountWhatIsDeletedAndOnlyRemembered) {
  const storage::Row row = given("a/B", "bs/1");
  EXPECT_FALSE(check({}).ok());
  commit(storage::EraseRow{.key = row.key, .uid = row.uid, .expected = row.version});
  EXPECT_TRUE(check({}).ok());
}

}  // namespace
}  // namespace holdfast::app
