// batch::Database over one SQLite file: one writer on a worker of the Env, with group commit, and a
// few readers with snapshots beside it.
//
// commit() queues the batch; the worker takes what is queued and commits it together (group.h).
// Readers run on the caller's thread: SQLite answers from its cache or the page cache, and what
// asks must be bounded anyway.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "holdfast/batch/database.h"
#include "holdfast/batch/sqlite/connection.h"
#include "holdfast/batch/sqlite/constraint_names.h"
#include "holdfast/env/env.h"

namespace holdfast::batch::sqlite {

struct SqliteOptions {
  // ":memory:" is a temporary file of this object's own, forgotten when it goes: SQLite's own
  // memory databases can't read a snapshot while they write.
  std::string path;

  // kFull: what was acknowledged survives a loss of power. kOff: it survives only a crash of the
  // process; for tests, and always so for ":memory:".
  enum class Synchronous { kFull, kOff } synchronous = Synchronous::kFull;

  // Group commit: at most so many batches, and no further one is begun after this time; so the
  // first of a group waits little longer than it would alone.
  size_t max_group = 64;
  Duration max_group_time = Milliseconds(20);
  // Batches that wait. One more is refused as kUnavailable: who can't wait shall hear it soon.
  size_t max_queue = 1024;

  // Snapshots at a time, each with a connection; one more waits, and this long at most. Readers run
  // on as many threads as the executor has, but some hold a snapshot while they wait for a commit.
  size_t max_readers = 16;
  Duration max_reader_wait = Seconds(10);

  // Another process has the file locked (a backup, a shell): wait so long for it.
  Duration busy_timeout = Seconds(5);

  // Page caches, in KiB. The writer's holds what one group of large batches dirties.
  int64_t writer_cache_kib = 32 * 1024;
  int64_t reader_cache_kib = 2 * 1024;
  // Pages in the log before they are copied into the database (32 MiB). More saves writing hot
  // pages again and again, at the cost of a longer log: 4,096 made imports a third slower, 16,384
  // no faster.
  int64_t checkpoint_pages = 8192;
  // The log begins anew only when no reader needs it. With readers always about, somebody must wait
  // for them: the writer does, this long at most, at every `checkpoint_pages`.
  Duration checkpoint_patience = Milliseconds(200);

  ConstraintNames constraint_names;
};

class SqliteDatabase final : public Database {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(Env& env,
                                                                            SqliteOptions options);
  // Finishes what is queued. Snapshots may be given back later.
  ~SqliteDatabase() override;

  Task<Outcome> commit(Batch batch) override;
  Task<absl::StatusOr<std::unique_ptr<ReadSnapshot>>> snapshot() override;

  // The writer's connection, for creating tables; before the first commit, on this thread.
  [[nodiscard]] Connection& setup();

 private:
  class Writer;
  class ReaderPool;
  class Snapshot;
  class TemporaryFolder;

  SqliteDatabase(Env& env, SqliteOptions options);
  [[nodiscard]] absl::Status open();

  Env& env_;
  SqliteOptions options_;
  // Destroyed from below: the writer, which finishes its work, then the readers, then the file.
  std::unique_ptr<TemporaryFolder> folder_;
  std::shared_ptr<ReaderPool> readers_;  // shared with snapshots, which may be given back later
  std::unique_ptr<Writer> writer_;
};

}  // namespace holdfast::batch::sqlite
