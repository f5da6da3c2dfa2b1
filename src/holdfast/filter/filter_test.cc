#include "holdfast/filter/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/filter/test_message.h"
#include "holdfast/testing/covers.h"

namespace holdfast::filter {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

bool Matches(std::string_view filter, std::string_view resource) {
  const auto parsed = Filter::Parse(filter, TestTypes::Get().vpc());
  EXPECT_TRUE(parsed.ok()) << filter << ": " << parsed.status();
  return parsed.ok() && parsed->matches(*TestTypes::Get().make(resource));
}

// Expects INVALID_FILTER about the field "filter", with this in its message.
void ExpectError(std::string_view filter, std::string_view message) {
  const auto parsed = Filter::Parse(filter, TestTypes::Get().vpc());
  ASSERT_FALSE(parsed.ok()) << filter;
  EXPECT_EQ(ReasonOf(parsed.status()), Reason::kInvalidFilter) << filter;
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << filter;
  const std::string text(parsed.status().message());
  EXPECT_THAT(text, StartsWith("filter: ")) << filter;
  EXPECT_THAT(text, HasSubstr(std::string(message))) << filter;
}

struct Case {
  std::string_view filter;
  std::string_view resource;
  bool matches;
};

void ExpectCases(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Matches(c.filter, c.resource), c.matches) << c.filter << "  on  " << c.resource;
  }
}

TEST(Filter, MatchesEverythingWhenEmpty) {
  HF_COVERS("S25");
  ExpectCases({{"", "", true}, {" \t\n", "name: 'x'", true}});
  EXPECT_TRUE(Filter().empty());
  EXPECT_TRUE(Filter().matches(*TestTypes::Get().make()));
  EXPECT_TRUE(Filter::Parse(" ", TestTypes::Get().vpc())->empty());
  EXPECT_FALSE(Filter::Parse("count=1", TestTypes::Get().vpc())->empty());
}

TEST(Filter, ComparesNumbers) {
  HF_COVERS("S25");
  ExpectCases({
      {"count = 5", "count: 5", true},
      {"count=5", "count: 6", false},
      {"count != 5", "count: 6", true},
      {"count < 5", "count: 4", true},
      {"count < 5", "count: 5", false},
      {"count <= 5", "count: 5", true},
      {"count > -5", "count: -4", true},
      {"count >= -5", "count: -6", false},
      {"count = -5", "count: -5", true},
      {"count : 5", "count: 5", true},
      // int64 as JSON writes it.
      {"big = \"9223372036854775807\"", "big: 9223372036854775807", true},
      {"big = 9007199254740993", "big: 9007199254740992", false},
      {"big >= -9223372036854775808", "big: -9223372036854775808", true},
      {"big_unsigned = 18446744073709551615", "big_unsigned: 18446744073709551615", true},
      {"big_unsigned > 9223372036854775808", "big_unsigned: 9223372036854775807", false},
      {"weight = 2.5", "weight: 2.5", true},
      {"weight > 2.997e9", "weight: 3e9", true},
      {"weight < 1e-400", "weight: -1", true},
      {"weight = 5", "weight: 5", true},
      {"weight = .5", "weight: 0.5", true},
      {"weight < Infinity", "weight: 1e308", true},
      {"weight = -Infinity", "weight: -inf", true},
      {"ratio = 0.1", "ratio: 0.1", true},
  });
}

TEST(Filter, ComparesFloatingPointAsIeee754) {
  ExpectCases({
      {"weight = 0", "weight: -0.0", true},
      {"weight = -0.0", "weight: 0", true},
      {"weight < 0", "weight: -0.0", false},
      {"weight = 1", "weight: nan", false},
      {"weight < 1", "weight: nan", false},
      {"weight >= 1", "weight: nan", false},
      {"weight != 1", "weight: nan", true},
  });
}

