#include "holdfast/filter/comparison.h"

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/literal.h"

namespace holdfast::filter {
namespace {

using google::protobuf::FieldDescriptor;
using Node = Filter::Node;

Test::Op OpOf(Comparator comparator) {
  switch (comparator) {
    case Comparator::kLess:
      return Test::Op::kLess;
    case Comparator::kLessOrEqual:
      return Test::Op::kLessOrEqual;
    case Comparator::kGreater:
      return Test::Op::kGreater;
    case Comparator::kGreaterOrEqual:
      return Test::Op::kGreaterOrEqual;
    default:
      return Test::Op::kEqual;
  }
}

// Where the path leads to many values, `=` could mean any or all of them: only `:` is clear.
absl::Status CheckSingular(const std::vector<PathStep>& steps) {
  for (const PathStep& step : steps) {
    if (!step.many()) continue;
    const std::string& name = step.field->name();
    if (step.field->is_map()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is a map: compare one entry, as in ", name,
                       ".key = \"value\", or ask for a key with ", name, ":key"));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is repeated: only : works on it, and asks whether any element matches"));
  }
  return absl::OkStatus();
}

absl::Status CheckComparable(const std::vector<PathStep>& steps, Comparator comparator) {
  const FieldDescriptor* field = steps.back().value_field();
  const ValueType type = TypeOf(field);
  const std::string path = PathText(steps);
  if (type == ValueType::kMessage) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is ", TypeText(field),
                     ": compare one of its fields, or ask for its presence with ", path, ":*"));
  }
  if (type == ValueType::kBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is bytes: one can only ask for its presence with ", path, ":*"));
  }
  const bool unordered = type == ValueType::kBool || type == ValueType::kEnum;
  if (unordered && OpOf(comparator) != Test::Op::kEqual) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is ", TypeText(field), ", which has no order: use = or !="));
  }
  return absl::OkStatus();
}

absl::StatusOr<Node> MakeValueTest(const std::vector<PathStep>& steps, Comparator comparator,
                                   const Text& text) {
  HF_RETURN_IF_ERROR(CheckComparable(steps, comparator));
  const FieldDescriptor* field = steps.back().value_field();
  const bool is_string = TypeOf(field) == ValueType::kString;
  if (text.star() && !is_string) {
    return absl::InvalidArgumentError(
        absl::StrCat("* matches only texts: to ask for presence write ", PathText(steps), ":*"));
  }
  Test test{.steps = steps, .op = OpOf(comparator)};
  if (is_string && test.op == Test::Op::kEqual && text.segments.size() > 1) {
    test.pattern = Pattern(text.segments);
  } else {
    HF_ASSIGN_OR_RETURN(test.value, ParseLiteral(field, text.str()));
  }
  Node node = MakeTest(std::move(test));
  return comparator == Comparator::kNotEqual ? MakeNot(std::move(node)) : node;
}

absl::StatusOr<Node> MakeKeyTest(const std::vector<PathStep>& steps, const Text& key) {
  const FieldDescriptor* map = steps.back().field;
  Test test{.steps = steps, .op = Test::Op::kHasKey};
  if (TypeOf(map->message_type()->map_key()) == ValueType::kString) {
    test.pattern = Pattern(key.segments);
  } else {
    HF_ASSIGN_OR_RETURN(std::string canonical, CanonicalMapKey(map, key.str()));
    test.pattern = Pattern({std::move(canonical)});
  }
  return MakeTest(std::move(test));
}

// `:` asks whether something is there: the field, a key of the map, a field of the message, or an
// element of this value. On a single value it is `=`.
absl::StatusOr<Node> MakeHasTest(const PathBuilder& path, const Text& text) {
  const std::vector<PathStep>& steps = path.steps();
  if (text.star()) return MakeTest({.steps = steps, .op = Test::Op::kPresent});
  const PathStep& last = steps.back();
  if (last.many() && last.field->is_map()) return MakeKeyTest(steps, text);
  if (TypeOf(last.value_field()) != ValueType::kMessage) {
    return MakeValueTest(steps, Comparator::kHas, text);
  }
  if (last.many()) {
    const std::string& name = last.field->name();
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is a list of messages: ask for a field of them, as in ", name, ".field:value"));
  }
  PathBuilder inner = path;
  HF_RETURN_IF_ERROR(inner.add(text.str()));
  return MakeTest({.steps = inner.steps(), .op = Test::Op::kPresent});
}

}  // namespace

std::string_view ComparatorText(Comparator comparator) {
  switch (comparator) {
    case Comparator::kHas:
      return ":";
    case Comparator::kEqual:
      return "=";
    case Comparator::kNotEqual:
      return "!=";
    case Comparator::kLess:
      return "<";
    case Comparator::kLessOrEqual:
      return "<=";
    case Comparator::kGreater:
      return ">";
    case Comparator::kGreaterOrEqual:
      return ">=";
  }
  HF_CHECK(false) << "no such comparator";
  return "";
}

absl::StatusOr<Node> MakeComparison(const PathBuilder& path, Comparator comparator,
                                    const Text& value) {
  if (comparator == Comparator::kHas) return MakeHasTest(path, value);
  HF_RETURN_IF_ERROR(CheckSingular(path.steps()));
  return MakeValueTest(path.steps(), comparator, value);
}

}  // namespace holdfast::filter
