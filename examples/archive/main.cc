// archive-import: reads a Packages list, and makes a Holdfast server hold it.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "examples/archive/import.h"

namespace {

using holdfast::archive::ImportResult;

struct Flags {
  std::string server = "127.0.0.1:7443";
  std::string packages = "-";
  holdfast::archive::ImportOptions import;
};

std::string ReadAll(std::istream& in) {
  std::string text;
  std::array<char, 1 << 16> block;
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<size_t>(in.gcount()));
  }
  return text;
}

std::string ReadAll(const std::string& path) {
  if (path == "-") return ReadAll(std::cin);
  std::ifstream file(path, std::ios::binary);
  return ReadAll(file);
}

// On a terminal: a bar that redraws itself; elsewhere: a line each tenth.
void ShowProgress(size_t done, size_t all) {
  constexpr size_t kWidth = 40;
  static size_t last_tenth = 0;
  if (all == 0) return;
  const size_t filled = std::min(kWidth, done * kWidth / all);
  if (isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "\r[%s%s] %zu of %zu", std::string(filled, '#').c_str(),
                 std::string(kWidth - filled, '.').c_str(), done, all);
    if (done >= all) std::fputc('\n', stderr);
  } else if (done * 10 / all != last_tenth) {
    last_tenth = done * 10 / all;
    std::fprintf(stderr, "imported %zu of %zu\n", done, all);
  }
}

void Print(const ImportResult& r) {
  absl::PrintF(
      "{\"packages\":%d,\"sources\":%d,\"references\":%d,\"recommends\":%d,\"cycles\":%d,"
      "\"created\":%d,\"updated\":%d,\"completed\":%d,\"requests\":%d,\"seconds\":%.3f,"
      "\"requests_per_second\":%.1f}\n",
      r.packages, r.sources, r.references, r.recommends, r.cycles, r.created, r.updated,
      r.completed, r.requests, r.seconds,
      r.seconds > 0 ? static_cast<double>(r.requests) / r.seconds : 0.0);
}

int Fail(const absl::Status& status) {
  std::cerr << "archive-import: " << status.message() << "\n";
  return 1;
}

int Run(const Flags& flags) {
  absl::StatusOr<holdfast::archive::Index> index =
      holdfast::archive::ParsePackages(ReadAll(flags.packages));
  if (!index.ok()) return Fail(index.status());
  if (index->packages.empty()) {
    return Fail(absl::InvalidArgumentError("the list has no packages"));
  }
  absl::StatusOr<std::unique_ptr<holdfast::archive::Remote>> remote =
      holdfast::archive::Remote::Connect(flags.server);
  if (!remote.ok()) return Fail(remote.status());
  absl::StatusOr<ImportResult> result = holdfast::archive::Import(**remote, *index, flags.import);
  if (!result.ok()) return Fail(result.status());
  Print(*result);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Imports a Debian Packages list into a Holdfast server.");
  Flags flags;
  flags.import.progress = ShowProgress;
  app.add_option("--server", flags.server, "host:port of the server's gRPC")->capture_default_str();
  app.add_option("--packages", flags.packages, "the list; - is standard input")
      ->capture_default_str();
  app.add_option("--suite", flags.import.suite, "the release, for example bookworm")->required();
  app.add_option("--batch", flags.import.batch_size, "operations in one request")
      ->capture_default_str();
  app.add_option("--in-flight", flags.import.in_flight, "requests under way at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--patience", flags.import.patience_seconds,
                 "seconds to wait for a server that is away")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return Run(flags);
}