TEST(Filter, ComparesTextsByBytes) {
  ExpectCases({
      {"display_name = \"web\"", "display_name: 'web'", true},
      {"display_name = web", "display_name: 'web'", true},
      {"display_name = 'web'", "display_name: 'Web'", false},
      {"display_name < b", "display_name: 'a'", true},
      {"display_name < b", "display_name: 'B'", true},
      {"display_name < b", "display_name: '\\303\\244'", false},
      {"display_name >= ''", "display_name: ''", true},
      {R"(display_name = "a\"b\\c\n\t\r\'\`\u00e4")", R"(display_name: "a\"b\\c\n\t\r'`ä")", true},
      {R"(display_name = "a\u0000b")", R"(display_name: "a\000b")", true},
      {R"(display_name = "€\u20ac\u0041")", R"(display_name: "€€A")", true},
      {"display_name = projects/p-1/vpcs/a:b", "display_name: 'projects/p-1/vpcs/a:b'", true},
      {"display_name = \"AND\"", "display_name: 'AND'", true},
  });
}

TEST(Filter, TakesAsterisksForAnyCharacters) {
  HF_COVERS("S25");
  ExpectCases({
      {"display_name = \"web*\"", "display_name: 'web-1'", true},
      {"display_name = web*", "display_name: 'web'", true},
      {"display_name = web*", "display_name: 'awe'", false},
      {"display_name = \"*.com\"", "display_name: 'a.com'", true},
      {"display_name = \"*.com\"", "display_name: 'a.com.org'", false},
      {"display_name : \"*b*\"", "display_name: 'abc'", true},
      {"display_name = \"a*b*c\"", "display_name: 'axxbxxc'", true},
      {"display_name = \"a*b*c\"", "display_name: 'acb'", false},
      {"display_name = \"aa*aa\"", "display_name: 'aaa'", false},
      {"display_name = \"*\"", "", true},
      {"nick = \"*\"", "", false},
      {"display_name != web*", "display_name: 'web-1'", false},
      {"display_name != web*", "display_name: 'db'", true},
      {R"(display_name = "a\*")", "display_name: 'a*'", true},
      {R"(display_name = "a\*")", "display_name: 'ab'", false},
      // An order has no wildcards.
      {"display_name < \"b*\"", "display_name: 'b'", true},
      {"display_name >= \"b*\"", "display_name: 'b'", false},
  });
}

TEST(Filter, ComparesBoolsAndEnumsByName) {
  ExpectCases({
      {"enabled = true", "enabled: true", true},
      {"enabled = false", "", true},
      {"enabled != true", "", true},
      {"enabled : \"true\"", "enabled: true", true},
      {"state = ACTIVE", "state: ACTIVE", true},
      {"state = \"DELETING\"", "state: ACTIVE", false},
      {"state != ACTIVE", "", true},
      {"state = STATE_UNSPECIFIED", "", true},
  });
}

TEST(Filter, ComparesTimestampsAndDurations) {
  HF_COVERS("S25");
  const char* kNoon = "create_time { seconds: 1335009600 nanos: 500 }";  // 2012-04-21T12:00:00Z
  ExpectCases({
      {"create_time > \"2012-04-21T11:30:00-04:00\"", kNoon, false},
      {"create_time > 2012-04-21T11:59:59Z", kNoon, true},
      {"create_time = 2012-04-21T14:00:00.0000005+02:00", kNoon, true},
      {"create_time > 2012-04-21T12:00:00.0000005Z", kNoon, false},
      {"create_time >= 2012-04-21T12:00:00.000000501Z", kNoon, false},
      {"create_time < 9999-12-31T23:59:59Z", kNoon, true},
      {"create_time > 0001-01-01T00:00:00Z", kNoon, true},
      {"create_time.seconds = 1335009600", kNoon, true},
      {"ttl = 20s", "ttl { seconds: 20 }", true},
      {"ttl < 1.5s", "ttl { seconds: 1 nanos: 499999999 }", true},
      {"ttl = -1.5s", "ttl { seconds: -1 nanos: -500000000 }", true},
      {"ttl > \"0.000000001s\"", "ttl { nanos: 1 }", false},
  });
}

