#include "holdfast/store/write_set.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/storage/guarded.h"

namespace holdfast::store {
namespace {

using storage::Failure;

}  // namespace

WriteSet::WriteSet(Env& env, storage::Engine& engine, const Plans& plans, WriteRequest& request,
                   Purpose purpose)
    : env_(env),
      engine_(engine),
      plans_(plans),
      request_(request),
      now_(env.clock().now()),
      purpose_(purpose) {}

WriteSet::~WriteSet() {
  for (const auto& change : changes_) {
    if (change->borrowed) request_.ops[change->op].resource = std::move(change->after);
  }
}

absl::Status WriteSet::again_later(absl::Status status) {
  wants_again_ = true;
  return status;
}

Task<absl::StatusOr<storage::Snapshot*>> WriteSet::snapshot() {
  if (snapshot_ == nullptr) {
    absl::StatusOr<std::unique_ptr<storage::Snapshot>> taken = co_await engine_.snapshot();
    if (!taken.ok()) co_return taken.status();
    snapshot_ = *std::move(taken);
  }
  co_return snapshot_.get();
}

absl::StatusOr<Change*> WriteSet::add(Change change) {
  auto owned = std::make_unique<Change>(std::move(change));
  const auto [entry, added] = by_key_.try_emplace(owned->key, owned.get());
  if (!added) {
    // A client may ask for what a hook makes anyway. All else that a hook runs into is our fault,
    // and from_hook() says so.
    const Change& first = *entry->second;
    const bool only_creates = owned->type == WriteOp::Type::kCreate &&
                              first.type == WriteOp::Type::kCreate &&
                              first.origin == Change::Origin::kClient;
    const bool ours = owned->origin == Change::Origin::kHook && !only_creates;
    return MakeError(ours ? Reason::kResourceExists : Reason::kMalformedRequest,
                     absl::StrCat("two operations change ", owned->key.kind.str(), " ",
                                  ForMessage(owned->key.name.str()),
                                  "; put them into one, or into two requests"));
  }
  changes_.push_back(std::move(owned));
  return changes_.back().get();
}

Change* WriteSet::find(const ResourceKey& key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

size_t WriteSet::written() const {
  return static_cast<size_t>(std::count_if(changes_.begin(), changes_.end(),
                                           [](const auto& change) { return !change->unchanged; }));
}

void WriteSet::add_op(storage::Op op, Note note, std::source_location place) {
  batch_.add(std::move(op), storage::Handled(place));
  notes_.push_back(note);
}

const ResourceKey* WriteSet::keep(ResourceKey key) { return &kept_.emplace_back(std::move(key)); }

Verdict WriteSet::explain(const Failure& failure) const {
  switch (failure.kind) {
    case Failure::Kind::kRequestSeen:
      return {.what = Verdict::What::kReplay, .status = absl::OkStatus()};
    case Failure::Kind::kRetryable:
      return Verdict::Retry();
    case Failure::Kind::kAmbiguous:
      // With a request_id it is safe to ask again: only one of the two can commit.
      return {
          .what = request_.request_id.empty() ? Verdict::What::kAnswer : Verdict::What::kRetryLater,
          .status = MakeError(Reason::kCommitUnknown,
                              "the database didn't say whether the write was done; look")};
    case Failure::Kind::kUnavailable:
      return Verdict::Answer(
          MakeError(Reason::kDatabaseUnavailable, "the database can't be reached; try again"));
    case Failure::Kind::kBug:
      return Verdict::Answer(
          MakeError(Reason::kInternal, absl::StrCat(batch_.label, ": ", failure.message)));
    case Failure::Kind::kGuard:
    case Failure::Kind::kUnique:
    case Failure::Kind::kLimit:
      break;
  }
  HF_CHECK(failure.op < notes_.size()) << "an engine failed an op that isn't there";
  const Note& note = notes_[failure.op];
  Verdict verdict = note.explain(*this, note, failure);
  if (!verdict.status.ok() && note.change != nullptr) {
    verdict.status = at(*note.change, std::move(verdict.status));
  }
  return verdict;
}

absl::Status WriteSet::at(const Change& change, absl::Status status) const {
  if (status.ok()) return status;
  if (change.origin == Change::Origin::kHook) status = from_hook(change, std::move(status));
  return AtOp(request_, change.op, std::move(status));
}

// What the client can't have caused it can't mend: INTERNAL, except what says "not now", "no
// more", or that it asks for what a hook makes by itself.
absl::Status WriteSet::from_hook(const Change& change, absl::Status status) {
  const bool stays = status.code() == absl::StatusCode::kResourceExhausted ||
                     status.code() == absl::StatusCode::kAborted ||
                     status.code() == absl::StatusCode::kUnavailable ||
                     status.code() == absl::StatusCode::kDeadlineExceeded ||
                     status.code() == absl::StatusCode::kInternal ||
                     ReasonOf(status) == Reason::kMalformedRequest;
  if (stays) return status;
  return MakeError(Reason::kInternal, absl::StrCat(change.path, ": ", status.message()));
}

absl::Status AtOp(const WriteRequest& request, size_t index, absl::Status status) {
  if (status.ok() || request.ops.size() < 2) return status;
  const std::string& label = request.ops[index].label;
  status = AddErrorMetadata(
      status, "operation_index", absl::StrCat(index),
      absl::StrCat("operation ", index, label.empty() ? "" : absl::StrCat(" (", label, ")"), ": "));
  return label.empty() ? status : AddErrorMetadata(status, "operation_label", label);
}

void Layer::committed(const WriteSet& /*set*/) {}

}  // namespace holdfast::store
