// The work that is compared: "project create". A row in each of ten tables, below an organization
// that must be there and have room: twelve statements, the same whoever runs them.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace holdfast::bench {

inline constexpr int kTables = 10;
inline constexpr int kOrganizations = 1000;

// One of each client: ids as UUIDv7 has them (later ones are greater), parents at random.
class Ids {
 public:
  explicit Ids(int client);
  [[nodiscard]] std::string uuid();
  [[nodiscard]] uint64_t below(uint64_t limit) { return random_() % limit; }

 private:
  std::mt19937_64 random_;
};

// A table's row: id, parent, name, body.
using ProjectRow = std::array<std::string, 4>;

struct Project {
  std::string organization;  // id
  std::array<ProjectRow, kTables> rows;
};

[[nodiscard]] const std::string& Body();  // some 200 bytes
[[nodiscard]] std::string OrganizationId(uint64_t n);
[[nodiscard]] Project NewProject(Ids& ids);

[[nodiscard]] std::string TableName(int table);
// The tables, the organizations, and the saga's log.
[[nodiscard]] std::vector<std::string> ProjectSchema();
// $1: the organization. Its row, locked against its deletion; `live` must be true.
[[nodiscard]] std::string OrganizationSql();
// $1: the organization. One row, or none if it has its fill of projects.
[[nodiscard]] std::string LimitSql();
// $1 … $4: a ProjectRow. One row, or an error.
[[nodiscard]] std::string InsertSql(int table);

}  // namespace holdfast::bench
