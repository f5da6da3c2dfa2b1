#include "holdfast/storage/sql/sql_engine.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/failed_guards.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/sql/binds.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/locks.h"
#include "holdfast/storage/sql/plan.h"
#include "holdfast/storage/sql/set_plan.h"
#include "holdfast/storage/sql/sql_snapshot.h"

namespace holdfast::storage::sql {
namespace {

// Of an op, or of the database as a whole.
bool IsOpFailure(const Failure& failure) {
  switch (failure.kind) {
    case Failure::Kind::kRequestSeen:
    case Failure::Kind::kGuard:
    case Failure::Kind::kUnique:
    case Failure::Kind::kLimit:
      return true;
    case Failure::Kind::kBug:
      return failure.limit.has_value();  // below zero
    default:
      return false;
  }
}

Commit Failed(const Batch& batch, Failure failure, const absl::Status& database_says) {
  Commit commit;
  const bool explained =
      failure.op < batch.explains.size() && batch.explains[failure.op] != nullptr;
  if (!IsOpFailure(failure)) {
    commit.status = database_says;
  } else if (explained) {
    commit.status = batch.explains[failure.op](failure);
  } else {
    commit.status = MakeError(
        Reason::kInternal,
        absl::StrCat(batch.label, ": operation ", failure.op, " failed ", failure.message));
  }
  commit.failure = std::move(failure);
  return commit;
}

// By one of its statements, and not by the database as a whole.
bool IsOfStep(const batch::Failure& failure) {
  return failure.failure_class == batch::FailureClass::kConstraint ||
         failure.failure_class == batch::FailureClass::kGuard ||
         failure.failure_class == batch::FailureClass::kRowCount;
}

Commit Unavailable(const absl::Status& status) {
  Commit commit;
  commit.status = status;
  commit.failure.emplace().kind = Failure::Kind::kUnavailable;
  commit.failure->message = std::string(status.message());
  return commit;
}

}  // namespace

SqlEngine::SqlEngine(Env& env, const Dialect& dialect, std::unique_ptr<batch::Database> database,
                     Opened opened)
    : env_(env),
      dialect_(dialect),
      database_(std::move(database)),
      opened_(std::move(opened)),
      names_(dialect, *database_, std::move(opened_.names)) {}

void SqlEngine::on_commit(std::function<void(Revision)> listener) {
  listener_ = std::move(listener);
}

Task<Commit> SqlEngine::commit(Batch batch) {
  const absl::StatusOr<std::shared_ptr<const NameIds>> names = co_await names_.of(batch);
  if (!names.ok()) co_return Unavailable(names.status());
  const Timestamp now = env_.clock().now();
  if (dialect_.sets != nullptr) {
    std::optional<batch::Batch> sets = SetPlan(dialect_, **names, batch, now);
    if (sets.has_value()) {
      const batch::Outcome outcome = co_await send(*std::move(sets), batch);
      if (outcome.ok()) co_return co_await committed(batch, Revision());
      Failure failure = FailureOf(*outcome.failure());
      if (!IsOfStep(*outcome.failure())) {
        co_return Failed(batch, std::move(failure), outcome.status());
      }
      const std::string& label = outcome.failure()->label;
      NoteFailedGuard(absl::StrCat(dialect_.name, "/", label.substr(label.rfind('/') + 1)));
    }
  }
  Plan plan(dialect_, **names, batch, now);
  const batch::Outcome outcome = co_await send(plan.take(), batch);
  if (!outcome.ok()) {
    co_return Failed(batch, plan.explain(*outcome.failure()), outcome.status());
  }
  Revision revision;
  if (!dialect_.next_revision.empty() && batch.mode != Batch::Mode::kRehearse) {
    revision = Revision(ToNumber(outcome.rows(plan.revision())[0][0]));
  }
  co_return co_await committed(batch, revision);
}

// With a key of its own where the client has given one: then what became of it can be found out.
Task<batch::Outcome> SqlEngine::send(batch::Batch sql, const Batch& batch) {
  const bool keyed = std::any_of(batch.ops.begin(), batch.ops.end(), [](const Op& op) {
    return std::holds_alternative<PutRequest>(op);
  });
  if (keyed && dialect_.sets != nullptr) sql.set_idempotency_key(NewUid(env_).str());
  return database_->commit(std::move(sql));
}

Task<Commit> SqlEngine::committed(const Batch& batch, Revision revision) {
  Commit commit;
  if (batch.mode == Batch::Mode::kRehearse) co_return commit;
  commit.revision = revision;
  if (listener_ != nullptr) listener_(revision);
  const absl::Status waited = co_await wait_out(batch);
  if (!waited.ok()) {
    commit.status =
        MakeError(Reason::kCommitUnknown, absl::StrCat(batch.label,
                                                       ": closed, but it isn't known whether all "
                                                       "who used it are through: ",
                                                       waited.message()));
    commit.failure.emplace().kind = Failure::Kind::kAmbiguous;
  }
  co_return commit;
}

// The mark is there: nobody new can take hold of the rows. Who had them is waited for.
Task<absl::Status> SqlEngine::wait_out(const Batch& batch) {
  if (dialect_.wait_out.empty()) co_return absl::OkStatus();
  std::set<ResourceKey> keys;
  std::set<ClaimKey> claims;
  for (const Op& op : batch.ops) {
    const auto* state = std::get_if<SetState>(&op);
    if (state != nullptr && IsClosing(*state)) keys.insert(state->key);
    const auto* put = std::get_if<PutClaim>(&op);
    if (put != nullptr && IsSuspending(*put)) claims.insert(put->claim.key);
  }
  const Binder bind(dialect_, *names_.known());
  batch::Step rows{.label = "wait_out", .sql = dialect_.wait_out};
  for (const ResourceKey& key : keys) rows.binds.push_back(bind.key(key));
  batch::Step rights{.label = "wait_out_claim", .sql = dialect_.wait_out_claim};
  for (const ClaimKey& key : claims) rights.binds.push_back(ClaimBinds(key));
  batch::Batch sql(batch.label);
  for (batch::Step* step : {&rows, &rights}) {
    if (!step->binds.empty()) sql.add(std::move(*step));
  }
  if (sql.steps().empty()) co_return absl::OkStatus();
  const batch::Outcome outcome = co_await database_->commit(std::move(sql));
  co_return outcome.status();
}

Engine::Writers SqlEngine::writers() const {
  return dialect_.feed_by == Dialect::FeedBy::kSnapshot ? Writers::kOthersToo
                                                        : Writers::kThisProcess;
}

// Revisions must not go back, but those of a server that counts transactions may, when it comes up
// after a crash without some that had left no trace. Then all later ones are lifted.
Task<absl::StatusOr<std::unique_ptr<Snapshot>>> SqlEngine::snapshot() {
  const int64_t at_least = highest_.load();
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = co_await begin_snapshot();
  if (!snapshot.ok() || dialect_.feed_by == Dialect::FeedBy::kRevision) co_return snapshot;
  const int64_t missing = at_least - (*snapshot)->revision().value();
  if (missing > 0) {
    snapshot->reset();
    batch::Batch batch("storage.lift");
    batch.add(batch::Step{.label = "lift", .sql = dialect_.lift, .binds = {{Number(missing)}}});
    const batch::Outcome outcome = co_await database_->commit(std::move(batch));
    if (!outcome.ok()) co_return outcome.status();
    snapshot = co_await begin_snapshot();
    if (!snapshot.ok()) co_return snapshot;
  }
  RaiseTo(highest_, (*snapshot)->revision());
  co_return snapshot;
}

Task<absl::StatusOr<std::unique_ptr<Snapshot>>> SqlEngine::begin_snapshot() {
  std::shared_ptr<const NameIds> known = names_.known();
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<batch::ReadSnapshot> reader,
                         co_await database_->snapshot());
  // With one writer, after the snapshot: so it holds the kind of every row that the snapshot does.
  if (dialect_.feed_by == Dialect::FeedBy::kRevision) known = names_.known();
  const SqlSnapshot::Context context{dialect_, opened_.indexes, opened_.incarnation, highest_};
  co_return co_await SqlSnapshot::Begin(context, std::move(reader), std::move(known), names_);
}

