// Any text as a filter and as an order, on any resource. What holds for a resource must show in
// both answers: a match satisfies the conditions that an index gets.
//
// Input: the text up to the first newline; after it a resource, as protobuf's wire format.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/filter/filter.h"
#include "holdfast/filter/order_by.h"
#include "holdfast/filter/path.h"
#include "holdfast/filter/sql.h"
#include "holdfast/filter/test_message.h"
#include "holdfast/filter/value.h"

namespace holdfast::filter {
namespace {

const std::vector<std::string> kIndexed = {"name",      "count", "big",         "weight",
                                           "nick",      "quota", "create_time", "big_unsigned",
                                           "spec.size", "alias", "ttl",         "state"};

bool Holds(const IndexCondition& condition, const google::protobuf::Message& resource) {
  const auto path = ResolveSingularPath(resource.GetDescriptor(), condition.path);
  HF_CHECK(path.ok()) << condition.path;
  std::string scratch;
  const auto value = ReadPath(resource, *path, scratch);
  const auto held = value.has_value() ? ToIndexValue(*value) : std::nullopt;
  if (!held.has_value()) return false;
  HF_CHECK(held->index() == condition.value.index()) << "types differ: " << condition.path;
  switch (condition.op) {
    case IndexCondition::Op::kEqual:
      return *held == condition.value;
    case IndexCondition::Op::kLess:
      return *held < condition.value;
    case IndexCondition::Op::kLessOrEqual:
      return *held <= condition.value;
    case IndexCondition::Op::kGreater:
      return *held > condition.value;
    case IndexCondition::Op::kGreaterOrEqual:
      return *held >= condition.value;
  }
  return false;
}

void TryFilter(std::string_view text, const google::protobuf::Message& resource) {
  const auto filter = Filter::Parse(text, resource.GetDescriptor());
  if (!filter.ok()) {
    HF_CHECK(ReasonOf(filter.status()) == Reason::kInvalidFilter) << filter.status();
    return;
  }
  const auto conditions = filter->index_conditions(kIndexed);
  std::vector<IndexValue> binds;
  bool all = true;
  for (const IndexCondition& condition : conditions) {
    HF_CHECK(!IndexConditionSql(condition, binds).empty());
    all = all && Holds(condition, resource);
  }
  HF_CHECK(!filter->matches(resource) || all) << "an index would miss a match of " << text;
}

void TryOrder(std::string_view text, const google::protobuf::Message& resource) {
  const auto order = OrderBy::Parse(text, resource.GetDescriptor());
  if (!order.ok()) {
    HF_CHECK(ReasonOf(order.status()) == Reason::kInvalidOrderBy) << order.status();
    return;
  }
  HF_CHECK(order->by_name_only() == order->sort_key(resource).empty());
}

}  // namespace
}  // namespace holdfast::filter

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace holdfast::filter;  // NOLINT
  google::protobuf::SetLogHandler(nullptr);
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(input.find('\n'), size);
  const auto resource = TestTypes::Get().make();
  const std::string_view body = input.substr(std::min(line + 1, size));
  if (!resource->ParseFromArray(body.data(), static_cast<int>(body.size()))) resource->Clear();
  TryFilter(input.substr(0, line), *resource);
  TryOrder(input.substr(0, line), *resource);
  (void)IndexedFieldsJson(*resource, kIndexed);
  return 0;
}
