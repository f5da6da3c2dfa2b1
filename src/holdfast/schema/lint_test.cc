// Each rule has a case: a schema in which exactly it fires, once, at the place marked "@@".
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "holdfast/schema/lint_rules.h"
#include "holdfast/schema/schema.h"
#include "holdfast/schema/written_for_test.h"

namespace holdfast::schema {
namespace {

// A vpc below a project.
Written Child() { return {.pattern = "projects/{project}/vpcs/{vpc}"}; }

struct Case {
  std::string rule;
  Files files;
};

std::vector<Case> ServiceCases() {
  const std::string p = "domain: 'p.example.com' version: 'v1'";
  const std::string q = "domain: 'q.example.com' version: 'v1'";
  const std::string imports_q = " imports: { " + q + " }";
  const std::string imports_p = " imports: { " + p + " }";
  return {
      {"service-missing",
       {{"a.proto", Header("p.v1", "") + KindText({.mark = Written::Mark::kMessage})}}},
      {"service-conflict",
       {{"a.proto", Header("p.v1", p) + KindText({})},
        {"b.proto", Header("p.v1", "domain: 'p.example.com' version: 'v2'", "@@")}}},
      {"service-invalid",
       {{"a.proto",
         Header("p.v1", "domain: 'p.example.com' version: 'one'", "@@") + KindText({})}}},
      {"service-twice",
       {{"a.proto", Header("p.v1", p) + KindText({})},
        {"b.proto", Header("q.v1", p, "@@") + KindText({})}}},
      {"package-missing", {{"a.proto", Header("", p, "@@") + KindText({})}}},
      {"import-unknown", {{"a.proto", Header("p.v1", p + imports_q, "@@") + KindText({})}}},
      {"import-twice",
       {{"a.proto", Header("p.v1", p + imports_q + imports_q, "@@") + KindText({})},
        {"b.proto", Header("q.v1", q) + KindText({.domain = "q.example.com"})}}},
      {"import-own-domain", {{"a.proto", Header("p.v1", p + imports_p, "@@") + KindText({})}}},
      {"import-cycle",
       {{"a.proto", Header("p.v1", p + imports_q) + KindText({})},
        {"b.proto", Header("q.v1", q + imports_p, "@@") + KindText({.domain = "q.example.com"})}}},
  };
}

std::vector<Case> KindCases() {
  return {
      {"kind-nested",
       {{"a.proto",
         InP("message Outer {\n" + KindText({.mark = Written::Mark::kMessage}) + "}\n")}}},
      {"kind-proto2",
       {{"a.proto",
         absl::StrReplaceAll(
             InP(KindText(
                 {.fixed = "optional string name = 1; optional holdfast.Meta metadata = 2;",
                  .mark = Written::Mark::kMessage})),
             {{"proto3", "proto2"}})}}},
      {"kind-type",
       {{"a.proto", InP(KindText({.domain = "other.com", .mark = Written::Mark::kResource}))}}},
      {"kind-twice",
       {{"a.proto",
         InP(KindText({}) + absl::StrReplaceAll(KindText({.message = "Second",
                                                          .pattern = "seconds/{second}",
                                                          .plural = "seconds",
                                                          .mark = Written::Mark::kResource}),
                                                {{"com/Second", "com/Vpc"}}))}}},
      {"name-missing",
       {{"a.proto", InP(KindText({.fixed = "holdfast.Meta metadata = 2;",
                                  .mark = Written::Mark::kMessage}))}}},
      {"name-type",
       {{"a.proto", InP(KindText({.fixed = "@@bytes name = 1; holdfast.Meta metadata = 2;"}))}}},
      {"metadata-missing",
       {{"a.proto",
         InP(KindText({.fixed = "string name = 1;", .mark = Written::Mark::kMessage}))}}},
      {"metadata-type",
       {{"a.proto", InP(KindText({.fixed = "string name = 1; @@string metadata = 2;"}))}}},
      {"plural-missing",
       {{"a.proto", InP(KindText({.plural = "", .mark = Written::Mark::kResource}))}}},
      {"word-invalid",
       {{"a.proto", InP(KindText({.plural = "vpc-s", .mark = Written::Mark::kResource}))}}},
      {"plural-clash",
       {{"a.proto", InP(KindText({.message = "Host", .pattern = "hosts/{host}"}) +
                        KindText({.mark = Written::Mark::kResource}))}}},
  };
}

std::vector<Case> PatternCases() {
  const std::string q = "domain: 'q.example.com' version: 'v1'";
  Written child = Child();
  child.mark = Written::Mark::kResource;
  return {
      {"pattern-missing",
       {{"a.proto", InP(KindText({.pattern = "", .mark = Written::Mark::kResource}))}}},
      {"pattern-invalid",
       {{"a.proto",
         InP(KindText({.pattern = "vpcs/{vpc}/main", .mark = Written::Mark::kResource}))}}},
      {"pattern-overlap",
       {{"a.proto", InP(KindText({}) + KindText({.message = "Web",
                                                 .pattern = "vpcs/{web}",
                                                 .plural = "webs",
                                                 .mark = Written::Mark::kResource}))}}},
      {"parent-unknown", {{"a.proto", InP(KindText(child))}}},
      {"parent-ambiguous",
       {{"a.proto", Header("p.v1", "domain: 'p.example.com' version: 'v1' imports: { " + q + " }") +
                        Project() + KindText(child)},
        {"b.proto", Header("q.v1", q) + Project("q.example.com")}}},
      {"parent-unconstrained",
       {{"a.proto", InP(KindText({.message = "Project",
                                  .pattern = "projects/{project}",
                                  .plural = "projects",
                                  .rules = "unconstrained: true"}) +
                        KindText(child))}}},
  };
}

Case FieldCase(const std::string& rule, const std::string& fields,
               const std::string& more_kinds = "") {
  return {rule, {{"a.proto", InP(KindText({.fields = fields}) + more_kinds)}}};
}

std::vector<Case> ReferenceCases() {
  const std::string self = Reference("p.example.com/Vpc");
  std::string many;
  for (int i = 0; i < 257; ++i) {
    absl::StrAppend(&many, "string r", i, " = ", 10 + i, " [", self, "];\n");
  }
  return {
      FieldCase("reference-unknown-kind",
                "string r = 3 [@@" + Reference("p.example.com/Nothing") + "];"),
      {"reference-not-imported",
       {{"a.proto",
         InP(KindText({.fields = "string r = 3 [@@" + Reference("q.example.com/Vpc") + "];"}))},
        {"b.proto", Header("q.v1", "domain: 'q.example.com' version: 'v1'") +
                        KindText({.domain = "q.example.com"})}}},
      FieldCase("reference-unconstrained",
                "string r = 3 [@@" + Reference("p.example.com/Event") + "];",
                KindText({.message = "Event",
                          .pattern = "events/{event}",
                          .plural = "events",
                          .rules = "unconstrained: true"})),
      FieldCase("reference-not-string", "int32 r = 3 [@@" + self + "];"),
      FieldCase("reference-unset-required",
                "string r = 3 [" + Reference("p.example.com/Vpc") +
                    ", @@(holdfast.reference) = { on_delete: ASYNC_UNSET }, "
                    "(google.api.field_behavior) = REQUIRED];"),
      FieldCase("reference-without-kind",
                "string r = 3 [@@(holdfast.reference) = { on_delete: UNSET }];"),
      FieldCase("reference-child-type",
                "string r = 3 [@@(google.api.resource_reference).child_type = "
                "'p.example.com/Vpc'];"),
      FieldCase("reference-recursive",
                "Tree tree = 3; message Tree { @@repeated Tree branches = 1; string r = 2 [" +
                    self + "]; }"),
      {"reference-too-many",
       {{"a.proto", InP(KindText({.fields = many, .mark = Written::Mark::kMessage}))}}},
  };
}

Case RulesCase(const std::string& rule, const std::string& rules, const std::string& fields = "") {
  Written child = Child();
  child.rules = rules;
  child.fields = fields;
  child.mark = Written::Mark::kRules;
  return {rule, {{"a.proto", InP(Project() + KindText(child))}}};
}

std::vector<Case> FieldRuleCases() {
  return {
      FieldCase("unique-unsuitable",
                "repeated string u = 3 [@@(holdfast.field) = { unique_in: KIND }];"),
      RulesCase("field-unknown", "index: { fields: 'nothing' }"),
      RulesCase("index-unsuitable", "index: { fields: 'metadata' }"),
      RulesCase("search-unsuitable", "search: { fields: 'n' }", "int32 n = 3;"),
      RulesCase("list-empty", "index: { }"),
      RulesCase("limit-unknown-kind", "limit: { per: 'p.example.com/Nothing' default_max: 1 }"),
      RulesCase("limit-not-ancestor", "limit: { per: 'p.example.com/Vpc' default_max: 1 }"),
      RulesCase("limit-not-positive", "limit: { per: 'p.example.com/Project' }"),
      RulesCase("limit-twice",
                "limit: { per: 'p.example.com/Project' default_max: 1 } "
                "limit: { per: 'p.example.com/Project' default_max: 2 }"),
  };
}

std::vector<Case> DeletionCases() {
  Written root = {.fields =
                      "string main = 3 [@@" + Reference("p.example.com/Subnet", "BLOCK") + "];"};
  const Written subnet = {.message = "Subnet",
                          .pattern = "vpcs/{vpc}/subnets/{subnet}",
                          .plural = "subnets",
                          .rules = "on_parent_deleted: PARENT_ASYNC_CASCADE_DELETE"};
  return {
      RulesCase("async-deletion-cascade", "async_deletion: true"),
      {"cascade-block-cycle", {{"a.proto", InP(KindText(root) + KindText(subnet))}}},
  };
}

std::vector<Case> DerivedCases() {
  return {
      {"derived-name-clash", {{"a.proto", InP(KindText({}) + "@@message ListVpcsRequest { }\n")}}},
      {"derived-number-clash",
       {{"a.proto", InP(KindText({.message = "Khbcq", .pattern = "as/{a}", .plural = "as"}) +
                        KindText({.message = "Kqzca",
                                  .pattern = "bs/{b}",
                                  .plural = "bs",
                                  .mark = Written::Mark::kResource}))}}},
  };
}

std::vector<Case> AllCases() {
  std::vector<Case> all;
  for (const auto& theme : {ServiceCases(), KindCases(), PatternCases(), ReferenceCases(),
                            FieldRuleCases(), DeletionCases(), DerivedCases()}) {
    all.insert(all.end(), theme.begin(), theme.end());
  }
  return all;
}

class LintRuleTest : public ::testing::TestWithParam<Case> {};

TEST_P(LintRuleTest, FiresAloneWhereTheSchemaIsWrong) {
  Files files = GetParam().files;
  const std::string place = TakeMark(files);
  std::vector<Diagnostic> findings;
  const auto schema = LoadTexts(files, &findings);
  EXPECT_EQ(schema.status().code(), absl::StatusCode::kInvalidArgument);
  std::vector<std::string> found;
  for (const Diagnostic& finding : findings) {
    found.push_back(absl::StrCat(finding.file, ":", finding.line, ":", finding.column, ": [",
                                 finding.rule, "]"));
  }
  EXPECT_THAT(found, ::testing::ElementsAre(absl::StrCat(place, ": [", GetParam().rule, "]")))
      << schema.status().message() << "\n"
      << files[0].second;
}

std::string CaseName(const ::testing::TestParamInfo<Case>& of) {
  return absl::StrReplaceAll(of.param.rule, {{"-", "_"}});
}

INSTANTIATE_TEST_SUITE_P(Rules, LintRuleTest, ::testing::ValuesIn(AllCases()), CaseName);

TEST(Lint, EveryRuleHasACase) {
  std::set<std::string> tested;
  for (const Case& c : AllCases()) tested.insert(c.rule);
  std::set<std::string> rules;
  for (const RuleInfo& rule : LintRules()) {
    EXPECT_TRUE(rules.emplace(rule.id).second) << rule.id << " is there twice";
    EXPECT_FALSE(rule.summary.empty()) << rule.id;
  }
  EXPECT_EQ(tested, rules);
}

TEST(Lint, EveryRuleIsInTheReference) {
  const char* source = std::getenv("HOLDFAST_SOURCE");
  if (source == nullptr) GTEST_SKIP() << "run by ctest, which says where the sources are";
  std::ifstream in(absl::StrCat(source, "/docs/reference/schema.md"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  for (const auto& rules : {LintRules(), BreakingChangeRules()}) {
    for (const RuleInfo& rule : rules) {
      EXPECT_THAT(text, ::testing::HasSubstr(absl::StrCat("| `", std::string(rule.id), "` | ",
                                                          std::string(rule.summary), " |")));
    }
  }
}

TEST(Lint, NamesFiftyFindingsInTheErrorAndAllInTheList) {
  std::string kinds;
  for (int i = 0; i < 51; ++i) {
    kinds += KindText(
        {.message = absl::StrCat("K", i), .pattern = absl::StrCat("k", i, "/{k}"), .plural = ""});
  }
  std::vector<Diagnostic> findings;
  const auto schema = LoadTexts({{"a.proto", InP(kinds)}}, &findings);
  EXPECT_EQ(findings.size(), 51u);
  const std::string message(schema.status().message());
  EXPECT_THAT(message, ::testing::HasSubstr("the schema has 51 findings:"));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 51) << "fifty, and an ellipsis";
}

TEST(Lint, AcceptsWhatTheCasesAreMadeOf) {
  const auto schema = LoadTexts({{"a.proto", InP(Project() + KindText(Child()))}});
  EXPECT_TRUE(schema.ok()) << schema.status();
}

TEST(Lint, AcceptsCyclesOfSynchronousCascades) {
  const auto schema = LoadTexts(
      {{"a.proto",
        InP(KindText(
                {.fields = "string a = 3 [" + Reference("p.example.com/Web", "CASCADE_DELETE") +
                           "]; string b = 4 [" + Reference("p.example.com/Web", "BLOCK") + "];"}) +
            KindText({.message = "Web",
                      .pattern = "webs/{web}",
                      .plural = "webs",
                      .fields = "string c = 3 [" +
                                Reference("p.example.com/Vpc", "CASCADE_DELETE") + "];"}))}});
  EXPECT_TRUE(schema.ok()) << schema.status();
}

TEST(Lint, AcceptsReferencesAndParentsOfImportedServices) {
  const std::string q = "domain: 'q.example.com' version: 'v1'";
  Written child = Child();
  child.fields = "string r = 3 [" + Reference("q.example.com/Project") + "];";
  child.rules = "limit: { per: 'q.example.com/Project' default_max: 1 }";
  const auto schema = LoadTexts(
      {{"a.proto", Header("p.v1", "domain: 'p.example.com' version: 'v1' imports: { " + q + " }") +
                       KindText(child)},
       {"b.proto", Header("q.v1", q) + Project("q.example.com")}});
  ASSERT_TRUE(schema.ok()) << schema.status();
  const auto* vpc = (*schema)->find_kind(KindName("p.example.com/Vpc"));
  EXPECT_EQ(vpc->parents.at(0), (*schema)->find_kind(KindName("q.example.com/Project")));
  EXPECT_EQ(vpc->parents.at(0)->incoming.size(), 1u);
}

TEST(Lint, GathersAllFindingsInOrderOfPlace) {
  std::vector<Diagnostic> findings;
  const auto schema = LoadTexts(
      {{"a.proto", InP(KindText({.pattern = "", .plural = "", .fixed = ""}))}}, &findings);
  std::vector<std::string> rules;
  for (const Diagnostic& finding : findings) rules.push_back(finding.rule);
  EXPECT_THAT(rules, ::testing::ElementsAre("metadata-missing", "name-missing", "pattern-missing",
                                            "plural-missing"));
}

TEST(Versions, AreOrderedByAge) {
  // The newest version of a kind is the one that find_kind gives.
  const char* ordered[] = {"v1alpha1", "v1alpha2", "v1beta1", "v1", "v2", "v10"};
  for (size_t i = 0; i + 1 < std::size(ordered); ++i) {
    Files files;
    for (const char* version : {ordered[i + 1], ordered[i]}) {
      const std::string service = absl::StrCat("domain: 'p.example.com' version: '", version, "'");
      files.emplace_back(absl::StrCat(version, ".proto"),
                         Header(absl::StrCat("p.", version), service) + KindText({}));
    }
    const auto schema = LoadTexts(files);
    ASSERT_TRUE(schema.ok()) << schema.status();
    EXPECT_EQ((*schema)->find_kind(KindName("p.example.com/Vpc"))->service->version.str(),
              ordered[i + 1]);
  }
}

}  // namespace
}  // namespace holdfast::schema
