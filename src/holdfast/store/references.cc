#include "holdfast/store/references.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::store {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::PathStep;
using schema::ReferenceField;

using Steps = std::span<const PathStep>;

void Add(const std::string& name, size_t field, std::vector<ReferenceValue>& out) {
  if (!name.empty()) out.push_back({.field = field, .name = &name});
}

// Strings of dynamic messages are kept as std::string: nothing goes through the scratch.
const std::string& StringAt(const Message& message, const FieldDescriptor* field) {
  static thread_local std::string scratch;
  return message.GetReflection()->GetStringReference(message, field, &scratch);
}
const std::string& StringAt(const Message& message, const FieldDescriptor* field, int index) {
  static thread_local std::string scratch;
  return message.GetReflection()->GetRepeatedStringReference(message, field, index, &scratch);
}

void Collect(const Message& message, Steps steps, size_t index, std::vector<ReferenceValue>& out);

// A map's entry: the rest of the path begins at its value.
void CollectEntry(const Message& entry, const FieldDescriptor* map, Steps rest, size_t index,
                  std::vector<ReferenceValue>& out) {
  const FieldDescriptor* value = map->message_type()->map_value();
  if (rest.empty()) {
    Add(StringAt(entry, value), index, out);
  } else {
    Collect(entry.GetReflection()->GetMessage(entry, value), rest, index, out);
  }
}

void Collect(const Message& message, Steps steps, size_t index, std::vector<ReferenceValue>& out) {
  const FieldDescriptor* field = steps.front().field;
  const Steps rest = steps.subspan(1);
  const Reflection* reflection = message.GetReflection();
  if (!field->is_repeated()) {
    if (!reflection->HasField(message, field)) return;
    if (rest.empty()) {
      Add(StringAt(message, field), index, out);
    } else {
      Collect(reflection->GetMessage(message, field), rest, index, out);
    }
    return;
  }
  const int size = reflection->FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    if (field->is_map()) {
      CollectEntry(reflection->GetRepeatedMessage(message, field, i), field, rest, index, out);
    } else if (rest.empty()) {
      Add(StringAt(message, field, i), index, out);
    } else {
      Collect(reflection->GetRepeatedMessage(message, field, i), rest, index, out);
    }
  }
}

void Clear(Message& message, Steps steps, const std::string& target);

// Takes the elements for which `keep` says no out of a repeated field, in order.
template <class Keep>
void FilterElements(Message& message, const FieldDescriptor* field, Keep keep) {
  const Reflection* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, field);
  int kept = 0;
  for (int i = 0; i < size; ++i) {
    if (!keep(i)) continue;
    if (i != kept) reflection->SwapElements(&message, field, i, kept);
    ++kept;
  }
  for (int i = kept; i < size; ++i) reflection->RemoveLast(&message, field);
}

void ClearInMap(Message& message, const FieldDescriptor* map, Steps rest,
                const std::string& target) {
  const Reflection* reflection = message.GetReflection();
  const FieldDescriptor* value = map->message_type()->map_value();
  FilterElements(message, map, [&](int i) {
    Message* entry = reflection->MutableRepeatedMessage(&message, map, i);
    if (rest.empty()) return StringAt(*entry, value) != target;
    Clear(*entry->GetReflection()->MutableMessage(entry, value), rest, target);
    return true;
  });
}

void Clear(Message& message, Steps steps, const std::string& target) {
  const FieldDescriptor* field = steps.front().field;
  const Steps rest = steps.subspan(1);
  const Reflection* reflection = message.GetReflection();
  if (field->is_map()) {
    ClearInMap(message, field, rest, target);
  } else if (field->is_repeated() && rest.empty()) {
    FilterElements(message, field, [&](int i) { return StringAt(message, field, i) != target; });
  } else if (field->is_repeated()) {
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      Clear(*reflection->MutableRepeatedMessage(&message, field, i), rest, target);
    }
  } else if (reflection->HasField(message, field)) {
    if (!rest.empty()) {
      Clear(*reflection->MutableMessage(&message, field), rest, target);
    } else if (StringAt(message, field) == target) {
      reflection->ClearField(&message, field);
    }
  }
}