Task<absl::StatusOr<PurgeResult>> SqlEngine::purge(Timestamp before, size_t limit) {
  const batch::Row until = {Number(before.value()),
                            Number(static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX)))};
  batch::Batch batch("storage.purge");
  const auto add = [&batch, &until](std::string_view label, const std::string& sql) {
    return batch.add(batch::Step{.label = std::string(label), .sql = sql, .binds = {until}});
  };
  if (!dialect_.purge_revision.empty()) add("revision", dialect_.purge_revision);
  // Before the tombstones go: the floor is the last of them.
  if (!dialect_.purge_floor.empty()) add("floor", dialect_.purge_floor);
  const batch::StepHandle tombstones = add("tombstones", dialect_.purge_rows);
  const batch::StepHandle requests = add("requests", dialect_.purge_requests);
  const batch::StepHandle limits = add("limits", dialect_.purge_limits);
  if (!dialect_.purge_keys.empty()) add("keys", dialect_.purge_keys);
  const batch::StepHandle more = add("more", dialect_.purge_more);
  const batch::Outcome outcome = co_await database_->commit(std::move(batch));
  if (!outcome.ok()) co_return outcome.status();
  PurgeResult result;
  result.tombstones = static_cast<int64_t>(outcome.rows(tombstones).size());
  result.requests = static_cast<int64_t>(outcome.rows(requests).size());
  // What others hold just now is left to the next time.
  const size_t removed =
      outcome.rows(tombstones).size() + outcome.rows(requests).size() + outcome.rows(limits).size();
  result.more = removed > 0 && ToNumber(outcome.rows(more)[0][0]) != 0;
  if (listener_ != nullptr && result.tombstones + result.requests > 0) listener_(Revision());
  co_return result;
}

}  // namespace holdfast::storage::sql