TEST(Filter, CombinesWithOrBindingTighterThanAnd) {
  HF_COVERS("S25");
  ExpectCases({
      // count = 1 AND (count = 1 OR big = 2)
      {"count = 1 AND count = 1 OR big = 2", "count: 3 big: 2", false},
      {"count = 1 AND count = 9 OR big = 2", "count: 1 big: 2", true},
      {"(count = 1 AND count = 1) OR big = 2", "count: 3 big: 2", true},
      // A sequence is an AND that binds tighter than AND and looser than OR; all must match.
      {"count = 1 big = 2", "count: 1 big: 2", true},
      {"count = 1 big = 2", "count: 1", false},
      {"count = 9 OR count = 1 big = 2", "count: 1", false},
      {"count = 1 big = 2 AND enabled = true", "count: 1 big: 2", false},
      {"(count = 1)(big = 2)", "count: 1 big: 2", true},
      {"((count=1 OR count=2) AND (big=3 OR big=4))", "count: 2 big: 3", true},
  });
}

TEST(Filter, Negates) {
  ExpectCases({
      {"NOT count = 1", "count: 1", false},
      {"NOT count = 1", "count: 2", true},
      {"-count = 1", "count: 2", true},
      {"-(count = 1 AND big = 2)", "count: 1 big: 3", true},
      {"NOT(count = 1)", "count: 1", false},
      {"NOT (NOT count = 1)", "count: 1", true},
      // NOT binds tightest.
      {"NOT count = 1 OR count = 1", "count: 1", true},
      {"count = 1 -big = 2", "count: 1 big: 3", true},
  });
}

TEST(Filter, LetsWhatIsAbsentSatisfyNoComparisonButANegatedOne) {
  HF_COVERS("S25");
  ExpectCases({
      // A message on the way is unset.
      {"spec.size = 0", "", false},
      {"spec.size != 0", "", true},
      {"spec.size != 5", "", true},
      {"NOT spec.size = 0", "", true},
      {"spec.size < 5", "", false},
      {"NOT spec.size < 5", "", true},
      {"spec.size = 0", "spec {}", true},
      {"spec.inner.inner.cidr = ''", "spec { inner {} }", false},
      // An optional field is unset.
      {"quota = 0", "", false},
      {"quota != 0", "", true},
      {"quota = 0", "quota: 0", true},
      {"nick = ''", "", false},
      {"nick = ''", "nick: ''", true},
      {"alias = ''", "", false},
      {"alias = ''", "alias {}", true},
      {"ip = ''", "gateway {}", false},
      {"create_time < 2030-01-01T00:00:00Z", "", false},
      {"create_time = 1970-01-01T00:00:00Z", "create_time {}", true},
      // A map has no such key.
      {"labels.env = ''", "", false},
      {"labels.env != prod", "", true},
      // Scalars without presence always have a value.
      {"count = 0", "", true},
      {"display_name = ''", "", true},
      {"weight <= 0", "", true},
  });
}

TEST(Filter, AsksForPresence) {
  HF_COVERS("S25");
  ExpectCases({
      {"spec:*", "", false},
      {"spec:*", "spec {}", true},
      {"spec.inner:*", "", false},
      {"nick:*", "nick: ''", true},
      {"nick:*", "", false},
      {"create_time:*", "create_time {}", true},
      {"alias:*", "alias {}", true},
      // Without presence: other than the default.
      {"count:*", "", false},
      {"count:*", "count: 1", true},
      {"digest:*", "digest: 'x'", true},
      {"tags:*", "", false},
      {"tags:*", "tags: ''", true},
      {"labels:*", "", false},
      {"labels:*", "labels { key: 'a' value: '' }", true},
      {"labels.a:*", "labels { key: 'a' value: '' }", true},
      {"labels.b:*", "labels { key: 'a' value: '' }", false},
      {"specs.a:*", "specs { key: 'a' value {} }", true},
      {"rules.note:*", "rules {} rules { note: '' }", true},
      {"rules.note:*", "rules {}", false},
      {"gateway:*", "gateway {}", true},
      {"spec:cidr", "spec {}", false},
      {"spec:cidr", "spec { cidr: 'x' }", true},
      {"spec:\"inner\"", "spec { inner {} }", true},
      {"NOT spec:*", "", true},
  });
}

