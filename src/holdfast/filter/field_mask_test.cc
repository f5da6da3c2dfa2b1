#include "holdfast/filter/field_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/filter/test_random.h"
#include "holdfast/testing/covers.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Message;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Paths = std::vector<std::string>;

const google::protobuf::Descriptor* Vpc() { return TestTypes::Get().vpc(); }

FieldMask ParseOrDie(const Paths& paths) {
  auto mask = FieldMask::Parse(paths, Vpc(), "read_mask");
  HF_CHECK(mask.ok()) << mask.status();
  return *std::move(mask);
}

void ExpectEqual(const Message& got, std::string_view wanted) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(got, *TestTypes::Get().make(wanted)))
      << "wanted " << wanted << ", but:\n"
      << differences;
}

void ExpectKept(const Paths& paths, std::string_view vpc, std::string_view kept) {
  SCOPED_TRACE(paths.empty() ? "" : paths[0]);
  const auto message = TestTypes::Get().make(vpc);
  ParseOrDie(paths).keep(*message);
  ExpectEqual(*message, kept);
}

void ExpectCopied(const Paths& paths, std::string_view from, std::string_view to,
                  std::string_view result) {
  SCOPED_TRACE(absl::StrCat(paths.empty() ? "" : paths[0]));
  const auto message = TestTypes::Get().make(to);
  ParseOrDie(paths).copy(*TestTypes::Get().make(from), *message);
  ExpectEqual(*message, result);
}

TEST(ReadMask, MeansEverythingWhenEmptyOrAnAsterisk) {
  HF_COVERS("S25");
  EXPECT_TRUE(FieldMask().everything());
  EXPECT_TRUE(ParseOrDie({}).everything());
  EXPECT_TRUE(ParseOrDie({"*"}).everything());
  EXPECT_TRUE(ParseOrDie({"name", "*"}).everything());
  EXPECT_FALSE(ParseOrDie({"name"}).everything());
  ExpectKept({}, "name: 'a' count: 1", "name: 'a' count: 1");
  ExpectKept({"*"}, "name: 'a' count: 1", "name: 'a' count: 1");
}

TEST(ReadMask, KeepsWhatItNames) {
  HF_COVERS("S25");
  ExpectKept({"name"}, "name: 'a' count: 1 tags: 'x' spec {}", "name: 'a'");
  ExpectKept({"spec.cidr"}, "name: 'a' spec { cidr: 'x' size: 2 }", "spec { cidr: 'x' }");
  ExpectKept({"spec"}, "count: 1 spec { cidr: 'x' size: 2 }", "spec { cidr: 'x' size: 2 }");
  ExpectKept({"spec", "spec.cidr"}, "spec { cidr: 'x' size: 2 }", "spec { cidr: 'x' size: 2 }");
  ExpectKept({"spec.inner.size", "spec.cidr"},
             "spec { cidr: 'x' size: 2 inner { cidr: 'y' size: 3 } }",
             "spec { cidr: 'x' inner { size: 3 } }");
  ExpectKept({"create_time.seconds"}, "create_time { seconds: 1 nanos: 2 }",
             "create_time { seconds: 1 }");
  ExpectKept({"ip"}, "gateway { port: 1 }", "");
  // Presence shows, even where nothing else does.
  ExpectKept({"spec.cidr"}, "spec { size: 2 }", "spec {}");
  ExpectKept({"spec.cidr"}, "name: 'a'", "");
}

TEST(ReadMask, ReachesIntoEveryElement) {
  HF_COVERS("S25");
  const char* vpc = "rules { port: 1 protocol: 'a' } rules { port: 2 }";
  ExpectKept({"rules.*.port"}, vpc, "rules { port: 1 } rules { port: 2 }");
  ExpectKept({"rules.port"}, vpc, "rules { port: 1 } rules { port: 2 }");
  ExpectKept({"rules.*"}, vpc, vpc);
  ExpectKept({"rules"}, vpc, vpc);
  ExpectKept({"tags.*"}, "tags: 'a'", "tags: 'a'");
}

