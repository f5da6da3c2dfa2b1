#include "bench/server.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "bench/pq.h"
#include "holdfast/base/strings.h"

namespace holdfast::bench {

const std::vector<std::string>& Settings() {
  static const std::vector<std::string> settings = {
      "fsync=on",         "synchronous_commit=on",   "full_page_writes=on", "shared_buffers=256MB",
      "max_wal_size=4GB", "checkpoint_timeout=15min"};
  return settings;
}

std::unique_ptr<testing::PostgresCluster> StartServer() {
  return testing::PostgresCluster::Start(
      {.fsync = testing::PostgresCluster::Options::Fsync::kOn, .settings = Settings()});
}

std::string ThroughPort(const testing::PostgresCluster& cluster, std::string_view dsn, int port) {
  return absl::StrReplaceAll(
      ToAbsl(dsn), {{absl::StrCat("host=", cluster.socket_folder()), "host=127.0.0.1"},
                    {absl::StrCat("port=", cluster.port()), absl::StrCat("port=", port)}});
}

void RunAll(const std::string& dsn, const std::vector<std::string>& statements) {
  Pq pq(dsn);
  for (const std::string& statement : statements) pq.exec(statement);
}

}  // namespace holdfast::bench
