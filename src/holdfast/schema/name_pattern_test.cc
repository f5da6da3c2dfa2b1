#include "holdfast/schema/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/strings.h"
#include "holdfast/testing/covers.h"

namespace holdfast::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

NamePattern Pattern(std::string_view text) {
  absl::StatusOr<NamePattern> pattern = NamePattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return *pattern;
}

TEST(NamePattern, KnowsItsParts) {
  const NamePattern vpc = Pattern("projects/{project}/regions/{region}/vpcs/{vpc}");
  EXPECT_EQ(vpc.text(), "projects/{project}/regions/{region}/vpcs/{vpc}");
  EXPECT_EQ(vpc.collection(), "vpcs");
  EXPECT_THAT(vpc.variables(), ElementsAre("project", "region", "vpc"));
  EXPECT_EQ(vpc.parent_text(), "projects/{project}");
  EXPECT_TRUE(vpc.is_regional());
}

TEST(NamePattern, ARegionSegmentIsNoParent) {
  EXPECT_EQ(Pattern("regions/{region}/vpcs/{vpc}").parent_text(), "");
  EXPECT_TRUE(Pattern("regions/{region}/vpcs/{vpc}").is_regional());
  EXPECT_EQ(Pattern("projects/{project}").parent_text(), "");
  EXPECT_EQ(Pattern("a/{a}/regions/{region}/b/{b}/c/{c}").parent_text(),
            "a/{a}/regions/{region}/b/{b}");
  // A region itself is a resource like others, and isn't in a region.
  EXPECT_EQ(Pattern("regions/{region}").parent_text(), "");
  EXPECT_FALSE(Pattern("regions/{region}").is_regional());
}

TEST(NamePattern, RefusesWhatIsNoPattern) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "is empty"},
      {"projects", "must end with a {variable}"},
      {"projects/{project}/vpcs", "must end with a {variable}"},
      {"projects/{}", "where a variable"},
      {"projects/{Project}", "where a variable"},
      {"projects/{project=**}", "where a variable"},
      {"projects/{a}~{b}", "where a variable"},
      {"projects/*", "where a variable"},
      {"projects/p", "where a variable"},
      {"{project}/vpcs/{vpc}", "where a collection"},
      {"Projects/{project}", "where a collection"},
      {"/projects/{project}", "where a collection"},
      {"projects//{project}", "where a variable"},
      {"projects/{project}/", "where a collection"},
      {"projects/{a}/vpcs/{a}", "{a} twice"},
  };
  for (const auto& [text, problem] : cases) {
    const auto pattern = NamePattern::Parse(text);
    EXPECT_EQ(pattern.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(pattern.status().message()), HasSubstr(problem)) << text;
  }
}

TEST(NamePattern, RefusesTooManyLevelsAndTooManyBytes) {
  std::string deep = "a0/{b0}";
  for (int i = 1; i < 16; ++i) absl::StrAppend(&deep, "/a", i, "/{b", i, "}");
  EXPECT_TRUE(NamePattern::Parse(deep).ok()) << "32 segments";
  EXPECT_FALSE(NamePattern::Parse(deep + "/a/{b}").ok());
  EXPECT_FALSE(NamePattern::Parse(std::string(kMaxNameBytes, 'a') + "/{b}").ok());
}

TEST(NamePattern, MatchesItsNamesAndNoOthers) {
  const NamePattern vpc = Pattern("projects/{project}/vpcs/{vpc}");
  EXPECT_TRUE(vpc.matches("projects/p1/vpcs/main"));
  EXPECT_TRUE(vpc.matches("projects/p:1/vpcs/libstdc++6.0~rc1"));
  EXPECT_TRUE(vpc.matches("projects/p%2F1/vpcs/a=b@c_d")) << "% is a byte like others";
  for (const char* other :
       {"", "projects/p1", "projects/p1/vpcs", "projects/p1/vpcs/", "projects//vpcs/main",
        "projects/p1/vpcs/main/", "/projects/p1/vpcs/main", "projects/p1/nets/main",
        "projects/-/vpcs/main", "projects/p1/vpcs/-", "projects/p1/vpcs/..",
        "projects/p 1/vpcs/main", "projects/p1/vpcs/m\xc3\xa4in", "projects/p1/vpcs/ma*n"}) {
    EXPECT_FALSE(vpc.matches(other)) << other;
    EXPECT_FALSE(vpc.values(other).has_value()) << other;
  }
  EXPECT_FALSE(vpc.matches(std::string_view("projects/p1/vpcs/a\0b", 20)));
}

TEST(NamePattern, TakesNamesUpToTheirLimits) {
  const NamePattern a = Pattern("a/{a}");
  EXPECT_TRUE(a.matches("a/" + std::string(kMaxIdBytes, 'x')));
  EXPECT_FALSE(a.matches("a/" + std::string(kMaxIdBytes + 1, 'x')));
  const NamePattern deep = Pattern("a/{a}/b/{b}/c/{c}/d/{d}/e/{e}");
  const std::string id(202, 'x');
  std::string name = absl::StrCat("a/", id, "/b/", id, "/c/", id, "/d/", id, "/e/");
  name += std::string(kMaxNameBytes - name.size(), 'x');
  EXPECT_TRUE(deep.matches(name));
  EXPECT_FALSE(deep.matches(name + "x"));
}

