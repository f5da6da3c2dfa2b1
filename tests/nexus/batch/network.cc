#include "tests/nexus/batch/network.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::nexus {
namespace {

using batch::Expect;
using batch::Failure;
using batch::Fragment;
using batch::Row;
using batch::Step;

ResourceKey Key(std::string_view kind, std::string_view name) {
  return {.kind = KindName(absl::StrCat("nexus.example.com/", ToAbsl(kind))),
          .name = ResourceName(name)};
}

absl::Status About(Reason reason, std::string_view kind, const std::string& name,
                   std::string_view message) {
  ErrorDetails details;
  details.resource = Key(kind, name);
  return MakeError(reason, absl::StrCat(ToAbsl(kind), " ", name, " ", ToAbsl(message)),
                   std::move(details));
}

batch::ErrorMap::Mapper Says(Reason reason, std::string kind, std::string name,
                             std::string message) {
  return [=](const Failure&) { return About(reason, kind, name, message); };
}

std::string TextOf(const batch::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  return "";
}

absl::Status LimitFull(const std::string& holder, const std::string& counted,
                       const Failure& failure) {
  const bool known = failure.observed.size() == 2;
  const std::string used = known ? TextOf(failure.observed[0]) : "?";
  const std::string max = known ? TextOf(failure.observed[1]) : "?";
  ErrorDetails details;
  details.quotas.push_back({"", absl::StrCat(holder, "#", counted),
                            absl::StrCat("at most ", max, ", ", used, " are there")});
  return MakeError(Reason::kLimitExceeded, absl::StrCat(holder, " has all its ", counted),
                   std::move(details));
}

// `table`, as the client would call a row of it.
std::string KindOf(std::string_view table) { return std::string(table); }

struct Table {
  std::string_view name;
  std::string_view columns;
  std::string_view keys;
};
constexpr Table kTables[] = {
    {"organization", "id TEXT NOT NULL, state TEXT NOT NULL",
     "CONSTRAINT organization_id PRIMARY KEY (id)"},
    {"quota",
     "holder TEXT NOT NULL, counted TEXT NOT NULL, used BIGINT NOT NULL, max BIGINT NOT NULL",
     "CONSTRAINT quota_id PRIMARY KEY (holder, counted), "
     "CONSTRAINT quota_full CHECK (used <= max), CONSTRAINT quota_negative CHECK (used >= 0)"},
    {"project",
     "id TEXT NOT NULL, organization TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL",
     "CONSTRAINT project_id PRIMARY KEY (id)"},
    {"vni", "id BIGINT NOT NULL, vpc TEXT", "CONSTRAINT vni_id PRIMARY KEY (id)"},
    {"vpc",
     "id TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, vni BIGINT NOT NULL, "
     "state TEXT NOT NULL",
     "CONSTRAINT vpc_id PRIMARY KEY (id), CONSTRAINT vpc_name UNIQUE (project, name), "
     "CONSTRAINT vpc_vni UNIQUE (vni)"},
    {"router", "id TEXT NOT NULL, vpc TEXT NOT NULL, name TEXT NOT NULL",
     "CONSTRAINT router_id PRIMARY KEY (id), CONSTRAINT router_name UNIQUE (vpc, name)"},
    {"route",
     "id TEXT NOT NULL, vpc TEXT NOT NULL, router TEXT NOT NULL, name TEXT NOT NULL, "
     "destination TEXT NOT NULL",
     "CONSTRAINT route_id PRIMARY KEY (id), CONSTRAINT route_name UNIQUE (router, name)"},
    {"gateway", "id TEXT NOT NULL, vpc TEXT NOT NULL, name TEXT NOT NULL",
     "CONSTRAINT gateway_id PRIMARY KEY (id), CONSTRAINT gateway_name UNIQUE (vpc, name)"},
    {"subnet",
     "id TEXT NOT NULL, vpc TEXT NOT NULL, name TEXT NOT NULL, range TEXT NOT NULL, "
     "first BIGINT NOT NULL, last BIGINT NOT NULL",
     "CONSTRAINT subnet_id PRIMARY KEY (id), CONSTRAINT subnet_name UNIQUE (vpc, name)"},
    {"firewall_rule", "id TEXT NOT NULL, vpc TEXT NOT NULL, name TEXT NOT NULL",
     "CONSTRAINT firewall_rule_id PRIMARY KEY (id), "
     "CONSTRAINT firewall_rule_name UNIQUE (vpc, name)"},
    {"instance", "id TEXT NOT NULL, project TEXT NOT NULL",
     "CONSTRAINT instance_id PRIMARY KEY (id)"},
    {"interface", "id TEXT NOT NULL, instance TEXT NOT NULL, subnet TEXT NOT NULL",
     "CONSTRAINT interface_id PRIMARY KEY (id)"},
};

Step Guard(std::string name, std::string sql, Row binds) {
  Step step{.label = name, .sql = std::move(sql), .binds = {std::move(binds)}};
  step.expect = Expect::Guard();
  step.guard_name = std::move(name);
  return step;
}

}  // namespace

