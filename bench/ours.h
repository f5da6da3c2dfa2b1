// The contenders that are ours: a batch::Database and a storage::Engine, with a coroutine for each
// client on one env.
#pragma once

#include <string>

#include "bench/compare.h"
#include "bench/project.h"
#include "holdfast/batch/database.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/storage/engine.h"

namespace holdfast::bench {

// "Project create": the twelve statements as steps, the organization a guard, the limit one row.
[[nodiscard]] Contender MakeBatch(std::string name, RealEnv& env, batch::Database& database,
                                  int clients, Stretch stretch);

// Rows that the others need: the organizations, and the targets of references.
void FillEngine(RealEnv& env, storage::Engine& engine);

// "Project create" as resources: ten rows with their parents checked, three references among them.
[[nodiscard]] Contender MakeEngineProject(std::string name, RealEnv& env, storage::Engine& engine,
                                          int clients, Stretch stretch);

inline constexpr int kTargets = 10000;
enum class Target { kRandom, kHot };  // one of kTargets, or always the same

// One row that refers to a target, which must be there.
[[nodiscard]] Contender MakeCheckedCreate(std::string name, RealEnv& env, storage::Engine& engine,
                                          Target target, int clients, Stretch stretch);

}  // namespace holdfast::bench
