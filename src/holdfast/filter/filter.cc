#include "holdfast/filter/filter.h"

#include <compare>
#include <span>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/node.h"
#include "holdfast/filter/parser.h"

namespace holdfast::filter {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Steps = std::span<const PathStep>;

// Both of one type: a literal is parsed as its field's. NaN compares with nothing.
std::partial_ordering Order(const ValueView& a, const ValueView& b) {
  return std::visit(
      [&b](const auto& left) -> std::partial_ordering {
        const auto& right = std::get<std::decay_t<decltype(left)>>(b);
        if (left < right) return std::partial_ordering::less;
        if (left > right) return std::partial_ordering::greater;
        if (left == right) return std::partial_ordering::equivalent;
        return std::partial_ordering::unordered;
      },
      a);
}

bool Satisfies(const ValueView& value, const Test& test) {
  if (test.pattern.has_value()) return test.pattern->matches(std::get<std::string_view>(value));
  const std::partial_ordering order = Order(value, ViewOf(test.value));
  switch (test.op) {
    case Test::Op::kEqual:
      return order == 0;
    case Test::Op::kLess:
      return order < 0;
    case Test::Op::kLessOrEqual:
      return order <= 0;
    case Test::Op::kGreater:
      return order > 0;
    case Test::Op::kGreaterOrEqual:
      return order >= 0;
    default:
      HF_CHECK(false) << "not a comparison";
      return false;
  }
}

bool HasKey(const Message& message, const FieldDescriptor* map, const Pattern& pattern) {
  const Reflection* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, map);
  for (int i = 0; i < size; ++i) {
    if (pattern.matches(MapKeyOf(reflection->GetRepeatedMessage(message, map, i), map))) {
      return true;
    }
  }
  return false;
}

// The last step, to a repeated field or a map as a whole.
bool PassesMany(const Message& message, const FieldDescriptor* field, const Test& test) {
  const Reflection* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, field);
  if (test.op == Test::Op::kPresent) return size > 0;
  if (test.op == Test::Op::kHasKey) return HasKey(message, field, *test.pattern);
  std::string scratch;
  for (int i = 0; i < size; ++i) {
    if (Satisfies(ReadElement(message, field, i, scratch), test)) return true;
  }
  return false;
}

// The last step, to one value. Presence of scalars without presence is being other than the
// default, as reflection has it.
bool PassesOne(const Message& message, const FieldDescriptor* field, const Test& test) {
  if (test.op == Test::Op::kPresent) return message.GetReflection()->HasField(message, field);
  if (!HasValue(message, field)) return false;
  std::string scratch;
  return Satisfies(ReadValue(message, field, scratch), test);
}

bool Passes(const Message& message, Steps steps, const Test& test);

// A step to a map's entry. An entry has a value whatever its presence bits say.
bool PassesEntry(const Message& message, Steps steps, const Test& test) {
  const FieldDescriptor* map = steps.front().field;
  const int index = FindMapEntry(message, map, *steps.front().map_key);
  if (index < 0) return false;
  const Message& entry = message.GetReflection()->GetRepeatedMessage(message, map, index);
  const FieldDescriptor* value_field = steps.front().value_field();
  if (steps.size() > 1) {
    return Passes(entry.GetReflection()->GetMessage(entry, value_field), steps.subspan(1), test);
  }
  if (test.op == Test::Op::kPresent) return true;
  std::string scratch;
  return Satisfies(ReadValue(entry, value_field, scratch), test);
}

bool Passes(const Message& message, Steps steps, const Test& test) {
  const PathStep& step = steps.front();
  if (step.map_key.has_value()) return PassesEntry(message, steps, test);
  if (steps.size() == 1) {
    return step.many() ? PassesMany(message, step.field, test)
                       : PassesOne(message, step.field, test);
  }
  const Reflection* reflection = message.GetReflection();
  if (!step.many()) {
    return reflection->HasField(message, step.field) &&
           Passes(reflection->GetMessage(message, step.field), steps.subspan(1), test);
  }
  const int size = reflection->FieldSize(message, step.field);
  for (int i = 0; i < size; ++i) {
    const Message& element = reflection->GetRepeatedMessage(message, step.field, i);
    if (Passes(element, steps.subspan(1), test)) return true;
  }
  return false;
}

bool Matches(const Filter::Node& node, const Message& resource) {
  switch (node.kind) {
    case Filter::Node::Kind::kAnd:
      for (const Filter::Node& child : node.children) {
        if (!Matches(child, resource)) return false;
      }
      return true;
    case Filter::Node::Kind::kOr:
      for (const Filter::Node& child : node.children) {
        if (Matches(child, resource)) return true;
      }
      return false;
    case Filter::Node::Kind::kNot:
      return !Matches(node.children.front(), resource);
    case Filter::Node::Kind::kTest:
      return Passes(resource, node.test.steps, node.test);
  }
  HF_CHECK(false) << "no such kind of node";
  return false;
}

}  // namespace

Filter::Filter() = default;

absl::StatusOr<Filter> Filter::Parse(std::string_view text,
                                     const google::protobuf::Descriptor* type) {
  if (text.size() > kMaxFilterBytes) {
    return FieldError(Reason::kInvalidFilter, "filter",
                      absl::StrCat("the filter has ", text.size(), " bytes, of which ",
                                   kMaxFilterBytes, " are allowed"));
  }
  if (!IsUtf8(text)) {
    return FieldError(Reason::kInvalidFilter, "filter", "the filter isn't valid UTF-8");
  }
  Filter filter;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return filter;
  HF_ASSIGN_OR_RETURN(Node root, ParseFilter(text, type));
  filter.root_ = std::make_shared<const Node>(std::move(root));
  return filter;
}

bool Filter::matches(const Message& resource) const {
  return root_ == nullptr || Matches(*root_, resource);
}

bool Filter::empty() const { return root_ == nullptr; }

}  // namespace holdfast::filter
