// Does a database that was asked for the conditions find what Filter::matches finds?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "holdfast/base/check.h"
#include "holdfast/filter/filter.h"
#include "holdfast/filter/sql.h"
#include "holdfast/filter/test_random.h"
#include "holdfast/testing/covers.h"

namespace holdfast::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using ::testing::HasSubstr;

// A table of rows with IndexedFieldsJson of all test paths.
class Table {
 public:
  Table() {
    HF_CHECK(sqlite3_open(":memory:", &db_) == SQLITE_OK);
    run("CREATE TABLE resource (kind TEXT, id INTEGER, fields TEXT)", {});
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() { sqlite3_close(db_); }

  void insert(int64_t id, const Message& resource) {
    run("INSERT INTO resource VALUES ('acme/Vpc', ?, ?)",
        {id, IndexedFieldsJson(resource, TestPaths())});
  }

  std::set<int64_t> select(const std::vector<IndexCondition>& conditions) {
    std::vector<IndexValue> binds;
    std::string sql = "SELECT id FROM resource WHERE 1";
    for (const IndexCondition& condition : conditions) {
      absl::StrAppend(&sql, " AND ", IndexConditionSql(condition, binds));
    }
    std::set<int64_t> ids;
    for (const std::string& id : run(sql, binds)) ids.insert(std::stoll(id));
    return ids;
  }

  // The last column of each row, as text.
  std::vector<std::string> run(const std::string& sql, const std::vector<IndexValue>& binds) {
    sqlite3_stmt* statement = nullptr;
    const int prepared = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
    HF_CHECK(prepared == SQLITE_OK) << sqlite3_errmsg(db_) << ": " << sql;
    for (size_t i = 0; i < binds.size(); ++i) Bind(statement, static_cast<int>(i + 1), binds[i]);
    std::vector<std::string> rows;
    int step = SQLITE_ROW;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
      const int column = sqlite3_column_count(statement) - 1;
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
      rows.emplace_back(text == nullptr ? "NULL" : text);
    }
    HF_CHECK(step == SQLITE_DONE) << sqlite3_errmsg(db_);
    sqlite3_finalize(statement);
    return rows;
  }

 private:
  static void Bind(sqlite3_stmt* statement, int index, const IndexValue& value) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      sqlite3_bind_int64(statement, index, *number);
    } else {
      const auto& text = std::get<std::string>(value);
      sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()),
                        SQLITE_TRANSIENT);
    }
  }

  sqlite3* db_ = nullptr;
};

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\' || c == '*') quoted += '\\';
    if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string DoubleLiteral(double value) {
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[40];
  std::snprintf(text, sizeof(text), "%.17g", value);
  return text;
}

std::string TimeLiteral(ValueType type, absl::int128 nanoseconds) {
  if (type == ValueType::kTimestamp) {
    google::protobuf::Timestamp timestamp;
    SetNanoseconds(timestamp, nanoseconds);
    return google::protobuf::util::TimeUtil::ToString(timestamp);
  }
  google::protobuf::Duration duration;
  SetNanoseconds(duration, nanoseconds);
  return google::protobuf::util::TimeUtil::ToString(duration);
}

std::string Literal(const FieldDescriptor* field, const Value& value) {
  switch (TypeOf(field)) {
    case ValueType::kInt:
      return absl::StrCat(std::get<int64_t>(value));
    case ValueType::kUint:
      return absl::StrCat(std::get<uint64_t>(value));
    case ValueType::kFloat:
    case ValueType::kDouble:
      return DoubleLiteral(std::get<double>(value));
    case ValueType::kBool:
      return std::get<int64_t>(value) != 0 ? "true" : "false";
    case ValueType::kEnum:
      return field->enum_type()
          ->FindValueByNumber(static_cast<int>(std::get<int64_t>(value)))
          ->name();
    case ValueType::kString:
      return Quote(std::get<std::string>(value));
    default:
      return TimeLiteral(TypeOf(field), std::get<absl::int128>(value));
  }
}

const FieldDescriptor* FieldOf(const std::string& path) {
  return ResolveSingularPath(TestTypes::Get().vpc(), path)->back();
}

enum class Kinds { kPushable, kAll };

