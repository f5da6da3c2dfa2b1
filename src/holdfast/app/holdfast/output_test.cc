#include "holdfast/app/holdfast/output.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/schema.h"
#include "holdfast/schema/testdata.h"

namespace holdfast::cli {
namespace {

using ::testing::HasSubstr;

class OutputTest : public ::testing::Test {
 protected:
  std::unique_ptr<schema::Schema> schema_ = schema::LoadTestSchema();

  std::unique_ptr<google::protobuf::Message> make(const std::string& kind,
                                                  const std::string& json) {
    auto message = schema_->new_message(schema_->pool().FindMessageTypeByName("test.v1." + kind));
    const auto status = google::protobuf::util::JsonStringToMessage(json, message.get());
    EXPECT_TRUE(status.ok()) << status.ToString();
    return message;
  }
  std::unique_ptr<google::protobuf::Message> host(const std::string& id,
                                                  const std::string& display_name) {
    return make("Host", absl::StrCat(R"({"name":"hosts/)", id, R"(","displayName":")", display_name,
                                     "\"}"));
  }
};

TEST_F(OutputTest, KnowsItsFormats) {
  EXPECT_EQ(ParseFormat("table").value(), Format::kTable);
  EXPECT_EQ(ParseFormat("yaml").value(), Format::kYaml);
  EXPECT_EQ(ParseFormat("json").value(), Format::kJson);
  EXPECT_EQ(ParseFormat("name").value(), Format::kName);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseFormat("xml").status()));
}

TEST_F(OutputTest, AlignsATable) {
  std::ostringstream out;
  {
    Printer printer(out, Format::kTable);
    printer.add(*host("a", "first"));
    printer.add(*host("longer-id", ""));
    printer.add(*host("ü", "ünï"));
  }
  EXPECT_EQ(out.str(),
            "NAME             DISPLAY_NAME\n"
            "hosts/a          first\n"
            "hosts/longer-id\n"
            "hosts/\xC3\xBC          \xC3\xBCn\xC3\xAF\n");
}

TEST_F(OutputTest, ShowsListsByTheirLengthAndLeavesMessagesOut) {
  std::ostringstream out;
  Printer(out, Format::kTable, {"name", "disks", "spec", "size", "enabled", "cpus"})
      .add(*make("Instance", R"({"name":"projects/p/instances/i","disks":["x","y"],
                                 "spec":{"note":"n"},"size":"LARGE","enabled":true,"cpus":2})"));
  EXPECT_EQ(out.str(),
            "NAME                    DISKS  SIZE   ENABLED  CPUS\n"
            "projects/p/instances/i  [2]    LARGE  true     2\n");
}

TEST_F(OutputTest, EscapesWhatWouldBreakATable) {
  std::ostringstream out;
  Printer(out, Format::kTable).add(*host("a", "two\\nlines"));
  const std::string text = out.str();
  EXPECT_THAT(text, HasSubstr("two\\nlines\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(OutputTest, CutsLongCells) {
  std::ostringstream out;
  Printer(out, Format::kTable).add(*host("a", std::string(500, 'x')));
  EXPECT_LT(out.str().size(), 150u);
}

TEST_F(OutputTest, NeverCutsANameThatSomebodyMayCopy) {
  const std::string id(200, 'x');
  std::ostringstream out;
  Printer(out, Format::kTable).add(*host(id, "y"));
  EXPECT_THAT(out.str(), HasSubstr("hosts/" + id + "  y\n"));
}

TEST_F(OutputTest, BeginsANewTableForAnotherKind) {
  std::ostringstream out;
  {
    Printer printer(out, Format::kTable);
    printer.add(*host("a", "x"));
    printer.add(*make("Disk", R"({"name":"projects/p/disks/d","sizeBytes":"7"})"));
  }
  EXPECT_EQ(out.str(),
            "NAME     DISPLAY_NAME\n"
            "hosts/a  x\n"
            "\n"
            "NAME                SIZE_BYTES\n"
            "projects/p/disks/d  7\n");
}

TEST_F(OutputTest, StreamsALongTable) {
  std::ostringstream out;
  Printer printer(out, Format::kTable);
  for (int i = 0; i < 201; ++i) printer.add(*host(absl::StrCat(i), "x"));
  EXPECT_THAT(out.str(), HasSubstr("hosts/199 "));
  printer.add(*host("a-much-longer-name-than-the-others", "y"));
  EXPECT_THAT(out.str(), HasSubstr("a-much-longer-name-than-the-others  y\n"));
}

TEST_F(OutputTest, PrintsAnEmptyTableAsNothing) {
  std::ostringstream out;
  { Printer printer(out, Format::kTable); }
  EXPECT_EQ(out.str(), "");
}

TEST_F(OutputTest, PrintsJsonALineEach) {
  std::ostringstream out;
  Printer printer(out, Format::kJson);
  printer.add(*host("a", "x"));
  printer.add(*host("b", ""));
  EXPECT_EQ(out.str(),
            "{\"name\":\"hosts/a\",\"displayName\":\"x\"}\n"
            "{\"name\":\"hosts/b\"}\n");
}

TEST_F(OutputTest, PrintsMapsInOrderOfTheirKeys) {
  std::string json = R"({"counters":{)";
  for (int i = 10; i < 40; ++i) absl::StrAppend(&json, i == 10 ? "" : ",", "\"k", i, "\":1");
  json += "}}";
  EXPECT_EQ(ToJson(*make("Instance", json)), json);
}

TEST_F(OutputTest, PrintsYamlDocuments) {
  std::ostringstream out;
  Printer printer(out, Format::kYaml);
  printer.add(*host("a", "x"));
  printer.add(*host("b", ""));
  EXPECT_EQ(out.str(), "name: hosts/a\ndisplayName: x\n---\nname: hosts/b\n");
}

TEST_F(OutputTest, PrintsNamesAlone) {
  std::ostringstream out;
  Printer(out, Format::kName).add(*host("a", "x"));
  EXPECT_EQ(out.str(), "hosts/a\n");
}

TEST_F(OutputTest, QuotesWhatYamlWouldTakeForSomethingElse) {
  const struct {
    const char* text;
    const char* yaml;
  } table[] = {
      {"plain", "plain"},         {"1", "\"1\""},       {"1.5", "\"1.5\""}, {"true", "\"true\""},
      {"No", "\"No\""},           {"null", "\"null\""}, {"~", "\"~\""},     {"a: b", "\"a: b\""},
      {"[x]", "\"[x]\""},         {"- x", "\"- x\""},   {" x", "\" x\""},   {"#x", "\"#x\""},
      {"two words", "two words"},
  };
  for (const auto& row : table) {
    EXPECT_EQ(ToYaml(*host("a", row.text)), absl::StrCat("name: hosts/a\ndisplayName: ", row.yaml));
  }
  EXPECT_EQ(ToYaml(*make("Disk", R"({"sizeBytes":"7"})")), "sizeBytes: \"7\"");
  EXPECT_EQ(ToYaml(*make("Rule", R"({"priority":7})")), "priority: 7");
}

TEST_F(OutputTest, PrintsNestedYaml) {
  EXPECT_EQ(ToYaml(*make("Instance", R"({"disks":["x"],"spec":{"routes":[{"prefix":"p"}]},
                                         "enabled":true})")),
            "disks:\n"
            "  - x\n"
            "spec:\n"
            "  routes:\n"
            "    - prefix: p\n"
            "enabled: true");
}

}  // namespace
}  // namespace holdfast::cli
