#include "holdfast/schema/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.pb.h"
#include "holdfast/schema/compile.h"
#include "holdfast/schema/export.h"
#include "holdfast/schema/sources.h"
#include "holdfast/schema/testdata.h"

namespace holdfast::schema {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Folders of .proto files that go with the test.
class CheckSchemaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ =
        std::filesystem::path(::testing::TempDir()) / absl::StrCat("holdfast_check_", info->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& root, const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / root / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return (folder_ / root).string();
  }

  std::filesystem::path folder_;
};

TEST_F(CheckSchemaTest, FindsNothingInAGoodSchema) {
  const std::string root = write("new", "test/v1/test.proto", std::string(kTestProto));
  const auto findings = CheckSchema({root});
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_THAT(*findings, IsEmpty());
}

TEST_F(CheckSchemaTest, NamesTheFileOnDisk) {
  const std::string root = write("new", "a/b.proto", "syntax = \"proto3\";\n\nmessage;\n");
  const auto findings = CheckSchema({root});
  ASSERT_TRUE(findings.ok()) << findings.status();
  ASSERT_FALSE(findings->empty());
  EXPECT_THAT(findings->at(0).str(), HasSubstr(root + "/a/b.proto:3:8: [syntax]"));
}

TEST_F(CheckSchemaTest, ComparesWithAnOlderSchema) {
  const std::string old = write("old", "test.proto", std::string(kTestProto));
  const std::string now = write(
      "new", "test.proto",
      absl::StrReplaceAll(std::string(kTestProto), {{"string serial = 3;", "bytes serial = 3;"}}));
  const auto findings = CheckSchema({now}, {old});
  ASSERT_TRUE(findings.ok()) << findings.status();
  ASSERT_EQ(findings->size(), 1u);
  EXPECT_EQ(findings->at(0).rule, "field-type-changed");
  EXPECT_EQ(findings->at(0).file, now + "/test.proto");
}

TEST_F(CheckSchemaTest, SaysWhenThereIsNothingToRead) {
  EXPECT_THAT(std::string(CheckSchema({(folder_ / "none").string()}).status().message()),
              HasSubstr("can't read the schema folder"));
  const std::string empty = write("empty", "readme.txt", "");
  EXPECT_THAT(std::string(CheckSchema({empty}).status().message()),
              HasSubstr("there are no .proto files"));
}

TEST_F(CheckSchemaTest, RefusesTwoDifferentFilesOfOneName) {
  const std::string a = write("a", "x.proto", "syntax = \"proto3\";");
  const std::string b = write("b", "x.proto", "syntax = \"proto3\"; package x;");
  EXPECT_THAT(std::string(CheckSchema({a, b}).status().message()), HasSubstr("they differ"));
  const std::string c = write("c", "x.proto", "syntax = \"proto3\";");
  EXPECT_TRUE(CheckSchema({a, c}).ok()) << "the same file twice is harmless";
}

TEST_F(CheckSchemaTest, RefusesFilesAndFoldersBeyondTheirLimits) {
  const std::string large = write("large", "x.proto", std::string(kMaxSourceBytes + 1, ' '));
  EXPECT_THAT(std::string(CheckSchema({large}).status().message()), HasSubstr("may have at most"));
  std::string many;
  for (size_t i = 0; i <= kMaxSourceFiles; ++i) many = write("many", absl::StrCat(i, ".proto"), "");
  EXPECT_THAT(std::string(CheckSchema({many}).status().message()),
              HasSubstr("more than 2000 .proto files"));
}

TEST_F(CheckSchemaTest, PrefersBuiltInImportsToCopiesInTheFolder) {
  write("new", "google/api/resource.proto", "not even a .proto file");
  const std::string root = write("new", "test.proto", std::string(kTestProto));
  const auto findings = CheckSchema({root});
  ASSERT_TRUE(findings.ok()) << findings.status();
  EXPECT_THAT(*findings, IsEmpty());
}

std::vector<std::string> Findings(const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<Diagnostic> findings;
  static_cast<void>(LoadTexts(files, &findings));
  std::vector<std::string> texts;
  for (const Diagnostic& finding : findings) texts.push_back(finding.str());
  return texts;
}

TEST(Compile, SaysWhichImportIsMissing) {
  EXPECT_THAT(Findings({{"a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"}}),
              ElementsAre(HasSubstr("a.proto:2:1: [syntax] there is no file \"b.proto\"")));
}

TEST(Compile, SaysWhichImportsGoInACircle) {
  EXPECT_THAT(Findings({{"a.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"},
                        {"b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\n"}}),
              ElementsAre(HasSubstr("b.proto:2:1: [syntax] import of \"a.proto\" closes a cycle")));
}

TEST(Compile, SaysWhereATypeIsUnknown) {
  EXPECT_THAT(Findings({{"a.proto", "syntax = \"proto3\";\nmessage A {\n  Nothing n = 1;\n}\n"}}),
              ElementsAre(HasSubstr("a.proto:3:3: [syntax] \"Nothing\" is not defined")));
}

TEST(Export, WritesFilesThatCompileToTheSameApi) {
  const auto schema = LoadTestSchema();
  const std::map<std::string, std::string> texts = ExportProtos(*schema);
  EXPECT_THAT(texts.at("test/v1/holdfast_api.proto"),
              HasSubstr("// Creates a resource.\n  rpc CreateVpc(.test.v1.CreateVpcRequest)"));
  std::vector<Diagnostic> findings;
  const Compiled compiled = Compile(texts, findings);
  ASSERT_THAT(findings, IsEmpty());
  ASSERT_EQ(compiled.files.size(), 2u) << "what is built in comes from there";
  const auto* again = compiled.pool->FindFileByName("test/v1/holdfast_api.proto");
  google::protobuf::FileDescriptorProto was;
  google::protobuf::FileDescriptorProto is;
  schema->pool().FindFileByName("test/v1/holdfast_api.proto")->CopyTo(&was);
  again->CopyTo(&is);
  EXPECT_EQ(was.DebugString(), is.DebugString());
}

}  // namespace
}  // namespace holdfast::schema
