#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/groups.h"
#include "bench/holdfastd.h"
#include "holdfast/base/check.h"
#include "nlohmann/json.hpp"

namespace holdfast::bench {
namespace {

// The packages of this machine's release, as the tour imports them.
std::string PackagesFile(const std::string& folder) {
  const std::string path = folder + "/Packages";
  Process list({"examples/archive/apt-list.sh"}, "");
  std::ofstream(path) << list.finish();
  return path;
}

struct Imported {
  double seconds = 0;
  nlohmann::json counts;  // of everything but time
};

// Into a new server on an empty database.
Imported Import(const std::string& database, const std::string& packages) {
  const Holdfastd server(
      {.service = "archive.example.com", .protos = "examples/archive/proto", .database = database});
  Process import({ProgramPath("archive-import"), "--server", server.grpc(), "--suite", "bench",
                  "--packages", packages},
                 "/dev/null");
  nlohmann::json said = nlohmann::json::parse(import.finish());
  Imported imported{.seconds = said["seconds"], .counts = said};
  for (const char* varying : {"seconds", "requests_per_second"}) imported.counts.erase(varying);
  return imported;
}

}  // namespace

void CompareImport(const Setting& setting) {
  std::string folder =
      (std::filesystem::temp_directory_path() / "holdfast-bench-import-XXXXXX").string();
  HF_CHECK(mkdtemp(folder.data()) != nullptr);
  const std::string packages = PackagesFile(folder);
  nlohmann::json counts;
  const auto contender = [&](const std::string& name, std::function<std::string()> database) {
    return Contender{.name = name, .run = [&, database = std::move(database)] {
                       const Imported imported = Import(database(), packages);
                       if (counts.is_null()) counts = imported.counts;
                       HF_CHECK(counts == imported.counts) << counts << imported.counts;
                       const auto rows =
                           counts["packages"].get<double>() + counts["sources"].get<double>();
                       // One import is one operation, as long as it took.
                       return Sample{.per_second = rows / imported.seconds,
                                     .p50_us = imported.seconds * 1e6,
                                     .p99_us = imported.seconds * 1e6,
                                     .mean_us = imported.seconds * 1e6,
                                     .done = 1};
                     }};
  };
  int files = 0;
  const std::vector<Measured> measured =
      Compare({contender("SQLite",
                         [&] { return SqliteDatabase(absl::StrCat(folder, "/", ++files, ".db")); }),
               contender("PostgreSQL",
                         [&] { return PostgresDatabase(setting.cluster.create_database()); })},
              setting.rounds);
  std::filesystem::remove_all(folder);
  setting.report.add("import of the package archive: resources per s, time of the whole", measured);
  setting.report.figures("counts, the same in all",
                         {{"packages", counts["packages"]}, {"references", counts["references"]}});
  // 1.5 times SQLite's time is a ratio of 0.67.
  setting.report.ratio("import_postgres_vs_sqlite",
                       Ratios(measured, "SQLite", "PostgreSQL", &Sample::mean_us), 1 / 1.5);
}

}  // namespace holdfast::bench
