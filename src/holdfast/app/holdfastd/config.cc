#include "holdfast/app/holdfastd/config.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/strings.h"

namespace holdfast::app {
namespace {

using Reader = std::function<void(const YAML::Node&)>;

// Reads nodes into a Config and collects what is wrong.
class Parser {
 public:
  explicit Parser(std::string_view file) : file_(file) {}

  absl::StatusOr<Config> run(const YAML::Node& root) {
    Config config;
    // An empty file is an empty map.
    if (!root.IsNull()) read_root(root, config);
    if (config.deployments.empty() && errors_.empty()) {
      fail(YAML::Mark(), "deployments: at least one is needed");
    }
    check_twice(config);
    if (!errors_.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    return config;
  }

  void fail(const YAML::Mark& mark, std::string_view problem) {
    errors_.push_back(
        absl::StrCat(file_, ":", mark.line + 1, ":", mark.column + 1, ": ", ToAbsl(problem)));
  }
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }

 private:
  void read_root(const YAML::Node& root, Config& config) {
    map(root, "the file",
        {{"listen", [&](const YAML::Node& node) { read_listen(node, config); }},
         {"log", [&](const YAML::Node& node) { read_log(node, config); }},
         {"limits", [&](const YAML::Node& node) { read_limits(node, config); }},
         {"retention", [&](const YAML::Node& node) { duration(node, config.retention); }},
         {"start_timeout", [&](const YAML::Node& node) { duration(node, config.start_timeout); }},
         {"stop_timeout", [&](const YAML::Node& node) { duration(node, config.stop_timeout); }},
         {"threads",
          [&](const YAML::Node& node) {
            size_t threads = 0;
            number(node, 0, 1024, threads);
            config.threads = static_cast<int>(threads);
          }},
         {"deployments", [&](const YAML::Node& node) {
            sequence(node, "deployments", [&](const YAML::Node& one) {
              config.deployments.emplace_back();
              read_deployment(one, config.deployments.back());
            });
          }}});
  }

  void read_listen(const YAML::Node& node, Config& config) {
    map(node, "listen",
        {{"grpc", [&](const YAML::Node& value) { address(value, config.listen_grpc); }},
         {"http", [&](const YAML::Node& value) { address(value, config.listen_http); }}});
  }

