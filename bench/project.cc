#include "bench/project.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace holdfast::bench {
namespace {

constexpr std::array<const char*, kTables> kNames = {
    "project", "vpc",     "router",        "route",           "subnet",
    "gateway", "address", "firewall_rule", "service_account", "quota"};

// Ids of the organizations: fixed, so that every client knows them.
constexpr const char* kOrganizationFormat = "00000000-0000-7000-8000-%012x";

}  // namespace

Ids::Ids(int client) : random_(std::random_device()() + static_cast<uint64_t>(client) * 7919) {}

std::string Ids::uuid() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ms =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  const uint64_t a = random_();
  const uint64_t b = random_();
  return absl::StrFormat("%08x-%04x-7%03x-8%03x-%012x", ms >> 16, ms & 0xffff, a & 0xfff,
                         (a >> 12) & 0xfff, b & 0xffffffffffff);
}

const std::string& Body() {
  static const std::string body =
      absl::StrCat(R"({"displayName":"default","description":")", std::string(160, 'x'), "\"}");
  return body;
}

std::string OrganizationId(uint64_t n) { return absl::StrFormat(kOrganizationFormat, n); }

Project NewProject(Ids& ids) {
  Project project;
  project.organization = OrganizationId(ids.below(kOrganizations));
  std::string parent = project.organization;
  for (int table = 0; table < kTables; ++table) {
    ProjectRow& row = project.rows[static_cast<size_t>(table)];
    row = {ids.uuid(), parent, "default", Body()};
    if (table == 0) row[2] = row[0];  // a project's name is its own
    if (table < 2) parent = row[0];   // the rest is below the VPC
  }
  return project;
}

std::string TableName(int table) { return kNames[static_cast<size_t>(table)]; }

std::vector<std::string> ProjectSchema() {
  std::vector<std::string> statements = {
      "CREATE TABLE organization (id uuid PRIMARY KEY, live boolean NOT NULL)",
      absl::StrCat("INSERT INTO organization SELECT ('00000000-0000-7000-8000-' || "
                   "lpad(to_hex(n), 12, '0'))::uuid, true FROM generate_series(0, ",
                   kOrganizations - 1, ") n"),
      "CREATE TABLE project_limit (organization uuid PRIMARY KEY, used int NOT NULL, max int NOT "
      "NULL)",
      "INSERT INTO project_limit SELECT id, 0, 1000000 FROM organization",
      "CREATE TABLE saga (id uuid PRIMARY KEY, state text NOT NULL, params text NOT NULL)",
      "CREATE TABLE saga_event (saga uuid, node int, event text, PRIMARY KEY (saga, node, event))"};
  for (int table = 0; table < kTables; ++table) {
    statements.push_back(absl::StrCat("CREATE TABLE ", TableName(table),
                                      " (id uuid PRIMARY KEY, parent uuid NOT NULL, name text NOT "
                                      "NULL, body text NOT NULL, UNIQUE (parent, name))"));
  }
  return statements;
}

std::string OrganizationSql() {
  return "SELECT live FROM organization WHERE id = $1 FOR KEY SHARE";
}

std::string LimitSql() {
  return "UPDATE project_limit SET used = used + 1 WHERE organization = $1 AND used < max";
}

std::string InsertSql(int table) {
  return absl::StrCat("INSERT INTO ", TableName(table),
                      " (id, parent, name, body) VALUES ($1, $2, $3, $4)");
}

}  // namespace holdfast::bench
