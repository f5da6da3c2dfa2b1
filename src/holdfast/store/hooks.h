// Behaviour that a service's author adds in C++: checks of a write, and further operations that
// belong into the same batch (creating a project creates its default VPC, atomically).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

// What a hook may see and do while a write is being put together. Reads are of one snapshot;
// another writer may come between: what a hook relies on it must `require`.
class HookContext {
 public:
  virtual ~HookContext() = default;

  // How the op that this hook is called for came to be.
  enum class Origin { kClient, kHook };
  [[nodiscard]] virtual Origin origin() const = 0;

  [[nodiscard]] virtual Env& env() = 0;
  [[nodiscard]] virtual const schema::Schema& schema() const = 0;
  // The resource before the write; nullptr for creations.
  [[nodiscard]] virtual const google::protobuf::Message* before() const = 0;

  // Reads see the snapshot plus this write's own ops so far.
  virtual Task<absl::StatusOr<SharedMessage>> get(ResourceKey key) = 0;
  virtual Task<absl::StatusOr<std::vector<SharedMessage>>> list(ListQuery query) = 0;

  // The write fails (and is tried again from the start) unless this resource is still as read.
  virtual void require_unchanged(const google::protobuf::Message& resource) = 0;

  // The value of this field of the op's resource is the hook's own choice: if somebody else takes
  // it first (`unique_in`), the write starts anew, and the hook chooses again.
  virtual void chose(std::string_view field) = 0;

  // Of all writes whose hooks call this with the same name only one commits at a time: the others
  // lose their guard and start anew. For rules over rows that don't exist yet ("no two subnets
  // overlap"), which no guard on a row can hold. Different names may share one of kHookLocks slots
  // (a PutCursor compare-and-set on "hook-lock/<slot>"), so that nothing piles up.
  virtual Task<absl::Status> serialize_on(std::string_view name) = 0;

  // Puts another op into the same batch; hooks run for it too (at most kMaxHookDepth deep). Its
  // failures come out as INTERNAL with the path of labels ("project.create/vpc/subnet"), because
  // the client didn't ask for it; except LIMIT_EXCEEDED, which stays what it is.
  virtual void add(std::string_view label, WriteOp op) = 0;
};

inline constexpr int kMaxHookDepth = 8;
inline constexpr uint64_t kHookLocks = 1024;

// For one kind. All methods default to doing nothing.
class Hook {
 public:
  virtual ~Hook() = default;
  // A check or completion of the new state, before anything else looks at it. For creations and
  // updates. INVALID_ARGUMENT and the like go to the client as they are.
  virtual Task<absl::Status> on_save(HookContext& context, google::protobuf::Message& resource);
  // Further ops. For creations, updates and deletions; `resource` is nullptr for deletions.
  virtual Task<absl::Status> before_commit(HookContext& context, WriteOp::Type type,
                                           const google::protobuf::Message* resource);
};

// Kind name -> hooks in order. Built once at start.
class HookRegistry {
 public:
  void add(KindName kind, std::unique_ptr<Hook> hook);
  [[nodiscard]] const std::vector<std::unique_ptr<Hook>>& find(const KindName& kind) const;

 private:
  std::map<KindName, std::vector<std::unique_ptr<Hook>>> hooks_;
};

}  // namespace holdfast::store
