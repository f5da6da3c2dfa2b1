// The contenders that somebody would write by hand with libpq: a thread and a connection for each
// client, prepared statements, everything prepared before the clock starts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "bench/pq.h"
#include "bench/project.h"

namespace holdfast::bench {

// One client: does one transaction after the other.
class HandwrittenClient {
 public:
  HandwrittenClient(const std::string& dsn, int client) : pq_(dsn), ids_(client) {}
  virtual ~HandwrittenClient() = default;
  virtual void once() = 0;

 protected:
  Pq pq_;
  Ids ids_;
};

enum class Handwritten {
  kPipeline,       // the twelve statements, one flush, one Sync: one implicit transaction
  kPlainPipeline,  // the ten inserts alone
  kInteractive,    // BEGIN, a round trip for each statement, COMMIT
  kSaga,           // each statement is a transaction, between its log's two entries
  kCte,            // one statement; the inserts hang on the organization's row and the limit's
};

// Connects `clients` clients, which live as long as the contender.
[[nodiscard]] Contender MakeHandwritten(std::string name, Handwritten which, const std::string& dsn,
                                        int clients, Stretch stretch);

// A row with a native foreign key, one insert a transaction: the parent is one of `parents`, at
// random. ForeignKeySchema() first.
[[nodiscard]] std::vector<std::string> ForeignKeySchema(int parents);
[[nodiscard]] Contender MakeForeignKey(std::string name, const std::string& dsn, int parents,
                                       int clients, Stretch stretch);

// The same for any kind of client: `clients` of them, a thread for each.
[[nodiscard]] Contender MakeThreads(std::string name,
                                    std::vector<std::unique_ptr<HandwrittenClient>> clients,
                                    Stretch stretch);

}  // namespace holdfast::bench
