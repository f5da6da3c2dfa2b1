#include "holdfast/app/holdfast/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "holdfast/app/holdfast/fake_client.h"
#include "holdfast/app/holdfast/output.h"
#include "holdfast/app/holdfast/yaml_message.h"
#include "holdfast/schema/testdata.h"

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;

class ManifestTest : public ::testing::Test {
 protected:
  FakeClient client_{schema::LoadTestSchema()};
  Catalog catalog_{client_};

  absl::StatusOr<std::vector<Manifest>> parse(std::string_view text) {
    return ParseManifests(text, "f.yaml", catalog_, client_);
  }
  // The resource as JSON, or the error.
  std::string read(std::string_view text) {
    const auto manifests = parse(text);
    if (!manifests.ok()) return std::string(manifests.status().message());
    return ToJson(*manifests->front().resource);
  }
  // The same of an instance with these further lines.
  std::string read_instance(std::string_view lines) {
    return read(std::string("name: projects/p/instances/i\n") + std::string(lines));
  }
  std::string operations_error(std::string_view text) {
    const auto operations = ParseOperations(text, "f.yaml", catalog_, client_);
    return operations.ok() ? "no error" : std::string(operations.status().message());
  }
};

TEST_F(ManifestTest, ReadsAFieldAsItsTypeSays) {
  EXPECT_EQ(read_instance("display_name: 1.0\n"
                          "cpus: 4\n"
                          "memoryBytes: \"5000000000\"\n"
                          "load: 1\n"
                          "enabled: true\n"
                          "size: LARGE\n"
                          "secret: aGk=\n"
                          "rank: 0\n"
                          "serial: 18446744073709551615\n"),
            R"({"name":"projects/p/instances/i","displayName":"1.0","cpus":4,)"
            R"("memoryBytes":"5000000000","serial":"18446744073709551615","load":1,)"
            R"("enabled":true,"size":"LARGE","secret":"aGk=","rank":0})");
}

TEST_F(ManifestTest, ReadsListsMapsAndNestedFields) {
  EXPECT_EQ(read_instance("zones: [a, \"2\"]\n"
                          "ports:\n- 80\n- 443\n"
                          "attributes: {1: one, yes: 'no'}\n"
                          "counters: {hits: 3}\n"
                          "spec:\n  note: x\n  routes:\n  - prefix: 10.0.0.0/8\n"
                          "metadata: {labels: {team: web}}\n"),
            R"({"name":"projects/p/instances/i","metadata":{"labels":{"team":"web"}},)"
            R"("spec":{"routes":[{"prefix":"10.0.0.0/8"}],"note":"x"},"zones":["a","2"],)"
            R"("attributes":{"1":"one","yes":"no"},"counters":{"hits":3},"ports":[80,443]})");
}

TEST_F(ManifestTest, ReadsWellKnownTypes) {
  EXPECT_EQ(read_instance("boot_time: 2024-01-02T03:04:05Z\n"
                          "uptime: 3.5s\n"
                          "nickname: 007\n"
                          "extra: {n: 1, t: '1', list: [true, null, x], fields: {deep: 0.5}}\n"),
            R"({"name":"projects/p/instances/i","bootTime":"2024-01-02T03:04:05Z",)"
            R"("uptime":"3.500s","nickname":"007",)"
            R"("extra":{"fields":{"deep":0.5},"list":[true,null,"x"],"n":1,"t":"1"}})");
}

TEST_F(ManifestTest, TakesNullForAFieldThatIsNotSet) {
  EXPECT_EQ(read_instance("display_name:\nzones: null\n"), R"({"name":"projects/p/instances/i"})");
}

TEST_F(ManifestTest, ReadsWhatIsPrinted) {
  const std::string text =
      "name: projects/p/instances/i\nload: .inf\ncpus: 3\nhostname: 'yes'\nsize: SMALL\n"
      "attributes: {a: \"1\", b: \"x\\ny\"}\nboot_time: 2024-01-02T03:04:05Z\nzones: ['', ' x']\n";
  const auto first = parse(text);
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string printed = ToYaml(*first->front().resource);
  const auto second = parse(printed);
  ASSERT_TRUE(second.ok()) << second.status() << "\n" << printed;
  EXPECT_EQ(ToJson(*second->front().resource), ToJson(*first->front().resource));
}

TEST_F(ManifestTest, ReadsJson) {
  EXPECT_EQ(read(R"({"name": "projects/p", "displayName": "P"})"),
            R"({"name":"projects/p","displayName":"P"})");
}

TEST_F(ManifestTest, ReadsSeveralDocumentsAndSkipsEmptyOnes) {
  const auto manifests = parse("---\nname: projects/p\n---\n---\nname: projects/p/vpcs/v\n");
  ASSERT_TRUE(manifests.ok()) << manifests.status();
  ASSERT_EQ(manifests->size(), 2u);
  EXPECT_EQ((*manifests)[0].kind->message, "Project");
  EXPECT_EQ((*manifests)[1].kind->message, "Vpc");
  EXPECT_EQ((*manifests)[1].name, "projects/p/vpcs/v");
}

