#include "holdfast/filter/order_by.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/filter/test_random.h"
#include "holdfast/testing/covers.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Message;
using ::testing::HasSubstr;

OrderBy ParseOrder(std::string_view text) {
  auto order = OrderBy::Parse(text, TestTypes::Get().vpc());
  HF_CHECK(order.ok()) << text << ": " << order.status();
  return *std::move(order);
}

std::string Key(std::string_view order, std::string_view vpc) {
  return ParseOrder(order).sort_key(*TestTypes::Get().make(vpc));
}

// What the order of values is, said without bytes. NaN before all other numbers.
int CompareNumbers(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return int{std::isnan(b)} - int{std::isnan(a)};
  return a < b ? -1 : a > b ? 1 : 0;
}

int CompareValues(const std::optional<Value>& a, const std::optional<Value>& b) {
  if (!a.has_value() || !b.has_value()) return int{a.has_value()} - int{b.has_value()};
  if (std::holds_alternative<double>(*a)) {
    return CompareNumbers(std::get<double>(*a), std::get<double>(*b));
  }
  return *a < *b ? -1 : *a > *b ? 1 : 0;
}

std::optional<Value> ValueAt(const Message& message, const std::string& path) {
  const auto fields = ResolveSingularPath(TestTypes::Get().vpc(), path);
  std::string scratch;
  const std::optional<ValueView> view = ReadPath(message, *fields, scratch);
  if (!view.has_value()) return std::nullopt;
  return std::visit(
      [](const auto& v) -> Value {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string_view>) {
          return std::string(v);
        } else {
          return v;
        }
      },
      *view);
}

int Sign(int n) { return n < 0 ? -1 : n > 0 ? 1 : 0; }

RC_GTEST_PROP(OrderBy, HasKeysWhoseBytesAreOrderedAsTheValues, ()) {
  HF_COVERS("S25");
  struct Term {
    std::string path;
    int direction;
  };
  std::vector<Term> terms;
  for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
    const std::string path = *rc::gen::elementOf(TestPaths());
    const auto known = [&](const Term& term) { return term.path == path; };
    // An ascending name ends the order.
    if (path == "name" || std::any_of(terms.begin(), terms.end(), known)) continue;
    terms.push_back({path, *rc::gen::element(1, -1)});
  }
  const std::string text = absl::StrJoin(terms, ",", [](std::string* out, const Term& term) {
    absl::StrAppend(out, term.path, term.direction < 0 ? " desc" : "");
  });
  const OrderBy order = ParseOrder(text);
  for (int i = 0; i < 6; ++i) {
    const auto a = RandomMessage();
    const auto b = RandomMessage();
    int wanted = 0;
    for (const Term& term : terms) {
      if (wanted != 0) break;
      wanted = term.direction * CompareValues(ValueAt(*a, term.path), ValueAt(*b, term.path));
    }
    RC_LOG() << "order_by: " << text << "\n" << a->DebugString() << "\n" << b->DebugString();
    const std::string key_a = order.sort_key(*a);
    const std::string key_b = order.sort_key(*b);
    RC_ASSERT(Sign(key_a.compare(key_b)) == wanted);
    // What a caller appends can't change the order of unequal keys.
    if (wanted != 0) RC_ASSERT(!key_a.starts_with(key_b) && !key_b.starts_with(key_a));
  }
}

TEST(OrderBy, PutsWhatIsAbsentFirstAndLastWhenDescending) {
  HF_COVERS("S25");
  EXPECT_LT(Key("quota", ""), Key("quota", "quota: -9223372036854775808"));
  EXPECT_GT(Key("quota desc", ""), Key("quota desc", "quota: -9223372036854775808"));
  EXPECT_LT(Key("spec.size", ""), Key("spec.size", "spec {}"));
  // A scalar without presence has a value.
  EXPECT_EQ(Key("count", ""), Key("count", "count: 0"));
  EXPECT_LT(Key("count", "count: -1"), Key("count", ""));
}

