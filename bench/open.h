// Opens what is ours on PostgreSQL; what can't be opened ends the program.
#pragma once

#include <memory>
#include <string>

#include "holdfast/batch/database.h"
#include "holdfast/real_env/real_env.h"
#include "holdfast/storage/engine.h"

namespace holdfast::bench {

[[nodiscard]] std::unique_ptr<batch::Database> OpenDatabase(RealEnv& env, const std::string& dsn,
                                                            size_t connections);
[[nodiscard]] std::unique_ptr<storage::Engine> OpenEngine(RealEnv& env, const std::string& dsn);

}  // namespace holdfast::bench