TEST(ReadMask, PicksEntriesOfMaps) {
  HF_COVERS("S25");
  const char* labels =
      "labels { key: 'a' value: '1' } labels { key: 'b.c' value: '2' } "
      "labels { key: 'd' value: '3' }";
  ExpectKept({"labels.a", "labels.`b.c`", "labels.no"}, labels,
             "labels { key: 'a' value: '1' } labels { key: 'b.c' value: '2' }");
  ExpectKept({"labels.*"}, labels, labels);
  ExpectKept({"labels.no"}, labels, "");
  ExpectKept({"labels.`a``*`"}, "labels { key: 'a`*' value: '1' }",
             "labels { key: 'a`*' value: '1' }");
  ExpectKept({"labels.`*`"}, labels, "");
  ExpectKept({"by_number.07"}, "by_number { key: 7 value: 'x' } by_number { key: 8 value: 'y' }",
             "by_number { key: 7 value: 'x' }");
  ExpectKept({"by_flag.true"}, "by_flag { key: true value: 1 } by_flag { key: false value: 2 }",
             "by_flag { key: true value: 1 }");
  const char* specs =
      "specs { key: 'a' value { cidr: 'x' size: 1 } } "
      "specs { key: 'b' value { cidr: 'y' size: 2 } }";
  ExpectKept({"specs.a.size"}, specs, "specs { key: 'a' value { size: 1 } }");
  ExpectKept({"specs.*.size"}, specs,
             "specs { key: 'a' value { size: 1 } } specs { key: 'b' value { size: 2 } }");
  ExpectKept({"specs.*.size", "specs.b.cidr"}, specs,
             "specs { key: 'a' value { size: 1 } } specs { key: 'b' value { cidr: 'y' size: 2 } }");
  ExpectKept({"specs.*.size", "specs.b"}, specs,
             "specs { key: 'a' value { size: 1 } } specs { key: 'b' value { cidr: 'y' size: 2 } }");
}

TEST(ReadMask, DropsFieldsThatTheTypeDoesNotHave) {
  const auto message = TestTypes::Get().make("name: 'a'");
  message->GetReflection()->MutableUnknownFields(message.get())->AddVarint(9999, 1);
  ParseOrDie({"name"}).keep(*message);
  EXPECT_EQ(message->SerializeAsString(), TestTypes::Get().make("name: 'a'")->SerializeAsString());
}

TEST(UpdateMask, ReplacesWhatItNames) {
  ExpectCopied({"count"}, "name: 'b' count: 2", "name: 'a' count: 1", "name: 'a' count: 2");
  ExpectCopied({"count"}, "", "name: 'a' count: 1", "name: 'a'");
  ExpectCopied({"nick"}, "nick: ''", "", "nick: ''");
  ExpectCopied({"tags"}, "tags: ['x', 'y']", "tags: ['a', 'b', 'c']", "tags: ['x', 'y']");
  ExpectCopied({"tags"}, "", "tags: 'a'", "");
  ExpectCopied({"labels"}, "labels { key: 'b' value: '2' }", "labels { key: 'a' value: '1' }",
               "labels { key: 'b' value: '2' }");
  ExpectCopied({"spec"}, "spec { cidr: 'x' }", "spec { size: 2 }", "spec { cidr: 'x' }");
  ExpectCopied({"spec"}, "", "spec { size: 2 }", "");
  ExpectCopied({}, "count: 2", "name: 'a' count: 1", "count: 2");
  ExpectCopied({"*"}, "count: 2", "name: 'a' count: 1", "count: 2");
}

TEST(UpdateMask, ReachesIntoMessages) {
  ExpectCopied({"spec.cidr"}, "spec { cidr: 'x' size: 9 }", "spec { cidr: 'a' size: 2 }",
               "spec { cidr: 'x' size: 2 }");
  ExpectCopied({"spec.cidr", "spec.inner.size"}, "spec { inner { size: 3 } }",
               "spec { cidr: 'a' size: 2 inner { cidr: 'b' } }",
               "spec { size: 2 inner { cidr: 'b' size: 3 } }");
  // Absent in `from`: cleared; absent in both: nothing is made.
  ExpectCopied({"spec.cidr"}, "", "spec { cidr: 'a' size: 2 }", "spec { size: 2 }");
  ExpectCopied({"spec.inner.cidr"}, "", "count: 1", "count: 1");
  ExpectCopied({"spec.inner.cidr"}, "spec { inner { cidr: 'x' } }", "",
               "spec { inner { cidr: 'x' } }");
}

