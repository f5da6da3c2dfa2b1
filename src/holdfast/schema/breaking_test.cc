// Each rule has a case: two schemas between which exactly it fires, once, at the place marked "@@".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/schema/lint_rules.h"
#include "holdfast/schema/schema.h"
#include "holdfast/schema/testdata.h"
#include "holdfast/schema/written_for_test.h"

namespace holdfast::schema {
namespace {

struct Case {
  std::string rule;
  Files before;
  Files next;
};

Files One(const std::string& body) { return {{"a.proto", InP(body)}}; }

Case FieldCase(const std::string& rule, const std::string& before, const std::string& next) {
  return {rule, One(KindText({.fields = before})), One(KindText({.fields = next}))};
}

Case RulesCase(const std::string& rule, const std::string& before, const std::string& next) {
  const std::string pattern = "projects/{project}/vpcs/{vpc}";
  return {rule, One(Project() + KindText({.pattern = pattern, .rules = before})),
          One(Project() +
              KindText({.pattern = pattern, .rules = next, .mark = Written::Mark::kRules}))};
}

Written Web(Written::Mark mark = Written::Mark::kNone) {
  return {.message = "Web", .pattern = "webs/{web}", .plural = "webs", .mark = mark};
}

std::vector<Case> KindCases() {
  Written two_patterns = Web();
  two_patterns.resource = " pattern: 'nets/{net}'";
  Written renamed = Web(Written::Mark::kResource);
  renamed.plural = "netting";
  const std::string v2 = Header("p.v2", "domain: 'p.example.com' version: 'v2'");
  return {
      {"service-removed", {{"a.proto", InP(KindText({}))}}, {{"@@a.proto", v2 + KindText({})}}},
      {"kind-removed", One(KindText({}) + KindText(Web())), {{"@@a.proto", InP(KindText({}))}}},
      {"pattern-removed", One(KindText(two_patterns)),
       One(KindText(Web(Written::Mark::kResource)))},
      {"word-changed", One(KindText(Web())), One(KindText(renamed))},
      RulesCase("parent-stricter", "", "on_parent_deleted: PARENT_BLOCK"),
      RulesCase("unconstrained-changed", "unconstrained: true", "unconstrained: false"),
      RulesCase("limit-stricter", "limit: { per: 'p.example.com/Project' default_max: 2 }",
                "limit: { per: 'p.example.com/Project' default_max: 1 }"),
      FieldCase("unique-added", "string u = 3;",
                "string u = 3 [@@(holdfast.field) = { unique_in: KIND }];"),
  };
}

std::string Behaviour(const std::string& behaviour) {
  return "string r = 3 [@@" + Reference("p.example.com/Vpc", behaviour) + "];";
}

std::vector<Case> FieldCases() {
  const std::string with_enum = "E e = 3; enum E { E_UNSPECIFIED = 0; ";
  std::vector<Case> cases = {
      FieldCase("field-removed", "string a = 3;", "@@string a = 4;"),
      FieldCase("field-renamed", "string a = 3;", "@@string b = 3;"),
      FieldCase("field-type-changed", "map<string, int32> a = 3;", "@@map<string, int64> a = 3;"),
      FieldCase("field-oneof-changed", "string a = 3;", "oneof o { @@string a = 3; }"),
      FieldCase("field-required", "string a = 3;",
                "@@string a = 3 [(google.api.field_behavior) = REQUIRED];"),
      FieldCase("enum-value-changed", with_enum + "A = 1; }", with_enum + "@@A = 2; }"),
      FieldCase("reference-added", "string r = 3;", Behaviour("BLOCK")),
      {"reference-target-changed",
       One(KindText(Web()) +
           KindText({.fields = "string r = 3 [" + Reference("p.example.com/Vpc") + "];"})),
       One(KindText(Web()) +
           KindText({.fields = "string r = 3 [@@" + Reference("p.example.com/Web") + "];"}))},
      FieldCase("reference-stricter", Behaviour("UNSET"), Behaviour("BLOCK")),
  };
  for (Case& c : cases) TakeMark(c.before);
  return cases;
}

std::vector<Case> AllCases() {
  std::vector<Case> all = KindCases();
  for (Case& c : FieldCases()) all.push_back(std::move(c));
  return all;
}

std::unique_ptr<Schema> Loaded(const Files& files) {
  auto schema = LoadTexts(files);
  EXPECT_TRUE(schema.ok()) << schema.status() << "\n" << files[0].second;
  return schema.ok() ? *std::move(schema) : nullptr;
}

std::vector<std::string> Found(const Schema& before, const Schema& next) {
  std::vector<std::string> found;
  for (const Diagnostic& finding : FindBreakingChanges(before, next)) {
    found.push_back(absl::StrCat(finding.file, ":", finding.line, ":", finding.column, ": [",
                                 finding.rule, "]"));
  }
  return found;
}

// A mark before the file's name stands for the file as a whole.
std::string TakePlace(Files& files) {
  for (auto& [name, text] : files) {
    if (!name.starts_with("@@")) continue;
    name.erase(0, 2);
    return name + ":0:0";
  }
  return TakeMark(files);
}

class BreakingRuleTest : public ::testing::TestWithParam<Case> {};

TEST_P(BreakingRuleTest, FiresAloneWhereTheSchemaChanged) {
  Files files = GetParam().next;
  const std::string place = TakePlace(files);
  const auto before = Loaded(GetParam().before);
  const auto next = Loaded(files);
  ASSERT_TRUE(before != nullptr && next != nullptr);
  EXPECT_THAT(Found(*before, *next),
              ::testing::ElementsAre(absl::StrCat(place, ": [", GetParam().rule, "]")));
}

std::string CaseName(const ::testing::TestParamInfo<Case>& of) {
  return absl::StrReplaceAll(of.param.rule, {{"-", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Rules, BreakingRuleTest, ::testing::ValuesIn(AllCases()), CaseName);

TEST(FindBreakingChanges, EveryRuleHasACase) {
  std::set<std::string> tested;
  for (const Case& c : AllCases()) tested.insert(c.rule);
  std::set<std::string> rules;
  for (const RuleInfo& rule : BreakingChangeRules()) rules.emplace(rule.id);
  EXPECT_EQ(tested, rules);
}

TEST(FindBreakingChanges, FindsNoneInTheSameSchema) {
  EXPECT_THAT(Found(*LoadTestSchema(), *LoadTestSchema()), ::testing::IsEmpty());
}

TEST(FindBreakingChanges, AllowsWhatOnlyAddsOrLoosens) {
  const auto before =
      Loaded(One(KindText({.fields = "string r = 3 [" + Reference("p.example.com/Vpc", "BLOCK") +
                                     "]; E e = 4; enum E { E_UNSPECIFIED = 0; }"})));
  const auto next = Loaded(
      One(KindText(Web()) +
          KindText({.resource = " pattern: 'old/{vpc}'",
                    .rules = "index: { fields: 'added' }",
                    .fields = "string r = 3 [" + Reference("p.example.com/Vpc", "UNSET") +
                              "]; E e = 4; enum E { E_UNSPECIFIED = 0; A = 1; } string added = 5 "
                              "[(holdfast.field) = { unique_in: KIND }]; string s = 6 [" +
                              Reference("p.example.com/Web") + "];"})));
  ASSERT_TRUE(before != nullptr && next != nullptr);
  EXPECT_THAT(Found(*before, *next), ::testing::IsEmpty());
}

TEST(FindBreakingChanges, ComparesEveryChangeOfBehaviour) {
  const std::pair<const char*, const char*> strict[] = {
      {"ALLOW_DANGLING", "UNSET"}, {"ALLOW_DANGLING", "BLOCK"},
      {"UNSET", "CASCADE_DELETE"}, {"CASCADE_DELETE", "BLOCK"},
      {"BLOCK", "CASCADE_DELETE"}, {"ASYNC_UNSET", "ASYNC_CASCADE_DELETE"}};
  const std::pair<const char*, const char*> loose[] = {{"BLOCK", "UNSET"},
                                                       {"BLOCK", "ALLOW_DANGLING"},
                                                       {"UNSET", "ASYNC_UNSET"},
                                                       {"CASCADE_DELETE", "ASYNC_CASCADE_DELETE"},
                                                       {"CASCADE_DELETE", "UNSET"}};
  auto count = [](const char* old, const char* now) {
    Files before = One(KindText({.fields = Behaviour(old)}));
    Files next = One(KindText({.fields = Behaviour(now)}));
    TakeMark(before);
    TakeMark(next);
    return FindBreakingChanges(*Loaded(before), *Loaded(next)).size();
  };
  for (const auto& [old, now] : strict) EXPECT_EQ(count(old, now), 1u) << old << " " << now;
  for (const auto& [old, now] : loose) EXPECT_EQ(count(old, now), 0u) << old << " " << now;
}

}  // namespace
}  // namespace holdfast::schema