  void read_log(const YAML::Node& node, Config& config) {
    map(node, "log",
        {{"level",
          [&](const YAML::Node& value) {
            choice<LogLevel>(value, config.log_level,
                             {{"debug", LogLevel::kDebug},
                              {"info", LogLevel::kInfo},
                              {"warn", LogLevel::kWarn},
                              {"error", LogLevel::kError}});
          }},
         {"format", [&](const YAML::Node& value) {
            choice<LogFormat>(value, config.log_format,
                              {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
          }}});
  }

  void read_limits(const YAML::Node& node, Config& config) {
    constexpr size_t kMany = 1'000'000;
    map(node, "limits",
        {{"max_request_bytes",
          [&](const YAML::Node& value) { bytes(value, 1024, 1 << 30, config.max_request_bytes); }},
         {"max_requests_in_flight",
          [&](const YAML::Node& value) { number(value, 1, kMany, config.max_requests_in_flight); }},
         {"max_streams",
          [&](const YAML::Node& value) { number(value, 0, kMany, config.max_streams); }},
         {"max_connections",
          [&](const YAML::Node& value) { number(value, 1, kMany, config.max_connections); }},
         {"max_batch_ops",
          [&](const YAML::Node& value) { number(value, 1, 10'000, config.max_batch_ops); }},
         {"cache_bytes", [&](const YAML::Node& value) {
            bytes(value, 0, size_t{64} << 30, config.cache_bytes);
          }}});
  }

  void read_deployment(const YAML::Node& node, DeploymentConfig& deployment) {
    std::string service;
    std::string version;
    std::string region;
    map(node, "a deployment",
        {{"protos",
          [&](const YAML::Node& value) {
            sequence(value, "protos", [&](const YAML::Node& folder) {
              text(folder, deployment.protos.emplace_back());
            });
          }},
         {"service", [&](const YAML::Node& value) { text(value, service); }},
         {"version", [&](const YAML::Node& value) { text(value, version); }},
         {"region", [&](const YAML::Node& value) { text(value, region); }},
         {"database", [&](const YAML::Node& value) { read_database(value, deployment); }}});
    deployment.service = ServiceDomain(service);
    deployment.version = ApiVersion(version);
    deployment.region = Region(region);
    if (!node.IsMap()) return;
    if (deployment.protos.empty()) fail(node.Mark(), "protos: at least one folder is needed");
    if (service.empty()) fail(node.Mark(), "service: a domain is needed");
    if (region.empty()) fail(node.Mark(), "region: a name is needed");
    if (deployment.sqlite.empty() != deployment.postgres.has_value()) {
      fail(node.Mark(), "database: either sqlite or postgres is needed");
    }
    if (deployment.postgres.has_value()) check_postgres(node, deployment);
  }

  void read_database(const YAML::Node& node, DeploymentConfig& deployment) {
    map(node, "database",
        {{"sqlite", [&](const YAML::Node& path) { text(path, deployment.sqlite); }},
         {"postgres",
          [&](const YAML::Node& value) { read_postgres(value, deployment.postgres.emplace()); }}});
  }

  void read_postgres(const YAML::Node& node, batch::PostgresOptions& postgres) {
    map(node, "postgres",
        {{"dsn", [&](const YAML::Node& value) { text(value, postgres.dsn); }},
         {"schema", [&](const YAML::Node& value) { schema(value, postgres.schema); }},
         {"isolation",
          [&](const YAML::Node& value) {
            choice<batch::Isolation>(value, postgres.isolation,
                                     {{"read_committed", batch::Isolation::kReadCommitted},
                                      {"serializable", batch::Isolation::kSerializable}});
          }},
         {"connections",
          [&](const YAML::Node& value) { number(value, 1, 1000, postgres.connections); }}});
    if (node.IsMap() && postgres.dsn.empty()) {
      fail(node.Mark(), "dsn: a connection string of PostgreSQL is needed");
    }
  }

  void check_postgres(const YAML::Node& node, DeploymentConfig& deployment) {
    std::string& name = deployment.postgres->schema;
    if (name.empty()) name = DefaultPostgresSchema(deployment.service, deployment.region);
    if (name.size() > kMaxPostgresSchemaBytes) {
      fail(node.Mark(), "database.postgres.schema: the default would be too long; choose a name");
    }
  }

  // A name that needs no quotes.
  void schema(const YAML::Node& node, std::string& out) {
    text(node, out);
    const bool good = !out.empty() && out.size() <= kMaxPostgresSchemaBytes &&
                      !absl::ascii_isdigit(static_cast<unsigned char>(out[0])) &&
                      out == DefaultPostgresSchema(ServiceDomain(out), Region()) &&
                      !out.starts_with("pg_");
    if (!good) {
      fail(node.Mark(), "a name is wanted here: a-z, 0-9 and _, not beginning with a digit or pg_");
    }
  }

  void check_twice(const Config& config) {
    std::map<std::string, std::string> services;
    std::set<std::string> databases;
    for (const DeploymentConfig& one : config.deployments) {
      const std::string& service = one.service.str();
      if (!services.emplace(service, service).second) {
        fail(YAML::Mark(), absl::StrCat("deployments: ", service, " is there twice"));
      }
      const std::string database =
          one.postgres.has_value()
              ? absl::StrCat("schema ", one.postgres->schema, " in ", one.postgres->dsn)
              : one.sqlite;
      if (!databases.insert(database).second) {
        fail(YAML::Mark(),
             one.postgres.has_value()
                 ? absl::StrCat("deployments: two have the schema ", one.postgres->schema)
                 : absl::StrCat("deployments: two have the database ", one.sqlite));
      }
    }
  }

  void map(const YAML::Node& node, std::string_view what,
           const std::map<std::string, Reader>& readers) {
    if (!node.IsMap()) return fail(node.Mark(), absl::StrCat(ToAbsl(what), " must be a map"));
    std::map<std::string, bool> seen;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      const auto reader = readers.find(key);
      if (reader == readers.end()) {
        fail(entry.first.Mark(), absl::StrCat("unknown key \"", ForMessage(key), "\"; known are ",
                                              absl::StrJoin(readers, ", ", KeyOnly)));
      } else if (!seen.emplace(key, true).second) {
        fail(entry.first.Mark(), absl::StrCat("the key \"", key, "\" is there twice"));
      } else {
        reader->second(entry.second);
      }
    }
  }

  static void KeyOnly(std::string* out, const std::pair<const std::string, Reader>& entry) {
    absl::StrAppend(out, entry.first);
  }

  void sequence(const YAML::Node& node, std::string_view what, const Reader& reader) {
    if (!node.IsSequence()) return fail(node.Mark(), absl::StrCat(ToAbsl(what), " must be a list"));
    for (const auto& element : node) reader(element);
  }

  void text(const YAML::Node& node, std::string& out) {
    if (!node.IsScalar() || node.Scalar().empty())
      return fail(node.Mark(), "a text is wanted here");
    out = node.Scalar();
  }

  // host:port, or unix:path.
  void address(const YAML::Node& node, std::string& out) {
    std::string value;
    text(node, value);
    const size_t colon = value.rfind(':');
    int port = -1;
    if (colon != std::string::npos) {
      const char* end = value.data() + value.size();
      if (std::from_chars(value.data() + colon + 1, end, port).ptr != end) port = -1;
    }
    const bool good = value.starts_with("unix:/") || (colon > 0 && port >= 0 && port <= 65535);
    if (!good) return fail(node.Mark(), "an address is wanted here, like 127.0.0.1:7443");
    out = std::move(value);
  }

  // A number and what follows it.
  [[nodiscard]] std::optional<std::pair<int64_t, std::string>> split(const YAML::Node& node) {
    if (!node.IsScalar()) return std::nullopt;
    const std::string& value = node.Scalar();
    int64_t count = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), count);
    if (read.ec != std::errc() || count < 0) return std::nullopt;
    return std::pair(count, std::string(read.ptr, value.data() + value.size()));
  }

  void in_units(const YAML::Node& node, const std::map<std::string, int64_t>& units,
                std::string_view wanted, int64_t least, int64_t most, int64_t& out) {
    const auto parts = split(node);
    const auto unit = parts.has_value() ? units.find(parts->second) : units.end();
    if (unit == units.end()) return fail(node.Mark(), wanted);
    if (parts->first > most / unit->second || parts->first * unit->second < least) {
      return fail(node.Mark(),
                  absl::StrCat("out of range: from ", least, " to ", most, " allowed"));
    }
    out = parts->first * unit->second;
  }

  void number(const YAML::Node& node, size_t least, size_t most, size_t& out) {
    int64_t value = static_cast<int64_t>(out);
    in_units(node, {{"", 1}}, "a whole number is wanted here", static_cast<int64_t>(least),
             static_cast<int64_t>(most), value);
    out = static_cast<size_t>(value);
  }

  void bytes(const YAML::Node& node, size_t least, size_t most, size_t& out) {
    int64_t value = static_cast<int64_t>(out);
    in_units(node, {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}},
             "a size is wanted here, like 16MiB", static_cast<int64_t>(least),
             static_cast<int64_t>(most), value);
    out = static_cast<size_t>(value);
  }

  void duration(const YAML::Node& node, Duration& out) {
    constexpr int64_t kYear = int64_t{366} * 24 * 3600 * 1'000'000;
    int64_t value = out.value();
    in_units(node,
             {{"ms", 1000},
              {"s", 1'000'000},
              {"m", 60'000'000},
              {"h", int64_t{3600} * 1'000'000},
              {"d", int64_t{24} * 3600 * 1'000'000}},
             "a length of time is wanted here, like 30s or 24h", 0, kYear, value);
    out = Duration(value);
  }

  template <class T>
  void choice(const YAML::Node& node, T& out, const std::map<std::string, T>& choices) {
    const auto found = node.IsScalar() ? choices.find(node.Scalar()) : choices.end();
    if (found != choices.end()) {
      out = found->second;
      return;
    }
    std::vector<std::string> names;
    for (const auto& [name, value] : choices) names.push_back(name);
    fail(node.Mark(), absl::StrCat("must be one of ", absl::StrJoin(names, ", ")));
  }

  const std::string file_;
  std::vector<std::string> errors_;
};

}  // namespace

std::string DefaultPostgresSchema(const ServiceDomain& service, const Region& region) {
  std::string name = service.str();
  if (!region.empty()) absl::StrAppend(&name, "_", region.str());
  for (char& c : name) {
    c = absl::ascii_tolower(static_cast<unsigned char>(c));
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file) {
  Parser parser(file);
  // yaml-cpp throws; nothing of that leaves here.
  try {
    return parser.run(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    parser.fail(error.mark, error.msg);
    return absl::InvalidArgumentError(absl::StrJoin(parser.errors(), "\n"));
  }
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("can't read ", path));
  std::string text(kMaxConfigBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":1:1: longer than ", kMaxConfigBytes, " bytes"));
  }
  return ParseConfig(text, path);
}

}  // namespace holdfast::app