TEST(OrderBy, ComparesTextsByBytesAlsoBelowOtherTerms) {
  HF_COVERS("S25");
  const char* order = "display_name, count desc";
  EXPECT_LT(Key(order, "display_name: 'a' count: 1"),
            Key(order, "display_name: 'a\\000' count: 2"));
  EXPECT_LT(Key(order, "display_name: 'a' count: 2"), Key(order, "display_name: 'a' count: 1"));
  EXPECT_LT(Key(order, "display_name: 'a' count: 1"), Key(order, "display_name: 'ab' count: 2"));
  EXPECT_LT(Key(order, "display_name: 'Z'"), Key(order, "display_name: 'a'"));
  EXPECT_EQ(Key("weight", "weight: 0"), Key("weight", "weight: -0.0"));
}

TEST(OrderBy, IsByNameOnlyWhereNothingElseDecides) {
  HF_COVERS("S25");
  EXPECT_TRUE(OrderBy().by_name_only());
  EXPECT_EQ(OrderBy().sort_key(*TestTypes::Get().make("count: 1")), "");
  for (const char* text : {"", "  ", "name", " name asc ", "name, count desc"}) {
    EXPECT_TRUE(ParseOrder(text).by_name_only()) << text;
  }
  for (const char* text : {"name desc", "count", "count desc, name", "spec.cidr"}) {
    EXPECT_FALSE(ParseOrder(text).by_name_only()) << text;
  }
  EXPECT_EQ(Key("count, name, big", "name: 'x' count: 1 big: 2"), Key("count", "count: 1"));
}

TEST(OrderBy, IgnoresSpace) {
  EXPECT_EQ(Key(" count   desc ,\tbig ", "count: 1 big: 2"),
            Key("count desc,big", "count: 1 big: 2"));
}

void ExpectOrderError(std::string_view text, std::string_view message) {
  const auto order = OrderBy::Parse(text, TestTypes::Get().vpc());
  ASSERT_FALSE(order.ok()) << text;
  EXPECT_EQ(ReasonOf(order.status()), Reason::kInvalidOrderBy) << text;
  EXPECT_THAT(std::string(order.status().message()), HasSubstr(std::string(message))) << text;
}

TEST(OrderBy, SaysWhatIsWrong) {
  HF_COVERS("S25");
  ExpectOrderError("nope", "order_by: \"nope\": no field \"nope\" in acme.Vpc");
  ExpectOrderError("displayName", "did you mean display_name?");
  ExpectOrderError("count,,big", "order_by: expected a field between commas");
  ExpectOrderError("count,", "order_by: expected a field between commas");
  ExpectOrderError("count down",
                   "order_by: expected \"desc\" or a comma after count, found \"down\"");
  ExpectOrderError("count DESC", "found \"DESC\"");
  ExpectOrderError("count desc desc", "found \"desc\"");
  ExpectOrderError("count, big, count desc",
                   "order_by: \"count desc\" names a field for the second time");
  ExpectOrderError("tags", "\"tags\": tags is a repeated field, of which there is no single value");
  ExpectOrderError("labels.env",
                   "\"labels.env\": labels is a map, of which there is no single value");
  ExpectOrderError("spec", "\"spec\": spec is the message acme.Spec, which has no order");
  ExpectOrderError("digest", "\"digest\": digest is bytes, which has no order");
}

TEST(OrderBy, HasLimits) {
  const std::string longest = "count" + std::string(kMaxOrderByBytes - 5, ' ');
  EXPECT_TRUE(OrderBy::Parse(longest, TestTypes::Get().vpc()).ok());
  ExpectOrderError(longest + " ", "order_by: it has 2049 bytes, of which 2048 are allowed");
  std::vector<std::string> paths;
  for (const std::string& path : TestPaths()) {
    if (path != "name" && paths.size() < kMaxOrderByTerms) paths.push_back(path);
  }
  EXPECT_TRUE(OrderBy::Parse(absl::StrJoin(paths, ","), TestTypes::Get().vpc()).ok());
  paths.push_back("name");
  ExpectOrderError(absl::StrJoin(paths, ","), "order_by: more than 16 fields");
}

}  // namespace
}  // namespace holdfast::filter