// "path op value" about one of the test paths.
std::string RandomComparison(Kinds kinds) {
  const std::string path = *rc::gen::elementOf(TestPaths());
  const FieldDescriptor* field = FieldOf(path);
  const ValueType type = TypeOf(field);
  const bool unordered = type == ValueType::kBool || type == ValueType::kEnum;
  std::vector<std::string> ops = {"=", ":"};
  if (!unordered) ops.insert(ops.end(), {"<", "<=", ">", ">="});
  if (kinds == Kinds::kAll) ops.push_back("!=");
  const std::string op = *rc::gen::elementOf(ops);
  if (type == ValueType::kString && *rc::gen::inRange(0, 3) == 0) {
    const std::string prefix = RandomText();
    const std::string suffix = kinds == Kinds::kAll ? RandomText() : "";
    std::string pattern = Quote(prefix);
    pattern.back() = '*';
    pattern += Quote(suffix).substr(1);
    if (kinds == Kinds::kAll || !prefix.empty()) return path + " = " + pattern;
  }
  Value value = RandomValue(field);
  while (kinds == Kinds::kPushable && !IsIndexExact(value)) value = RandomValue(field);
  return absl::StrCat(path, " ", op, " ", Literal(field, value));
}

std::string RandomFilter(int depth) {
  const int shape = *rc::gen::inRange(0, depth == 0 ? 5 : 9);
  if (shape < 4) return RandomComparison(Kinds::kAll);
  if (shape == 4) {
    const std::vector<std::string> others = {"tags:a", "labels:x", "labels.a = b", "spec:*",
                                             "nick:*"};
    return *rc::gen::elementOf(others);
  }
  const std::string first = RandomFilter(depth - 1);
  if (shape == 5) return absl::StrCat("NOT (", first, ")");
  const std::string second = RandomFilter(depth - 1);
  const char* joint = shape == 6 ? " OR " : shape == 7 ? " AND " : " ";
  return absl::StrCat("(", first, ")", joint, "(", second, ")");
}

Filter ParseOrDie(const std::string& text) {
  auto filter = Filter::Parse(text, TestTypes::Get().vpc());
  HF_CHECK(filter.ok()) << text << ": " << filter.status();
  return *std::move(filter);
}

struct Rows {
  Table table;
  std::map<int64_t, std::unique_ptr<Message>> messages;

  explicit Rows(int count) {
    for (int64_t id = 0; id < count; ++id) {
      messages[id] = RandomMessage();
      table.insert(id, *messages[id]);
    }
  }

  [[nodiscard]] std::set<int64_t> matches(const Filter& filter) const {
    std::set<int64_t> ids;
    for (const auto& [id, message] : messages) {
      if (filter.matches(*message)) ids.insert(id);
    }
    return ids;
  }
};

RC_GTEST_PROP(IndexConditions, FindAllThatTheFilterMatches, ()) {
  HF_COVERS("S25");
  Rows rows(6);
  for (int i = 0; i < 8; ++i) {
    const std::string text = RandomFilter(3);
    const Filter filter = ParseOrDie(text);
    const std::set<int64_t> found = rows.table.select(filter.index_conditions(TestPaths()));
    const std::set<int64_t> wanted = rows.matches(filter);
    RC_LOG() << "filter: " << text << "\n";
    RC_ASSERT(std::includes(found.begin(), found.end(), wanted.begin(), wanted.end()));
  }
}

RC_GTEST_PROP(IndexConditions, FindExactlyWhatAConjunctionOfComparisonsMatches, ()) {
  HF_COVERS("S25");
  Rows rows(6);
  for (int i = 0; i < 8; ++i) {
    std::vector<std::string> comparisons;
    for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
      comparisons.push_back(RandomComparison(Kinds::kPushable));
    }
    const std::string text =
        absl::StrJoin(comparisons, *rc::gen::arbitrary<bool>() ? " AND " : " ");
    const Filter filter = ParseOrDie(text);
    const std::vector<IndexCondition> conditions = filter.index_conditions(TestPaths());
    RC_LOG() << "filter: " << text << "\n";
    RC_ASSERT(conditions.size() >= comparisons.size());
    RC_ASSERT(rows.table.select(conditions) == rows.matches(filter));
  }
}