TEST(UpdateMask, LeavesOtherMembersOfAOneofAlone) {
  ExpectCopied({"ip"}, "ip: 'x'", "gateway { port: 1 }", "ip: 'x'");
  ExpectCopied({"ip"}, "gateway { port: 2 }", "gateway { port: 1 }", "gateway { port: 1 }");
  ExpectCopied({"ip"}, "gateway { port: 2 }", "ip: 'a'", "");
  ExpectCopied({"gateway.port"}, "network {}", "gateway { port: 1 note: 'n' }",
               "gateway { note: 'n' }");
  ExpectCopied({"gateway.port"}, "gateway { port: 2 }", "ip: 'a'", "gateway { port: 2 }");
}

TEST(UpdateMask, ReplacesEntriesOfMaps) {
  const char* to =
      "labels { key: 'a' value: '1' } labels { key: 'b' value: '2' } "
      "labels { key: 'c' value: '3' }";
  ExpectCopied({"labels.a", "labels.b", "labels.d", "labels.e"},
               "labels { key: 'a' value: 'x' } labels { key: 'c' value: 'y' } "
               "labels { key: 'd' value: 'z' }",
               to,
               "labels { key: 'a' value: 'x' } labels { key: 'c' value: '3' } "
               "labels { key: 'd' value: 'z' }");
  const char* from =
      "specs { key: 'a' value { cidr: 'x' size: 1 } } "
      "specs { key: 'c' value { cidr: 'z' size: 3 } }";
  ExpectCopied({"specs.a.cidr", "specs.b.cidr", "specs.c.cidr", "specs.d.cidr"}, from,
               "specs { key: 'a' value { cidr: 'o' size: 9 } } "
               "specs { key: 'b' value { cidr: 'o' size: 8 } }",
               "specs { key: 'a' value { cidr: 'x' size: 9 } } "
               "specs { key: 'b' value { size: 8 } } specs { key: 'c' value { cidr: 'z' } }");
  // A wildcard that an update's mask can't have: the whole map.
  ExpectCopied({"specs.*.cidr"}, from, "specs { key: 'b' value {} }", from);
}

TEST(FieldMask, HasCanonicalPaths) {
  EXPECT_THAT(ParseOrDie({"spec.size", "name", "spec", "name", "rules.port", "tags.*", "labels.`a`",
                          "labels.`b c`", "labels.`b``c`", "by_number.007"})
                  .paths(),
              ElementsAre("by_number.7", "labels.`b c`", "labels.`b``c`", "labels.a", "name",
                          "rules.*.port", "spec", "tags"));
  EXPECT_THAT(ParseOrDie({"*"}).paths(), ElementsAre());
  // Canonical paths parse to themselves.
  const Paths paths = ParseOrDie({"labels.`*`", "labels.``", "specs.*.size", "rules.note"}).paths();
  EXPECT_EQ(ParseOrDie(paths).paths(), paths);
}