TEST(Filter, AsksWhetherAnyElementMatches) {
  HF_COVERS("S25");
  ExpectCases({
      {"tags:web", "tags: 'db' tags: 'web'", true},
      {"tags:web", "tags: 'db'", false},
      {"tags:web", "", false},
      {"tags:\"w*\"", "tags: 'db' tags: 'web'", true},
      {"NOT tags:web", "tags: 'db'", true},
      {"numbers:42", "numbers: 1 numbers: 42", true},
      {"states:DELETING", "states: ACTIVE states: DELETING", true},
      {"times:2012-04-21T12:00:00Z", "times { seconds: 1335009600 }", true},
      {"rules.port:80", "rules { port: 443 } rules { port: 80 }", true},
      {"rules.port:80", "rules { port: 443 }", false},
      {"spec.rules.hosts:b", "spec { rules { hosts: 'a' } rules { hosts: ['c', 'b'] } }", true},
      // Each question may be answered by another element.
      {"rules.port:80 rules.protocol:tcp",
       "rules { port: 80 protocol: 'udp' } rules { port: 1 protocol: 'tcp' }", true},
  });
}

TEST(Filter, LooksIntoMaps) {
  HF_COVERS("S25");
  ExpectCases({
      {"labels.env = prod", "labels { key: 'env' value: 'prod' }", true},
      {"labels.env:prod", "labels { key: 'env' value: 'prod' }", true},
      {"labels.env > a", "labels { key: 'env' value: 'prod' }", true},
      {"labels.env = dev", "labels { key: 'env' value: 'prod' }", false},
      {"labels:env", "labels { key: 'env' value: '' }", true},
      {"labels:\"a.b\"", "labels { key: 'a.b' value: '' }", true},
      {"labels:\"a.*\"", "labels { key: 'a.b' value: '' }", true},
      {"labels:env", "labels { key: 'dev' value: '' }", false},
      {"labels.\"a.b/c\" = x", "labels { key: 'a.b/c' value: 'x' }", true},
      {"labels.`a.b` = x", "labels { key: 'a.b' value: 'x' }", true},
      {"labels.'a b' = x", "labels { key: 'a b' value: 'x' }", true},
      {"labels.\"*\" = x", "labels { key: '*' value: 'x' }", true},
      {"labels.env-name = x", "labels { key: 'env-name' value: 'x' }", true},
      {"by_number.7 = x", "by_number { key: 7 value: 'x' }", true},
      {"by_number.007 = x", "by_number { key: 7 value: 'x' }", true},
      {"by_number.-7 = x", "by_number { key: -7 value: 'x' }", true},
      {"by_number:7", "by_number { key: 7 value: '' }", true},
      {"by_flag.true > 5", "by_flag { key: true value: 6 }", true},
      {"by_flag:false", "by_flag { key: true value: 6 }", false},
      {"specs.a.size = 3", "specs { key: 'a' value { size: 3 } }", true},
      {"specs.a.rules.port:1", "specs { key: 'a' value { rules { port: 1 } } }", true},
      {"specs.a:cidr", "specs { key: 'a' value { cidr: 'x' } }", true},
      {"spec.named_rules.r.port = 0", "spec { named_rules { key: 'r' value {} } }", true},
  });
}

TEST(Filter, TakesSeveralValuesInParentheses) {
  ExpectCases({
      {"tags:(web OR db)", "tags: 'db'", true},
      {"tags:(web AND db)", "tags: 'db'", false},
      {"tags:(web db)", "tags: ['db', 'web']", true},
      {"tags:(NOT web)", "tags: 'db'", true},
      {"count = (-1 OR 5)", "count: -1", true},
      {"count = (1 OR (2 OR 3))", "count: 3", true},
      {"labels.env = (prod OR \"dev\")", "labels { key: 'env' value: 'dev' }", true},
      {"NOT count = (1 OR 2)", "count: 2", false},
  });
}