std::vector<IndexCondition> ConditionsOf(const std::string& filter) {
  return ParseOrDie(filter).index_conditions(TestPaths());
}

TEST(IndexConditions, AreThePartsOfAConjunction) {
  using Op = IndexCondition::Op;
  const std::vector<IndexCondition> both = {{"count", Op::kGreater, int64_t{5}},
                                            {"display_name", Op::kEqual, "web"}};
  EXPECT_EQ(ConditionsOf("count > 5 AND display_name = web"), both);
  EXPECT_EQ(ConditionsOf("(count > 5) (display_name:web AND tags:x)"), both);
  EXPECT_EQ(ConditionsOf("NOT (NOT (count > 5)) display_name = web"), both);
  EXPECT_EQ(ConditionsOf("NOT count != 5"),
            (std::vector<IndexCondition>{{"count", Op::kEqual, int64_t{5}}}));
  EXPECT_EQ(ConditionsOf("display_name = \"we*b\""),
            (std::vector<IndexCondition>{{"display_name", Op::kGreaterOrEqual, "we"},
                                         {"display_name", Op::kLess, "wf"}}));
  EXPECT_EQ(ConditionsOf("create_time <= 1970-01-01T00:00:01.000000005Z"),
            (std::vector<IndexCondition>{{"create_time", Op::kLessOrEqual, int64_t{1000000005}}}));
  EXPECT_EQ(ConditionsOf("state = DELETING enabled = true"),
            (std::vector<IndexCondition>{{"state", Op::kEqual, int64_t{2}},
                                         {"enabled", Op::kEqual, int64_t{1}}}));
}

TEST(IndexConditions, AreNotTakenFromWhatAMatchNeedNotSatisfy) {
  for (const char* filter :
       {"count = 1 OR big = 2", "NOT count = 1", "count != 1", "NOT (count = 1 AND big = 2)",
        "count:*", "tags:web", "labels.a = b", "display_name = \"*.com\"", "display_name = *",
        // Beyond the nanoseconds that fit into 64 bits.
        "create_time > 0001-01-01T00:00:00Z", "create_time < 9999-12-31T00:00:00Z", ""}) {
    EXPECT_TRUE(ConditionsOf(filter).empty()) << filter;
  }
  EXPECT_TRUE(ParseOrDie("count = 1").index_conditions({"big"}).empty());
  EXPECT_TRUE(Filter().index_conditions(TestPaths()).empty());
}

TEST(IndexedFieldsJson, HoldsWhatIsThereSortedByPath) {
  const auto vpc = TestTypes::Get().make(
      R"(display_name: "a\"\\\n\001\000b" big: -9223372036854775808 big_unsigned: 0 weight: nan
         create_time { seconds: 253402300799 } spec { size: 3 } enabled: true)");
  EXPECT_EQ(
      IndexedFieldsJson(*vpc, {"spec.size", "big", "display_name", "big_unsigned", "weight", "nick",
                               "create_time", "enabled", "count", "spec.inner.size", "big"}),
      R"({"big":-9223372036854775808,"big_unsigned":-9223372036854775808,"count":0,)"
      R"("create_time":9223372036854775807,"display_name":"a\"\\\u000a\u0001\u0002\u0001\u0001b",)"
      R"("enabled":1,"spec.size":3})");
  EXPECT_EQ(IndexedFieldsJson(*vpc, {}), "{}");
}

TEST(IndexedFieldsJson, IsReadBackBySqliteUnchanged) {
  Table table;
  const std::string json = IndexedFieldsJson(
      *TestTypes::Get().make("big: -9223372036854775808 quota: 9223372036854775807 "
                             "weight: 0.1 display_name: 'a\"b' spec { size: 9007199254740993 }"),
      {"big", "quota", "weight", "display_name", "spec.size"});
  const auto read = [&](const std::string& path) {
    return table.run("SELECT typeof(v) || ' ' || v FROM (SELECT " + IndexExpressionSql(path) +
                         " AS v FROM (SELECT ? AS fields))",
                     {json})[0];
  };
  EXPECT_EQ(read("big"), "integer -9223372036854775808");
  EXPECT_EQ(read("quota"), "integer 9223372036854775807");
  EXPECT_EQ(read("spec.size"), "integer 9007199254740993");
  EXPECT_EQ(read("display_name"), "text a\"b");
  EXPECT_EQ(read("weight"), absl::StrCat("integer ", OrderedBits(0.1)));
  EXPECT_EQ(
      table.run("SELECT " + IndexExpressionSql("nick") + " FROM (SELECT ? AS fields)", {json})[0],
      "NULL");
}