std::vector<std::string> Network::Tables(int vnis) {
  std::vector<std::string> sql;
  for (const Table& table : kTables) {
    sql.push_back(absl::StrCat("CREATE TABLE ", ToAbsl(table.name), " (", ToAbsl(table.columns),
                               ", ", ToAbsl(table.keys), ")"));
  }
  // A deleted project's name is free.
  sql.emplace_back(
      "CREATE UNIQUE INDEX project_name ON project (organization, name) WHERE state <> 'deleted'");
  sql.emplace_back("CREATE INDEX interface_subnet ON interface (subnet)");
  sql.emplace_back("CREATE INDEX interface_instance ON interface (instance)");
  sql.emplace_back("CREATE INDEX vni_vpc ON vni (vpc)");
  sql.push_back(
      absl::StrCat("INSERT INTO vni (id) WITH RECURSIVE n(i) AS "
                   "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ",
                   vnis, ") SELECT i FROM n"));
  return sql;
}

const std::vector<std::string>& Network::TableNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Table& table : kTables) all.emplace_back(table.name);
    return all;
  }();
  return names;
}

const std::map<std::string, std::string, std::less<>>& ConstraintNames() {
  static const std::map<std::string, std::string, std::less<>> names = [] {
    std::map<std::string, std::string, std::less<>> all = {
        {"unique(quota.holder,quota.counted)", "quota_id"},
        {"unique(project.organization,project.name)", "project_name"},
        {"unique(vpc.project,vpc.name)", "vpc_name"},
        {"unique(vpc.vni)", "vpc_vni"},
        {"unique(route.router,route.name)", "route_name"}};
    for (const char* table : {"router", "gateway", "subnet", "firewall_rule"}) {
      all[absl::StrCat("unique(", table, ".vpc,", table, ".name)")] = absl::StrCat(table, "_name");
    }
    for (const std::string& table : Network::TableNames()) {
      all[absl::StrCat("unique(", table, ".id)")] = absl::StrCat(table, "_id");
    }
    return all;
  }();
  return names;
}

std::string Network::lock(std::string_view strength) const {
  return make_ == Make::kSqlite ? "" : absl::StrCat(" FOR ", ToAbsl(strength));
}

Step Network::lock_vpc(const std::string& vpc, std::string_view strength) const {
  Step step{.label = "vpc",
            .sql = "SELECT id FROM vpc WHERE id = $1 AND state = 'live'" + lock(strength),
            .binds = {{vpc}},
            .expect = Expect::Exactly(1)};
  step.errors.on_row_count(Says(Reason::kParentNotFound, "vpc", vpc, "doesn't exist"));
  return step;
}

// Rows begin with the id; the name is the last of the columns that `…_name` is about.
Step Network::insert(std::string_view table, std::string_view columns, std::vector<Row> rows,
                     Chosen chosen) const {
  std::vector<std::string> parameters;
  for (size_t i = 1; i <= rows.at(0).size(); ++i) parameters.push_back(absl::StrCat("$", i));
  Step step{.label = std::string(table)};
  step.sql = absl::StrCat("INSERT INTO ", ToAbsl(table), " (", ToAbsl(columns), ") VALUES (",
                          absl::StrJoin(parameters, ", "), ")");
  if (chosen == Chosen::kByClient) {
    std::vector<std::string> names;
    for (const Row& row : rows) names.push_back(TextOf(row.at(2)));
    step.errors.on_constraint(
        absl::StrCat(ToAbsl(table), "_name"),
        [kind = KindOf(table), names = std::move(names)](const Failure& failure) {
          return About(Reason::kResourceExists, kind, names.at(failure.execution),
                       "exists already");
        });
  }
  step.binds = std::move(rows);
  return step;
}

