#include "bench/holdfastd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"
#include "nlohmann/json.hpp"

namespace holdfast::bench {
namespace {

// The text of one HTTP GET.
std::string Fetch(const std::string& address, const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(parts[1].c_str())));
  inet_pton(AF_INET, parts[0].c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  HF_CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) << address;
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
  HF_CHECK(::send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  std::string text;
  char part[4096];
  for (ssize_t n = 0; (n = ::recv(fd, part, sizeof part, 0)) > 0;) text.append(part, n);
  ::close(fd);
  return text;
}

}  // namespace

std::string SqliteDatabase(const std::string& path) { return absl::StrCat("{sqlite: ", path, "}"); }

std::string PostgresDatabase(const std::string& dsn) {
  return absl::StrCat("{postgres: {dsn: \"", dsn, "\"}}");
}

Holdfastd::Holdfastd(const HoldfastdOptions& options) {
  folder_ = (std::filesystem::temp_directory_path() / "holdfast-bench-XXXXXX").string();
  HF_CHECK(mkdtemp(folder_.data()) != nullptr);
  const std::string config = folder_ + "/holdfastd.yaml";
  std::ofstream(config) << "listen: {grpc: \"127.0.0.1:0\", http: \"127.0.0.1:0\"}\n"
                        << "deployments:\n  - service: " << options.service
                        << "\n    region: local\n    protos: [" << options.protos
                        << "]\n    database: " << options.database << "\n";
  const std::string log = folder_ + "/holdfastd.log";
  process_ = std::make_unique<Process>(
      std::vector<std::string>{ProgramPath("holdfastd"), "--config", config}, log);
  const std::string ready = process_->read_line();
  std::stringstream said;
  said << std::ifstream(log).rdbuf();
  HF_CHECK(absl::StrContains(ready, "ready grpc=")) << ready << said.str();
  for (const absl::string_view word : absl::StrSplit(ready, ' ')) {
    if (absl::StartsWith(word, "grpc=")) grpc_ = std::string(word.substr(5));
    if (absl::StartsWith(word, "http=")) http_ = std::string(word.substr(5));
  }
}

Holdfastd::~Holdfastd() {
  process_.reset();
  std::filesystem::remove_all(folder_);
}

double Holdfastd::metric(std::string_view name) const {
  double sum = 0;
  const std::string text = Fetch(http_, "/metrics");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, ToAbsl(name))) continue;
    const char after = line.size() > name.size() ? line[name.size()] : '\0';
    if (after != ' ' && after != '{') continue;
    sum += std::atof(std::string(line.substr(line.rfind(' ') + 1)).c_str());
  }
  return sum;
}

LoadResult RunLoad(const Holdfastd& server, const LoadOptions& options) {
  Process load({ProgramPath("bench_load"), "--server", server.grpc(), "--work", options.work,
                "--clients", absl::StrCat(options.clients), "--rate", absl::StrCat(options.rate),
                "--seconds", absl::StrCat(options.stretch.seconds), "--warm-up",
                absl::StrCat(options.stretch.warm_up_seconds)},
               "");
  const auto json = nlohmann::json::parse(load.finish());
  return {.sample = {.per_second = json["per_second"],
                     .p50_us = json["p50_us"],
                     .p99_us = json["p99_us"],
                     .mean_us = json["mean_us"],
                     .done = json["done"]},
          .cpu_seconds = json["cpu_seconds"],
          .failed = json["failed"]};
}

}  // namespace holdfast::bench