TEST_F(ManifestTest, AcceptsTheKindAndChecksIt) {
  EXPECT_EQ(read("kind: Project\nname: projects/p\n"), R"({"name":"projects/p"})");
  EXPECT_THAT(read("name: projects/p\nkind: Wombat\n"), HasSubstr("f.yaml:2:7: the server has no"));
}

struct BadManifest {
  const char* text;
  const char* error;
};

TEST_F(ManifestTest, SaysWhereTheFileIsWrong) {
  const BadManifest table[] = {
      {"name: projects/p\nx: y: z\n", "f.yaml:2:5: "},
      {"- a\n", "f.yaml:1:1: expected a resource with its `name`"},
      {"display_name: x\n", "f.yaml:1:1: expected a resource with its `name`"},
      {"name: wombats/w\n", "f.yaml:1:7: \"wombats/w\" has the form of no kind"},
      {"name: projects/p\ndisplay: x\n", "f.yaml:2:1: Project has no field \"display\""},
      {"name: projects/p\nmetadata:\n  lables: {}\n", "f.yaml:3:3: Meta has no field \"lables\""},
      {"name: projects/p\nmetadata: 7\n", "f.yaml:2:11: expected the fields of Meta, not \"7\""},
      {"name: projects/p\ncode: [a]\n", "f.yaml:2:7: expected a single value for \"code\""},
      {"name: projects/p\ncode: {a: b}\n", "f.yaml:2:7: expected a single value"},
      {"name: projects/p\ncode: a\ncode: b\n", "f.yaml:3:1: \"code\" is given twice"},
      {"name: projects/p\ndisplay_name: a\ndisplayName: b\n",
       "f.yaml:3:1: \"displayName\" is given"},
      {"name: projects/p\n---\nname: projects/p\n", "f.yaml:3:1: projects/p comes twice"},
      {"", "f.yaml: no resource in it"},
  };
  for (const BadManifest& row : table) {
    EXPECT_THAT(read(row.text), HasSubstr(row.error)) << row.text;
    EXPECT_TRUE(absl::IsInvalidArgument(parse(row.text).status())) << row.text;
  }
}

TEST_F(ManifestTest, SaysWhatAValueShouldBe) {
  const BadManifest table[] = {
      {"cpus: many\n", "f.yaml:2:7: expected a whole number from -2147483648 to 2147483647, not"},
      {"cpus: 2147483648\n", "f.yaml:2:7: expected a whole number"},
      {"serial: -1\n", "f.yaml:2:9: expected a whole number from 0 to 18446744073709551615"},
      {"load: heavy\n", "f.yaml:2:7: expected a number, not \"heavy\""},
      {"enabled: yes\n", "f.yaml:2:10: expected true or false, not \"yes\""},
      {"size: HUGE\n", "f.yaml:2:7: expected one of SIZE_UNSPECIFIED, SMALL, LARGE, not \"HUGE\""},
      {"zones: a\n", "f.yaml:2:8: expected a list for \"zones\""},
      {"ports: [80, http]\n", "f.yaml:2:13: expected a whole number"},
      {"ports: [[80]]\n", "f.yaml:2:9: expected a single value"},
      {"counters: {a: b}\n", "f.yaml:2:15: expected a whole number"},
      {"counters: [a]\n", "f.yaml:2:11: expected `key: value` lines"},
      {"counters: {a: 1, a: 2}\n", "f.yaml:2:18: \"a\" is given twice"},
      {"boot_time: yesterday\n", "f.yaml:1:1: "},
  };
  for (const BadManifest& row : table) {
    EXPECT_THAT(read_instance(row.text), HasSubstr(row.error)) << row.text;
  }
}

TEST_F(ManifestTest, EndsOnAFileThatContainsItself) {
  EXPECT_THAT(read_instance("tree: &t\n  branches: [*t]\n"), HasSubstr("too deep"));
}

TEST_F(ManifestTest, ReadsAFileAsDeepAsAllowed) {
  std::string flow = "{label: leaf}";
  for (int i = 0; i < (kMaxYamlDepth - 2) / 2; ++i) flow = "{branches: [" + flow + "]}";
  EXPECT_THAT(read_instance("tree: " + flow + "\n"), HasSubstr("leaf"));
  EXPECT_THAT(read_instance("tree: {branches: [" + flow + "]}\n"), HasSubstr("too deep"));
}

TEST_F(ManifestTest, ReadsOperations) {
  const auto operations = ParseOperations(
      "- create: {name: projects/p, code: c}\n"
      "- update: {name: projects/q}\n"
      "- apply: {name: projects/r}\n"
      "- delete: projects/s\n",
      "f.yaml", catalog_, client_);
  ASSERT_TRUE(operations.ok()) << operations.status();
  ASSERT_EQ(operations->size(), 4u);
  EXPECT_EQ((*operations)[0].type, Operation::Type::kCreate);
  EXPECT_EQ(ToJson(*(*operations)[0].target.resource), R"({"name":"projects/p","code":"c"})");
  EXPECT_EQ((*operations)[1].type, Operation::Type::kUpdate);
  EXPECT_EQ((*operations)[2].type, Operation::Type::kApply);
  EXPECT_EQ((*operations)[3].type, Operation::Type::kDelete);
  EXPECT_EQ((*operations)[3].target.name, "projects/s");
  EXPECT_EQ((*operations)[3].target.kind->message, "Project");
}

