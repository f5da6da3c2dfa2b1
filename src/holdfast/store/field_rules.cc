#include "holdfast/store/field_rules.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"

namespace holdfast::store {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool Is(const FieldDescriptor* field, google::api::FieldBehavior behavior) {
  const auto& options = field->options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == behavior) return true;
  }
  return false;
}

bool IsGenerated(const Descriptor* type) {
  return type->file()->pool() == DescriptorPool::generated_pool();
}

bool IsMessage(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

// Of a map the type of its values, if they are messages; else nullptr.
const Descriptor* NestedType(const FieldDescriptor* field) {
  if (field->is_map()) {
    const FieldDescriptor* value = field->message_type()->map_value();
    return IsMessage(value) ? value->message_type() : nullptr;
  }
  return IsMessage(field) ? field->message_type() : nullptr;
}

bool IsEmpty(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  if (field->is_repeated()) return reflection->FieldSize(message, field) == 0;
  return !reflection->HasField(message, field);
}

// Calls `f` with every message in a field, and its place ("", "[2]").
template <class F>
void ForEachMutable(Message& message, const FieldDescriptor* field, F f) {
  const Reflection* reflection = message.GetReflection();
  if (!field->is_repeated()) {
    if (reflection->HasField(message, field)) f(*reflection->MutableMessage(&message, field));
    return;
  }
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    Message* element = reflection->MutableRepeatedMessage(&message, field, i);
    if (field->is_map()) {
      const FieldDescriptor* value = field->message_type()->map_value();
      element = element->GetReflection()->MutableMessage(element, value);
    }
    f(*element);
  }
}

void CopyField(const Message& from, Message& to, const FieldDescriptor* field) {
  const Reflection* reflection = to.GetReflection();
  std::unique_ptr<Message> copy(from.New());
  copy->CopyFrom(from);
  reflection->SwapFields(&to, copy.get(), {field});
}

bool SameField(const Message& a, const Message& b, const FieldDescriptor* field) {
  google::protobuf::util::MessageDifferencer differencer;
  return differencer.CompareWithFields(a, b, {field}, {field});
}

bool KeyLess(const Message& a, const Message& b, const FieldDescriptor* key) {
  const Reflection* reflection = a.GetReflection();
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(a, key) < reflection->GetInt32(b, key);
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->GetInt64(a, key) < reflection->GetInt64(b, key);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection->GetUInt32(a, key) < reflection->GetUInt32(b, key);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection->GetUInt64(a, key) < reflection->GetUInt64(b, key);
    case FieldDescriptor::CPPTYPE_BOOL:
      return !reflection->GetBool(a, key) && reflection->GetBool(b, key);
    default: {
      std::string scratch_a;
      std::string scratch_b;
      return reflection->GetStringReference(a, key, &scratch_a) <
             reflection->GetStringReference(b, key, &scratch_b);
    }
  }
}

void SortMap(Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, field);
  if (size < 2) return;
  const FieldDescriptor* key = field->message_type()->map_key();
  std::vector<Message*> entries;
  for (int i = 0; i < size; ++i) {
    // Releasing from the end keeps the order of equal keys to be told apart below.
    entries.push_back(reflection->ReleaseLast(&message, field));
  }
  std::reverse(entries.begin(), entries.end());
  std::stable_sort(entries.begin(), entries.end(),
                   [key](const Message* a, const Message* b) { return KeyLess(*a, *b, key); });
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool overridden = i + 1 < entries.size() && !KeyLess(*entries[i], *entries[i + 1], key);
    if (overridden) {
      delete entries[i];
    } else {
      reflection->AddAllocatedMessage(&message, field, entries[i]);
    }
  }
}

}  // namespace

FieldRules::FieldRules(const Descriptor* resource, const FieldDescriptor* metadata)
    : resource_(resource), metadata_(metadata) {
  add_type(resource);
  prune();
}

void FieldRules::add_type(const Descriptor* type) {
  const auto [entry, added] = types_.try_emplace(type->full_name());
  if (!added) return;
  Type rules;
  for (int i = 0; i < type->field_count(); ++i) {
    const Field* field = type->field(i);
    if (field == metadata_) continue;
    if (Is(field, google::api::OUTPUT_ONLY)) rules.output_only.push_back(field);
    if (Is(field, google::api::IMMUTABLE)) rules.immutable.push_back(field);
    if (Is(field, google::api::REQUIRED)) rules.required.push_back(field);
    if (field->is_map()) rules.maps.push_back(field);
    const Descriptor* nested = NestedType(field);
    if (nested == nullptr || IsGenerated(nested)) continue;
    rules.nested.push_back(field);
    add_type(nested);
  }
  types_[type->full_name()] = std::move(rules);
}