Step Network::take(const std::string& holder, const std::string& counted) {
  Step step{.label = absl::StrCat("limit[", counted, "]"),
            .sql =
                "UPDATE quota SET used = used + 1 "
                "WHERE holder = $1 AND counted = $2 AND used < max",
            .binds = {{holder, counted}},
            .expect = Expect::Exactly(1)};
  step.observe =
      "SELECT used, max FROM quota WHERE holder = CAST($1 AS text) AND counted = CAST($2 AS text)";
  step.errors.on_row_count(
      [=](const Failure& failure) { return LimitFull(holder, counted, failure); });
  return step;
}

Step Network::give_back(const std::string& holder, const std::string& counted) {
  return {.label = absl::StrCat("limit[", counted, "]"),
          .sql = "UPDATE quota SET used = used - 1 WHERE holder = $1 AND counted = $2",
          .binds = {{holder, counted}},
          .expect = Expect::Exactly(1)};
}

Fragment Network::create_organization(const std::string& id) const {
  Fragment fragment;
  Step row = insert("organization", "id, state", {{id, std::string("active")}}, Chosen::kByUs);
  row.errors.on_constraint("organization_id",
                           Says(Reason::kResourceExists, "organization", id, "exists already"));
  fragment.add(std::move(row));
  fragment.add(insert("quota", "holder, counted, used, max",
                      {{id, std::string("project"), int64_t{0}, limits_.projects}}, Chosen::kByUs));
  return fragment;
}

Fragment Network::delete_organization(const std::string& id) const {
  Fragment fragment;
  Step row{.label = "organization",
           .sql = "SELECT id FROM organization WHERE id = $1 AND state = 'active'" + lock("UPDATE"),
           .binds = {{id}},
           .expect = Expect::Exactly(1)};
  row.errors.on_row_count(Says(Reason::kResourceNotFound, "organization", id, "doesn't exist"));
  fragment.add(std::move(row));
  Step projects = Guard("no_projects",
                        "SELECT count(*) = 0, count(*), min(name) FROM project "
                        "WHERE organization = $1 AND state <> 'deleted'",
                        {id});
  projects.errors.on_guard(Says(Reason::kDeleteBlocked, "organization", id, "has projects"));
  fragment.add(std::move(projects));
  fragment.add(Step{.label = "delete",
                    .sql = "UPDATE organization SET state = 'deleted' WHERE id = $1",
                    .binds = {{id}},
                    .expect = Expect::Exactly(1)});
  fragment.add(Step{.label = "quota",
                    .sql = "DELETE FROM quota WHERE holder = $1 AND counted = 'project'",
                    .binds = {{id}},
                    .expect = Expect::Exactly(1)});
  return fragment;
}

Fragment Network::create_project(const std::string& organization, const std::string& id,
                                 const std::string& name) const {
  Fragment fragment;
  Step parent{
      .label = "organization",
      .sql = "SELECT id FROM organization WHERE id = $1 AND state = 'active'" + lock("KEY SHARE"),
      .binds = {{organization}},
      .expect = Expect::Exactly(1)};
  parent.errors.on_row_count(
      Says(Reason::kParentNotFound, "organization", organization, "doesn't exist"));
  fragment.add(std::move(parent));
  fragment.add(insert("project", "id, organization, name, state",
                      {{id, organization, name, std::string("live")}}, Chosen::kByClient));
  fragment.add(insert("quota", "holder, counted, used, max",
                      {{id, std::string("instance"), int64_t{0}, limits_.instances}},
                      Chosen::kByUs));
  fragment.add("vpc", create_vpc(id, id + ".vpc", "default", Chosen::kByUs));
  fragment.add(take(organization, "project"));
  return fragment;
}

