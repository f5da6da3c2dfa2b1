// One write on its way down the layers: what changes, and the batch that it becomes.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/engine.h"
#include "holdfast/store/kind_plan.h"
#include "holdfast/store/store.h"

namespace holdfast::store {

// What becomes of one resource.
struct Change {
  WriteOp::Type type = WriteOp::Type::kCreate;
  // Who wanted it: a client's op, a hook, or the deletion of something that it goes with.
  enum class Origin { kClient, kHook, kDeletion };
  Origin origin = Origin::kClient;
  const KindPlan* plan = nullptr;
  ResourceKey key;
  // The client's op that it belongs to, directly or through hooks and deletions.
  size_t op = 0;
  std::string path;  // labels: "project.create/vpc/subnet"
  int depth = 0;     // of hooks
  Force force = Force::kNo;

  // Before: for updates and deletions.
  std::optional<storage::Row> row;
  SharedMessage before;
  // After: for creations and updates.
  MessagePtr after;
  // An update that changes nothing: nothing is written.
  bool unchanged = false;
  // Unique fields whose values a hook chose.
  std::vector<std::string> chosen;
  // `after` is the request's own message, not a copy.
  bool borrowed = false;

  // What the constraint layer works out.
  std::vector<storage::Edge> removed_edges;
  std::vector<storage::Edge> added_edges;
};

// What a failed commit means for the write.
struct Verdict {
  enum class What {
    kAnswer,      // the client gets `status`
    kRetry,       // somebody else came first: read again
    kRetryLater,  // the same, but it may take a while; at the last attempt `status` is the answer
    kReplay,      // the request was done before: its answer is kept
  };
  What what = What::kRetry;
  absl::Status status;

  [[nodiscard]] static Verdict Answer(absl::Status status) {
    return {.what = What::kAnswer, .status = std::move(status)};
  }
  [[nodiscard]] static Verdict Retry() { return {}; }
  [[nodiscard]] static Verdict Later(absl::Status status) {
    return {.what = What::kRetryLater, .status = std::move(status)};
  }
};

class WriteSet;

// Beside each op of the batch: what its failure means. The layer that adds an op explains it.
struct Note {
  using Explain = Verdict (*)(const WriteSet&, const Note&, const storage::Failure&);
  Explain explain = nullptr;
  const Change* change = nullptr;
  // The layer's own.
  size_t detail = 0;
  const ResourceKey* key = nullptr;
};

class WriteSet {
 public:
  // kRemoval: the changes are already all that is to be done; nothing is added to them.
  enum class Purpose { kRequest, kRemoval };
  WriteSet(Env& env, storage::Engine& engine, const Plans& plans, WriteRequest& request,
           Purpose purpose = Purpose::kRequest);
  // Gives the request's resources back that changes have borrowed, for the next attempt.
  ~WriteSet();
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  [[nodiscard]] Env& env() const { return env_; }
  [[nodiscard]] const Plans& plans() const { return plans_; }
  [[nodiscard]] WriteRequest& request() const { return request_; }
  [[nodiscard]] Purpose purpose() const { return purpose_; }
  [[nodiscard]] Timestamp now() const { return now_; }

  // The state that this attempt reads; taken when first asked for.
  Task<absl::StatusOr<storage::Snapshot*>> snapshot();
  // For when all has been read: while a commit waits for its turn, a snapshot that nobody needs
  // would keep the database from shortening its log.
  void release_snapshot() { snapshot_.reset(); }

  // If the resource has a change already: MALFORMED_REQUEST where the client asks for both, or for
  // what a hook makes anyway; RESOURCE_EXISTS, which from_hook() makes INTERNAL, where a hook is at
  // fault.
  absl::StatusOr<Change*> add(Change change);
  [[nodiscard]] Change* find(const ResourceKey& key);
  // In the order in which they were added; pointers stay valid.
  [[nodiscard]] const std::vector<std::unique_ptr<Change>>& changes() const { return changes_; }
  [[nodiscard]] size_t written() const;

  // Beside request().ops: the change that each is; nullptr where there is nothing to do.
  [[nodiscard]] std::vector<Change*>& results() { return results_; }
  [[nodiscard]] const std::vector<Change*>& results() const { return results_; }

  // For layers that can't go on now but perhaps soon: the write is tried again; if it was the last
  // attempt `status` is the answer. Returns it.
  absl::Status again_later(absl::Status status);
  [[nodiscard]] bool wants_again() const { return wants_again_; }

  // Set by the constraint layer: this deletion doesn't fit into one batch. The write becomes
  // nothing but this.
  const Change* large = nullptr;
  // It waits for the background anyway: nobody need stay with it once it is decided.
  bool large_waits = false;
  // The round of another deletion that stands in the way and isn't decided yet.
  std::optional<std::string> contested;

  void add_op(storage::Op op, Note note,
              std::source_location place = std::source_location::current());
  // Keeps a key as long as the write goes on, for notes.
  [[nodiscard]] const ResourceKey* keep(ResourceKey key);
  [[nodiscard]] storage::Batch& batch() { return batch_; }
  [[nodiscard]] Verdict explain(const storage::Failure& failure) const;

  // The error as the client gets it: with the index and label of its op if there are several; as
  // INTERNAL if it is about something that the client didn't ask for.
  [[nodiscard]] absl::Status at(const Change& change, absl::Status status) const;
  // Only the second half of that.
  [[nodiscard]] static absl::Status from_hook(const Change& change, absl::Status status);

 private:
  Env& env_;
  storage::Engine& engine_;
  const Plans& plans_;
  WriteRequest& request_;
  Timestamp now_;
  const Purpose purpose_;
  std::unique_ptr<storage::Snapshot> snapshot_;
  std::vector<std::unique_ptr<Change>> changes_;
  std::map<ResourceKey, Change*> by_key_;
  std::vector<Change*> results_;
  bool wants_again_ = false;
  storage::Batch batch_;
  std::vector<Note> notes_;
  std::deque<ResourceKey> kept_;
};

// The error of op number `index`, with index and label if the request has several.
[[nodiscard]] absl::Status AtOp(const WriteRequest& request, size_t index, absl::Status status);

// One layer of the store. Layers don't know each other: stack.cc puts them in order.
class Layer {
 public:
  virtual ~Layer() = default;
  // On the way down: adds what this layer is for to the changes and to the batch.
  virtual Task<absl::Status> prepare(WriteSet& set) = 0;
  // On the way up, after the commit. Not for rehearsals.
  virtual void committed(const WriteSet& set);
};

}  // namespace holdfast::store