TEST_F(ManifestTest, SaysWhereOperationsAreWrong) {
  EXPECT_THAT(operations_error("name: projects/p\n"), HasSubstr("f.yaml:1:1: expected a list"));
  EXPECT_THAT(operations_error("- create: {name: projects/p}\n- paint: {}\n"),
              HasSubstr("f.yaml:2:3: \"paint\" is no operation"));
  EXPECT_THAT(operations_error("- delete: wombats/w\n"), HasSubstr("f.yaml:1:11: "));
  EXPECT_THAT(operations_error("- delete: [a]\n"), HasSubstr("f.yaml:1:11: "));
  EXPECT_THAT(operations_error("- create: {name: projects/p, cod: 1}\n"),
              HasSubstr("f.yaml:1:30: Project has no field"));
  EXPECT_THAT(operations_error("- projects/p\n"), HasSubstr("f.yaml:1:3: expected one of"));
  EXPECT_THAT(operations_error(""), HasSubstr("no operation in it"));
}

class SetFieldTest : public ManifestTest {
 protected:
  real::MessagePtr instance_ = client_.new_message((*catalog_.find("Instance"))->type);

  // The mask path, or the error.
  std::string set(std::string_view assignment) {
    const auto path = SetField(*instance_, assignment);
    return path.ok() ? *path : std::string(path.status().message());
  }
};

TEST_F(SetFieldTest, TakesTextAsItIsAndOtherValuesAsYaml) {
  EXPECT_EQ(set("displayName=a: [b]"), "display_name");
  EXPECT_EQ(set("cpus=4"), "cpus");
  EXPECT_EQ(set("ports=[1, 2]"), "ports");
  EXPECT_EQ(set("spec.note=it=this"), "spec.note");
  EXPECT_EQ(set("attributes.team=web"), "attributes.`team`");
  EXPECT_EQ(ToJson(*instance_), R"({"displayName":"a: [b]","spec":{"note":"it=this"},"cpus":4,)"
                                R"("attributes":{"team":"web"},"ports":[1,2]})");
}

TEST_F(SetFieldTest, ReplacesWhatWasThere) {
  EXPECT_EQ(set("cpus=4"), "cpus");
  EXPECT_EQ(set("ports=[1, 2]"), "ports");
  EXPECT_EQ(set("display_name=x"), "display_name");
  EXPECT_EQ(set("cpus=0"), "cpus");
  EXPECT_EQ(set("ports=[3]"), "ports");
  EXPECT_EQ(set("display_name="), "display_name");
  EXPECT_EQ(ToJson(*instance_), R"({"ports":[3]})");
}

TEST_F(SetFieldTest, TakesAnyKeyOfAMapInBackticks) {
  EXPECT_EQ(set("attributes.`a.b`=1"), "attributes.`a.b`");
  EXPECT_EQ(set("attributes.`tick``ed`=2"), "attributes.`tick``ed`");
  EXPECT_EQ(set("mounts.`/var/lib`.path=x"), "mounts.`/var/lib`.path");
  EXPECT_EQ(set("attributes.`a.b`=3"), "attributes.`a.b`");
  EXPECT_EQ(ToJson(*instance_),
            R"({"mounts":{"/var/lib":{"path":"x"}},"attributes":{"a.b":"3","tick`ed":"2"}})");
}

TEST_F(SetFieldTest, SaysWhatIsWrong) {
  EXPECT_EQ(set("cpus"), "--set cpus: expected field=value");
  EXPECT_EQ(set("wombat=1"), "--set wombat=1: Instance has no field \"wombat\"");
  EXPECT_EQ(set("spec.wombat=1"), "--set spec.wombat=1: Spec has no field \"wombat\"");
  EXPECT_EQ(set("cpus.x=1"), "--set cpus.x=1: cpus has no field \"x\"");
  EXPECT_THAT(set("cpus=many"), HasSubstr("expected a whole number"));
  EXPECT_THAT(set("ports=[1"), HasSubstr("--set ports=[1: value:1:"));
}

TEST(ReadInputTest, ReadsAWholeFileAndRefusesWhatIsNone) {
  const std::filesystem::path folder = ::testing::TempDir();
  const std::filesystem::path file = folder / "holdfast_read_input.yaml";
  std::ofstream(file) << "a\n\nb";
  EXPECT_EQ(ReadInput(file.string()).value_or("?"), "a\n\nb");
  std::filesystem::remove(file);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadInput(file.string()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadInput(folder.string()).status()));
}

}  // namespace
}  // namespace holdfast::cli
