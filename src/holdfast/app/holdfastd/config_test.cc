#include "holdfast/app/holdfastd/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "holdfast/app/holdfastd/log.h"
#include "holdfast/base/strings.h"

namespace holdfast::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kDeployment[] =
    "deployments:\n"
    "  - service: a.example.com\n"
    "    region: here\n"
    "    protos: [one, two]\n"
    "    database: {sqlite: a.db}\n";

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "f.yaml");
  return config.ok() ? "" : std::string(ToStd(config.status().message()));
}

TEST(Config, HasDefaultsForAllButDeployments) {
  const absl::StatusOr<Config> config = ParseConfig(kDeployment, "f.yaml");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->listen_grpc, "127.0.0.1:7443");
  EXPECT_EQ(config->listen_http, "127.0.0.1:7080");
  EXPECT_EQ(config->retention, Seconds(24 * 3600));
  ASSERT_EQ(config->deployments.size(), 1);
  EXPECT_EQ(config->deployments[0].service, ServiceDomain("a.example.com"));
  EXPECT_EQ(config->deployments[0].protos, std::vector<std::string>({"one", "two"}));
  EXPECT_EQ(config->deployments[0].sqlite, "a.db");
}

TEST(Config, ReadsEverything) {
  const absl::StatusOr<Config> config = ParseConfig(
      absl::StrCat("listen: {grpc: '[::1]:1', http: 'localhost:0'}\n"
                   "log: {level: debug, format: json}\n"
                   "limits: {max_request_bytes: 1MiB, max_requests_in_flight: 7, max_streams: 8,\n"
                   "         max_connections: 9, max_batch_ops: 10, cache_bytes: 0}\n"
                   "retention: 2h\nstop_timeout: 500ms\nstart_timeout: 1m\nthreads: 3\n",
                   kDeployment),
      "f.yaml");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->listen_grpc, "[::1]:1");
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
  EXPECT_EQ(config->log_format, LogFormat::kJson);
  EXPECT_EQ(config->max_request_bytes, 1 << 20);
  EXPECT_EQ(config->max_requests_in_flight, 7);
  EXPECT_EQ(config->max_streams, 8);
  EXPECT_EQ(config->max_connections, 9);
  EXPECT_EQ(config->max_batch_ops, 10);
  EXPECT_EQ(config->cache_bytes, 0);
  EXPECT_EQ(config->retention, Seconds(7200));
  EXPECT_EQ(config->stop_timeout, Milliseconds(500));
  EXPECT_EQ(config->start_timeout, Seconds(60));
  EXPECT_EQ(config->threads, 3);
}

TEST(Config, SaysWhereEachErrorIs) {
  EXPECT_THAT(ErrorOf("listen: {grcp: x}\n"), StartsWith("f.yaml:1:10: unknown key \"grcp\""));
  EXPECT_THAT(ErrorOf("\nnonsense: 1\n"), StartsWith("f.yaml:2:1: unknown key \"nonsense\""));
  EXPECT_THAT(ErrorOf("listen: {grpc: x}\n"), StartsWith("f.yaml:1:16: an address"));
  EXPECT_THAT(ErrorOf("listen: {grpc: 'h:70000'}\n"), StartsWith("f.yaml:1:16: an address"));
  EXPECT_THAT(ErrorOf("listen: {grpc: 'h:'}\n"), StartsWith("f.yaml:1:16: an address"));
  EXPECT_THAT(ErrorOf("listen: 3\n"), StartsWith("f.yaml:1:9: listen must be a map"));
  EXPECT_THAT(ErrorOf("log: {level: loud}\n"), StartsWith("f.yaml:1:14: must be one of debug"));
  EXPECT_THAT(ErrorOf("retention: 5\n"), StartsWith("f.yaml:1:12: a length of time"));
  EXPECT_THAT(ErrorOf("retention: 5000d\n"), StartsWith("f.yaml:1:12: out of range"));
  EXPECT_THAT(ErrorOf("threads: many\n"), StartsWith("f.yaml:1:10: a whole number"));
  EXPECT_THAT(ErrorOf("threads: 99999999999999999999\n"), StartsWith("f.yaml:1:10: a whole"));
  EXPECT_THAT(ErrorOf("limits: {max_batch_ops: 0}\n"), StartsWith("f.yaml:1:25: out of range"));
  EXPECT_THAT(ErrorOf("limits: {max_request_bytes: 1TB}\n"), StartsWith("f.yaml:1:29: a size"));
  EXPECT_THAT(ErrorOf("threads: 1\nthreads: 2\n"), StartsWith("f.yaml:2:1: the key \"threads\""));
  EXPECT_THAT(ErrorOf("a: [\n"), StartsWith("f.yaml:2:1: "));
  EXPECT_THAT(ErrorOf("- x\n"), StartsWith("f.yaml:1:1: the file must be a map"));
}

TEST(Config, CollectsAllErrors) {
  const std::string errors = ErrorOf("x: 1\ny: 2\n");
  EXPECT_THAT(errors, HasSubstr("f.yaml:1:1:"));
  EXPECT_THAT(errors, HasSubstr("f.yaml:2:1:"));
}

