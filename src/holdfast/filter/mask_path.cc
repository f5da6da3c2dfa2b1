#include "holdfast/filter/mask_path.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/field_mask.h"
#include "holdfast/filter/path.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// A part as it was written.
struct Word {
  std::string text;
  enum class Form { kPlain, kQuoted } form = Form::kPlain;

  [[nodiscard]] bool star() const { return form == Form::kPlain && text == "*"; }
};

// `rest` begins after the opening backtick, and after the call behind the closing one.
absl::StatusOr<Word> TakeQuoted(std::string_view& rest) {
  Word word{.text = "", .form = Word::Form::kQuoted};
  while (true) {
    const size_t tick = rest.find('`');
    if (tick == std::string_view::npos) {
      return absl::InvalidArgumentError("a backtick isn't closed");
    }
    word.text += rest.substr(0, tick);
    rest.remove_prefix(tick + 1);
    if (!rest.starts_with('`')) break;
    word.text += '`';
    rest.remove_prefix(1);
  }
  if (!rest.empty() && rest.front() != '.') {
    return absl::InvalidArgumentError("expected a dot or the end after a closing backtick");
  }
  return word;
}

absl::StatusOr<std::vector<Word>> Split(std::string_view rest) {
  std::vector<Word> words;
  while (true) {
    if (words.size() >= kMaxMaskPathParts) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path has more than ", kMaxMaskPathParts, " parts"));
    }
    if (rest.starts_with('`')) {
      rest.remove_prefix(1);
      HF_ASSIGN_OR_RETURN(Word word, TakeQuoted(rest));
      words.push_back(std::move(word));
    } else {
      const size_t end = std::min(rest.find('.'), rest.size());
      if (end == 0) return absl::InvalidArgumentError("a field name is missing");
      words.push_back({.text = std::string(rest.substr(0, end))});
      rest.remove_prefix(end);
    }
    if (rest.empty()) return words;
    rest.remove_prefix(1);
  }
}

// Follows a path through the types.
class Resolver {
 public:
  explicit Resolver(const Descriptor* type) : type_(type) {}

  absl::Status add(const Word& word) {
    if (last_ != nullptr && last_->is_map() && !entered_) return add_key(word);
    if (last_ != nullptr && last_->is_repeated() && !entered_) {
      enter(MaskPart{.kind = MaskPart::Kind::kEvery, .name = ""}, last_->message_type());
      if (word.star()) return absl::OkStatus();
    }
    return add_field(word);
  }

  std::vector<MaskPart> take() {
    // All elements, or entries, are the field itself.
    while (!parts_.empty() && parts_.back().kind == MaskPart::Kind::kEvery) parts_.pop_back();
    return std::move(parts_);
  }

 private:
  absl::Status add_key(const Word& word) {
    const Descriptor* value = last_->message_type()->map_value()->message_type();
    if (word.star()) {
      enter(MaskPart{.kind = MaskPart::Kind::kEvery, .name = ""}, value);
      return absl::OkStatus();
    }
    HF_ASSIGN_OR_RETURN(std::string key, CanonicalMapKey(last_, word.text));
    enter(MaskPart{.kind = MaskPart::Kind::kNamed, .name = std::move(key)}, value);
    return absl::OkStatus();
  }

  absl::Status add_field(const Word& word) {
    if (word.star()) {
      return absl::InvalidArgumentError("* is for repeated fields and maps, and for everything");
    }
    if (type_ == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("no field \"", ForMessage(word.text),
                                                     "\" in a value of ", last_->name(),
                                                     ", which isn't a message"));
    }
    const FieldDescriptor* field = type_->FindFieldByName(word.text);
    if (field == nullptr) return NoSuchField(type_, word.text);
    parts_.push_back({.kind = MaskPart::Kind::kNamed, .name = word.text});
    last_ = field;
    entered_ = false;
    type_ = field->message_type();
    return absl::OkStatus();
  }

  void enter(MaskPart part, const Descriptor* type) {
    parts_.push_back(std::move(part));
    entered_ = true;
    type_ = type;
  }

  const Descriptor* type_;                 // of which the next part is a field; null: of none
  const FieldDescriptor* last_ = nullptr;  // the last field
  bool entered_ = false;                   // into an element or entry of it
  std::vector<MaskPart> parts_;
};

bool NeedsQuotes(std::string_view name) {
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) return true;
  }
  return name.empty();
}

void AppendQuoted(std::string_view name, std::string& out) {
  out += '`';
  for (const char c : name) {
    out += c;
    if (c == '`') out += c;
  }
  out += '`';
}

}  // namespace

absl::StatusOr<std::vector<MaskPart>> ParseMaskPath(std::string_view path, const Descriptor* type) {
  if (path.size() > kMaxMaskPathBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the path has ", path.size(), " bytes, of which ", kMaxMaskPathBytes, " are allowed"));
  }
  if (!IsUtf8(path)) return absl::InvalidArgumentError("the path isn't valid UTF-8");
  HF_ASSIGN_OR_RETURN(const std::vector<Word> words, Split(path));
  Resolver resolver(type);
  for (const Word& word : words) HF_RETURN_IF_ERROR(resolver.add(word));
  return resolver.take();
}

std::string MaskPathText(const std::vector<MaskPart>& parts) {
  std::string text;
  for (const MaskPart& part : parts) {
    if (!text.empty()) text += '.';
    if (part.kind == MaskPart::Kind::kEvery) {
      text += '*';
    } else if (NeedsQuotes(part.name)) {
      AppendQuoted(part.name, text);
    } else {
      text += part.name;
    }
  }
  return text;
}

}  // namespace holdfast::filter