TEST(FilterErrors, NameThePositionAndWhatWasExpected) {
  HF_COVERS("S25");
  ExpectError("count =", "at character 8: expected a value after =, found the end");
  ExpectError("count = )", "at character 9: expected a value after =, found \")\"");
  ExpectError("count = AND",
              "at character 9: expected a value after =, found AND; if it is a text, "
              "quote it");
  ExpectError("count = 1 AND", "at character 14: expected a comparison, found the end");
  ExpectError("count = 1 AND AND count = 2", "at character 15: expected a comparison, found AND");
  ExpectError("OR count = 1", "at character 1: expected a comparison, found OR");
  ExpectError("count = 1 OR", "at character 13: expected a comparison, found the end");
  ExpectError("= 1", "at character 1: expected a comparison, found \"=\"");
  ExpectError("count = 1)", "at character 10: expected the end, found \")\"");
  ExpectError("(count = 1", "at character 1: the parenthesis isn't closed");
  ExpectError("()", "at character 2: expected a comparison, found \")\"");
  ExpectError("count = 1, big = 2", "at character 10: expected a comparison, found \",\"");
  ExpectError("spec. = 1", "at character 6: expected a field name after the dot, found a space");
  ExpectError("spec.(x)", "at character 6: expected a field name after the dot, found \"(\"");
  ExpectError("- count = 1", "at character 2: expected a comparison, found a space");
  ExpectError("NOT", "at character 4: expected a comparison, found the end");
  ExpectError("NOT NOT count = 1", "at character 5: a second negation needs parentheses");
  ExpectError("--count = 1", "at character 2: a second negation needs parentheses");
  ExpectError("tags:(NOT NOT a)", "at character 11: a second negation needs parentheses");
  ExpectError("count == 1", "at character 7: for equality write = and not ==");
  ExpectError("count ! 1", "at character 7: expected !=, found \"!\"");
  ExpectError("display_name = \"x", "at character 16: the string has no closing quote");
  // Characters, not bytes.
  ExpectError("display_name = 'ää' AND nope = 1", "at character 25: no field \"nope\"");
}

TEST(FilterErrors, RefuseBadEscapes) {
  ExpectError(R"(display_name = "a\qb")", "at character 18: expected one of \\\\ \\\" \\'");
  ExpectError(R"(display_name = "a\)", "at character 18: expected one of \\\\ \\\" \\'");
  ExpectError(R"(display_name = "\u12")",
              "at character 17: expected four hexadecimal digits after \\u");
  ExpectError(R"(display_name = "\u-123")",
              "at character 17: expected four hexadecimal digits after \\u");
  ExpectError(R"(display_name = "\ud800")", "at character 17: \\u can't write surrogates");
}

TEST(FilterErrors, RefuseUnknownFields) {
  ExpectError("nope = 1",
              "at character 1: no field \"nope\" in acme.Vpc; it has name, display_name, "
              "count, big, small_unsigned, big_unsigned, ratio, weight, enabled, state, "
              "digest, nick, …");
  ExpectError("displayName = x",
              "at character 1: no field \"displayName\" in acme.Vpc; did you mean display_name?");
  ExpectError("spec.nope = 1",
              "at character 6: no field \"nope\" in acme.Spec; it has cidr, size, "
              "limit, rules, named_rules, inner, since");
  ExpectError("spec:nope", "at character 6: no field \"nope\" in acme.Spec");
  ExpectError("count.x = 1", "at character 7: no field \"x\" in count, which is an int32");
  ExpectError("labels.a.b = 1", "at character 10: no field \"b\" in labels.a, which is a string");
  ExpectError("marker.x = 1", "at character 8: no field \"x\" in acme.Nothing");
  ExpectError("labels.a* = x",
              "at character 8: * doesn't work in a path: put a map key that has one "
              "in quotes");
  ExpectError("by_number.x = 1", "at character 11: the map's keys are int32, which \"x\" isn't");
  ExpectError("by_number:x", "at character 11: the map's keys are int32, which \"x\" isn't");
  ExpectError("by_number.99999999999 = 1", "at character 11: the map's keys are int32");
  ExpectError("by_flag.yes = 1",
              "at character 9: the map's keys are true and false, which \"yes\" isn't");
}

