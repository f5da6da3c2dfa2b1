#include "holdfast/store/store_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/guarded.h"
#include "holdfast/store/constraint/fsck.h"
#include "holdfast/store/core/answers.h"
#include "holdfast/store/core/codec.h"
#include "holdfast/store/core/lister.h"
#include "holdfast/store/errors.h"
#include "holdfast/store/shadows.h"

namespace holdfast::store {
namespace {

// The first wait after a lost race; doubled each time, up to the last.
constexpr Duration kFirstWait = Milliseconds(1);
constexpr Duration kLastWait = Milliseconds(128);
// How long a write waits for the decision of a deletion that stands in its way.
constexpr Duration kJoinPatience = Seconds(30);

Verdict Done() { return Verdict::Answer(absl::OkStatus()); }

ResourceKey KeyOf(const WriteRequest& request) {
  if (request.ops.empty()) return {};
  return {.kind = request.ops[0].kind->name, .name = request.ops[0].name};
}

// Hands the changes' resources over.
void FillResult(WriteSet& set, Revision revision, WriteResult& result) {
  result.revision = revision;
  result.resources.clear();
  for (Change* change : set.results()) {
    if (change == nullptr) {
      result.resources.emplace_back(nullptr);
    } else {
      result.resources.emplace_back(std::move(change->after));
    }
  }
}

}  // namespace

StoreImpl::StoreImpl(Env& env, storage::Engine& engine, std::unique_ptr<Plans> plans,
                     const HookRegistry& hooks, std::unique_ptr<MessageCache> cache, Layers layers,
                     StoreOptions options)
    : env_(env),
      engine_(engine),
      plans_(std::move(plans)),
      builder_(*plans_, hooks),
      cache_(std::move(cache)),
      layers_(std::move(layers)),
      options_(std::move(options)),
      deletions_(env, engine, *plans_, *this,
                 {.max_batch_ops = options_.max_batch_ops,
                  .closing_patience = options_.closing_patience}) {}

Task<absl::StatusOr<WriteResult>> StoreImpl::write(WriteRequest request) {
  HF_CO_RETURN_IF_ERROR(builder_.check(request, options_.max_batch_ops));
  std::optional<absl::Status> unheard;
  absl::StatusOr<WriteResult> result = co_await try_to_write(request, unheard);
  // Whatever stopped a later attempt: an earlier one may have been done.
  if (!result.ok() && unheard.has_value()) co_return *unheard;
  co_return result;
}

// Attempts, until one says what has become of the request. `unheard`: that of which the database
// didn't say whether it was done.
Task<absl::StatusOr<WriteResult>> StoreImpl::try_to_write(WriteRequest& request,
                                                          std::optional<absl::Status>& unheard) {
  const Duration started = env_.clock().monotonic();
  WriteResult result;
  for (int attempts = 1;; ++attempts) {
    Verdict verdict;
    std::optional<std::string> contested;
    {
      WriteSet set(env_, engine_, *plans_, request);
      verdict = co_await attempt(set, result);
      contested = std::move(set.contested);
    }
    if (verdict.what == Verdict::What::kAnswer) {
      if (!verdict.status.ok()) co_return verdict.status;
      co_return result;
    }
    const bool writes = request.mode == WriteMode::kCommit;
    if (writes && ReasonOf(verdict.status) == Reason::kCommitUnknown) unheard = verdict.status;
    // Another deletion's decision is worth waiting for; other races are lost so many times.
    const bool waits = contested.has_value() &&
                       env_.clock().monotonic() < Duration(started.value() + kJoinPatience.value());
    if (attempts >= options_.max_attempts && !waits) {
      const bool says = verdict.what == Verdict::What::kRetryLater && !verdict.status.ok();
      co_return says ? verdict.status : Conflict(KeyOf(request));
    }
    HF_CO_RETURN_IF_ERROR(co_await before_next(request, verdict, attempts, std::move(contested)));
  }
}

Task<absl::Status> StoreImpl::before_next(const WriteRequest& request, const Verdict& verdict,
                                          int attempt, std::optional<std::string> contested) {
  if (is_late(request)) co_return DeadlineExceeded("the write");
  // A kept answer is there to be read at once.
  if (verdict.what == Verdict::What::kReplay) co_return absl::OkStatus();
  co_await back_off(attempt);
  if (contested.has_value()) {
    HF_CO_RETURN_IF_ERROR(co_await deletions_.help(*std::move(contested)));
  }
  co_return absl::OkStatus();
}

Task<Verdict> StoreImpl::attempt(WriteSet& set, WriteResult& result) {
  if (!set.request().request_id.empty()) {
    absl::StatusOr<std::optional<WriteResult>> kept = co_await replay(set);
    if (!kept.ok()) co_return Verdict::Answer(kept.status());
    if (kept->has_value()) {
      result = **std::move(kept);
      co_return Done();
    }
  }
  absl::Status status = co_await builder_.build(set);
  for (size_t i = 0; status.ok() && i < layers_.size() && set.large == nullptr; ++i) {
    status = co_await layers_[i]->prepare(set);
  }
  if (!status.ok()) {
    if (!set.wants_again()) co_return Verdict::Answer(std::move(status));
    co_return Verdict::Later(std::move(status));
  }
  if (set.large != nullptr) {
    Verdict verdict = co_await delete_large(set, result);
    co_return verdict;
  }
  status = prepared(set);
  if (!status.ok()) co_return Verdict::Answer(std::move(status));
  if (set.written() == 0 && !records(set.request())) {
    absl::StatusOr<storage::Snapshot*> snapshot = co_await set.snapshot();
    if (!snapshot.ok()) co_return Verdict::Answer(snapshot.status());
    FillResult(set, (*snapshot)->revision(), result);
    co_return Done();
  }
  Verdict verdict = co_await commit(set, result);
  co_return verdict;
}

absl::Status StoreImpl::prepared(const WriteSet& set) const {
  if (set.written() <= options_.max_batch_ops) return absl::OkStatus();
  return MakeError(Reason::kTooManyOperations,
                   absl::StrCat("with what belongs to it the write has ", set.written(),
                                " changes, more than the ", options_.max_batch_ops,
                                " of one batch; make several"));
}

// Does the answer have to be kept, also where nothing is changed? Whoever asks again gets it again,
// whatever others have written by then.
bool StoreImpl::records(const WriteRequest& request) {
  return !request.request_id.empty() && request.mode == WriteMode::kCommit;
}

// A request_id that has been used: the answer that it got. nullopt: it is new.
Task<absl::StatusOr<std::optional<WriteResult>>> StoreImpl::replay(WriteSet& set) {
  HF_CO_ASSIGN_OR_RETURN(storage::Snapshot* const snapshot, co_await set.snapshot());
  HF_CO_ASSIGN_OR_RETURN(std::optional<storage::PutRequest> kept,
                         co_await snapshot->request(set.request().request_id));
  if (!kept.has_value()) co_return std::nullopt;
  if (kept->hash != set.request().request_hash) {
    co_return FieldError(Reason::kRequestIdReused, "request_id",
                         "was used with another request; choose a new one");
  }
  WriteResult result{.revision = snapshot->revision()};
  HF_CO_ASSIGN_OR_RETURN(result.resources, UnpackAnswer(*plans_, kept->answer));
  co_return result;
}

Task<Verdict> StoreImpl::commit(WriteSet& set, WriteResult& result) {
  const bool rehearses = set.request().mode == WriteMode::kValidateOnly;
  if (rehearses) set.batch().mode = storage::Batch::Mode::kRehearse;
  set.release_snapshot();
  storage::Commit commit = co_await engine_.commit(std::move(set.batch()));
  if (!commit.ok()) co_return set.explain(*commit.failure);
  if (!rehearses) {
    std::for_each(layers_.rbegin(), layers_.rend(),
                  [&set](const std::unique_ptr<Layer>& layer) { layer->committed(set); });
  }
  FillResult(set, commit.revision, result);
  co_return Done();
}

Task<Verdict> StoreImpl::delete_large(WriteSet& set, WriteResult& result) {
  result.resources.assign(set.results().size(), nullptr);
  if (set.request().mode == WriteMode::kValidateOnly) co_return Done();
  set.release_snapshot();
  Deletions::Attempt attempt = co_await deletions_.attempt(set);
  if (!attempt.decided.has_value()) co_return std::move(attempt.verdict);
  result.revision = attempt.revision;
  // Decided: from here on nothing can refuse, and whatever stops us the background goes on.
  if (!set.large_waits) {
    const absl::Status status =
        co_await deletions_.finish(*std::move(attempt.decided), set.request().deadline);
    (void)status;
  }
  co_return Done();
}

Task<absl::StatusOr<bool>> StoreImpl::commit_removal(WriteSet& set) {
  for (const std::unique_ptr<Layer>& layer : layers_) {
    HF_CO_RETURN_IF_ERROR(co_await layer->prepare(set));
  }
  set.release_snapshot();
  HF_CO_ASSIGN_OR_RETURN(const bool committed,
                         co_await storage::CommitGuarded(engine_, std::move(set.batch())));
  if (committed) {
    std::for_each(layers_.rbegin(), layers_.rend(),
                  [&set](const std::unique_ptr<Layer>& layer) { layer->committed(set); });
  }
  co_return committed;
}

Task<void> StoreImpl::back_off(int attempt) {
  const int64_t wait = std::min(kFirstWait.value() << std::min(attempt - 1, 16), kLastWait.value());
  const uint64_t random = env_.random().next();
  co_await env_.sleep(
      Duration(wait / 2 + static_cast<int64_t>(random % static_cast<uint64_t>(wait))));
}

bool StoreImpl::is_late(const WriteRequest& request) {
  return request.deadline.has_value() && env_.clock().monotonic() >= *request.deadline;
}

Task<absl::StatusOr<ReadResult>> StoreImpl::get(const schema::Kind& kind,
                                                std::vector<ResourceName> names) {
  const KindPlan* plan = plans_->find(kind.name);
  if (plan == nullptr) co_return MakeError(Reason::kInternal, "a read of an unknown kind");
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  std::vector<ResourceKey> keys;
  for (ResourceName& name : names) keys.push_back({.kind = kind.name, .name = std::move(name)});
  ReadResult result;
  result.revision = snapshot->revision();
  HF_CO_ASSIGN_OR_RETURN(result.resources, co_await ReadResources(*plans_, *snapshot, *cache_,
                                                                  *plan, std::move(keys)));
  co_return result;
}

Task<absl::StatusOr<ListPage>> StoreImpl::list(ListQuery query) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<ListPage> page =
      co_await List(*plans_, *snapshot, std::move(query), options_.max_sorted);
  co_return page;
}

