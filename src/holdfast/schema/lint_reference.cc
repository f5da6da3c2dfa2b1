// Rules about references.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

constexpr char kAnyKind[] = "*";

Place PlaceOfTarget(const pb::FieldDescriptor* field) {
  return PlaceOfOption(field, google::api::resource_reference.number());
}

Place PlaceOfBehaviour(const pb::FieldDescriptor* field) {
  return PlaceOfOption(field, reference.number());
}

// Calls `f(draft, annotated)` for each reference field of constrained kinds.
template <class F>
void ForEachReference(const Model& model, const F& f) {
  for (const auto& draft : model.kinds) {
    if (draft->kind.unconstrained) continue;
    for (const AnnotatedField& annotated : draft->annotated.fields) {
      if (IsReference(annotated.field())) f(*draft, annotated);
    }
  }
}

// The same for references to one kind that FindReferable doesn't find. `elsewhere`: it is a kind
// of a loaded service, or at least of a domain, that isn't imported.
template <class F>
void ForEachUnresolved(const Model& model, const F& f) {
  ForEachReference(model, [&](const KindDraft& draft, const AnnotatedField& annotated) {
    const std::string target = ReferenceTarget(annotated.field());
    if (target == kAnyKind || FindReferable(*draft.service, KindName(target)) != nullptr) return;
    const ServiceDomain domain(target.substr(0, target.find('/')));
    const auto& imports = draft.service->service.imports;
    const bool imported = std::any_of(imports.begin(), imports.end(),
                                      [&](const auto& import) { return import.domain == domain; });
    const bool well_formed = target.find('/') != std::string::npos;
    f(draft, annotated, target,
      well_formed && !imported && domain != draft.service->service.domain);
  });
}

void CheckUnknownKind(const Model& model, const Report& report) {
  ForEachUnresolved(model, [&](const KindDraft& draft, const AnnotatedField& annotated,
                               const std::string& target, bool elsewhere) {
    const ServiceDomain domain(target.substr(0, target.find('/')));
    const auto& imports = draft.service->imports;
    const bool import_loaded =
        std::any_of(imports.begin(), imports.end(),
                    [&](const ServiceDraft* import) { return import->service.domain == domain; });
    // An import that isn't loaded is reported once, as such.
    const bool own = domain == draft.service->service.domain;
    const bool bare = target.find('/') == std::string::npos;
    if (elsewhere || (!own && !bare && !import_loaded)) return;
    report(PlaceOfTarget(annotated.field()), absl::StrCat("there is no kind \"", target, "\""));
  });
}

void CheckNotImported(const Model& model, const Report& report) {
  ForEachUnresolved(model, [&](const KindDraft& draft, const AnnotatedField& annotated,
                               const std::string& target, bool elsewhere) {
    if (!elsewhere) return;
    report(PlaceOfTarget(annotated.field()),
           absl::StrCat("refers to ", target, ", but ", draft.service->service.domain.str(),
                        " doesn't import that service"));
  });
}

void CheckUnconstrained(const Model& model, const Report& report) {
  ForEachReference(model, [&](const KindDraft& draft, const AnnotatedField& annotated) {
    const KindName target(ReferenceTarget(annotated.field()));
    const KindDraft* kind = FindReferable(*draft.service, target);
    if (kind == nullptr || !kind->kind.unconstrained) return;
    report(PlaceOfTarget(annotated.field()),
           absl::StrCat(target.str(), " is unconstrained: references to it can't be kept true"));
  });
}

void CheckNotString(const Model& model, const Report& report) {
  ForEachReference(model, [&](const KindDraft&, const AnnotatedField& annotated) {
    const pb::FieldDescriptor* field = annotated.field();
    if (field->is_map()) field = field->message_type()->map_value();
    if (field->type() == pb::FieldDescriptor::TYPE_STRING) return;
    report(PlaceOfTarget(annotated.field()),
           "a reference is a string, a repeated string, or a map with string values");
  });
}

void CheckUnsetRequired(const Model& model, const Report& report) {
  ForEachReference(model, [&](const KindDraft&, const AnnotatedField& annotated) {
    const pb::FieldDescriptor* field = annotated.field();
    const OnDelete behaviour = ReferenceBehaviour(field);
    const bool unsets = behaviour == OnDelete::kUnset || behaviour == OnDelete::kAsyncUnset;
    if (!unsets || !IsRequired(field)) return;
    report(PlaceOfBehaviour(field),
           "the field is REQUIRED, so it can't be unset when its target goes");
  });
}

void CheckWithoutKind(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const AnnotatedField& annotated : draft->annotated.fields) {
      const pb::FieldOptions& options = annotated.field()->options();
      if (!options.HasExtension(reference) || IsReference(annotated.field())) continue;
      report(PlaceOfBehaviour(annotated.field()),
             "says what happens on deletion, but not of what: add "
             "(google.api.resource_reference).type");
    }
  }
}

void CheckChildType(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const AnnotatedField& annotated : draft->annotated.fields) {
      const auto& target =
          annotated.field()->options().GetExtension(google::api::resource_reference);
      if (target.child_type().empty()) continue;
      report(PlaceOfTarget(annotated.field()),
             "a resource refers by `type`; `child_type` is for requests");
    }
  }
}

void CheckRecursive(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const pb::FieldDescriptor* field : draft->annotated.recursive) {
      report(PlaceOf(field),
             absl::StrCat("a ", field->containing_type()->name(),
                          " contains itself here and has annotated fields: there would be no end "
                          "of references"));
    }
  }
}

void CheckTooMany(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    if (!draft->annotated.truncated) continue;
    report(PlaceOf(draft->kind.message), absl::StrCat(draft->kind.message_name, " has more than ",
                                                      kMaxAnnotatedFields, " annotated fields"));
  }
}

constexpr LintRule kReferenceRules[] = {
    {"reference-unknown-kind", "A field refers to a kind that doesn't exist.", CheckUnknownKind},
    {"reference-not-imported", "A field refers to a kind of a service that isn't imported.",
     CheckNotImported},
    {"reference-unconstrained", "A field refers to an unconstrained kind.", CheckUnconstrained},
    {"reference-not-string", "A reference field isn't made of strings.", CheckNotString},
    {"reference-unset-required", "UNSET or ASYNC_UNSET on a REQUIRED field.", CheckUnsetRequired},
    {"reference-without-kind", "(holdfast.reference) without google.api.resource_reference.",
     CheckWithoutKind},
    {"reference-child-type", "A resource's field has a resource_reference with child_type.",
     CheckChildType},
    {"reference-recursive", "A message with annotated fields contains itself.", CheckRecursive},
    {"reference-too-many", "A resource has more annotated fields than can be kept.", CheckTooMany},
};

}  // namespace

std::span<const LintRule> ReferenceRules() { return kReferenceRules; }

}  // namespace holdfast::schema
