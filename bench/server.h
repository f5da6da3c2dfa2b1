// The PostgreSQL server of a benchmark: a cluster of its own that waits for the disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/testing/postgres_cluster.h"

namespace holdfast::bench {

// PostgreSQL's defaults, but for these: memory as one would give it, and no checkpoint in the
// middle of a round. All contenders use the same server.
[[nodiscard]] const std::vector<std::string>& Settings();

[[nodiscard]] std::unique_ptr<testing::PostgresCluster> StartServer();

// The same database through another port of 127.0.0.1.
[[nodiscard]] std::string ThroughPort(const testing::PostgresCluster& cluster, std::string_view dsn,
                                      int port);

// Runs the statements one by one.
void RunAll(const std::string& dsn, const std::vector<std::string>& statements);

}  // namespace holdfast::bench