absl::StatusOr<SharedMessage> StoreImpl::decode(const storage::Row& row) const {
  const KindPlan* plan = plans_->find(row.key.kind);
  if (plan == nullptr) {
    return MakeError(Reason::kSchemaNewer,
                     absl::StrCat("the database has resources of the unknown kind ",
                                  row.key.kind.str(), "; start a program that knows it"));
  }
  if (!IsReadable(*plan, row)) return SharedMessage();
  HF_ASSIGN_OR_RETURN(MessagePtr resource, Decode(*plans_, *plan, row));
  return SharedMessage(std::move(resource));
}

Task<absl::StatusOr<DeletionPlan>> StoreImpl::explain_delete(ResourceKey key, Force force,
                                                             size_t samples) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<DeletionPlan> plan =
      co_await ExplainDelete(*plans_, *snapshot, std::move(key), force, samples);
  co_return plan;
}

Task<absl::StatusOr<ReferrersPage>> StoreImpl::referrers(ResourceKey key,
                                                         std::optional<storage::Edge> after,
                                                         size_t limit) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<ReferrersPage> page =
      co_await ListReferrers(*plans_, *snapshot, std::move(key), std::move(after), limit);
  co_return page;
}

Task<absl::StatusOr<Shadow>> StoreImpl::shadow(ResourceKey key) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<Shadow> shadow = co_await GetShadow(*plans_, *snapshot, std::move(key));
  co_return shadow;
}

Task<absl::StatusOr<ShadowPage>> StoreImpl::shadows(std::optional<KindName> kind,
                                                    std::optional<ResourceKey> after, size_t limit,
                                                    ShowDeleted show_deleted) {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  absl::StatusOr<ShadowPage> page = co_await ListShadows(*plans_, *snapshot, std::move(kind),
                                                         std::move(after), limit, show_deleted);
  co_return page;
}

Task<absl::StatusOr<FsckReport>> StoreImpl::fsck() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<storage::Snapshot> snapshot, co_await engine_.snapshot());
  Fsck fsck(*plans_, *snapshot);
  absl::StatusOr<FsckReport> report = co_await fsck.run();
  co_return report;
}

Task<absl::StatusOr<size_t>> StoreImpl::run_duties() {
  absl::StatusOr<size_t> changed = co_await deletions_.run_duties();
  co_return changed;
}

}  // namespace holdfast::store