// Leaves out the ways to types that have no rule, directly or below.
void FieldRules::prune() {
  std::set<std::string> wanted;
  for (bool changed = true; changed;) {
    changed = false;
    for (const auto& [name, type] : types_) {
      if (wanted.contains(name)) continue;
      const bool own = !type.output_only.empty() || !type.immutable.empty() ||
                       !type.required.empty() || !type.maps.empty();
      const bool below =
          std::any_of(type.nested.begin(), type.nested.end(), [&wanted](const Field* field) {
            return wanted.contains(NestedType(field)->full_name());
          });
      if (own || below) changed = wanted.insert(name).second;
    }
  }
  for (auto& [name, type] : types_) {
    std::erase_if(type.nested, [&wanted](const Field* field) {
      return !wanted.contains(NestedType(field)->full_name());
    });
  }
}

const FieldRules::Type* FieldRules::find(const Descriptor* type) const {
  const auto found = types_.find(type->full_name());
  return found == types_.end() ? nullptr : &found->second;
}

void FieldRules::clear_output_only(Message& resource) const {
  if (const Type* type = find(resource_)) clear_output_only(resource, *type);
}

void FieldRules::clear_output_only(Message& message, const Type& type) const {
  for (const Field* field : type.output_only) message.GetReflection()->ClearField(&message, field);
  for (const Field* field : type.nested) {
    const Type& nested = *find(NestedType(field));
    ForEachMutable(message, field, [&](Message& inner) { clear_output_only(inner, nested); });
  }
}

void FieldRules::keep_output_only(const Message& from, Message& to) const {
  if (const Type* type = find(resource_)) keep_output_only(from, to, *type);
}

void FieldRules::keep_output_only(const Message& from, Message& to, const Type& type) const {
  const Reflection* reflection = to.GetReflection();
  for (const Field* field : type.output_only) {
    if (IsEmpty(from, field)) {
      reflection->ClearField(&to, field);
    } else if (!SameField(from, to, field)) {
      CopyField(from, to, field);
    }
  }
  for (const Field* field : type.nested) {
    if (SameField(from, to, field)) continue;
    const Type& nested = *find(NestedType(field));
    if (field->is_repeated()) {
      ForEachMutable(to, field, [&](Message& inner) { clear_output_only(inner, nested); });
    } else if (reflection->HasField(to, field)) {
      keep_output_only(reflection->GetMessage(from, field), *reflection->MutableMessage(&to, field),
                       nested);
    }
  }
}

absl::Status FieldRules::check_immutable(const Message& before, const Message& after) const {
  const Type* type = find(resource_);
  return type == nullptr ? absl::OkStatus() : check_immutable(before, after, *type);
}

absl::Status FieldRules::check_immutable(const Message& before, const Message& after,
                                         const Type& type) const {
  for (const Field* field : type.immutable) {
    // It may be given once.
    if (IsEmpty(before, field) || SameField(before, after, field)) continue;
    return FieldError(Reason::kInvalidField, ToStd(field->name()),
                      "can't be changed; create the resource anew");
  }
  for (const Field* field : type.nested) {
    if (field->is_repeated()) continue;
    const Reflection* reflection = before.GetReflection();
    if (!reflection->HasField(before, field)) continue;
    HF_RETURN_IF_ERROR(check_immutable(reflection->GetMessage(before, field),
                                       reflection->GetMessage(after, field),
                                       *find(NestedType(field))));
  }
  return absl::OkStatus();
}

absl::Status FieldRules::check_required(const Message& resource, std::string_view prefix) const {
  const Type* type = find(resource_);
  return type == nullptr ? absl::OkStatus() : check_required(resource, *type, std::string(prefix));
}

absl::Status FieldRules::check_required(const Message& message, const Type& type,
                                        const std::string& path) const {
  for (const Field* field : type.required) {
    if (!IsEmpty(message, field)) continue;
    return FieldError(Reason::kInvalidField, absl::StrCat(path, field->name()),
                      "is required; give it a value");
  }
  const Reflection* reflection = message.GetReflection();
  for (const Field* field : type.nested) {
    const Type& nested = *find(NestedType(field));
    const std::string below = absl::StrCat(path, field->name());
    if (!field->is_repeated()) {
      if (!reflection->HasField(message, field)) continue;
      HF_RETURN_IF_ERROR(
          check_required(reflection->GetMessage(message, field), nested, below + "."));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      const Message* element = &reflection->GetRepeatedMessage(message, field, i);
      if (field->is_map()) {
        const Field* value = field->message_type()->map_value();
        element = &element->GetReflection()->GetMessage(*element, value);
      }
      HF_RETURN_IF_ERROR(check_required(*element, nested, absl::StrCat(below, "[", i, "].")));
    }
  }
  return absl::OkStatus();
}

void FieldRules::sort_maps(Message& resource) const {
  if (const Type* type = find(resource_)) sort_maps(resource, *type);
}

void FieldRules::sort_maps(Message& message, const Type& type) const {
  for (const Field* field : type.maps) SortMap(message, field);
  for (const Field* field : type.nested) {
    const Type& nested = *find(NestedType(field));
    ForEachMutable(message, field, [&](Message& inner) { sort_maps(inner, nested); });
  }
}

}  // namespace holdfast::store
