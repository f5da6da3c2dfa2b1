// storage::Engine over a batch::Database: ops become steps of SQL (plan.h), reads become queries
// (sql_snapshot.h). Which make of database it is only the dialect knows.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "holdfast/batch/database.h"
#include "holdfast/env/env.h"
#include "holdfast/storage/engine.h"
#include "holdfast/storage/sql/dialect.h"
#include "holdfast/storage/sql/names.h"

namespace holdfast::storage::sql {

// What opening a database finds in it. See sqlite_schema.h.
struct Opened {
  std::string incarnation;
  NameIds names;
  FieldIndexes indexes;
};

class SqlEngine final : public Engine {
 public:
  // `dialect` is one of the constants of dialect.h; `env` must live longer.
  SqlEngine(Env& env, const Dialect& dialect, std::unique_ptr<batch::Database> database,
            Opened opened);

  [[nodiscard]] const std::string& incarnation() const override { return opened_.incarnation; }
  [[nodiscard]] Writers writers() const override;
  Task<Commit> commit(Batch batch) override;
  Task<absl::StatusOr<std::unique_ptr<Snapshot>>> snapshot() override;
  Task<absl::StatusOr<PurgeResult>> purge(Timestamp before, size_t limit) override;
  void on_commit(std::function<void(Revision)> listener) override;

 private:
  Task<absl::StatusOr<std::unique_ptr<Snapshot>>> begin_snapshot();
  Task<batch::Outcome> send(batch::Batch sql, const Batch& batch);
  Task<Commit> committed(const Batch& batch, Revision revision);
  Task<absl::Status> wait_out(const Batch& batch);

  Env& env_;
  const Dialect& dialect_;
  std::unique_ptr<batch::Database> database_;
  Opened opened_;
  Names names_;
  std::function<void(Revision)> listener_;
  std::atomic<int64_t> highest_ = 0;  // see SqlSnapshot::Context
};

}  // namespace holdfast::storage::sql
