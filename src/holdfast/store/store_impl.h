// The store: runs writes through its layers, and reads.
#pragma once

#include <memory>
#include <vector>

#include "holdfast/store/cache/message_cache.h"
#include "holdfast/store/constraint/deletions.h"
#include "holdfast/store/core/change_builder.h"
#include "holdfast/store/hooks.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/stack.h"
#include "holdfast/store/store.h"
#include "holdfast/store/write_set.h"

namespace holdfast::store {

// Layers, outermost first.
using Layers = std::vector<std::unique_ptr<Layer>>;

class StoreImpl final : public Store, private Committer {
 public:
  StoreImpl(Env& env, storage::Engine& engine, std::unique_ptr<Plans> plans,
            const HookRegistry& hooks, std::unique_ptr<MessageCache> cache, Layers layers,
            StoreOptions options);

  [[nodiscard]] const schema::Service& service() const override { return plans_->service(); }
  Task<absl::StatusOr<WriteResult>> write(WriteRequest request) override;
  Task<absl::StatusOr<ReadResult>> get(const schema::Kind& kind,
                                       std::vector<ResourceName> names) override;
  Task<absl::StatusOr<ListPage>> list(ListQuery query) override;
  Task<absl::StatusOr<DeletionPlan>> explain_delete(ResourceKey key, Force force,
                                                    size_t samples) override;
  Task<absl::StatusOr<ReferrersPage>> referrers(ResourceKey key, std::optional<storage::Edge> after,
                                                size_t limit) override;
  Task<absl::StatusOr<Shadow>> shadow(ResourceKey key) override;
  Task<absl::StatusOr<ShadowPage>> shadows(std::optional<KindName> kind,
                                           std::optional<ResourceKey> after, size_t limit,
                                           ShowDeleted show_deleted) override;
  Task<absl::StatusOr<FsckReport>> fsck() override;
  [[nodiscard]] absl::StatusOr<SharedMessage> decode(const storage::Row& row) const override;
  Task<absl::StatusOr<size_t>> run_duties() override;

 private:
  Task<absl::StatusOr<WriteResult>> try_to_write(WriteRequest& request,
                                                 std::optional<absl::Status>& unheard);
  // One attempt: what to do next, and the result if that is to answer OK.
  Task<Verdict> attempt(WriteSet& set, WriteResult& result);
  [[nodiscard]] static bool records(const WriteRequest& request);
  Task<absl::StatusOr<std::optional<WriteResult>>> replay(WriteSet& set);
  Task<Verdict> commit(WriteSet& set, WriteResult& result);
  Task<Verdict> delete_large(WriteSet& set, WriteResult& result);
  Task<absl::StatusOr<bool>> commit_removal(WriteSet& set) override;
  // After a lost attempt: waits, and helps whoever is in the way. An error ends the write.
  Task<absl::Status> before_next(const WriteRequest& request, const Verdict& verdict, int attempt,
                                 std::optional<std::string> contested);
  [[nodiscard]] absl::Status prepared(const WriteSet& set) const;
  // Waits before attempt number `attempt` + 1, longer each time, and never the same for two.
  Task<void> back_off(int attempt);
  [[nodiscard]] bool is_late(const WriteRequest& request);

  Env& env_;
  storage::Engine& engine_;
  std::unique_ptr<Plans> plans_;
  ChangeBuilder builder_;
  std::unique_ptr<MessageCache> cache_;  // before the layer that uses it
  Layers layers_;
  StoreOptions options_;
  Deletions deletions_;
};

}  // namespace holdfast::store