Fragment Network::delete_project(const std::string& organization, const std::string& id) const {
  Fragment fragment;
  Step row{.label = "project",
           .sql = "SELECT id FROM project WHERE id = $1 AND state = 'live'" + lock("UPDATE"),
           .binds = {{id}},
           .expect = Expect::Exactly(1)};
  row.errors.on_row_count(Says(Reason::kResourceNotFound, "project", id, "doesn't exist"));
  fragment.add(std::move(row));
  for (const char* child : {"vpc", "instance"}) {
    Step none = Guard(
        absl::StrCat("no_", child),
        absl::StrCat("SELECT count(*) = 0, count(*), min(id) FROM ", child, " WHERE project = $1"),
        {id});
    none.errors.on_guard(Says(Reason::kDeleteBlocked, "project", id, "isn't empty"));
    fragment.add(std::move(none));
  }
  fragment.add(Step{.label = "delete",
                    .sql = "UPDATE project SET state = 'deleted' WHERE id = $1",
                    .binds = {{id}},
                    .expect = Expect::Exactly(1)});
  fragment.add(Step{.label = "quota",
                    .sql = "DELETE FROM quota WHERE holder = $1 AND counted = 'instance'",
                    .binds = {{id}},
                    .expect = Expect::Exactly(1)});
  fragment.add(give_back(organization, "project"));
  return fragment;
}

Fragment Network::create_vpc(const std::string& project, const std::string& id,
                             const std::string& name, Chosen chosen) const {
  Fragment fragment;
  Step parent{.label = "project",
              .sql = "SELECT id FROM project WHERE id = $1 AND state = 'live'" + lock("KEY SHARE"),
              .binds = {{project}},
              .expect = Expect::Exactly(1)};
  if (chosen == Chosen::kByClient) {
    parent.errors.on_row_count(Says(Reason::kParentNotFound, "project", project, "doesn't exist"));
  }
  fragment.add(std::move(parent));
  // Whoever else is at it takes the next one.
  Step vni{.label = "vni",
           .sql = absl::StrCat("UPDATE vni SET vpc = $1 WHERE id = (SELECT id FROM vni "
                               "WHERE vpc IS NULL ORDER BY id LIMIT 1",
                               lock("UPDATE SKIP LOCKED"), ")"),
           .binds = {{id}},
           .expect = Expect::Exactly(1)};
  vni.errors.on_row_count([](const Failure&) {
    ErrorDetails details;
    details.quotas.push_back({"", "virtual network ids", "none is free; delete a VPC"});
    return MakeError(Reason::kLimitExceeded, "no free virtual network id", std::move(details));
  });
  fragment.add(std::move(vni));
  Step row = insert("vpc", "id, project, name", {{id, project, name}}, chosen);
  row.sql =
      "INSERT INTO vpc (id, project, name, state, vni) "
      "SELECT $1, $2, $3, 'live', id FROM vni WHERE vpc = $1";
  row.expect = Expect::Exactly(1);
  fragment.add(std::move(row));
  fragment.add("router", create_router(id, id + ".router", "system", Chosen::kByUs));
  fragment.add("route[outbound]",
               create_route(id, id + ".router", "outbound", "0.0.0.0/0", Chosen::kByUs));
  fragment.add("route[subnet]",
               create_route(id, id + ".router", "subnet", kDefaultRange.text, Chosen::kByUs));
  fragment.add("gateway", create_gateway(id, id + ".gateway", "default", Chosen::kByUs));
  fragment.add("subnet",
               create_subnet(id, id + ".subnet", "default", kDefaultRange, Chosen::kByUs));
  fragment.add("firewall",
               create_rules(id, {"allow-icmp", "allow-internal", "allow-ssh"}, Chosen::kByUs));
  return fragment;
}

Fragment Network::create_router(const std::string& vpc, const std::string& id,
                                const std::string& name, Chosen chosen) const {
  Fragment fragment;
  fragment.add(lock_vpc(vpc, "KEY SHARE"));
  fragment.add(insert("router", "id, vpc, name", {{id, vpc, name}}, chosen));
  return fragment;
}

