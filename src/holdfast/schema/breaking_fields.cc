// Breaking changes of messages and enums that resources are made of, and of their references.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/breaking_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

template <class Type>
using Pairs = std::vector<std::pair<const Type*, const Type*>>;

// Messages and enums of the author's, as they were and are, by their place in the resources.
struct TypePairs {
  Pairs<pb::Descriptor> messages;
  Pairs<pb::EnumDescriptor> enums;
};

bool IsAuthors(const pb::Descriptor* type) {
  return type->file()->pool() != pb::DescriptorPool::generated_pool();
}

// Follows fields of the same number and type from `before` and `next` down.
class TypeWalker {
 public:
  void walk(const pb::Descriptor* before, const pb::Descriptor* next) {
    if (!IsAuthors(before) || !IsAuthors(next) || !seen_.insert({before, next}).second) return;
    pairs_.messages.emplace_back(before, next);
    for (int i = 0; i < before->field_count(); ++i) {
      const pb::FieldDescriptor* old = before->field(i);
      const pb::FieldDescriptor* now = next->FindFieldByNumber(old->number());
      if (now == nullptr || now->type() != old->type()) continue;
      if (old->message_type() != nullptr) walk(old->message_type(), now->message_type());
      if (old->enum_type() != nullptr &&
          enums_.insert({old->enum_type(), now->enum_type()}).second) {
        pairs_.enums.emplace_back(old->enum_type(), now->enum_type());
      }
    }
  }
  TypePairs take() { return std::move(pairs_); }

 private:
  TypePairs pairs_;
  std::set<std::pair<const pb::Descriptor*, const pb::Descriptor*>> seen_;
  std::set<std::pair<const pb::EnumDescriptor*, const pb::EnumDescriptor*>> enums_;
};

Pairs<Kind> KindPairs(const Schema& before, const Schema& next) {
  Pairs<Kind> pairs;
  for (const Service* old : before.services()) {
    const Service* now = next.find_service(old->domain, old->version);
    if (now == nullptr) continue;
    for (const Kind* kind : old->kinds) {
      for (const Kind* other : now->kinds) {
        if (other->name == kind->name) pairs.emplace_back(kind, other);
      }
    }
  }
  return pairs;
}

TypePairs TypesOf(const Schema& before, const Schema& next) {
  TypeWalker walker;
  for (const auto& [old, now] : KindPairs(before, next)) walker.walk(old->message, now->message);
  return walker.take();
}

// Calls `f(old, now)` for each field that is in both, by number.
template <class F>
void ForEachField(const Schema& before, const Schema& next, const F& f) {
  for (const auto& [old, now] : TypesOf(before, next).messages) {
    for (int i = 0; i < old->field_count(); ++i) {
      const auto* found = now->FindFieldByNumber(old->field(i)->number());
      if (found != nullptr) f(*old->field(i), *found);
    }
  }
}

void CheckFieldRemoved(const Schema& before, const Schema& next, const Report& report) {
  for (const auto& [old, now] : TypesOf(before, next).messages) {
    for (int i = 0; i < old->field_count(); ++i) {
      const pb::FieldDescriptor* field = old->field(i);
      if (now->FindFieldByNumber(field->number()) != nullptr) continue;
      const pb::FieldDescriptor* moved = now->FindFieldByName(field->name());
      report(moved == nullptr ? PlaceOf(now) : PlaceOf(moved),
             absl::StrCat("field ", field->name(), " = ", field->number(),
                          moved == nullptr ? " is gone" : " has another number"));
    }
  }
}

void CheckFieldRenamed(const Schema& before, const Schema& next, const Report& report) {
  ForEachField(before, next, [&](const pb::FieldDescriptor& old, const pb::FieldDescriptor& now) {
    if (old.name() == now.name()) return;
    report(PlaceOf(&now), absl::StrCat("number ", now.number(), " was field ", old.name(),
                                       ": JSON, filters and masks know it by that name"));
  });
}

std::string TypeText(const pb::FieldDescriptor& field) {
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  return field.type_name();
}

void CheckFieldType(const Schema& before, const Schema& next, const Report& report) {
  ForEachField(before, next, [&](const pb::FieldDescriptor& old, const pb::FieldDescriptor& now) {
    if (TypeText(old) == TypeText(now) && old.is_repeated() == now.is_repeated()) return;
    // The value type of a map is a field of its entry, and is compared there.
    report(PlaceOf(&now), absl::StrCat("field ", now.name(), " was ",
                                       old.is_repeated() ? "repeated " : "", TypeText(old)));
  });
}

std::string OneofText(const pb::FieldDescriptor& field) {
  const pb::OneofDescriptor* oneof = field.real_containing_oneof();
  return oneof == nullptr ? "" : oneof->name();
}

void CheckFieldOneof(const Schema& before, const Schema& next, const Report& report) {
  ForEachField(before, next, [&](const pb::FieldDescriptor& old, const pb::FieldDescriptor& now) {
    if (OneofText(old) == OneofText(now)) return;
    report(PlaceOf(&now), absl::StrCat("field ", now.name(), " has moved ",
                                       OneofText(now).empty() ? "out of" : "into", " a oneof"));
  });
}