TEST(FilterErrors, RefuseValuesOfAnotherType) {
  ExpectError("count = abc", "at character 9: expected an int32, found \"abc\"");
  ExpectError("count = 1.5", "at character 9: expected an int32, found \"1.5\"");
  ExpectError("count = 1e3", "at character 9: expected an int32, found \"1e3\"");
  ExpectError("count = \"\"", "at character 9: expected an int32, found \"\"");
  ExpectError("count = *",
              "at character 9: * matches only texts: to ask for presence write count:*");
  ExpectError("count = 2147483648",
              "at character 9: \"2147483648\" is out of range for count, which is an int32");
  ExpectError("big = 9223372036854775808", "is out of range for big, which is an int64");
  ExpectError("big = -9223372036854775809", "is out of range for big, which is an int64");
  ExpectError("small_unsigned = 4294967296",
              "is out of range for small_unsigned, which is a uint32");
  ExpectError("big_unsigned = 18446744073709551616",
              "is out of range for big_unsigned, which is a uint64");
  ExpectError("big_unsigned = -1", "is out of range for big_unsigned, which is a uint64");
  ExpectError("ceiling = x", "at character 11: expected a uint64, found \"x\"");
  ExpectError("weight = abc", "at character 10: expected a double, found \"abc\"");
  ExpectError("weight = inf", "at character 10: expected a double, found \"inf\"");
  ExpectError("weight = 0x10", "at character 10: expected a double, found \"0x10\"");
  ExpectError("weight = 1e", "at character 10: expected a double, found \"1e\"");
  ExpectError("weight = .", "at character 10: expected a double, found \".\"");
  ExpectError("weight = 1e309", "\"1e309\" is out of range for weight, which is a double");
  ExpectError("ratio = 1e39", "\"1e39\" is out of range for ratio, which is a float");
  ExpectError("weight = NaN", "at character 10: NaN is neither equal to, less nor greater");
  ExpectError("enabled = 1", "at character 11: expected true or false, found \"1\"");
  ExpectError("state = active",
              "at character 9: expected a value of acme.State "
              "(STATE_UNSPECIFIED, ACTIVE, DELETING), found \"active\"");
  ExpectError("state = 1", "at character 9: expected a value of acme.State");
}

TEST(FilterErrors, RefuseBadTimestampsAndDurations) {
  const char* kTimestamp =
      "at character 15: expected an RFC 3339 timestamp, like \"2026-02-28T12:30:00Z\", found ";
  for (const char* text : {"yesterday", "2012-04-21", "2012-04-21T11:30:00", "2012-02-30T00:00:00Z",
                           "2012-04-21T25:00:00Z", "10000-01-01T00:00:00Z", "1.2.3"}) {
    ExpectError(absl::StrCat("create_time > ", text), kTimestamp);
  }
  ExpectError("create_time > \"2012-04-21T11:30:00Z\\u0000\"", kTimestamp);
  const char* kDuration =
      "at character 7: expected a duration in seconds with at most nine "
      "decimals, like 20s or 1.5s, found ";
  for (const char* text :
       {"20", "1.5h", "s", "1.s", ".5s", "1.0000000001s", "--1s", "+1s", "1m30s"}) {
    ExpectError(absl::StrCat("ttl = ", text), kDuration);
  }
  ExpectError("ttl = 315576000001s", "is out of range for ttl, which is a duration");
  ExpectError("ttl = 99999999999999999999s", "is out of range for ttl, which is a duration");
}

