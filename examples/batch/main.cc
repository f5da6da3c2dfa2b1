// batch-example [DSN]: creates projects with their networks, each in one batch, in a SQLite
// database of its own or in a PostgreSQL one (where it makes its tables example_… anew).
#include <iostream>

#include "holdfast/batch/postgres/postgres_database.h"
#include "holdfast/batch/sqlite/sqlite_database.h"
#include "holdfast/real_env/real_env.h"

using namespace holdfast::batch;  // NOLINT: a program of one file

static Step InsertProject(std::string uid, std::string org, std::string name) {
  Step step{.label = "project",
            .sql = "INSERT INTO example_project (uid, org, name) VALUES ($1, $2, $3)",
            .binds = {{uid, org, name}}};
  // Only this constraint is the client's business. A uid that is there already would be a bug.
  step.errors.on_constraint("project_name", [name](const Failure&) {
    return absl::AlreadyExistsError("there is a project " + name);
  });
  return step;
}

// One project more, if the organization's limit allows. Returns how many there are then.
static Step TakeLimit(std::string org) {
  Step step{.label = "limit",
            .sql =
                "UPDATE example_limit SET used = used + 1 "
                "WHERE org = $1 AND used < max RETURNING used",
            .binds = {{org}},
            .expect = Expect::Exactly(1),
            .observe = "SELECT max FROM example_limit WHERE org = CAST($1 AS text)"};
  step.errors.on_row_count([org](const Failure& failure) {
    if (failure.observed.empty()) return absl::NotFoundError("no organization " + org);
    const int64_t max = std::get<int64_t>(failure.observed[0]);
    return absl::ResourceExhaustedError(org + " may have " + std::to_string(max) + " projects");
  });
  return step;
}

// Steps that belong together are a fragment, which doesn't know what batch it will be part of.
static Fragment CreateVpc(std::string project) {
  Fragment fragment(Step{.label = "vpc",
                         .sql = "INSERT INTO example_vpc (project, name) VALUES ($1, 'default')",
                         .binds = {{project}}});
  fragment.add(Step{.label = "subnet",
                    .sql = "INSERT INTO example_subnet (project, range) VALUES ($1, $2)",
                    .binds = {{project, "10.0.0.0/16"}, {project, "10.1.0.0/16"}}});
  return fragment;
}

static void CreateProject(holdfast::RealEnv& env, Database& db, std::string org, std::string name) {
  const std::string uid = holdfast::NewUid(env).str();
  Batch batch("project.create");
  batch.add(InsertProject(uid, org, name));
  batch.add("vpc.create", CreateVpc(uid));
  const StepHandle limit = batch.add(TakeLimit(org));
  const Outcome done = env.run(db.commit(std::move(batch)));
  std::cout << org << "/" << name << ": ";
  if (done.ok()) {
    std::cout << "created, number " << std::get<int64_t>(done.rows(limit)[0][0]) << "\n";
  } else {
    const absl::Status& why = done.status();
    std::cout << done.failure()->label << ": " << why.code() << ": " << why.message() << "\n";
  }
}

static Batch MakeTables() {
  Batch batch("tables");
  for (const std::string table : {"project", "vpc", "subnet", "limit"})
    batch.add(Step{.sql = "DROP TABLE IF EXISTS example_" + table});
  for (const char* sql :
       {"CREATE TABLE example_project (uid text PRIMARY KEY, org text NOT NULL, name text NOT NULL,"
        " CONSTRAINT project_name UNIQUE (org, name))",
        "CREATE TABLE example_vpc (project text, name text, PRIMARY KEY (project, name))",
        "CREATE TABLE example_subnet (project text, range text, PRIMARY KEY (project, range))",
        "CREATE TABLE example_limit (org text PRIMARY KEY, used bigint, max bigint)",
        "INSERT INTO example_limit VALUES ('acme', 0, 1)"}) {
    batch.add(Step{.sql = sql});
  }
  return batch;
}

int main(int argc, char** argv) {
  holdfast::RealEnv env;
  const auto open = [&]() -> absl::StatusOr<std::unique_ptr<Database>> {
    if (argc > 1) return env.run(OpenPostgres(env, {.dsn = argv[1]}));
    sqlite::ConstraintNames names;
    names["unique(example_project.org,example_project.name)"] = "project_name";
    return sqlite::SqliteDatabase::Open(env, {.path = ":memory:", .constraint_names = names});
  };
  const absl::StatusOr<std::unique_ptr<Database>> database = open();
  if (!database.ok()) return std::cerr << database.status().message() << "\n", 1;
  const Outcome tables = env.run((*database)->commit(MakeTables()));
  if (!tables.ok()) return std::cerr << tables.status().message() << "\n", 1;
  CreateProject(env, **database, "acme", "web");
  CreateProject(env, **database, "acme", "web");   // the name is taken
  CreateProject(env, **database, "acme", "shop");  // over the limit
  CreateProject(env, **database, "none", "web");
}
