// Rules about unique fields, indexes, search and limits.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

bool IsMessage(const pb::FieldDescriptor* field, std::string_view full_name) {
  return field->message_type() != nullptr && field->message_type()->full_name() == full_name;
}

// What compares exactly: text, whole numbers, enum values.
bool CanBeUnique(const pb::FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return field->type() == pb::FieldDescriptor::TYPE_STRING;
    case pb::FieldDescriptor::CPPTYPE_INT32:
    case pb::FieldDescriptor::CPPTYPE_INT64:
    case pb::FieldDescriptor::CPPTYPE_UINT32:
    case pb::FieldDescriptor::CPPTYPE_UINT64:
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return true;
    default:
      return false;
  }
}

bool CanBeIndexed(const pb::FieldDescriptor* field) {
  if (field->is_repeated()) return false;
  if (IsMessage(field, "google.protobuf.Timestamp")) return true;
  if (IsMessage(field, "google.protobuf.Duration")) return true;
  return field->message_type() == nullptr && field->type() != pb::FieldDescriptor::TYPE_BYTES;
}

bool CanBeSearched(const pb::FieldDescriptor* field) {
  if (field->is_map()) field = field->message_type()->map_value();
  return field->type() == pb::FieldDescriptor::TYPE_STRING;
}

void CheckUniqueUnsuitable(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const AnnotatedField& annotated : draft->annotated.fields) {
      const pb::FieldDescriptor* field = annotated.field();
      const FieldRules& rules = field->options().GetExtension(holdfast::field);
      if (rules.unique_in() == UNIQUE_SCOPE_UNSPECIFIED) continue;
      if (!annotated.repeated && CanBeUnique(field)) continue;
      report(PlaceOfOption(field, holdfast::field.number()),
             absl::StrCat(annotated.path,
                          " can't be unique: that is for singular strings, "
                          "integers and enums"));
    }
  }
}

// Calls `f(draft, path)` for every path of indexes and of search.
template <class F>
void ForEachPath(const Model& model, const F& f) {
  for (const auto& draft : model.kinds) {
    for (const IndexRule& index : draft->kind.indexes) {
      for (const std::string& path : index.paths) f(*draft, path);
    }
    for (const std::string& path : draft->kind.search_fields) f(*draft, path);
  }
}

void CheckFieldUnknown(const Model& model, const Report& report) {
  ForEachPath(model, [&](const KindDraft& draft, const std::string& path) {
    if (!ResolvePath(draft.kind.message, path).empty()) return;
    report(PlaceOfRules(draft.kind),
           absl::StrCat(draft.kind.message_name, " has no field \"", path,
                        "\" (paths don't go through repeated fields or maps)"));
  });
}

void CheckIndexUnsuitable(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const IndexRule& index : draft->kind.indexes) {
      for (const std::string& path : index.paths) {
        const std::vector<PathStep> steps = ResolvePath(draft->kind.message, path);
        if (steps.empty() || CanBeIndexed(steps.back().field)) continue;
        report(PlaceOfRules(draft->kind),
               absl::StrCat(path,
                            " can't be indexed: that is for singular scalars, timestamps "
                            "and durations"));
      }
    }
  }
}

void CheckSearchUnsuitable(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const std::string& path : draft->kind.search_fields) {
      const std::vector<PathStep> steps = ResolvePath(draft->kind.message, path);
      if (steps.empty() || CanBeSearched(steps.back().field)) continue;
      report(PlaceOfRules(draft->kind),
             absl::StrCat(path, " can't be searched: that is for strings"));
    }
  }
}

void CheckListEmpty(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    auto empty = [](const ResourceOptions::FieldList& list) { return list.fields().empty(); };
    const auto& options = draft->options;
    if (!std::any_of(options.index().begin(), options.index().end(), empty) &&
        !std::any_of(options.search().begin(), options.search().end(), empty)) {
      continue;
    }
    report(PlaceOfRules(draft->kind), "an index or search names at least one field");
  }
}

// Is `ancestor` above `kind`, by any of its patterns?
bool IsAncestor(const Kind* ancestor, const Kind* kind) {
  std::set<const Kind*> seen;
  std::vector<const Kind*> open = {kind};
  while (!open.empty()) {
    const Kind* next = open.back();
    open.pop_back();
    for (const Kind* parent : next->parents) {
      if (parent == ancestor) return true;
      if (parent != nullptr && seen.insert(parent).second) open.push_back(parent);
    }
  }
  return false;
}

void CheckLimitUnknownKind(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const LimitRule& limit : draft->kind.limits) {
      if (FindReferable(*draft->service, limit.per) != nullptr) continue;
      report(PlaceOfRules(draft->kind),
             absl::StrCat("a limit per \"", limit.per.str(), "\", but there is no such kind"));
    }
  }
}

void CheckLimitNotAncestor(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const LimitRule& limit : draft->kind.limits) {
      const KindDraft* per = FindReferable(*draft->service, limit.per);
      if (per == nullptr || IsAncestor(&per->kind, &draft->kind)) continue;
      report(PlaceOfRules(draft->kind),
             absl::StrCat("a limit per ", limit.per.str(), ", which isn't above ",
                          draft->kind.message_name));
    }
  }
}

void CheckLimitNotPositive(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const LimitRule& limit : draft->kind.limits) {
      if (limit.default_max > 0) continue;
      report(PlaceOfRules(draft->kind), "a limit needs a `default_max` of at least 1");
    }
  }
}

void CheckLimitTwice(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    std::set<KindName> seen;
    for (const LimitRule& limit : draft->kind.limits) {
      if (seen.insert(limit.per).second) continue;
      report(PlaceOfRules(draft->kind), absl::StrCat("two limits per ", limit.per.str()));
    }
  }
}

constexpr LintRule kFieldRules[] = {
    {"unique-unsuitable", "unique_in on a field that is repeated or of an unfit type.",
     CheckUniqueUnsuitable},
    {"field-unknown", "An index or search names a field that doesn't exist.", CheckFieldUnknown},
    {"index-unsuitable", "An indexed field is repeated or of an unfit type.", CheckIndexUnsuitable},
    {"search-unsuitable", "A searched field isn't a string.", CheckSearchUnsuitable},
    {"list-empty", "An index or search names no field.", CheckListEmpty},
    {"limit-unknown-kind", "A limit is per a kind that doesn't exist.", CheckLimitUnknownKind},
    {"limit-not-ancestor", "A limit is per a kind that isn't above.", CheckLimitNotAncestor},
    {"limit-not-positive", "A limit's default is below 1.", CheckLimitNotPositive},
    {"limit-twice", "Two limits of a kind are per the same ancestor.", CheckLimitTwice},
};

}  // namespace

std::span<const LintRule> FieldRuleRules() { return kFieldRules; }

}  // namespace holdfast::schema
