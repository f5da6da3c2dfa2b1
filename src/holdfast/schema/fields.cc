#include "holdfast/schema/fields.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "google/api/field_behavior.pb.h"
#include "google/api/resource.pb.h"
#include "holdfast/annotations.pb.h"
#include "holdfast/base/strings.h"

namespace holdfast::schema {
namespace {

namespace pb = google::protobuf;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsAnnotated(const pb::FieldDescriptor* field) {
  const pb::FieldOptions& options = field->options();
  return options.HasExtension(google::api::resource_reference) || options.HasExtension(reference) ||
         options.HasExtension(holdfast::field);
}

// The message that the field's values have fields of: for a map, its value type.
const pb::Descriptor* MessageOf(const pb::FieldDescriptor* field) {
  const pb::Descriptor* type = field->message_type();
  if (type != nullptr && field->is_map()) type = type->map_value()->message_type();
  if (type == nullptr) return nullptr;
  return type->file()->pool() == pb::DescriptorPool::generated_pool() ? nullptr : type;
}

class Walker {
 public:
  AnnotatedFields run(const pb::Descriptor* resource) {
    walk(resource, AnnotatedField{});
    return std::move(result_);
  }

 private:
  void walk(const pb::Descriptor* message, const AnnotatedField& prefix) {
    open_.push_back(message);
    for (int i = 0; i < message->field_count() && !result_.truncated; ++i) {
      visit(message->field(i), prefix);
    }
    open_.pop_back();
  }

  void visit(const pb::FieldDescriptor* field, const AnnotatedField& prefix) {
    AnnotatedField here = prefix;
    absl::StrAppend(&here.path, prefix.path.empty() ? "" : ".", field->name(),
                    field->is_map() ? "{}" : (field->is_repeated() ? "[]" : ""));
    here.steps.push_back({field});
    here.repeated = prefix.repeated || field->is_repeated();
    const pb::Descriptor* inner = MessageOf(field);
    const bool enter = inner != nullptr && holds_annotations(inner);
    if (IsAnnotated(field)) add(here);
    if (!enter) return;
    if (std::find(open_.begin(), open_.end(), inner) != open_.end()) {
      result_.recursive.push_back(field);
      return;
    }
    walk(inner, here);
  }

  void add(AnnotatedField field) {
    if (result_.fields.size() < kMaxAnnotatedFields) {
      result_.fields.push_back(std::move(field));
    } else {
      result_.truncated = true;
    }
  }

  // Anywhere inside. Cuts off what would only be walked for nothing, which also bounds the walk:
  // every message entered has a field to add.
  bool holds_annotations(const pb::Descriptor* message) {
    if (auto it = holds_.find(message); it != holds_.end()) return it->second;
    std::vector<const pb::Descriptor*> reachable = {message};
    bool found = false;
    for (size_t i = 0; i < reachable.size() && !found; ++i) {
      const pb::Descriptor* type = reachable[i];
      for (int f = 0; f < type->field_count() && !found; ++f) {
        found = IsAnnotated(type->field(f));
        const pb::Descriptor* inner = MessageOf(type->field(f));
        if (inner != nullptr &&
            std::find(reachable.begin(), reachable.end(), inner) == reachable.end()) {
          reachable.push_back(inner);
        }
      }
    }
    return holds_[message] = found;
  }

  AnnotatedFields result_;
  std::vector<const pb::Descriptor*> open_;
  std::map<const pb::Descriptor*, bool> holds_;
};

}  // namespace

AnnotatedFields FindAnnotatedFields(const pb::Descriptor* resource) {
  return Walker().run(resource);
}

std::vector<PathStep> ResolvePath(const pb::Descriptor* message, std::string_view path) {
  std::vector<PathStep> steps;
  const pb::Descriptor* type = message;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    if (type == nullptr) return {};
    const auto* field = type->FindFieldByName(std::string(path.substr(begin, end - begin)));
    if (field == nullptr) return {};
    const bool last = end == path.size();
    if (!last && field->is_repeated()) return {};
    steps.push_back({field});
    type = field->message_type();
    begin = end + 1;
  }
  return steps;
}

bool IsRequired(const pb::FieldDescriptor* field) {
  const pb::FieldOptions& options = field->options();
  for (int i = 0; i < options.ExtensionSize(google::api::field_behavior); ++i) {
    if (options.GetExtension(google::api::field_behavior, i) == google::api::REQUIRED) return true;
  }
  return false;
}

bool IsReference(const pb::FieldDescriptor* field) {
  return !field->options().GetExtension(google::api::resource_reference).type().empty();
}

bool IsWord(std::string_view text) {
  auto letter = [](char c) { return IsLower(c) || IsUpper(c); };
  return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || IsDigit(c) || c == '_';
  });
}

std::string ToSnakeCase(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!IsUpper(c)) {
      result += c;
      continue;
    }
    const bool after_word = i > 0 && (IsLower(text[i - 1]) || IsDigit(text[i - 1]));
    const bool ends_acronym =
        i > 0 && IsUpper(text[i - 1]) && i + 1 < text.size() && IsLower(text[i + 1]);
    if (after_word || ends_acronym) result += '_';
    result += static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string ToPascalCase(std::string_view snake) {
  std::string result;
  bool upper = true;
  for (char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    result += upper && IsLower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return result;
}

}  // namespace holdfast::schema
