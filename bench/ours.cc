#include "bench/ours.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"

namespace holdfast::bench {
namespace {

using storage::CreateRow;
using storage::Edge;
using storage::RequireTarget;

// --- the batch ----------------------------------------------------------------------------------

std::vector<batch::Row> OneRow(batch::Row row) {
  std::vector<batch::Row> rows;
  rows.push_back(std::move(row));
  return rows;
}

batch::Step OrganizationGuard(const Project& project) {
  static const std::string sql = OrganizationSql();
  batch::Step step{.label = "organization",
                   .sql = sql,
                   .binds = OneRow({project.organization}),
                   .expect = batch::Expect::Guard(),
                   .guard_name = "organization"};
  step.errors.on_guard(
      [](const batch::Failure&) { return absl::NotFoundError("no such organization"); });
  return step;
}

batch::Step TakeLimit(const Project& project) {
  static const std::string sql = LimitSql();
  batch::Step step{.label = "limit",
                   .sql = sql,
                   .binds = OneRow({project.organization}),
                   .expect = batch::Expect::Exactly(1)};
  step.errors.on_row_count(
      [](const batch::Failure&) { return absl::ResourceExhaustedError("too many projects"); });
  return step;
}

batch::Step Insert(int table, ProjectRow& row) {
  static const std::vector<std::string> sql = [] {
    std::vector<std::string> all;
    for (int t = 0; t < kTables; ++t) all.push_back(InsertSql(t));
    return all;
  }();
  batch::Row binds;
  binds.reserve(row.size());
  for (std::string& value : row) binds.emplace_back(std::move(value));
  return {.label = TableName(table),
          .sql = sql[static_cast<size_t>(table)],
          .binds = OneRow(std::move(binds))};
}

batch::Batch ToBatch(Project project) {
  batch::Batch batch("project.create");
  batch.add(OrganizationGuard(project));
  for (int table = 0; table < kTables; ++table) {
    batch.add(Insert(table, project.rows[static_cast<size_t>(table)]));
  }
  batch.add(TakeLimit(project));
  return batch;
}

Task<void> CommitProject(batch::Database& database, Ids& ids) {
  batch::Batch batch = ToBatch(NewProject(ids));
  const batch::Outcome done = co_await database.commit(std::move(batch));
  HF_CHECK(done.ok()) << done.status().ToString();
}

// --- the engine ---------------------------------------------------------------------------------

const KindName& KindOf(int table) {
  static const std::vector<KindName> kinds = [] {
    std::vector<KindName> all;
    for (int t = 0; t < kTables; ++t) {
      all.emplace_back(absl::StrCat("bench.example.com/", TableName(t)));
    }
    return all;
  }();
  return kinds[static_cast<size_t>(table)];
}

const KindName kOrganization("bench.example.com/organization");
const KindName kTarget("bench.example.com/target");
const KindName kReferrer("bench.example.com/referrer");

ResourceKey OrganizationKey(uint64_t n) {
  return {kOrganization, ResourceName(absl::StrCat("organizations/", n))};
}

ResourceKey TargetKey(uint64_t n) {
  return {kTarget, ResourceName(absl::StrCat("projects/p1/targets/", n))};
}

CreateRow Create(Ids& ids, ResourceKey key) {
  CreateRow create;
  create.row.key = std::move(key);
  create.row.uid = Uid(ids.uuid());
  create.row.version = Version(1);
  create.row.body = Body();
  return create;
}

// Who refers to whom among the ten, by number of table: a route to its gateway and subnet, a subnet
// to its router.
constexpr std::pair<int, int> kReferences[] = {{3, 5}, {3, 4}, {4, 2}};

storage::Batch ProjectOfResources(Ids& ids) {
  storage::Batch batch{.label = "project.create"};
  const ResourceKey organization = OrganizationKey(ids.below(kOrganizations));
  const std::string project = absl::StrCat(organization.name.str(), "/projects/", ids.uuid());
  const std::string vpc = absl::StrCat(project, "/vpcs/default");
  std::vector<CreateRow> rows;
  for (int table = 0; table < kTables; ++table) {
    std::string name = absl::StrCat(vpc, "/", TableName(table), "s/default");
    if (table < 2) name = table == 0 ? project : vpc;
    rows.push_back(Create(ids, {KindOf(table), ResourceName(std::move(name))}));
  }
  for (const auto& [from, to] : kReferences) {
    CreateRow& source = rows[static_cast<size_t>(from)];
    source.edges.push_back({.target = rows[static_cast<size_t>(to)].row.key,
                            .source = source.row.key,
                            .field = TableName(to)});
  }
  // The parents of all, and the targets.
  batch.add(RequireTarget{organization});
  for (int table : {0, 1, 2, 4, 5}) {
    batch.add(RequireTarget{rows[static_cast<size_t>(table)].row.key});
  }
  for (CreateRow& row : rows) batch.add(std::move(row));
  return batch;
}

storage::Batch Referrer(Ids& ids, Target which) {
  storage::Batch batch{.label = "referrer.create"};
  const ResourceKey target = TargetKey(which == Target::kHot ? 0 : ids.below(kTargets));
  CreateRow create =
      Create(ids, {kReferrer, ResourceName(absl::StrCat("projects/p1/referrers/", ids.uuid()))});
  create.edges.push_back({.target = target, .source = create.row.key, .field = "target"});
  batch.add(RequireTarget{target});
  batch.add(std::move(create));
  return batch;
}

Task<void> CommitToEngine(storage::Engine& engine, storage::Batch batch) {
  const storage::Commit done = co_await engine.commit(std::move(batch));
  HF_CHECK(done.ok()) << done.status.ToString() << " " << done.failure->message;
}

// --- contenders ---------------------------------------------------------------------------------

Contender MakeCoroutines(std::string name, RealEnv& env, int clients, Stretch stretch,
                         std::function<Task<void>(Ids&)> once) {
  auto ids = std::make_shared<std::vector<Ids>>();
  for (int client = 0; client < clients; ++client) ids->emplace_back(client);
  return {.name = std::move(name), .run = [&env, ids, clients, stretch, once = std::move(once)] {
            return RunCoroutines(env, clients, stretch, [&](int client) {
              return once((*ids)[static_cast<size_t>(client)]);
            });
          }};
}

}  // namespace

Contender MakeBatch(std::string name, RealEnv& env, batch::Database& database, int clients,
                    Stretch stretch) {
  return MakeCoroutines(std::move(name), env, clients, stretch,
                        [&database](Ids& ids) { return CommitProject(database, ids); });
}

void FillEngine(RealEnv& env, storage::Engine& engine) {
  constexpr uint64_t kRowsAtOnce = 500;
  Ids ids(0);
  for (uint64_t first = 0; first < kTargets; first += kRowsAtOnce) {
    storage::Batch batch{.label = "fill"};
    for (uint64_t n = first; n < first + kRowsAtOnce; ++n) {
      batch.add(Create(ids, TargetKey(n)));
      if (n < kOrganizations) batch.add(Create(ids, OrganizationKey(n)));
    }
    env.run(CommitToEngine(engine, std::move(batch)));
  }
}

Contender MakeEngineProject(std::string name, RealEnv& env, storage::Engine& engine, int clients,
                            Stretch stretch) {
  return MakeCoroutines(std::move(name), env, clients, stretch, [&engine](Ids& ids) {
    return CommitToEngine(engine, ProjectOfResources(ids));
  });
}

Contender MakeCheckedCreate(std::string name, RealEnv& env, storage::Engine& engine, Target target,
                            int clients, Stretch stretch) {
  return MakeCoroutines(std::move(name), env, clients, stretch, [&engine, target](Ids& ids) {
    return CommitToEngine(engine, Referrer(ids, target));
  });
}

}  // namespace holdfast::bench
