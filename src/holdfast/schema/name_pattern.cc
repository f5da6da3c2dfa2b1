#include "holdfast/schema/name_pattern.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::schema {
namespace {

// More levels than this is a mistake, and names below them wouldn't fit kMaxNameBytes anyway.
constexpr size_t kMaxPatternSegments = 32;

constexpr std::string_view kWildcard = "-";
constexpr std::string_view kRegionCollection = "regions";
constexpr std::string_view kRegionVariable = "region";

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsDigit(c) || (c >= 'A' && c <= 'Z'); }

bool IsIdByte(char c) {
  return IsAlnum(c) || std::string_view("-._~+:@%=").find(c) != std::string_view::npos;
}

// AIP-122: camelCase, beginning with a lowercase letter.
bool IsCollectionId(std::string_view s) {
  return !s.empty() && IsLower(s[0]) && std::all_of(s.begin(), s.end(), IsAlnum);
}

bool IsVariableName(std::string_view s) {
  return !s.empty() && IsLower(s[0]) && std::all_of(s.begin(), s.end(), [](char c) {
    return IsLower(c) || IsDigit(c) || c == '_';
  });
}

bool IsVariableSegment(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::string_view VariableOf(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

bool IsRegionPair(std::string_view collection, std::string_view variable) {
  return collection == kRegionCollection && VariableOf(variable) == kRegionVariable;
}

absl::Status PatternError(std::string_view pattern, std::string_view problem) {
  return absl::InvalidArgumentError(
      absl::StrCat("pattern \"", ForMessage(pattern), "\" ", ToAbsl(problem)));
}

absl::Status CheckSegment(std::string_view pattern, std::string_view segment, size_t index) {
  if (index % 2 == 0) {
    if (IsCollectionId(segment)) return absl::OkStatus();
    return PatternError(
        pattern, absl::StrCat("has \"", ForMessage(segment),
                              "\" where a collection id like \"vpcs\" is wanted: a lowercase "
                              "letter, then letters and digits"));
  }
  if (IsVariableSegment(segment) && IsVariableName(VariableOf(segment))) return absl::OkStatus();
  return PatternError(pattern, absl::StrCat("has \"", ForMessage(segment),
                                            "\" where a variable like \"{vpc}\" is wanted"));
}

// The first `count` segments of a name or pattern.
std::string_view FirstSegments(std::string_view text, size_t count) {
  if (count == 0) return {};
  size_t end = 0;
  for (size_t i = 0; i < count; ++i) {
    end = text.find('/', i == 0 ? 0 : end + 1);
    if (end == std::string_view::npos) return text;
  }
  return text.substr(0, end);
}

}  // namespace

absl::Status CheckId(std::string_view id) {
  if (id.empty()) return absl::InvalidArgumentError("an id can't be empty");
  if (id.size() > kMaxIdBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("an id has at most ", kMaxIdBytes, " bytes, this one has ", id.size()));
  }
  if (id == kWildcard) {
    return absl::InvalidArgumentError("\"-\" stands for any id and can't be one");
  }
  if (id == "." || id == "..") {
    return absl::InvalidArgumentError(absl::StrCat("an id can't be \"", ToAbsl(id), "\""));
  }
  auto bad = std::find_if_not(id.begin(), id.end(), IsIdByte);
  if (bad == id.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("an id is made of letters, digits and -._~+:@%=, not \"", ForMessage(id), "\""));
}

std::vector<std::string_view> Segments(std::string_view text) {
  std::vector<std::string_view> segments;
  if (text.empty()) return segments;
  for (size_t begin = 0;;) {
    const size_t end = text.find('/', begin);
    segments.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return segments;
    begin = end + 1;
  }
}

absl::StatusOr<NamePattern> NamePattern::Parse(std::string_view pattern) {
  if (pattern.size() > kMaxNameBytes) return PatternError(pattern, "is too long");
  const std::vector<std::string_view> segments = Segments(pattern);
  if (segments.empty()) return PatternError(pattern, "is empty");
  if (segments.size() > kMaxPatternSegments) return PatternError(pattern, "has too many levels");
  NamePattern result;
  std::set<std::string_view> seen;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (absl::Status status = CheckSegment(pattern, segments[i], i); !status.ok()) return status;
    result.segments_.emplace_back(segments[i]);
    if (i % 2 == 0) continue;
    if (!seen.insert(segments[i]).second) {
      return PatternError(pattern, absl::StrCat("has ", ToAbsl(segments[i]), " twice"));
    }
    result.variables_.emplace_back(VariableOf(segments[i]));
  }
  if (segments.size() % 2 != 0) return PatternError(pattern, "must end with a {variable}");
  size_t parent = segments.size() - 2;
  if (parent >= 2 && IsRegionPair(segments[parent - 2], segments[parent - 1])) parent -= 2;
  result.text_ = pattern;
  result.parent_text_ = FirstSegments(pattern, parent);
  return result;
}

const std::string& NamePattern::collection() const { return segments_[segments_.size() - 2]; }

bool NamePattern::is_regional() const {
  for (size_t i = 0; i + 2 < segments_.size(); i += 2) {
    if (IsRegionPair(segments_[i], segments_[i + 1])) return true;
  }
  return false;
}

bool NamePattern::matches(std::string_view name) const {
  if (name.size() > kMaxNameBytes) return false;
  const std::vector<std::string_view> parts = Segments(name);
  if (parts.size() != segments_.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i % 2 == 0 ? parts[i] != segments_[i] : !CheckId(parts[i]).ok()) return false;
  }
  return true;
}

std::optional<std::vector<std::string>> NamePattern::values(std::string_view name) const {
  if (!matches(name)) return std::nullopt;
  const std::vector<std::string_view> parts = Segments(name);
  std::vector<std::string> result;
  for (size_t i = 1; i < parts.size(); i += 2) result.emplace_back(parts[i]);
  return result;
}

std::string_view NamePattern::parent_of(std::string_view name) const {
  HF_CHECK(matches(name)) << name << " isn't a name of pattern " << text_;
  return FirstSegments(name, Segments(parent_text_).size());
}

bool NamePattern::matches_collection_parent(std::string_view parent) const {
  if (parent.size() > kMaxNameBytes) return false;
  const std::vector<std::string_view> parts = Segments(parent);
  if (parts.size() + 2 != segments_.size()) return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool fits =
        i % 2 == 0 ? parts[i] == segments_[i] : parts[i] == kWildcard || CheckId(parts[i]).ok();
    if (!fits) return false;
  }
  return true;
}

bool NamePattern::IsBelow(std::string_view name, std::string_view parent) {
  const std::vector<std::string_view> parts = Segments(name);
  const std::vector<std::string_view> wanted = Segments(parent);
  if (wanted.size() >= parts.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const bool wild = i % 2 == 1 && wanted[i] == kWildcard;
    if (!wild && wanted[i] != parts[i]) return false;
  }
  return true;
}

std::string NamePattern::ScanPrefix(std::string_view parent) {
  std::string prefix;
  for (std::string_view segment : Segments(parent)) {
    if (segment == kWildcard) break;
    absl::StrAppend(&prefix, ToAbsl(segment), "/");
  }
  return prefix;
}

}  // namespace holdfast::schema