TEST(FilterErrors, RefuseWhatTheFieldCannotAnswer) {
  ExpectError("spec = x",
              "at character 8: spec is the message acme.Spec: compare one of its fields, "
              "or ask for its presence with spec:*");
  ExpectError("digest = x",
              "at character 10: digest is bytes: one can only ask for its presence "
              "with digest:*");
  ExpectError("digest:x", "at character 8: digest is bytes");
  ExpectError("enabled > false",
              "at character 11: enabled is a bool, which has no order: use = or !=");
  ExpectError("state < ACTIVE",
              "at character 9: state is the enum acme.State, which has no order: use = or !=");
  ExpectError("tags = web",
              "at character 8: tags is repeated: only : works on it, and asks whether "
              "any element matches");
  ExpectError("rules.port = 80", "at character 14: rules is repeated");
  ExpectError("rules.port > 80", "at character 14: rules is repeated");
  ExpectError("labels = x",
              "at character 10: labels is a map: compare one entry, as in labels.key = "
              "\"value\", or ask for a key with labels:key");
  ExpectError("rules:port",
              "at character 7: rules is a list of messages: ask for a field of them, "
              "as in rules.field:value");
}

TEST(FilterErrors, RefuseWhatIsNotSupportedByName) {
  HF_COVERS("S25");
  ExpectError("web",
              "at character 1: \"web\" stands alone, and searching all fields isn't supported: "
              "compare a field, as in display_name = \"web\"");
  ExpectError("\"New York\" count = 1", "at character 1: \"New York\" stands alone");
  ExpectError("count = 1 and big = 2", "at character 11: write AND in capitals");
  ExpectError("not count = 1", "at character 1: write NOT in capitals");
  ExpectError("regex(name, 'x')", "at character 1: functions aren't supported");
  ExpectError("count = 1 OR math.mem('30mb')", "at character 14: functions aren't supported");
  ExpectError("create_time > now()", "at character 15: functions aren't supported");
  ExpectError("count > (1 OR 2)", "at character 9: only = and : take values in parentheses");
  ExpectError("count != (1 OR 2)", "at character 10: only = and : take values in parentheses");
}

TEST(FilterLimits, AreExactAndNamed) {
  const std::string longest = "display_name = " + std::string(kMaxFilterBytes - 15, 'x');
  EXPECT_TRUE(Filter::Parse(longest, TestTypes::Get().vpc()).ok());
  ExpectError(longest + "x", "the filter has 16385 bytes, of which 16384 are allowed");

  const auto nested = [](int depth) {
    return std::string(depth, '(') + "count=1" + std::string(depth, ')');
  };
  EXPECT_TRUE(Filter::Parse(nested(kMaxFilterDepth), TestTypes::Get().vpc()).ok());
  ExpectError(nested(kMaxFilterDepth + 1),
              "at character 65: more than 64 parentheses within each other");
  ExpectError("count = " + std::string(5000, '('), "more than 64 parentheses within each other");
  // One after the other they aren't within each other.
  std::string row;
  for (int i = 0; i < 200; ++i) row += "(count=1)";
  EXPECT_TRUE(Filter::Parse(row, TestTypes::Get().vpc()).ok());

  const auto path = [](size_t fields) {
    std::string text = "spec";
    for (size_t i = 2; i < fields; ++i) text += ".inner";
    return text + ".size = 1";
  };
  EXPECT_TRUE(Filter::Parse(path(kMaxPathFields), TestTypes::Get().vpc()).ok());
  ExpectError(path(kMaxPathFields + 1), "at character 192: the path has more than 32 fields");
}

TEST(FilterLimits, KeepOutWhatIsNotUtf8) {
  ExpectError("display_name = '\xff'", "the filter isn't valid UTF-8");
  ExpectError("display_name = '\xc3", "the filter isn't valid UTF-8");
}

TEST(Filter, OutlivesTheTextItWasParsedFromAndIsShared) {
  Filter copy;
  {
    std::string text = "display_name = web* AND labels.env:prod";
    auto parsed = Filter::Parse(text, TestTypes::Get().vpc());
    ASSERT_TRUE(parsed.ok());
    text.assign(text.size(), 'x');
    copy = *parsed;
  }
  EXPECT_TRUE(copy.matches(
      *TestTypes::Get().make("display_name: 'web-1' labels { key: 'env' value: 'prod' }")));
}

}  // namespace
}  // namespace holdfast::filter
