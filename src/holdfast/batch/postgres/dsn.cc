#include "holdfast/batch/postgres/dsn.h"

#include <libpq-fe.h>

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace holdfast::batch::postgres {
namespace {

using Parsed = std::map<std::string, std::string>;

absl::StatusOr<Parsed> Parse(const std::string& dsn) {
  char* problem = nullptr;
  PQconninfoOption* options = PQconninfoParse(dsn.c_str(), &problem);
  PQfreemem(problem);  // it quotes the string
  if (options == nullptr) {
    return absl::InvalidArgumentError("the connection string isn't one that libpq understands");
  }
  Parsed parsed;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parsed[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  return parsed;
}

// For "-c name=value": spaces and backslashes would end it.
std::string Escaped(const std::string& value) {
  std::string escaped;
  for (const char c : value) {
    if (c == ' ' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// The i-th of "a,b,c"; one element alone is everyone's.
std::string ItemOf(const Parsed& parsed, const std::string& keyword, size_t i) {
  const auto found = parsed.find(keyword);
  if (found == parsed.end()) return "";
  const std::vector<std::string> items = absl::StrSplit(found->second, ',');
  if (items.size() == 1) return items[0];
  return i < items.size() ? items[i] : "";
}

size_t CountOf(const Parsed& parsed, const std::string& keyword) {
  const auto found = parsed.find(keyword);
  if (found == parsed.end()) return 1;
  const std::vector<std::string> items = absl::StrSplit(found->second, ',');
  return items.size();
}

}  // namespace

absl::StatusOr<std::vector<ConnectParameters>> ParseDsn(
    const PostgresOptions& options,
    const std::vector<std::pair<std::string, std::string>>& settings) {
  absl::StatusOr<Parsed> parsed = Parse(options.dsn);
  if (!parsed.ok()) return parsed.status();
  std::string& own = (*parsed)["options"];
  for (const auto& [name, value] : settings) {
    absl::StrAppend(&own, own.empty() ? "" : " ", "-c ", name, "=", Escaped(value));
  }
  if (own.empty()) parsed->erase("options");
  (*parsed)["client_encoding"] = "UTF8";
  (*parsed)["target_session_attrs"] = "read-write";
  parsed->emplace("fallback_application_name", "holdfast");
  std::vector<ConnectParameters> hosts;
  const size_t count = std::max(CountOf(*parsed, "host"), CountOf(*parsed, "hostaddr"));
  for (size_t i = 0; i < count; ++i) {
    ConnectParameters parameters;
    for (const auto& [keyword, value] : *parsed) {
      const bool listed = keyword == "host" || keyword == "hostaddr" || keyword == "port";
      std::string own_value = listed ? ItemOf(*parsed, keyword, i) : value;
      if (!own_value.empty()) parameters.emplace_back(keyword, std::move(own_value));
    }
    hosts.push_back(std::move(parameters));
  }
  return hosts;
}

}  // namespace holdfast::batch::postgres
