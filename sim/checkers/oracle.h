// Sees every commit of one database at its instant, and knows by itself what must hold then: it
// applies the batches to a model of its own, asks of each guard whether it held, reads the
// references out of the resources (never out of what a batch says about them), and looks whether
// the invariants hold for what has changed. Outside of all nodes: nothing that they do wrong can
// make it blind.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"
#include "holdfast/schema/schema.h"
#include "holdfast/storage/batch.h"
#include "holdfast/storage/engine.h"
#include "sim/env/world.h"

namespace holdfast::sim {

// What a reader sees of a key from one revision on.
struct SeenState {
  Revision revision;
  int64_t event = 0;     // World::next_event() of the commit
  bool visible = false;  // false: nothing (not there yet, being removed, gone)
  Uid uid;
  Version version;
  std::string marker;  // what its writer has put into it, see MarkerOf()
};

// A text of the resource that workloads write to tell their writes apart: `display_name`, or of
// firewall rules `ports`; "" where a kind has neither.
[[nodiscard]] std::string MarkerOf(const google::protobuf::Message& resource);

class Oracle {
 public:
  Oracle(World& world, const schema::Schema& schema, const schema::Service& service);

  // Batches come in order of revision.
  void committed(const storage::Batch& batch, Revision revision);

  // --- for what clients say they have seen ---
  [[nodiscard]] Revision last() const { return last_; }
  // The last revision before this event.
  [[nodiscard]] Revision revision_at(int64_t event) const;
  // From oldest to newest; empty if the key was never there.
  [[nodiscard]] const std::vector<SeenState>& history(const ResourceKey& key) const;
  // What a reader of this revision sees of a key; nullptr: nothing.
  [[nodiscard]] const SeenState* at(const ResourceKey& key, Revision revision) const;
  // Of all keys of a kind below `prefix` ("" for all).
  [[nodiscard]] std::map<ResourceKey, const SeenState*> view(const KindName& kind,
                                                             const std::string& prefix,
                                                             Revision revision) const;
  // A write with this marker was refused: from now on it must not appear, and it must not have.
  void refused(const KindName& kind, const std::string& marker);
  // Somebody is about to ask for this deletion. What goes without having been asked for, and not
  // with something that goes, was taken by mistake.
  void asked_to_delete(const ResourceKey& key) { asked_.insert(key); }
  [[nodiscard]] int64_t commits() const { return commits_; }

  // --- at rest ---
  // What somebody still has to do something about; empty when all is at rest.
  [[nodiscard]] std::vector<ResourceKey> restless() const;
  // Whether the database holds exactly this, and nothing waits any more (I8, I9, I10).
  Task<void> check_at_rest(storage::Engine& engine);

 private:
  struct Reference {
    ResourceKey target;
    OnDelete on_delete = OnDelete::kBlock;
    friend auto operator<=>(const Reference&, const Reference&) = default;
  };
  using UniqueKey = std::tuple<KindName, std::string, std::string, std::string>;
  struct Item {
    storage::Row row;
    std::set<Reference> references;
    std::set<UniqueKey> unique;
    std::vector<storage::LimitKey> limits;
    std::string marker;
    std::optional<Revision> protected_since;  // block_deletion was set then
    std::optional<Revision> leaving_since;    // it hasn't been ACTIVE since
    std::string last_round;                   // GONE: the deletion that it went with
    std::set<Reference> last_references;
  };
  struct Count {
    int64_t readable = 0;  // ACTIVE or CLOSING
    int64_t rows = 0;      // not GONE
  };

  // --- applying ---
  void apply(const storage::Op& op);
  void apply_one(const storage::PutRequest& op);
  void apply_one(const storage::RequireRow& op);
  void apply_one(const storage::EraseRow& op);
  void apply_one(const storage::UpdateRow& op);
  void apply_one(const storage::SetState& op);
  void apply_one(const storage::CreateRow& op);
  void apply_one(const storage::PutCursor& op);
  void apply_one(const storage::RequireClaim& op);
  void apply_one(const storage::DropClaim& op);
  void apply_one(const storage::PutClaim& op);
  void apply_one(const storage::RequireUnheld& op);
  void apply_one(const storage::TakeLimit& op);
  void apply_one(const storage::RequireTarget& op);
  void apply_one(const storage::RequireNoInbound& op);
  void apply_one(const storage::RequireNoChildren& op);
  [[nodiscard]] Item* find(const ResourceKey& key);
  [[nodiscard]] const Item* find(const ResourceKey& key) const;
  // Changes a row, and everything that is kept of it.
  void put(storage::Row row);
  void index(const ResourceKey& key, Item& item);
  void unindex(const ResourceKey& key, Item& item);
  void read_body(const schema::Kind& kind, Item& item);
  void remember(const ResourceKey& key);

  // --- what must hold for what was touched ---
  void check_touched();
  void check_live(const ResourceKey& key, const Item& item);
  void check_leaving(const ResourceKey& key, const Item& item);
  void check_limits();
  void broken(const std::string& rule, const std::string& what, std::vector<ResourceKey> keys);
  [[nodiscard]] bool is_seen(const storage::Row& row) const;
  [[nodiscard]] bool is_going(const ResourceKey& key) const;
  // Its parent, and what it refers to and goes with.
  [[nodiscard]] std::vector<ResourceKey> goes_with(const ResourceKey& key, const Item& item) const;
  // Asked for, or with one of those.
  [[nodiscard]] bool may_go(const ResourceKey& key, const Item& item) const;
  // When what it goes with, or else it itself, began to leave.
  [[nodiscard]] Revision leave_begun(const ResourceKey& key, const Item& item) const;
  [[nodiscard]] std::vector<const Item*> children(const ResourceKey& key) const;

  // --- at rest ---
  Task<absl::Status> compare(storage::Snapshot& snapshot);
  Task<absl::Status> compare_inbound(storage::Snapshot& snapshot, ResourceKey key);
  void compare_row(const storage::Row& row);
  void compare_limit(const storage::LimitRow& row);
  void check_quiet();

  World& world_;
  const schema::Schema& schema_;
  std::map<KindName, const schema::Kind*> kinds_;

  Revision last_;
  int64_t commits_ = 0;
  std::string label_;  // of the batch in hand
  std::map<ResourceKey, Item> items_;
  std::map<ResourceKey, std::set<std::pair<ResourceKey, OnDelete>>> inbound_;
  std::map<UniqueKey, ResourceKey> unique_;
  std::map<storage::LimitKey, Count> counts_;
  std::map<storage::LimitKey, storage::LimitRow> limits_;
  std::map<std::string, std::string> cursors_;
  std::map<storage::ClaimKey, storage::Claim> claims_;
  std::map<std::string, Timestamp> requests_;
  std::set<ResourceKey> touched_;
  std::set<storage::LimitKey> touched_limits_;
  // References that the batch in hand has added: by source.
  std::set<std::pair<ResourceKey, Reference>> added_;

  std::map<ResourceKey, std::vector<SeenState>> histories_;
  std::vector<std::pair<int64_t, Revision>> revisions_;  // (event, revision) of each commit
  using Marked = std::pair<KindName, std::string>;
  std::set<ResourceKey> asked_;
  std::set<Marked> refused_;
  std::set<Marked> markers_;  // all that were ever committed
};

}  // namespace holdfast::sim
