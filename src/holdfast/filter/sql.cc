#include "holdfast/filter/sql.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "holdfast/base/check.h"
#include "holdfast/base/strings.h"

namespace holdfast::filter {
namespace {

std::string_view OpSql(IndexCondition::Op op) {
  switch (op) {
    case IndexCondition::Op::kEqual:
      return "=";
    case IndexCondition::Op::kLess:
      return "<";
    case IndexCondition::Op::kLessOrEqual:
      return "<=";
    case IndexCondition::Op::kGreater:
      return ">";
    case IndexCondition::Op::kGreaterOrEqual:
      return ">=";
  }
  HF_CHECK(false) << "no such operator";
  return "";
}

// A cut text is less than the whole one, or equal.
std::string_view OpSqlOfCut(IndexCondition::Op op) {
  if (op == IndexCondition::Op::kLess) return "<=";
  if (op == IndexCondition::Op::kGreater) return ">=";
  return OpSql(op);
}

// The byte behind the first `characters` of a UTF-8 text, or its end.
size_t EndOf(std::string_view text, size_t characters) {
  size_t end = 0;
  while (end < text.size()) {
    const bool begins = (static_cast<uint8_t>(text[end]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) break;
    ++end;
  }
  return end;
}

// The path becomes part of a statement.
bool IsFieldPath(std::string_view path) {
  for (const char c : path) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '.';
    if (!fits) return false;
  }
  return !path.empty();
}

}  // namespace

std::string IndexExpressionSql(std::string_view path) {
  HF_CHECK(IsFieldPath(path)) << "not a path of fields: " << ForMessage(path);
  return absl::StrCat("json_extract(fields, '$.\"", ToAbsl(path), "\"')");
}

std::string IndexConditionSql(const IndexCondition& condition, std::vector<IndexValue>& binds) {
  binds.push_back(condition.value);
  return absl::StrCat(IndexExpressionSql(condition.path), " ", ToAbsl(OpSql(condition.op)), " ?");
}

std::string PostgresExpressionSql(std::string_view path) {
  HF_CHECK(IsFieldPath(path)) << "not a path of fields: " << ForMessage(path);
  const std::string name = absl::StrCat("'", ToAbsl(path), "'");
  return absl::StrCat("(CASE json_typeof(fields -> ", name,
                      ") WHEN 'number' THEN 'n' || lpad(((fields ->> ", name,
                      ")::numeric + 9223372036854775808)::text, 20, '0') "
                      "WHEN 'string' THEN 's' || left(fields ->> ",
                      name, ", ", kIndexedCharacters, ") END) COLLATE \"C\"");
}

PostgresCondition PostgresConditionSql(const IndexCondition& condition) {
  PostgresCondition answer;
  std::string_view op = OpSql(condition.op);
  if (const auto* number = std::get_if<int64_t>(&condition.value)) {
    constexpr uint64_t kSign = uint64_t{1} << 63;
    answer.value = absl::StrFormat("n%020u", static_cast<uint64_t>(*number) ^ kSign);
  } else {
    const auto& text = std::get<std::string>(condition.value);
    answer.value = absl::StrCat("s", text.substr(0, EndOf(text, kIndexedCharacters)));
    // Of this length, it may be that of a longer one in the index.
    if (EndOf(text, kIndexedCharacters - 1) < text.size()) op = OpSqlOfCut(condition.op);
  }
  answer.sql = absl::StrCat(PostgresExpressionSql(condition.path), " ", ToAbsl(op), " ");
  return answer;
}

}  // namespace holdfast::filter
