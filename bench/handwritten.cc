#include "bench/handwritten.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

std::string Insert(int table) { return absl::StrCat("i", table); }

void PrepareAll(Pq& pq) {
  pq.prepare("o", OrganizationSql());
  pq.prepare("l", LimitSql());
  for (int table = 0; table < kTables; ++table) pq.prepare(Insert(table), InsertSql(table));
}

class PipelineClient final : public HandwrittenClient {
 public:
  PipelineClient(const std::string& dsn, int client, Handwritten which)
      : HandwrittenClient(dsn, client), all_(which == Handwritten::kPipeline) {
    PrepareAll(pq_);
    pq_.enter_pipeline();
  }

  void once() override {
    const Project project = NewProject(ids_);
    if (all_) pq_.send("o", {&project.organization, 1});
    for (int table = 0; table < kTables; ++table) {
      pq_.send(Insert(table), project.rows[static_cast<size_t>(table)]);
    }
    if (all_) pq_.send("l", {&project.organization, 1});
    // Too late to undo anything: what the hand-written way can't do.
    HF_CHECK(pq_.finish(kTables + (all_ ? 2 : 0)) == 1);
  }

 private:
  const bool all_;
};

class InteractiveClient final : public HandwrittenClient {
 public:
  InteractiveClient(const std::string& dsn, int client) : HandwrittenClient(dsn, client) {
    PrepareAll(pq_);
  }

  void once() override {
    const Project project = NewProject(ids_);
    pq_.exec("BEGIN");
    HF_CHECK(pq_.run("o", {&project.organization, 1}) == 1);
    for (int table = 0; table < kTables; ++table) {
      HF_CHECK(pq_.run(Insert(table), project.rows[static_cast<size_t>(table)]) == 1);
    }
    HF_CHECK(pq_.run("l", {&project.organization, 1}) == 1);
    pq_.exec("COMMIT");
  }
};

// As a saga engine does it: its record, then for each node an entry before it begins and one when
// it is done, each durable before the next step; at the end the record is closed.
class SagaClient final : public HandwrittenClient {
 public:
  SagaClient(const std::string& dsn, int client) : HandwrittenClient(dsn, client) {
    PrepareAll(pq_);
    pq_.prepare("begin", "INSERT INTO saga (id, state, params) VALUES ($1, 'running', $2)");
    pq_.prepare("event", "INSERT INTO saga_event (saga, node, event) VALUES ($1, $2, $3)");
    pq_.prepare("end", "UPDATE saga SET state = 'done' WHERE id = $1");
  }

  void once() override {
    const Project project = NewProject(ids_);
    const std::string saga = ids_.uuid();
    pq_.run("begin", std::array{saga, Body()});
    HF_CHECK(pq_.run("o", {&project.organization, 1}) == 1);
    for (int table = 0; table < kTables; ++table) {
      pq_.run("event", std::array{saga, absl::StrCat(table), std::string("started")});
      HF_CHECK(pq_.run(Insert(table), project.rows[static_cast<size_t>(table)]) == 1);
      pq_.run("event", std::array{saga, absl::StrCat(table), std::string("succeeded")});
    }
    pq_.run("event", std::array{saga, absl::StrCat(kTables), std::string("started")});
    HF_CHECK(pq_.run("l", {&project.organization, 1}) == 1);
    pq_.run("event", std::array{saga, absl::StrCat(kTables), std::string("succeeded")});
    pq_.run("end", {&saga, 1});
  }
};

class CteClient final : public HandwrittenClient {
 public:
  CteClient(const std::string& dsn, int client) : HandwrittenClient(dsn, client) {
    std::vector<std::string> inserts;
    for (int table = 0; table < kTables; ++table) {
      const int n = 2 + table * 4;
      inserts.push_back(absl::StrCat("t", table, " AS (INSERT INTO ", TableName(table),
                                     " (id, parent, name, body) SELECT $", n, "::uuid, $", n + 1,
                                     "::uuid, $", n + 2, ", $", n + 3, " FROM o, l)"));
    }
    pq_.prepare("all", absl::StrCat("WITH o AS (", OrganizationSql(), "), l AS (", LimitSql(),
                                    " RETURNING organization), ", absl::StrJoin(inserts, ", "),
                                    " SELECT live FROM o, l"));
  }

