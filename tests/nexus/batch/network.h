// A cloud's networks as plain tables, and what one does to them: functions that return steps and
// fragments of a batch, each with its own words for its failures. SQL that SQLite and PostgreSQL
// both understand; only the locks are PostgreSQL's alone.
//
// Every function that changes something first locks what it relies on, parents before children, so
// that what a guard has seen is still so at the commit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "holdfast/batch/batch.h"

namespace holdfast::nexus {

enum class Make { kSqlite, kPostgres };

// Who chose the names, ids and ranges? A client hears ALREADY_EXISTS of its own choice; of ours it
// can't know, and a collision is a bug: INTERNAL, with the path of the step.
enum class Chosen { kByClient, kByUs };

struct Range {
  std::string text;
  int64_t first = 0;
  int64_t last = 0;
};
inline const Range kDefaultRange = {"172.30.0.0/22", 0xAC1E0000, 0xAC1E03FF};

struct Limits {
  int64_t projects = 1000;   // of an organization
  int64_t instances = 1000;  // of a project
};

class Network {
 public:
  explicit Network(Make make, Limits limits = {}) : make_(make), limits_(limits) {}

  // Statements that make the tables, and so many virtual network ids.
  [[nodiscard]] static std::vector<std::string> Tables(int vnis);
  // Their names: all that there is to dump.
  [[nodiscard]] static const std::vector<std::string>& TableNames();

  [[nodiscard]] batch::Fragment create_organization(const std::string& id) const;
  // Only without projects.
  [[nodiscard]] batch::Fragment delete_organization(const std::string& id) const;

  // With its default VPC and a place in the organization's limit.
  [[nodiscard]] batch::Fragment create_project(const std::string& organization,
                                               const std::string& id,
                                               const std::string& name) const;
  // Only without VPCs and instances. The row stays, for the books; the name is free.
  [[nodiscard]] batch::Fragment delete_project(const std::string& organization,
                                               const std::string& id) const;

  // With router, routes, subnet, gateway and firewall rules, whose ids begin with the VPC's.
  [[nodiscard]] batch::Fragment create_vpc(const std::string& project, const std::string& id,
                                           const std::string& name, Chosen chosen) const;
  [[nodiscard]] batch::Fragment create_router(const std::string& vpc, const std::string& id,
                                              const std::string& name, Chosen chosen) const;
  [[nodiscard]] batch::Fragment create_route(const std::string& vpc, const std::string& router,
                                             const std::string& name,
                                             const std::string& destination, Chosen chosen) const;
  [[nodiscard]] batch::Fragment create_gateway(const std::string& vpc, const std::string& id,
                                               const std::string& name, Chosen chosen) const;
  [[nodiscard]] batch::Fragment create_subnet(const std::string& vpc, const std::string& id,
                                              const std::string& name, const Range& range,
                                              Chosen chosen) const;
  [[nodiscard]] batch::Fragment create_rules(const std::string& vpc,
                                             const std::vector<std::string>& names,
                                             Chosen chosen) const;
  // Exactly these rules from now on.
  [[nodiscard]] batch::Fragment replace_rules(const std::string& vpc,
                                              const std::vector<std::string>& names) const;
  // With an interface in the subnet, and a place in the project's limit.
  [[nodiscard]] batch::Fragment create_instance(const std::string& project, const std::string& id,
                                                const std::string& subnet) const;
  [[nodiscard]] batch::Fragment delete_instance(const std::string& project,
                                                const std::string& id) const;

  // A VPC may have more in it than one batch should touch: it is closed, emptied piece by piece,
  // and then goes. From the first batch on nothing comes into it any more.
  [[nodiscard]] batch::Fragment close_vpc(const std::string& vpc) const;
  // What a VPC has in it, children before parents.
  [[nodiscard]] static const std::vector<std::string>& PartsOfVpc();
  // At most so many of them; returns the ids of those that went.
  [[nodiscard]] batch::Step delete_parts(const std::string& part, const std::string& vpc,
                                         int64_t at_most) const;
  [[nodiscard]] batch::Fragment finish_vpc(const std::string& vpc) const;

 private:
  // "FOR UPDATE" and the like, where there is such a thing.
  [[nodiscard]] std::string lock(std::string_view strength) const;
  // The live VPC that something is to be put into.
  [[nodiscard]] batch::Step lock_vpc(const std::string& vpc, std::string_view strength) const;
  [[nodiscard]] batch::Step insert(std::string_view table, std::string_view columns,
                                   std::vector<batch::Row> rows, Chosen chosen) const;
  [[nodiscard]] static batch::Step take(const std::string& holder, const std::string& counted);
  [[nodiscard]] static batch::Step give_back(const std::string& holder, const std::string& counted);

  Make make_;
  Limits limits_;
};

// What SQLite's constraints are called in the tables' own words.
[[nodiscard]] const std::map<std::string, std::string, std::less<>>& ConstraintNames();

}  // namespace holdfast::nexus