TEST(UpdateMask, WithoutOneIsAllThatIsSet) {
  const auto paths = [](std::string_view vpc) {
    return FieldMask::OfSetFields(*TestTypes::Get().make(vpc)).paths();
  };
  EXPECT_THAT(paths("name: 'a' count: 0 enabled: true nick: ''"),
              ElementsAre("enabled", "name", "nick"));
  EXPECT_THAT(paths("spec { size: 1 inner { cidr: 'x' } since {} } create_time { seconds: 1 }"),
              ElementsAre("create_time", "spec.inner.cidr", "spec.since", "spec.size"));
  EXPECT_THAT(paths("labels { key: 'a' value: '1' } tags: 'x' rules { port: 1 } alias {}"),
              ElementsAre("alias", "labels", "rules", "tags"));
  // An empty message says something only by being there.
  EXPECT_THAT(paths("spec {} marker {} network {}"), ElementsAre("marker", "network"));
  EXPECT_THAT(paths("network { size: 1 }"), ElementsAre("network.size"));

  const FieldMask nothing = FieldMask::OfSetFields(*TestTypes::Get().make(""));
  EXPECT_FALSE(nothing.everything());
  const auto to = TestTypes::Get().make("name: 'a'");
  nothing.copy(*TestTypes::Get().make("count: 1"), *to);
  ExpectEqual(*to, "name: 'a'");
}

RC_GTEST_PROP(UpdateMask, OfSetFieldsCopiesAllOfThem, ()) {
  const auto from = RandomMessage();
  const auto to = TestTypes::Get().make();
  const FieldMask mask = FieldMask::OfSetFields(*from);
  mask.copy(*from, *to);
  // A second time there is nothing left to change, and the mask is one that can be sent.
  const std::string once = to->SerializeAsString();
  mask.copy(*from, *to);
  RC_ASSERT(to->SerializeAsString() == once);
  if (!mask.paths().empty()) {
    const auto parsed = FieldMask::ParseForUpdate(mask.paths(), Vpc(), "update_mask");
    RC_ASSERT(parsed.ok() && parsed->paths() == mask.paths());
  }
  RC_ASSERT(FieldMask::OfSetFields(*to).paths() == mask.paths());
}

RC_GTEST_PROP(FieldMask, CopiesWhatItKeeps, ()) {
  HF_COVERS("S25");
  Paths paths;
  for (int n = *rc::gen::inRange(1, 6); n > 0; --n) {
    paths.push_back(*rc::gen::elementOf(TestPaths()));
  }
  const FieldMask mask = ParseOrDie(paths);
  const auto from = RandomMessage();
  const auto kept = TestTypes::Get().make();
  kept->CopyFrom(*from);
  mask.keep(*kept);
  const auto copied = TestTypes::Get().make();
  mask.copy(*from, *copied);
  RC_LOG() << from->DebugString() << "\n" << paths[0];
  RC_ASSERT(copied->SerializeAsString() == kept->SerializeAsString());
}

RC_GTEST_PROP(FieldMask, KeepsOfBytesWhatItKeepsOfTheMessage, ()) {
  Paths paths;
  for (int n = *rc::gen::inRange(0, 4); n > 0; --n) {
    paths.push_back(*rc::gen::elementOf(TestPaths()));
  }
  const FieldMask mask = ParseOrDie(paths);
  RC_PRE(mask.keeps_serialized());
  const auto resource = RandomMessage();
  std::string kept = "before ";
  RC_ASSERT(mask.keep(resource->SerializeAsString(), kept));
  mask.keep(*resource);
  RC_ASSERT(kept == "before " + resource->SerializeAsString());
}

TEST(FieldMask, KnowsWhatItCanDoWithBytes) {
  EXPECT_TRUE(FieldMask().keeps_serialized());
  EXPECT_TRUE(ParseOrDie({"spec", "name", "labels"}).keeps_serialized());
  EXPECT_FALSE(ParseOrDie({"name", "spec.cidr"}).keeps_serialized());
  EXPECT_FALSE(ParseOrDie({"labels.a"}).keeps_serialized());
}

TEST(FieldMask, RefusesBytesThatAreNoMessage) {
  const std::string whole =
      TestTypes::Get().make("name: 'v' spec { cidr: 'c' }")->SerializeAsString();
  for (const Paths& paths : {Paths{}, Paths{"name"}, Paths{"spec"}}) {
    std::string kept;
    EXPECT_FALSE(ParseOrDie(paths).keep(whole.substr(0, whole.size() - 1), kept));
    EXPECT_FALSE(ParseOrDie(paths).keep(whole + '\x07', kept)) << "field 0";
    EXPECT_FALSE(ParseOrDie(paths).keep(whole + '\x0c', kept)) << "the end of no group";
  }
}

