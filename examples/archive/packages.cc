#include "examples/archive/packages.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "holdfast/base/strings.h"

namespace holdfast::archive {
namespace {

// A stanza with its relations still as text.
struct Stanza {
  Package package;
  std::string pre_depends;
  std::string depends;
  std::string recommends;
};

std::string_view Trim(std::string_view s) { return ToStd(absl::StripAsciiWhitespace(ToAbsl(s))); }

// A relation of the stanza, nullptr for other fields. Relations may be continued on further lines.
std::string* RelationOf(Stanza& stanza, std::string_view key) {
  if (key == "pre-depends") return &stanza.pre_depends;
  if (key == "depends") return &stanza.depends;
  if (key == "recommends") return &stanza.recommends;
  return nullptr;
}

// Where a field's text goes, nullptr if it isn't kept.
std::string* TextOf(Stanza& stanza, std::string_view key) {
  Package& p = stanza.package;
  if (key == "package") return &p.name;
  if (key == "version") return &p.version;
  if (key == "section") return &p.section;
  if (key == "priority") return &p.priority;
  if (key == "description") return &p.description;
  if (key == "maintainer") return &p.maintainer;
  return RelationOf(stanza, key);
}

// `key` is in lowercase.
void SetField(Stanza& stanza, std::string_view key, std::string_view value) {
  if (key == "source") {
    // "glibc (2.36-9)": the version in parentheses is of no use here.
    stanza.package.source = value.substr(0, value.find(' '));
  } else if (key == "installed-size") {
    std::from_chars(value.data(), value.data() + value.size(), stanza.package.installed_size);
  } else if (std::string* text = TextOf(stanza, key); text != nullptr) {
    *text = value;
  }
}

void ContinueField(Stanza& stanza, std::string_view key, std::string_view line) {
  std::string* relation = RelationOf(stanza, key);
  if (relation != nullptr) absl::StrAppend(relation, " ", ToAbsl(Trim(line)));
}

absl::StatusOr<std::vector<Stanza>> ParseStanzas(std::string_view text) {
  std::vector<Stanza> stanzas;
  Stanza current;
  std::string key;
  size_t line_number = 0;
  auto finish = [&] {
    if (!current.package.name.empty()) stanzas.push_back(std::move(current));
    current = Stanza();
  };
  for (absl::string_view raw : absl::StrSplit(ToAbsl(text), '\n')) {
    const std::string_view line = ToStd(raw);
    ++line_number;
    if (Trim(line).empty()) {
      finish();
      continue;
    }
    if (line[0] == ' ' || line[0] == '\t') {
      ContinueField(current, key, line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number,
                       ": expected \"Field: value\", a continued line or an "
                       "empty one; is this a Packages list?"));
    }
    key = absl::AsciiStrToLower(ToAbsl(line.substr(0, colon)));
    SetField(current, key, Trim(line.substr(colon + 1)));
  }
  finish();
  return stanzas;
}

using Positions = std::unordered_map<std::string, size_t>;

// "libc6 (>= 2.34) [amd64]", "python3:any" -> the bare name.
std::string BareName(std::string_view alternative) {
  const std::string_view trimmed = Trim(alternative);
  return std::string(trimmed.substr(0, trimmed.find_first_of(" :([<\t")));
}

void AddTargets(std::string_view relation, const Positions& positions, std::set<size_t>& targets) {
  for (absl::string_view clause : absl::StrSplit(ToAbsl(relation), ',')) {
    for (absl::string_view alternative : absl::StrSplit(clause, '|')) {
      const auto found = positions.find(BareName(ToStd(alternative)));
      if (found == positions.end()) continue;
      targets.insert(found->second);
      break;
    }
  }
}

std::vector<size_t> SortedByName(const std::set<size_t>& targets,
                                 const std::vector<Package>& packages) {
  std::vector<size_t> sorted(targets.begin(), targets.end());
  std::sort(sorted.begin(), sorted.end(),
            [&](size_t a, size_t b) { return packages[a].name < packages[b].name; });
  return sorted;
}

}  // namespace

absl::StatusOr<Index> ParsePackages(std::string_view text) {
  absl::StatusOr<std::vector<Stanza>> stanzas = ParseStanzas(text);
  if (!stanzas.ok()) return stanzas.status();
  Index index;
  Positions positions;
  std::vector<Stanza> kept;
  std::set<std::string> sources;
  for (Stanza& stanza : *stanzas) {
    if (!positions.emplace(stanza.package.name, index.packages.size()).second) continue;
    Package package = std::move(stanza.package);
    if (package.source.empty()) package.source = package.name;
    sources.insert(package.source);
    index.packages.push_back(std::move(package));
    kept.push_back(std::move(stanza));
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    std::set<size_t> depends;
    AddTargets(kept[i].pre_depends, positions, depends);
    AddTargets(kept[i].depends, positions, depends);
    std::set<size_t> recommends;
    AddTargets(kept[i].recommends, positions, recommends);
    index.packages[i].depends = SortedByName(depends, index.packages);
    index.packages[i].recommends = SortedByName(recommends, index.packages);
  }
  index.sources.assign(sources.begin(), sources.end());
  return index;
}

}  // namespace holdfast::archive
