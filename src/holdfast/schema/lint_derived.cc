// Rules about the derived API: it must not collide with what the author wrote, nor with itself.
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/schema/derive.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

Place PlaceOfSymbol(const pb::DescriptorPool& pool, const std::string& full_name) {
  if (const auto* message = pool.FindMessageTypeByName(full_name)) return PlaceOf(message);
  if (const auto* type = pool.FindEnumTypeByName(full_name)) return PlaceOf(type);
  return PlaceOf(pool.FindFileContainingSymbol(full_name));
}

std::vector<std::string> TopLevelNames(const pb::FileDescriptorProto& file) {
  std::vector<std::string> names;
  for (const auto& message : file.message_type()) names.push_back(message.name());
  for (const auto& derived : file.service()) names.push_back(derived.name());
  return names;
}

// Whose singular makes up a field's name: the last of several.
const Kind* KindOfField(const ServiceDraft& draft, const std::string& field) {
  const Kind* found = nullptr;
  for (const Kind* kind : draft.service.kinds) {
    const std::string& word = kind->singular;
    const std::set<std::string> names = {
        word, kind->plural, word + "_id", "create_" + word, "update_" + word, "delete_" + word};
    if (names.contains(field)) found = kind;
  }
  return found;
}

void CheckSymbols(const Model& model, const ServiceDraft& draft, const pb::FileDescriptorProto& api,
                  const Report& report) {
  const Service& of = draft.service;
  for (const std::string& name : TopLevelNames(api)) {
    const std::string full = absl::StrCat(of.package, of.package.empty() ? "" : ".", name);
    if (model.pool->FindFileContainingSymbol(full) == nullptr) continue;
    report(PlaceOfSymbol(*model.pool, full),
           absl::StrCat(full, " is also the name of a part of the derived API"));
  }
  if (const auto* file = model.pool->FindFileByName(api.name()); file != nullptr) {
    report(PlaceOf(file), "this is the name of the file that the derived API is in");
  }
}

void CheckFields(const ServiceDraft& draft, const pb::FileDescriptorProto& api,
                 const Report& report) {
  std::set<const Kind*> reported;  // once a kind: its words are in many messages
  for (const auto& message : api.message_type()) {
    std::set<std::string> seen;
    for (const auto& oneof : message.oneof_decl()) seen.insert(oneof.name());
    for (const auto& field : message.field()) {
      if (seen.insert(field.name()).second) continue;
      const Kind* kind = KindOfField(draft, field.name());
      if (kind == nullptr || !reported.insert(kind).second) continue;
      report(PlaceOfResource(*kind),
             absl::StrCat("derived message ", message.name(), " would have two fields \"",
                          field.name(), "\": give another `singular`"));
    }
  }
}

void CheckNameClash(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    const DerivedApi api = DeriveApi(*draft);
    if (api.methods.empty()) continue;
    CheckSymbols(model, *draft, api.file, report);
    CheckFields(*draft, api.file, report);
  }
}

void CheckNumberClash(const Model& model, const Report& report) {
  for (const auto& draft : model.services) {
    const DerivedApi api = DeriveApi(*draft);
    for (const auto& message : api.file.message_type()) {
      std::map<int, std::string> seen;
      for (const auto& field : message.field()) {
        auto [other, added] = seen.emplace(field.number(), field.name());
        if (added || other->second == field.name()) continue;
        const Kind* kind = KindOfField(*draft, field.name());
        if (kind == nullptr) continue;
        report(PlaceOfResource(*kind),
               absl::StrCat("fields ", other->second, " and ", field.name(), " of derived message ",
                            message.name(), " have the same number: give another `singular`"));
      }
    }
  }
}

constexpr LintRule kDerivedRules[] = {
    {"derived-name-clash", "A name that the author uses is one of the derived API.",
     CheckNameClash},
    {"derived-number-clash", "Two kinds' words give the same derived field number.",
     CheckNumberClash},
};

}  // namespace

std::span<const LintRule> DerivedRules() { return kDerivedRules; }

}  // namespace holdfast::schema