void ExpectError(const Paths& paths, std::string_view message) {
  const auto mask = FieldMask::Parse(paths, Vpc(), "read_mask");
  ASSERT_FALSE(mask.ok()) << paths.back();
  EXPECT_EQ(ReasonOf(mask.status()), Reason::kInvalidMask) << paths.back();
  EXPECT_THAT(std::string(mask.status().message()), HasSubstr(std::string(message)));
}

TEST(FieldMask, SaysWhatIsWrong) {
  HF_COVERS("S25");
  ExpectError({"name", "nope"}, "read_mask: \"nope\": no field \"nope\" in acme.Vpc; it has name");
  ExpectError({"*", "nope"}, "read_mask: \"nope\": no field");
  ExpectError({"displayName"},
              "\"displayName\": no field \"displayName\" in acme.Vpc; did you mean "
              "display_name?");
  ExpectError({"spec.nope"}, "\"spec.nope\": no field \"nope\" in acme.Spec");
  ExpectError({"name.x"}, "no field \"x\" in a value of name, which isn't a message");
  ExpectError({"labels.a.x"}, "no field \"x\" in a value of labels, which isn't a message");
  ExpectError({"tags.x"}, "no field \"x\" in a value of tags, which isn't a message");
  ExpectError({""}, "\"\": a field name is missing");
  ExpectError({"spec."}, "\"spec.\": a field name is missing");
  ExpectError({"spec..size"}, "a field name is missing");
  ExpectError({"spec.*"}, "* is for repeated fields and maps, and for everything");
  ExpectError({"*.name"}, "* is for repeated fields and maps");
  ExpectError({"by_number.x"}, "the map's keys are int32, which \"x\" isn't");
  ExpectError({"labels.`a"}, "a backtick isn't closed");
  ExpectError({"labels.`a`b"}, "expected a dot or the end after a closing backtick");
  ExpectError({"labels.\xff"}, "the path isn't valid UTF-8");
}

TEST(FieldMask, HasLimits) {
  EXPECT_TRUE(FieldMask::Parse(Paths(kMaxMaskPaths, "name"), Vpc(), "read_mask").ok());
  ExpectError(Paths(kMaxMaskPaths + 1, "name"),
              "read_mask: the mask has 1001 paths, of which 1000 are allowed");
  const std::string longest = "labels." + std::string(kMaxMaskPathBytes - 7, 'x');
  EXPECT_TRUE(FieldMask::Parse({longest}, Vpc(), "read_mask").ok());
  ExpectError({longest + "x"}, "the path has 2049 bytes, of which 2048 are allowed");
  std::string deepest = "spec";
  for (size_t i = 1; i < kMaxMaskPathParts; ++i) deepest += ".inner";
  EXPECT_TRUE(FieldMask::Parse({deepest}, Vpc(), "read_mask").ok());
  ExpectError({deepest + ".inner"}, "the path has more than 32 parts");
}

TEST(UpdateMask, CannotReachIntoAllElements) {
  for (const char* path : {"rules.port", "rules.*.port", "specs.*.size", "spec.rules.hosts"}) {
    const auto mask = FieldMask::ParseForUpdate({"name", path}, Vpc(), "update_mask");
    ASSERT_FALSE(mask.ok()) << path;
    EXPECT_EQ(ReasonOf(mask.status()), Reason::kInvalidMask);
    EXPECT_THAT(std::string(mask.status().message()),
                HasSubstr("an update can't reach into all elements of a repeated field or entries "
                          "of a map: name the whole field, or a key of the map"));
  }
  for (const char* path : {"rules", "rules.*", "labels.*", "specs.a.size", "*", "spec.rules"}) {
    EXPECT_TRUE(FieldMask::ParseForUpdate({path}, Vpc(), "update_mask").ok()) << path;
  }
  EXPECT_FALSE(FieldMask::ParseForUpdate({"nope"}, Vpc(), "update_mask").ok());
}

}  // namespace
}  // namespace holdfast::filter
