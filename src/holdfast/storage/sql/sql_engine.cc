#include "holdfast/storage/sql/sql_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/storage/sql/columns.h"
#include "holdfast/storage/sql/plan.h"
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
  Plan plan(dialect_, **names, batch, env_.clock().now());
  const batch::Outcome outcome = co_await database_->commit(plan.take());
  if (!outcome.ok()) {
    co_return Failed(batch, plan.explain(*outcome.failure()), outcome.status());
  }
  Commit commit;
  if (batch.mode == Batch::Mode::kRehearse) co_return commit;
  commit.revision = Revision(ToNumber(outcome.rows(plan.revision())[0][0]));
  if (listener_ != nullptr) listener_(commit.revision);
  co_return commit;
}

Task<absl::StatusOr<std::unique_ptr<Snapshot>>> SqlEngine::snapshot() {
  HF_CO_ASSIGN_OR_RETURN(std::unique_ptr<batch::ReadSnapshot> reader,
                         co_await database_->snapshot());
  // After the snapshot: so it holds the kind of every row that the snapshot does.
  std::shared_ptr<const NameIds> known = names_.known();
  const SqlSnapshot::Context context{dialect_, opened_.indexes, opened_.incarnation};
  co_return co_await SqlSnapshot::Begin(context, std::move(reader), std::move(known));
}

Task<absl::StatusOr<PurgeResult>> SqlEngine::purge(Timestamp before, size_t limit) {
  const batch::Row until = {Number(before.value()),
                            Number(static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX)))};
  batch::Batch batch("storage.purge");
  const auto add = [&batch, &until](std::string_view label, const std::string& sql) {
    return batch.add(batch::Step{.label = std::string(label), .sql = sql, .binds = {until}});
  };
  add("revision", dialect_.purge_revision);
  // Before the tombstones go: the floor is the last of them.
  add("floor", dialect_.purge_floor);
  const batch::StepHandle tombstones = add("tombstones", dialect_.purge_rows);
  const batch::StepHandle requests = add("requests", dialect_.purge_requests);
  const batch::StepHandle more = add("more", dialect_.purge_more);
  const batch::Outcome outcome = co_await database_->commit(std::move(batch));
  if (!outcome.ok()) co_return outcome.status();
  PurgeResult result;
  result.tombstones = static_cast<int64_t>(outcome.rows(tombstones).size());
  result.requests = static_cast<int64_t>(outcome.rows(requests).size());
  result.more = ToNumber(outcome.rows(more)[0][0]) != 0;
  co_return result;
}

}  // namespace holdfast::storage::sql
