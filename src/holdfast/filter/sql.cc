#include "holdfast/filter/sql.h"

#include "absl/strings/str_cat.h"
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

}  // namespace holdfast::filter
