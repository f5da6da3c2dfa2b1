// One deployment's resources: reads and writes that keep every reference true.
//
// A Store is a stack of layers (see stack.h): cache and constraint around the core. Each takes a
// write and adds to its batch; the whole batch goes to the database once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "holdfast/base/types.h"
#include "holdfast/env/env.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/filter/filter.h"
#include "holdfast/filter/order_by.h"
#include "holdfast/schema/schema.h"
#include "holdfast/storage/engine.h"

namespace holdfast::store {

using MessagePtr = std::unique_ptr<google::protobuf::Message>;
// Immutable; shared by cache, readers and watchers.
using SharedMessage = std::shared_ptr<const google::protobuf::Message>;

enum class AllowMissing { kNo, kYes };
enum class Force { kNo, kYes };
enum class WriteMode { kCommit, kValidateOnly };
enum class ShowDeleted { kNo, kYes };

// What a client (or a hook) wants done to one resource.
struct WriteOp {
  enum class Type { kCreate, kUpdate, kDelete };
  Type type = Type::kCreate;
  const schema::Kind* kind = nullptr;
  ResourceName name;
  MessagePtr resource;     // create, update; output-only fields in it are ignored
  filter::FieldMask mask;  // update
  AllowMissing allow_missing = AllowMissing::kNo;  // update: create instead; delete: be content
  Force force = Force::kNo;                        // delete
  std::string etag;                                // delete; updates have it in metadata
  std::string plan_digest;  // delete: exactly the plan that was explained, or PLAN_CHANGED
  std::string label;        // the client's, for errors of a Transact
};

struct WriteRequest {
  std::vector<WriteOp> ops;
  // The API version's service that the ops' kinds belong to.
  WriteMode mode = WriteMode::kCommit;
  std::string request_id;            // AIP-155; empty: none
  std::string request_hash;          // of the whole request; with request_id only
  std::optional<Duration> deadline;  // on Clock::monotonic()
};

struct WriteResult {
  // Beside ops: the resource as it now is; nullptr for deletions.
  std::vector<SharedMessage> resources;
  Revision revision;
};

struct ReadResult {
  std::vector<SharedMessage> resources;
  Revision revision;
};

// Behind which resource a page starts.
struct PageStart {
  std::string sort_key;  // of OrderBy; empty when by name
  ResourceName name;
};

// How a list gives its resources: serialized for who only passes them on. Into what nobody has to
// look isn't parsed, which makes long lists several times as cheap.
enum class Form { kMessages, kSerialized };

struct ListQuery {
  const schema::Kind* kind = nullptr;
  std::string parent;  // collection parent, ids may be "-"; empty: top level or everything
  filter::Filter filter;
  filter::OrderBy order;
  size_t page_size = 50;
  std::optional<PageStart> after;
  ShowDeleted show_deleted = ShowDeleted::kNo;
  Form form = Form::kMessages;
};

struct SerializedResource {
  PageStart place;
  std::string bytes;
};

struct ListPage {
  // One of them, as the query's form says.
  std::vector<SharedMessage> resources;
  std::vector<SerializedResource> serialized;
  std::optional<PageStart> next;
  Revision revision;
  storage::Cursor place;  // of the same state
};

// What deleting a resource would do. A tree; see holdfast.v1.DeletionNode.
struct DeletionNode {
  enum class Effect { kDeleted, kUnset, kBlocks, kProtected };
  ResourceKey key;
  Effect effect = Effect::kDeleted;
  std::string field;  // empty: a child
  std::vector<DeletionNode> children;
  int64_t child_count = 0;
};

struct DeletionPlan {
  DeletionNode root;
  int64_t deleted = 0;
  int64_t unset = 0;
  int64_t blockers = 0;
  std::string digest;
  Revision revision;
};

struct ReferrersPage {
  std::vector<storage::Edge> edges;
  std::optional<storage::Edge> next;
  int64_t total = 0;
  Revision revision;
};

// The resource's shadow: its row without the body, and what it refers to.
struct Shadow {
  storage::Row row;
  std::vector<storage::Edge> references;
};

struct ShadowPage {
  std::vector<Shadow> shadows;
  std::optional<ResourceKey> next;
  Revision revision;
  storage::Cursor place;  // of the same state
};

// One thing that fsck found.
struct Finding {
  std::string rule;  // "dangling-reference", "edge-without-reference", "limit-mismatch", …
  ResourceKey key;
  std::string detail;
};

struct FsckReport {
  int64_t rows = 0;
  int64_t references = 0;
  std::vector<Finding> findings;  // at most kMaxFindings; `total_findings` counts all
  int64_t total_findings = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  [[nodiscard]] virtual const schema::Service& service() const = 0;

  // Everything in `request` or nothing. Errors carry the failing op's index and label in
  // ErrorInfo.metadata ("operation_index", "operation_label") when there are several ops.
  // A deletion of more than fits a batch is decided when this returns OK, and goes on in the
  // background if the deadline comes first.
  virtual Task<absl::StatusOr<WriteResult>> write(WriteRequest request) = 0;

  // NOT_FOUND names the first missing. One snapshot for all.
  virtual Task<absl::StatusOr<ReadResult>> get(const schema::Kind& kind,
                                               std::vector<ResourceName> names) = 0;
  virtual Task<absl::StatusOr<ListPage>> list(ListQuery query) = 0;
  virtual Task<absl::StatusOr<DeletionPlan>> explain_delete(ResourceKey key, Force force,
                                                            size_t samples) = 0;
  virtual Task<absl::StatusOr<ReferrersPage>> referrers(ResourceKey key,
                                                        std::optional<storage::Edge> after,
                                                        size_t limit) = 0;

  // --- for the schema mixin and tools ---
  virtual Task<absl::StatusOr<Shadow>> shadow(ResourceKey key) = 0;
  virtual Task<absl::StatusOr<ShadowPage>> shadows(std::optional<KindName> kind,
                                                   std::optional<ResourceKey> after, size_t limit,
                                                   ShowDeleted show_deleted) = 0;
  // Reads everything in pages and checks it: references, edges, children, limits, uniques, states.
  virtual Task<absl::StatusOr<FsckReport>> fsck() = 0;

  // --- for watches: what a row of the feed is to a reader ---
  // The resource, or nullptr if a reader sees none (tombstone, shadow, DELETING).
  [[nodiscard]] virtual absl::StatusOr<SharedMessage> decode(const storage::Row& row) const = 0;

  // --- for the controller (control/constraint): duties found in rows ---
  // Does a bounded piece of the work that rows wait for: goes on with deletions, cascades and
  // unsets in the background, reopens what a crash left CLOSING. Returns how many rows it changed;
  // 0: nothing to do. May be run by several nodes, twice, or never to the end: guards decide.
  virtual Task<absl::StatusOr<size_t>> run_duties() = 0;
};

inline constexpr size_t kMaxFindings = 1000;
// How many matches a list by anything but the name may look at: each page looks at all of them.
inline constexpr size_t kDefaultMaxSorted = 200'000;

}  // namespace holdfast::store