TEST(CheckId, SaysWhatIsWrong) {
  EXPECT_TRUE(CheckId("libc6.1+b~2_x:y@z%20=1").ok());
  const std::pair<std::string, const char*> cases[] = {
      {"", "can't be empty"},
      {"-", "stands for any"},
      {".", "can't be \".\""},
      {"..", "can't be \"..\""},
      {"a/b", "letters, digits"},
      {"a b", "letters, digits"},
      {std::string(257, 'a'), "at most 256 bytes"}};
  for (const auto& [id, problem] : cases) {
    EXPECT_EQ(CheckId(id).code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_THAT(std::string(CheckId(id).message()), HasSubstr(problem)) << id;
  }
}

TEST(NamePattern, TakesParentsWithWildcards) {
  HF_COVERS("S26");
  const NamePattern vpc = Pattern("projects/{project}/regions/{region}/vpcs/{vpc}");
  EXPECT_TRUE(vpc.matches_collection_parent("projects/p1/regions/r1"));
  EXPECT_TRUE(vpc.matches_collection_parent("projects/-/regions/r1"));
  EXPECT_TRUE(vpc.matches_collection_parent("projects/-/regions/-"));
  EXPECT_FALSE(vpc.matches_collection_parent("projects/p1"));
  EXPECT_FALSE(vpc.matches_collection_parent(""));
  EXPECT_FALSE(vpc.matches_collection_parent("projects/*/regions/-"));
  EXPECT_TRUE(Pattern("projects/{project}").matches_collection_parent(""));
  EXPECT_FALSE(Pattern("projects/{project}").matches_collection_parent("-"));

  const std::string_view name = "projects/p1/regions/r1/vpcs/main";
  EXPECT_TRUE(NamePattern::IsBelow(name, ""));
  EXPECT_TRUE(NamePattern::IsBelow(name, "projects/p1"));
  EXPECT_TRUE(NamePattern::IsBelow(name, "projects/-/regions/r1"));
  EXPECT_FALSE(NamePattern::IsBelow(name, "projects/p"));
  EXPECT_FALSE(NamePattern::IsBelow(name, "projects/p11"));
  EXPECT_FALSE(NamePattern::IsBelow(name, "projects/-/regions/r2"));
  EXPECT_FALSE(NamePattern::IsBelow(name, name)) << "nothing is below itself";
}

TEST(NamePattern, ScansNoMoreThanTheParentNeeds) {
  EXPECT_EQ(NamePattern::ScanPrefix(""), "");
  EXPECT_EQ(NamePattern::ScanPrefix("projects/p1"), "projects/p1/");
  EXPECT_EQ(NamePattern::ScanPrefix("projects/-"), "projects/");
  EXPECT_EQ(NamePattern::ScanPrefix("projects/p1/regions/-/x/y"), "projects/p1/regions/");
}

// Ids of every byte that may be in one.
rc::Gen<std::string> AnyId() {
  const auto bytes = rc::gen::container<std::string>(rc::gen::elementOf(
      std::string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+:@%=")));
  return rc::gen::suchThat(bytes, [](const std::string& id) { return CheckId(id).ok(); });
}

std::string PatternText(size_t levels) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < levels; ++i) parts.push_back(absl::StrCat("c", i, "/{v", i, "}"));
  return absl::StrJoin(parts, "/");
}

RC_GTEST_PROP(NamePatternProperty, ValuesOfANameAreTheIdsItWasMadeOf, ()) {
  const auto ids =
      *rc::gen::resize(4, rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(AnyId())));
  RC_PRE(ids.size() <= 16);
  const NamePattern pattern = *NamePattern::Parse(PatternText(ids.size()));
  std::vector<std::string> parts;
  for (size_t i = 0; i < ids.size(); ++i) parts.push_back(absl::StrCat("c", i, "/", ids[i]));
  const std::string name = absl::StrJoin(parts, "/");
  RC_PRE(name.size() <= kMaxNameBytes);
  const auto values = pattern.values(name);
  RC_ASSERT(values.has_value());
  RC_ASSERT(*values == ids);
  const std::string parent(pattern.parent_of(name));
  const std::string rebuilt = parent.empty() ? parts.back() : parent + "/" + parts.back();
  RC_ASSERT(rebuilt == name);
}

RC_GTEST_PROP(NamePatternProperty, ANameIsBelowItsParentAndItsWildcards, ()) {
  const std::string a = *AnyId();
  const std::string b = *AnyId();
  const NamePattern pattern = *NamePattern::Parse("as/{a}/bs/{b}");
  const std::string name = absl::StrCat("as/", a, "/bs/", b);
  for (const std::string& parent : {"as/" + a, std::string("as/-"), std::string()}) {
    RC_ASSERT(NamePattern::IsBelow(name, parent));
    RC_ASSERT(name.starts_with(NamePattern::ScanPrefix(parent)));
    RC_ASSERT(parent.empty() || pattern.matches_collection_parent(parent));
  }
}

RC_GTEST_PROP(NamePatternProperty, SegmentsJoinToTheText, (const std::string& text)) {
  std::vector<std::string> parts;
  for (std::string_view segment : Segments(text)) parts.emplace_back(segment);
  RC_ASSERT(absl::StrJoin(parts, "/") == text);
}

RC_GTEST_PROP(NamePatternProperty, WhatMatchesHasWellFormedIds, (const std::string& noise)) {
  const NamePattern pattern = *NamePattern::Parse("as/{a}");
  const std::string name = "as/" + noise;
  RC_ASSERT(pattern.matches(name) == CheckId(noise).ok());
}

}  // namespace
}  // namespace holdfast::schema