TEST(Config, WantsCompleteDeployments) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("at least one is needed"));
  EXPECT_THAT(ErrorOf("deployments: []\n"), HasSubstr("at least one is needed"));
  const std::string empty = ErrorOf("deployments: [{}]\n");
  for (const char* field : {"protos:", "service:", "region:", "database:"}) {
    EXPECT_THAT(empty, HasSubstr(absl::StrCat("f.yaml:1:15: ", field)));
  }
  EXPECT_THAT(ErrorOf("deployments: [x]\n"), StartsWith("f.yaml:1:15: a deployment must be a map"));
}

TEST(Config, RefusesTwoDeploymentsOfOneServiceOrDatabase) {
  const std::string second =
      "  - {service: a.example.com, region: here, protos: [one], database: {sqlite: b.db}}\n"
      "  - {service: c.example.com, region: here, protos: [one], database: {sqlite: a.db}}\n";
  const std::string errors = ErrorOf(kDeployment + second);
  EXPECT_THAT(errors, HasSubstr("a.example.com is there twice"));
  EXPECT_THAT(errors, HasSubstr("two have the database a.db"));
}

// A deployment of `service` in region here; `database` is what stands in the braces.
std::string DeploymentOn(const std::string& service, const std::string& database) {
  return absl::StrCat("  - {service: ", service, ", region: here, protos: [p],\n     database: {",
                      database, "}}\n");
}

TEST(Config, ReadsWhichPostgresSchemaADeploymentIsIn) {
  const absl::StatusOr<Config> config = ParseConfig(
      absl::StrCat("deployments:\n", DeploymentOn("my-net.example.com", "postgres: {dsn: host=h}"),
                   DeploymentOn("b.c",
                                "postgres: {dsn: host=h, schema: other_1, "
                                "isolation: serializable, connections: 3}")),
      "f.yaml");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  const batch::PostgresOptions& first = *config->deployments[0].postgres;
  EXPECT_EQ(first.dsn, "host=h");
  EXPECT_EQ(first.schema, "my_net_example_com_here");
  EXPECT_EQ(first.isolation, batch::Isolation::kReadCommitted);
  EXPECT_EQ(first.connections, 16);
  const batch::PostgresOptions& second = *config->deployments[1].postgres;
  EXPECT_EQ(second.schema, "other_1");
  EXPECT_EQ(second.isolation, batch::Isolation::kSerializable);
  EXPECT_EQ(second.connections, 3);
}

TEST(Config, SaysWhatIsWrongWithAPostgresDatabase) {
  const auto error = [](const std::string& database) {
    return ErrorOf("deployments:\n" + DeploymentOn("a.b", database));
  };
  EXPECT_THAT(error("postgres: {}"), StartsWith("f.yaml:3:27: dsn: a connection string"));
  EXPECT_THAT(error("postgres: x"), StartsWith("f.yaml:3:27: postgres must be a map"));
  EXPECT_THAT(error("postgres: {dsn: x, schema: A}"), StartsWith("f.yaml:3:44: a name is wanted"));
  EXPECT_THAT(error("postgres: {dsn: x, schema: 1a}"), StartsWith("f.yaml:3:44: a name"));
  EXPECT_THAT(error("postgres: {dsn: x, schema: pg_a}"), StartsWith("f.yaml:3:44: a name"));
  EXPECT_THAT(error("postgres: {dsn: x, isolation: none}"),
              StartsWith("f.yaml:3:47: must be one of read_committed, serializable"));
  EXPECT_THAT(error("postgres: {dsn: x, connections: 0}"), StartsWith("f.yaml:3:49: out of range"));
  EXPECT_THAT(error("sqlite: a.db, postgres: {dsn: x}"),
              StartsWith("f.yaml:2:5: database: either sqlite or postgres"));
  EXPECT_THAT(ErrorOf("deployments:\n" + DeploymentOn(std::string(60, 'a'), "postgres: {dsn: x}")),
              HasSubstr("the default would be too long"));
}

TEST(Config, RefusesTwoDeploymentsInOnePostgresSchemaWithoutShowingThePassword) {
  const std::string database = "postgres: {dsn: password=secret, schema: s}";
  const std::string errors =
      ErrorOf("deployments:\n" + DeploymentOn("a.b", database) + DeploymentOn("c.d", database));
  EXPECT_THAT(errors, HasSubstr("two have the schema s"));
  EXPECT_THAT(errors, Not(HasSubstr("secret")));
}

TEST(Config, SaysIfTheFileCannotBeRead) {
  EXPECT_EQ(LoadConfig("/nowhere/holdfastd.yaml").status().code(), absl::StatusCode::kNotFound);
}

TEST(LogLine, IsForPeopleOrMachines) {
  const LogFields fields = {{"peer", "a \"b\""}, {"error", "two\nlines"}};
  EXPECT_EQ(LogLine(LogFormat::kText, "call", fields),
            "call peer=\"a \\\"b\\\"\" error=\"two\\\\nlines\"");
  EXPECT_EQ(LogLine(LogFormat::kJson, "call", fields),
            "\"message\":\"call\",\"peer\":\"a \\\"b\\\"\",\"error\":\"two\\\\nlines\"");
}

}  // namespace
}  // namespace holdfast::app