Fragment Network::create_route(const std::string& vpc, const std::string& router,
                               const std::string& name, const std::string& destination,
                               Chosen chosen) const {
  Fragment fragment;
  fragment.add(lock_vpc(vpc, "KEY SHARE"));
  Step parent{.label = "router",
              .sql = "SELECT id FROM router WHERE id = $1 AND vpc = $2" + lock("KEY SHARE"),
              .binds = {{router, vpc}},
              .expect = Expect::Exactly(1)};
  if (chosen == Chosen::kByClient) {
    parent.errors.on_row_count(Says(Reason::kParentNotFound, "router", router, "doesn't exist"));
  }
  fragment.add(std::move(parent));
  fragment.add(insert("route", "id, router, name, vpc, destination",
                      {{absl::StrCat(router, ".", name), router, name, vpc, destination}}, chosen));
  return fragment;
}

Fragment Network::create_gateway(const std::string& vpc, const std::string& id,
                                 const std::string& name, Chosen chosen) const {
  Fragment fragment;
  fragment.add(lock_vpc(vpc, "KEY SHARE"));
  fragment.add(insert("gateway", "id, vpc, name", {{id, vpc, name}}, chosen));
  return fragment;
}

Fragment Network::create_subnet(const std::string& vpc, const std::string& id,
                                const std::string& name, const Range& range, Chosen chosen) const {
  Fragment fragment;
  // One at a time: no lock covers a range that nobody has yet.
  fragment.add(lock_vpc(vpc, "NO KEY UPDATE"));
  Step apart = Guard("apart",
                     "SELECT count(*) = 0, min(range) FROM subnet "
                     "WHERE vpc = $1 AND first <= $3 AND last >= $2",
                     {vpc, range.first, range.last});
  if (chosen == Chosen::kByClient) {
    apart.errors.on_guard([text = range.text](const Failure& failure) {
      return FieldError(Reason::kInvalidField, "subnet.range",
                        absl::StrCat(text, " overlaps ", TextOf(failure.observed.at(0))));
    });
  }
  fragment.add(std::move(apart));
  fragment.add(insert("subnet", "id, vpc, name, range, first, last",
                      {{id, vpc, name, range.text, range.first, range.last}}, chosen));
  return fragment;
}

Fragment Network::create_rules(const std::string& vpc, const std::vector<std::string>& names,
                               Chosen chosen) const {
  Fragment fragment;
  fragment.add(lock_vpc(vpc, "KEY SHARE"));
  std::vector<Row> rows;
  for (const std::string& name : names) rows.push_back({absl::StrCat(vpc, "/", name), vpc, name});
  fragment.add(insert("firewall_rule", "id, vpc, name", std::move(rows), chosen));
  return fragment;
}

Fragment Network::replace_rules(const std::string& vpc,
                                const std::vector<std::string>& names) const {
  Fragment fragment;
  fragment.add(lock_vpc(vpc, "NO KEY UPDATE"));
  fragment.add(
      Step{.label = "clear", .sql = "DELETE FROM firewall_rule WHERE vpc = $1", .binds = {{vpc}}});
  fragment.add("put", create_rules(vpc, names, Chosen::kByClient));
  return fragment;
}

Fragment Network::create_instance(const std::string& project, const std::string& id,
                                  const std::string& subnet) const {
  Fragment fragment;
  Step parent{.label = "project",
              .sql = "SELECT id FROM project WHERE id = $1 AND state = 'live'" + lock("KEY SHARE"),
              .binds = {{project}},
              .expect = Expect::Exactly(1)};
  parent.errors.on_row_count(Says(Reason::kParentNotFound, "project", project, "doesn't exist"));
  fragment.add(std::move(parent));
  Step target{.label = "subnet",
              .sql =
                  "SELECT s.id FROM subnet s JOIN vpc v ON v.id = s.vpc "
                  "WHERE s.id = $1 AND v.state = 'live'" +
                  lock("KEY SHARE"),
              .binds = {{subnet}},
              .expect = Expect::Exactly(1)};
  target.errors.on_row_count(Says(Reason::kReferenceNotFound, "subnet", subnet, "doesn't exist"));
  fragment.add(std::move(target));
  Step row = insert("instance", "id, project", {{id, project}}, Chosen::kByUs);
  row.errors.on_constraint("instance_id",
                           Says(Reason::kResourceExists, "instance", id, "exists already"));
  fragment.add(std::move(row));
  fragment.add(
      insert("interface", "id, instance, subnet", {{id + ".0", id, subnet}}, Chosen::kByUs));
  fragment.add(take(project, "instance"));
  return fragment;
}

