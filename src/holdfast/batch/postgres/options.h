// How a PostgreSQL database is used. Every number here is a bound of something.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "holdfast/base/types.h"

namespace holdfast::batch {

enum class Isolation { kReadCommitted, kSerializable };

// Counted from the opening on; may be read at any time.
struct PostgresStats {
  std::atomic<int64_t> attempts = 0;   // batches sent, repeated ones each time
  std::atomic<int64_t> retries = 0;    // of those, sent again: lost against others, or not done
  std::atomic<int64_t> ambiguous = 0;  // whose answer was lost
  std::atomic<int64_t> resolved = 0;   // of those, found out by their key
  std::atomic<int64_t> connects = 0;   // sessions begun
  std::atomic<int64_t> connect_errors = 0;  // attempts at it that failed
  std::atomic<int64_t> lost = 0;            // sessions that ended otherwise than by us
  std::atomic<int64_t> refused = 0;         // batches refused, or given up in the queue
};

struct PostgresOptions {
  // What libpq takes: "host=/run/postgresql dbname=hf" or a URI; TLS, passwords and certificates as
  // it has them, and its environment variables. Several hosts may be given: the one that takes
  // writes is used, and looked for again when it is lost. Host names are resolved by libpq, which
  // blocks meanwhile: give addresses (hostaddr) where that can take long.
  std::string dsn;
  // search_path of each session, as the namespace of one's own tables; empty: the server's.
  std::string schema;
  Isolation isolation = Isolation::kReadCommitted;  // of batches
  // Further settings of each session ("plan_cache_mode", "force_generic_plan").
  std::vector<std::pair<std::string, std::string>> settings;
  // kImplicit: what is sent between two Syncs is a transaction in PostgreSQL. kExplicit sends BEGIN
  // and COMMIT, for databases that speak its protocol but differ in this.
  enum class Transactions { kImplicit, kExplicit } transactions = Transactions::kImplicit;

  // Sessions for batches. PostgreSQL commits those of different sessions together, but one after
  // another in a session: breadth first, and depth only when all are busy.
  size_t connections = 16;
  size_t max_in_flight_per_connection = 16;
  // Batches that wait for one; one more is kUnavailable, and so is who waited queue_timeout.
  size_t max_queued = 4096;
  Duration queue_timeout = Seconds(5);

  // Sessions for snapshots, one each; one more snapshot waits, this long at most.
  size_t snapshots = 8;
  Duration max_snapshot_wait = Seconds(10);
  // A snapshot holds back the cleaning up of old rows. When it wasn't used for so long, or has
  // lived so long (a check of everything reads for minutes), it is ended, and reads fail.
  Duration max_snapshot_idle = Seconds(30);
  Duration max_snapshot_life = Seconds(1800);

  // A batch that lost against others is sent again, so often and so long at most.
  int max_attempts = 8;
  Duration max_retry_time = Seconds(2);

  // One host's answer to a connection attempt.
  Duration connect_timeout = Seconds(5);
  // The server stops a statement that takes longer (statement_timeout).
  Duration statement_timeout = Seconds(10);
  // No answer for so long, while it is a batch's turn: its session is given up, and the batch is
  // resolved by its key, or ambiguous.
  Duration commit_timeout = Seconds(15);
  // How long to try to find out what became of a batch whose answer was lost.
  Duration resolve_timeout = Seconds(10);

  // Filled if given: several users may share one.
  std::shared_ptr<PostgresStats> stats;
};

}  // namespace holdfast::batch