void CheckFieldRequired(const Schema& before, const Schema& next, const Report& report) {
  for (const auto& [old, now] : TypesOf(before, next).messages) {
    for (int i = 0; i < now->field_count(); ++i) {
      const pb::FieldDescriptor* field = now->field(i);
      const pb::FieldDescriptor* same = old->FindFieldByNumber(field->number());
      if (!IsRequired(field) || (same != nullptr && IsRequired(same))) continue;
      report(PlaceOf(field), absl::StrCat("field ", field->name(),
                                          " is REQUIRED now; clients and stored resources leave "
                                          "it out"));
    }
  }
}

void CheckEnumValue(const Schema& before, const Schema& next, const Report& report) {
  for (const auto& [old, now] : TypesOf(before, next).enums) {
    for (int i = 0; i < old->value_count(); ++i) {
      const pb::EnumValueDescriptor* value = old->value(i);
      const pb::EnumValueDescriptor* same = now->FindValueByName(value->name());
      if (same != nullptr && same->number() == value->number()) continue;
      report(same == nullptr ? PlaceOf(now) : PlaceOf(same),
             absl::StrCat("enum value ", value->name(), " = ", value->number(),
                          same == nullptr ? " is gone" : " has another number"));
    }
  }
}

// The same field's reference before; nullptr if it was none.
const ReferenceField* FindReference(const Kind& kind, const std::string& path) {
  for (const ReferenceField& field : kind.references) {
    if (field.path == path) return &field;
  }
  return nullptr;
}

// "spec.routes[].gateway" -> does the message have that field, in whatever role?
bool HasField(const pb::Descriptor* message, const ReferenceField& reference_field) {
  for (const PathStep& step : reference_field.steps) {
    if (message == nullptr) return false;
    const pb::FieldDescriptor* field = message->FindFieldByName(step.field->name());
    if (field == nullptr) return false;
    message = field->message_type();
    if (field->is_map()) message = message->map_value()->message_type();
  }
  return true;
}

Place PlaceOfReference(const ReferenceField& of) {
  return PlaceOfOption(of.steps.back().field, google::api::resource_reference.number());
}

void CheckReferenceAdded(const Schema& before, const Schema& next, const Report& report) {
  for (const auto& [old, now] : KindPairs(before, next)) {
    if (old->unconstrained) continue;  // unconstrained-changed says it
    for (const ReferenceField& field : now->references) {
      if (field.on_delete == OnDelete::kAllowDangling) continue;
      if (FindReference(*old, field.path) != nullptr || !HasField(old->message, field)) continue;
      report(PlaceOfReference(field),
             absl::StrCat("field ", field.path,
                          " is a reference now, but what is stored in it was never checked"));
    }
  }
}

// Calls `f(old, now)` for references that are in both.
template <class F>
void ForEachReference(const Schema& before, const Schema& next, const F& f) {
  for (const auto& [old, now] : KindPairs(before, next)) {
    for (const ReferenceField& field : now->references) {
      const ReferenceField* same = FindReference(*old, field.path);
      if (same != nullptr) f(*same, field);
    }
  }
}

void CheckReferenceTarget(const Schema& before, const Schema& next, const Report& report) {
  ForEachReference(before, next, [&](const ReferenceField& old, const ReferenceField& now) {
    if (old.target == now.target || now.target.empty()) return;
    report(PlaceOfReference(now), absl::StrCat("field ", now.path, " referred to ",
                                               old.target.empty() ? "any kind" : old.target.str()));
  });
}

bool Cascades(OnDelete behaviour) {
  return behaviour == OnDelete::kCascadeDelete || behaviour == OnDelete::kAsyncCascadeDelete;
}

bool IsStricter(OnDelete old, OnDelete now) {
  if (old == now) return false;
  if (old == OnDelete::kAllowDangling) return true;  // what dangles is refused now
  if (now == OnDelete::kBlock) return true;          // deletions are refused now
  return Cascades(now) && !Cascades(old);            // the holder goes now
}

void CheckReferenceStricter(const Schema& before, const Schema& next, const Report& report) {
  ForEachReference(before, next, [&](const ReferenceField& old, const ReferenceField& now) {
    if (!IsStricter(old.on_delete, now.on_delete)) return;
    const char* effect = old.on_delete == OnDelete::kAllowDangling ? "is checked now"
                         : now.on_delete == OnDelete::kBlock       ? "blocks deletions now"
                                                                   : "deletes its holder now";
    report(PlaceOfReference(now), absl::StrCat("reference ", now.path, " ", effect));
  });
}

constexpr BreakingRule kFieldRules[] = {
    {"field-removed", "A field is gone, or has another number.", CheckFieldRemoved},
    {"field-renamed", "A field's number has another name: renamed or reused.", CheckFieldRenamed},
    {"field-type-changed", "A field has another type or cardinality.", CheckFieldType},
    {"field-oneof-changed", "A field has moved into or out of a oneof.", CheckFieldOneof},
    {"field-required", "A field has become REQUIRED, or a new one is.", CheckFieldRequired},
    {"enum-value-changed", "An enum value is gone, or has another number.", CheckEnumValue},
    {"reference-added", "A field that was there has become a reference.", CheckReferenceAdded},
    {"reference-target-changed", "A reference is to another kind.", CheckReferenceTarget},
    {"reference-stricter", "A reference blocks, cascades or is checked where it didn't.",
     CheckReferenceStricter},
};

}  // namespace

std::span<const BreakingRule> BreakingFieldRules() { return kFieldRules; }

}  // namespace holdfast::schema