Fragment Network::delete_instance(const std::string& project, const std::string& id) const {
  Fragment fragment;
  Step row{.label = "instance",
           .sql = "DELETE FROM instance WHERE id = $1",
           .binds = {{id}},
           .expect = Expect::Exactly(1)};
  row.errors.on_row_count(Says(Reason::kResourceNotFound, "instance", id, "doesn't exist"));
  fragment.add(std::move(row));
  fragment.add(Step{.label = "interface",
                    .sql = "DELETE FROM interface WHERE instance = $1",
                    .binds = {{id}},
                    .expect = Expect::AtLeast(1)});
  fragment.add(give_back(project, "instance"));
  return fragment;
}

Fragment Network::close_vpc(const std::string& vpc) const {
  Fragment fragment;
  Step row = lock_vpc(vpc, "UPDATE");
  row.errors.on_row_count(Says(Reason::kResourceNotFound, "vpc", vpc, "doesn't exist"));
  fragment.add(std::move(row));
  Step unused = Guard("no_interfaces",
                      "SELECT count(*) = 0, count(*), min(i.instance) FROM interface i "
                      "JOIN subnet s ON s.id = i.subnet WHERE s.vpc = $1",
                      {vpc});
  unused.errors.on_guard([vpc](const Failure& failure) {
    ErrorDetails details;
    details.resource = Key("vpc", vpc);
    details.metadata["blocker_count"] = TextOf(failure.observed.at(0));
    details.preconditions.push_back({"BLOCKED_BY", TextOf(failure.observed.at(1)), "interface"});
    return MakeError(Reason::kDeleteBlocked, absl::StrCat("vpc ", vpc, " is in use"),
                     std::move(details));
  });
  fragment.add(std::move(unused));
  fragment.add(Step{.label = "close",
                    .sql = "UPDATE vpc SET state = 'deleting' WHERE id = $1",
                    .binds = {{vpc}},
                    .expect = Expect::Exactly(1)});
  return fragment;
}

const std::vector<std::string>& Network::PartsOfVpc() {
  static const std::vector<std::string> parts = {"firewall_rule", "route", "router", "gateway",
                                                 "subnet"};
  return parts;
}

Step Network::delete_parts(const std::string& part, const std::string& vpc, int64_t at_most) const {
  return {.label = part,
          .sql = absl::StrCat("DELETE FROM ", part, " WHERE id IN (SELECT id FROM ", part,
                              " WHERE vpc = $1 ORDER BY id LIMIT $2) RETURNING id"),
          .binds = {{vpc, at_most}},
          .expect = Expect::AtMost(at_most)};
}

Fragment Network::finish_vpc(const std::string& vpc) const {
  Fragment fragment;
  for (const std::string& part : PartsOfVpc()) {
    fragment.add(
        Guard("no_" + part,
              absl::StrCat("SELECT count(*) = 0, count(*), min(id) FROM ", part, " WHERE vpc = $1"),
              {vpc}));
  }
  Step row{.label = "delete",
           .sql = "DELETE FROM vpc WHERE id = $1 AND state = 'deleting'",
           .binds = {{vpc}},
           .expect = Expect::Exactly(1)};
  row.errors.on_row_count(Says(Reason::kResourceNotFound, "vpc", vpc, "isn't being deleted"));
  fragment.add(std::move(row));
  fragment.add(Step{.label = "vni",
                    .sql = "UPDATE vni SET vpc = NULL WHERE vpc = $1",
                    .binds = {{vpc}},
                    .expect = Expect::Exactly(1)});
  return fragment;
}

}  // namespace holdfast::nexus