absl::Status Malformed(const ReferenceField& field, const std::string& value,
                       std::string_view wanted) {
  return FieldError(Reason::kInvalidName, field.path,
                    absl::StrCat("\"", ForMessage(value), "\" isn't a name of ", ToAbsl(wanted)));
}

std::string PatternsOf(const schema::Kind& kind) {
  std::string text = kind.name.str();
  const char* separator = ": ";
  for (const schema::NamePattern& pattern : kind.patterns) {
    absl::StrAppend(&text, separator, pattern.text());
    separator = " or ";
  }
  return text;
}

absl::StatusOr<ReferenceTarget> ResolveDynamic(const Plans& plans, const ReferenceField& field,
                                               const std::string& value) {
  const ResourceName name(value);
  const schema::Kind* kind = plans.schema().find_kind_by_name(plans.service(), name);
  for (const schema::Service::Import& import : plans.service().imports) {
    if (kind != nullptr) break;
    const schema::Service* service = plans.schema().find_service(import.domain, import.version);
    if (service != nullptr) kind = plans.schema().find_kind_by_name(*service, name);
  }
  if (kind == nullptr || kind->unconstrained) return Malformed(field, value, "any kind");
  return ReferenceTarget{.plan = plans.find(kind->name), .key = {.kind = kind->name, .name = name}};
}

}  // namespace

void CollectReferences(const KindPlan& plan, const Message& resource,
                       std::vector<ReferenceValue>& out) {
  out.clear();
  for (size_t i = 0; i < plan.kind->references.size(); ++i) {
    const size_t first = out.size();
    Collect(resource, plan.kind->references[i].steps, i, out);
    if (out.size() - first < 2) continue;
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(first);
    std::sort(begin, out.end(),
              [](const ReferenceValue& a, const ReferenceValue& b) { return *a.name < *b.name; });
    const auto same = [](const ReferenceValue& a, const ReferenceValue& b) {
      return *a.name == *b.name;
    };
    out.erase(std::unique(begin, out.end(), same), out.end());
  }
}

void ClearReference(const KindPlan& plan, std::string_view field_path, const ResourceName& target,
                    Message& resource) {
  for (const ReferenceField& field : plan.kind->references) {
    if (field.path == field_path) Clear(resource, field.steps, target.str());
  }
}

absl::StatusOr<ReferenceTarget> ResolveReference(const Plans& plans, const KindPlan& plan,
                                                 const ReferenceField& field,
                                                 const std::string& value) {
  if (field.target.empty()) return ResolveDynamic(plans, field, value);
  const KindPlan* target = plans.find(field.target);
  const schema::Kind* kind =
      target != nullptr ? target->kind : plans.schema().find_kind(field.target);
  if (kind == nullptr) {
    return absl::InternalError(absl::StrCat(plan.name().str(), ".", field.path,
                                            " refers to the unknown kind ", field.target.str()));
  }
  ResourceName name(value);
  if (!kind->match(name).has_value()) return Malformed(field, value, PatternsOf(*kind));
  return ReferenceTarget{.plan = target, .key = {.kind = kind->name, .name = std::move(name)}};
}

std::vector<storage::Edge> EdgesOf(const Plans& plans, const KindPlan& plan,
                                   const ResourceKey& source,
                                   const std::vector<ReferenceValue>& values) {
  std::vector<storage::Edge> edges;
  edges.reserve(values.size());
  for (const ReferenceValue& value : values) {
    const ReferenceField& field = plan.kind->references[value.field];
    storage::Edge edge{.source = source, .field = field.path, .behavior = field.on_delete};
    if (field.target.empty()) {
      absl::StatusOr<ReferenceTarget> target = ResolveReference(plans, plan, field, *value.name);
      if (!target.ok()) continue;
      edge.target = std::move(target->key);
    } else {
      edge.target = {.kind = field.target, .name = ResourceName(*value.name)};
    }
    edges.push_back(std::move(edge));
  }
  return edges;
}

std::vector<storage::Edge> EdgesOf(const Plans& plans, const KindPlan& plan,
                                   const ResourceKey& source, const Message& resource) {
  if (!plan.is_checked() || plan.kind->references.empty()) return {};
  std::vector<ReferenceValue> values;
  CollectReferences(plan, resource, values);
  return EdgesOf(plans, plan, source, values);
}

}  // namespace holdfast::store