  void once() override {
    const Project project = NewProject(ids_);
    std::vector<std::string> params = {project.organization};
    for (const ProjectRow& row : project.rows) params.insert(params.end(), row.begin(), row.end());
    HF_CHECK(pq_.run("all", params) == 1);
  }
};

class ForeignKeyClient final : public HandwrittenClient {
 public:
  ForeignKeyClient(const std::string& dsn, int parents, int client)
      : HandwrittenClient(dsn, client), parents_(static_cast<uint64_t>(parents)) {
    pq_.prepare("i", "INSERT INTO child (id, parent, name, body) VALUES ($1, $2, $3, $4)");
  }

  void once() override {
    const std::string id = ids_.uuid();
    const std::array params = {id, OrganizationId(ids_.below(parents_)), id, Body()};
    HF_CHECK(pq_.run("i", params) == 1);
  }

 private:
  const uint64_t parents_;
};

std::unique_ptr<HandwrittenClient> MakeClient(Handwritten which, const std::string& dsn,
                                              int client) {
  switch (which) {
    case Handwritten::kPipeline:
    case Handwritten::kPlainPipeline:
      return std::make_unique<PipelineClient>(dsn, client, which);
    case Handwritten::kInteractive:
      return std::make_unique<InteractiveClient>(dsn, client);
    case Handwritten::kSaga:
      return std::make_unique<SagaClient>(dsn, client);
    case Handwritten::kCte:
      return std::make_unique<CteClient>(dsn, client);
  }
  HF_CHECK(false);
}

}  // namespace

Contender MakeThreads(std::string name, std::vector<std::unique_ptr<HandwrittenClient>> clients,
                      Stretch stretch) {
  // Shared: a std::function must be copyable.
  auto shared =
      std::make_shared<std::vector<std::unique_ptr<HandwrittenClient>>>(std::move(clients));
  return {.name = std::move(name), .run = [shared, stretch] {
            return RunThreads(static_cast<int>(shared->size()), stretch,
                              [&](int client) { (*shared)[static_cast<size_t>(client)]->once(); });
          }};
}

std::vector<std::string> ForeignKeySchema(int parents) {
  return {"CREATE TABLE parent (id uuid PRIMARY KEY, body text NOT NULL)",
          absl::StrCat("INSERT INTO parent SELECT ('00000000-0000-7000-8000-' || "
                       "lpad(to_hex(n), 12, '0'))::uuid, '",
                       Body(), "' FROM generate_series(0, ", parents - 1, ") n"),
          // Names are unique below their parent; that index is also what a deletion of a parent
          // looks for children with.
          "CREATE TABLE child (id uuid PRIMARY KEY, parent uuid NOT NULL REFERENCES parent, name "
          "text NOT NULL, body text NOT NULL, UNIQUE (parent, name))"};
}

Contender MakeForeignKey(std::string name, const std::string& dsn, int parents, int clients,
                         Stretch stretch) {
  std::vector<std::unique_ptr<HandwrittenClient>> all;
  for (int client = 0; client < clients; ++client) {
    all.push_back(std::make_unique<ForeignKeyClient>(dsn, parents, client));
  }
  return MakeThreads(std::move(name), std::move(all), stretch);
}

Contender MakeHandwritten(std::string name, Handwritten which, const std::string& dsn, int clients,
                          Stretch stretch) {
  std::vector<std::unique_ptr<HandwrittenClient>> all;
  for (int client = 0; client < clients; ++client) all.push_back(MakeClient(which, dsn, client));
  return MakeThreads(std::move(name), std::move(all), stretch);
}

}  // namespace holdfast::bench
