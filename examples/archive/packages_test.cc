#include "examples/archive/packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::archive {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Index Parse(std::string_view text) {
  absl::StatusOr<Index> index = ParsePackages(text);
  EXPECT_TRUE(index.ok()) << index.status();
  return index.value_or(Index());
}

// The names of packages by their positions.
std::vector<std::string> Names(const Index& index, const std::vector<size_t>& positions) {
  std::vector<std::string> names;
  for (size_t position : positions) names.push_back(index.packages[position].name);
  return names;
}

std::vector<std::string> DependsOf(const Index& index, std::string_view name) {
  for (const Package& package : index.packages) {
    if (package.name == name) return Names(index, package.depends);
  }
  return {"no such package"};
}

// Stanzas of packages that nothing is said about.
constexpr char kSome[] =
    "Package: libc6\n\n"
    "Package: libgcc-s1\n\n"
    "Package: g++-12\n\n"
    "Package: python3.11\n\n";

TEST(Packages, TakesTheFieldsThatAPackageHas) {
  const Index index = Parse(
      "Package: libc-bin\n"
      "Source: glibc (2.36-9)\n"
      "Version: 2.36-9+deb12u10\n"
      "Installed-Size: 1837\n"
      "Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>\n"
      "Architecture: amd64\n"
      "Description: GNU C Library: Binaries\n"
      "Section: libs\n"
      "Priority: required\n");
  ASSERT_EQ(index.packages.size(), 1u);
  const Package& package = index.packages[0];
  EXPECT_EQ(package.name, "libc-bin");
  EXPECT_EQ(package.source, "glibc");
  EXPECT_EQ(package.version, "2.36-9+deb12u10");
  EXPECT_EQ(package.installed_size, 1837);
  EXPECT_EQ(package.maintainer, "GNU Libc Maintainers <debian-glibc@lists.debian.org>");
  EXPECT_EQ(package.description, "GNU C Library: Binaries");
  EXPECT_EQ(package.section, "libs");
  EXPECT_EQ(package.priority, "required");
  EXPECT_THAT(package.depends, IsEmpty());
}

TEST(Packages, AreTheirOwnSourceWhenNothingElseIsSaid) {
  const Index index = Parse("Package: b\n\nPackage: c\nSource: a\n\nPackage: d\nSource: a\n");
  EXPECT_THAT(index.sources, ElementsAre("a", "b"));
  EXPECT_EQ(index.packages[0].source, "b");
  EXPECT_EQ(index.packages[2].source, "a");
}

TEST(Packages, StripVersionsAndArchitectures) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nDepends: libc6 (>= 2.34), g++-12 [amd64 i386], "
                            "python3.11:any (<< 4), libgcc-s1(>= 3) <!nocheck>\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("g++-12", "libc6", "libgcc-s1", "python3.11"));
}

TEST(Packages, TakeTheFirstAlternativeThatExists) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nDepends: mail-agent | libc6 | g++-12, nobody | none\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("libc6"));
}

TEST(Packages, FindATargetThatComesLaterInTheList) {
  const Index index = Parse("Package: x\nDepends: y\n\nPackage: y\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("y"));
}

TEST(Packages, DependOnEachTargetOnce) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nPre-Depends: libc6 (>= 2)\nDepends: libc6 (<< 3), g++-12, "
                            "libc6 | g++-12\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("g++-12", "libc6"));
}

TEST(Packages, MayDependOnThemselves) {
  const Index index = Parse("Package: x\nDepends: x\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("x"));
}

TEST(Packages, KeepRecommendsApart) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nDepends: libc6\n"
                            "Recommends: g++-12 | libc6, libgcc-s1\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("libc6"));
  EXPECT_THAT(Names(index, index.packages[4].recommends), ElementsAre("g++-12", "libgcc-s1"));
}

TEST(Packages, ReadContinuedLines) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nDepends: libc6,\n g++-12\n"
                            "\t, python3.11\nDescription: short\n long: text\n"
                            " .\nSection: libs\n");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("g++-12", "libc6", "python3.11"));
  EXPECT_EQ(index.packages[4].description, "short");
  EXPECT_EQ(index.packages[4].section, "libs");
}

TEST(Packages, CountTheFirstOfRepeatedStanzas) {
  const Index index = Parse(std::string(kSome) +
                            "Package: x\nVersion: 1\nDepends: libc6\n\n"
                            "Package: x\nVersion: 2\nDepends: g++-12\nSource: other\n");
  EXPECT_EQ(index.packages.size(), 5u);
  EXPECT_EQ(index.packages[4].version, "1");
  EXPECT_THAT(DependsOf(index, "x"), ElementsAre("libc6"));
  EXPECT_THAT(index.sources, ElementsAre("g++-12", "libc6", "libgcc-s1", "python3.11", "x"));
}

TEST(Packages, ReadFieldNamesInAnyCase) {
  const Index index = Parse("package: x\nVERSION: 1\n");
  ASSERT_EQ(index.packages.size(), 1u);
  EXPECT_EQ(index.packages[0].version, "1");
}

TEST(Packages, SkipStanzasWithoutAName) {
  EXPECT_THAT(Parse("Version: 1\n\n\n\nOrigin: Debian\n").packages, IsEmpty());
  EXPECT_THAT(Parse("").packages, IsEmpty());
}

TEST(Packages, EndWithoutANewline) {
  EXPECT_EQ(Parse("Package: x\n\nPackage: y").packages.size(), 2u);
}

TEST(Packages, SayWhichLineIsNoField) {
  const absl::StatusOr<Index> index = ParsePackages("Package: x\n\n<html>\n");
  EXPECT_TRUE(absl::IsInvalidArgument(index.status()));
  EXPECT_THAT(index.status().message(), HasSubstr("line 3: "));
}

TEST(Packages, TakeANumberThatIsNoneForNothing) {
  EXPECT_EQ(Parse("Package: x\nInstalled-Size: big\n").packages[0].installed_size, 0);
}

}  // namespace
}  // namespace holdfast::archive
