// Rules about resource messages: their type, words and fixed fields.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "holdfast/meta.pb.h"
#include "holdfast/schema/lint_check.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

void FindNested(const pb::Descriptor* message, const Report& report) {
  for (int i = 0; i < message->nested_type_count(); ++i) {
    const pb::Descriptor* nested = message->nested_type(i);
    if (IsResource(nested)) {
      report(PlaceOf(nested), absl::StrCat("resource ", nested->name(), " is inside ",
                                           message->name(), "; move it to the top of the file"));
    }
    FindNested(nested, report);
  }
}

void CheckKindNested(const Model& model, const Report& report) {
  for (const PackageDraft& package : model.packages) {
    for (const pb::FileDescriptor* file : package.files) {
      for (int i = 0; i < file->message_type_count(); ++i) {
        FindNested(file->message_type(i), report);
      }
    }
  }
}

void CheckKindProto2(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    if (draft->kind.message->file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3) continue;
    report(PlaceOf(draft->kind.message), "resources are written in syntax = \"proto3\"");
  }
}

// The part of a type after the slash: UpperCamelCase.
bool IsTypeName(std::string_view text) {
  return IsWord(text) && text[0] >= 'A' && text[0] <= 'Z' &&
         text.find('_') == std::string_view::npos;
}

void CheckKindType(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const std::string prefix = draft->service->service.domain.str() + "/";
    const std::string& type = draft->kind.name.str();
    if (type.starts_with(prefix) && IsTypeName(std::string_view(type).substr(prefix.size()))) {
      continue;
    }
    report(PlaceOfResource(draft->kind),
           absl::StrCat("type \"", type, "\" should be like \"", prefix, draft->kind.message_name,
                        "\": this service's domain, a slash, a name"));
  }
}

void CheckKindTwice(const Model& model, const Report& report) {
  for (const auto& service : model.services) {
    for (size_t i = 1; i < service->kinds.size(); ++i) {
      const Kind& kind = service->kinds[i]->kind;
      const Kind& before = service->kinds[i - 1]->kind;
      if (kind.name != before.name) continue;
      report(PlaceOfResource(kind),
             absl::StrCat("type ", kind.name.str(), " is already message ", before.message_name));
    }
  }
}

void CheckNameMissing(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const Kind& kind = draft->kind;
    const std::string& said = draft->resource.name_field();
    if (kind.name_field != nullptr && (said.empty() || said == "name")) continue;
    report(kind.name_field == nullptr ? PlaceOf(kind.message) : PlaceOfResource(kind),
           absl::StrCat(kind.message_name, " needs its name in a field `string name`"));
  }
}

void CheckNameType(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const pb::FieldDescriptor* field = draft->kind.name_field;
    if (field == nullptr) continue;
    if (field->type() == pb::FieldDescriptor::TYPE_STRING && !field->is_repeated() &&
        field->real_containing_oneof() == nullptr) {
      continue;
    }
    report(PlaceOf(field), "the field `name` is a plain `string`");
  }
}

void CheckMetadataMissing(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    if (draft->kind.metadata_field != nullptr) continue;
    report(PlaceOf(draft->kind.message),
           absl::StrCat(draft->kind.message_name, " needs a field `holdfast.Meta metadata`"));
  }
}

void CheckMetadataType(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    const pb::FieldDescriptor* field = draft->kind.metadata_field;
    if (field == nullptr) continue;
    if (field->message_type() == Meta::descriptor() && !field->is_repeated() &&
        field->real_containing_oneof() == nullptr) {
      continue;
    }
    report(PlaceOf(field), "the field `metadata` is a plain `holdfast.Meta`");
  }
}

void CheckPluralMissing(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    if (!draft->resource.plural().empty()) continue;
    report(PlaceOfResource(draft->kind), absl::StrCat(draft->kind.message_name,
                                                      " needs a `plural`: its List method and the "
                                                      "field of its results are named after it"));
  }
}

void CheckWordInvalid(const Model& model, const Report& report) {
  for (const auto& draft : model.kinds) {
    for (const std::string& word : {draft->resource.singular(), draft->resource.plural()}) {
      if (word.empty() || IsWord(word)) continue;
      report(PlaceOfResource(draft->kind),
             absl::StrCat("\"", word, "\" isn't made of letters and digits only"));
    }
  }
}

// Methods are called ListVpcs, WatchVpcs beside GetVpc, WatchVpc: all these words must differ.
void CheckPluralClash(const Model& model, const Report& report) {
  for (const auto& service : model.services) {
    std::map<std::string, const Kind*> messages;
    for (const KindDraft* draft : service->kinds) {
      messages[draft->kind.message_name] = &draft->kind;
    }
    std::map<std::string, const Kind*> plurals;
    for (const KindDraft* draft : service->kinds) {
      const Kind& kind = draft->kind;
      if (kind.plural.empty()) continue;
      const std::string word = ToPascalCase(kind.plural);
      auto [other, added] = plurals.emplace(word, &kind);
      if (!added) {
        report(PlaceOfResource(kind), absl::StrCat("plural ", kind.plural, " is already that of ",
                                                   other->second->message_name));
      } else if (messages.contains(word)) {
        report(PlaceOfResource(kind),
               absl::StrCat("plural ", kind.plural, " is the same as message ", word,
                            "; give a `plural` that differs from it"));
      }
    }
  }
}

constexpr LintRule kKindRules[] = {
    {"kind-nested", "A resource message is inside another message.", CheckKindNested},
    {"kind-proto2", "A resource is written in proto2.", CheckKindProto2},
    {"kind-type", "A resource's type isn't <domain of the service>/<Name>.", CheckKindType},
    {"kind-twice", "Two messages have the same resource type.", CheckKindTwice},
    {"name-missing", "A resource has no field `name`, or says another one is its name.",
     CheckNameMissing},
    {"name-type", "The field `name` isn't a plain string.", CheckNameType},
    {"metadata-missing", "A resource has no field `metadata`.", CheckMetadataMissing},
    {"metadata-type", "The field `metadata` isn't a holdfast.Meta.", CheckMetadataType},
    {"plural-missing", "A resource has no plural.", CheckPluralMissing},
    {"word-invalid", "A singular or plural isn't a word.", CheckWordInvalid},
    {"plural-clash", "A plural is the same as another plural or a resource's message.",
     CheckPluralClash},
};

}  // namespace

std::span<const LintRule> KindRules() { return kKindRules; }

}  // namespace holdfast::schema