TEST(IndexConditionSql, IsServedByAnIndexOnTheSameExpression) {
  Table table;
  table.run(absl::StrCat("CREATE INDEX by_size ON resource (", IndexExpressionSql("spec.size"),
                         ", id) WHERE kind = 'acme/Vpc'"),
            {});
  for (const char* filter : {"spec.size = 5", "spec.size > 5", "spec.size >= 5 spec.size < 9"}) {
    std::vector<IndexValue> binds;
    std::vector<std::string> terms;
    for (const IndexCondition& condition : ConditionsOf(filter)) {
      terms.push_back(IndexConditionSql(condition, binds));
    }
    const std::vector<std::string> plan =
        table.run(absl::StrCat("EXPLAIN QUERY PLAN SELECT id FROM resource WHERE kind = 'acme/Vpc' "
                               "AND ",
                               absl::StrJoin(terms, " AND ")),
                  binds);
    ASSERT_EQ(plan.size(), 1U);
    EXPECT_THAT(plan[0], HasSubstr("SEARCH resource USING INDEX by_size (<expr>")) << filter;
  }
}

TEST(IndexConditionSql, WritesEachOperator) {
  using Op = IndexCondition::Op;
  std::vector<IndexValue> binds;
  const auto sql = [&](Op op) { return IndexConditionSql({"a.b", op, int64_t{1}}, binds); };
  EXPECT_EQ(sql(Op::kEqual), "json_extract(fields, '$.\"a.b\"') = ?");
  EXPECT_EQ(sql(Op::kLess), "json_extract(fields, '$.\"a.b\"') < ?");
  EXPECT_EQ(sql(Op::kLessOrEqual), "json_extract(fields, '$.\"a.b\"') <= ?");
  EXPECT_EQ(sql(Op::kGreater), "json_extract(fields, '$.\"a.b\"') > ?");
  EXPECT_EQ(sql(Op::kGreaterOrEqual), "json_extract(fields, '$.\"a.b\"') >= ?");
  EXPECT_EQ(binds, std::vector<IndexValue>(5, int64_t{1}));
}

TEST(IndexExpressionSqlDeathTest, RefusesWhatIsNoPath) {
  EXPECT_DEATH((void)IndexExpressionSql("a') OR 1 --"), "not a path of fields");
  EXPECT_DEATH((void)IndexExpressionSql(""), "not a path of fields");
}

TEST(CheckIndexable, TakesSingularFieldsWithAnOrder) {
  for (const std::string& path : TestPaths()) {
    EXPECT_TRUE(CheckIndexable(TestTypes::Get().vpc(), path).ok()) << path;
  }
  const std::map<std::string, std::string> refused = {
      {"nope", "no field \"nope\" in acme.Vpc"},
      {"", "no field \"\" in acme.Vpc"},
      {"spec.nope", "no field \"nope\" in acme.Spec"},
      {"tags", "tags is a repeated field, of which there is no single value"},
      {"rules.port", "rules is a repeated field"},
      {"labels", "labels is a map, of which there is no single value"},
      {"labels.env", "labels is a map"},
      {"spec", "spec is the message acme.Spec, which has no order"},
      {"digest", "digest is bytes, which has no order"},
      {"count.x", "no field \"x\" in count, which is an int32"},
  };
  for (const auto& [path, message] : refused) {
    const absl::Status status = CheckIndexable(TestTypes::Get().vpc(), path);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << path;
  }
  // google.protobuf.FileDescriptorProto is proto2, whose strings may hold any bytes.
  const absl::Status proto2 =
      CheckIndexable(google::protobuf::FileDescriptorProto::descriptor(), "name");
  EXPECT_THAT(std::string(proto2.message()), HasSubstr("a file that isn't proto3"));
}

}  // namespace
}  // namespace holdfast::filter
