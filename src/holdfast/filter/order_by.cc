#include "holdfast/filter/order_by.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "holdfast/base/error.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/path.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

constexpr char kAbsent = '\0';
constexpr char kPresent = '\1';
constexpr uint64_t kSignBit = uint64_t{1} << 63;

absl::Status Error(std::string_view problem) {
  return FieldError(Reason::kInvalidOrderBy, "order_by", problem);
}

void AppendBigEndian(uint64_t number, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

// Writes values so that the order of bytes is that of values, and none is a prefix of another.
struct KeyEncoder {
  std::string& out;

  void operator()(int64_t value) const {
    AppendBigEndian(static_cast<uint64_t>(value) ^ kSignBit, out);
  }
  void operator()(uint64_t value) const { AppendBigEndian(value, out); }
  void operator()(double value) const { (*this)(OrderedBits(value)); }
  // All 128 bits: nanoseconds since year 1 don't fit into 64.
  void operator()(absl::int128 value) const {
    (*this)(absl::Int128High64(value));
    AppendBigEndian(absl::Int128Low64(value), out);
  }
  // NUL ends the text; one within it is followed by 0xff.
  void operator()(std::string_view value) const {
    for (const char c : value) {
      out += c;
      if (c == '\0') out += '\xff';
    }
    out += std::string_view("\0\0", 2);
  }
};

}  // namespace

absl::StatusOr<OrderBy::Term> OrderBy::ParseTerm(std::string_view text, const Descriptor* type) {
  const std::vector<std::string> words =
      absl::StrSplit(ToAbsl(text), absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
  if (words.empty()) return Error("expected a field between commas");
  Term term{.path = {}, .direction = Term::Direction::kAscending};
  if (words.size() > 2 || (words.size() == 2 && words[1] != "desc" && words[1] != "asc")) {
    return Error(absl::StrCat("expected \"desc\" or a comma after ", ForMessage(words[0]),
                              ", found \"", ForMessage(words[words.size() > 2 ? 2 : 1]), "\""));
  }
  if (words.size() == 2 && words[1] == "desc") term.direction = Term::Direction::kDescending;
  auto path = ResolveSingularPath(type, words[0]);
  if (!path.ok()) {
    return Error(absl::StrCat("\"", ForMessage(words[0]), "\": ", path.status().message()));
  }
  term.path = *std::move(path);
  return term;
}

absl::StatusOr<OrderBy> OrderBy::Parse(std::string_view text, const Descriptor* type) {
  if (text.size() > kMaxOrderByBytes) {
    return Error(absl::StrCat("it has ", text.size(), " bytes, of which ", kMaxOrderByBytes,
                              " are allowed"));
  }
  OrderBy order;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return order;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    HF_ASSIGN_OR_RETURN(Term term, ParseTerm(ToStd(part), type));
    for (const Term& earlier : order.terms_) {
      if (earlier.path != term.path) continue;
      return Error(absl::StrCat("\"", absl::StripAsciiWhitespace(part),
                                "\" names a field for the second time"));
    }
    order.terms_.push_back(std::move(term));
    if (order.terms_.size() > kMaxOrderByTerms) {
      return Error(absl::StrCat("more than ", kMaxOrderByTerms, " fields"));
    }
  }
  const auto by_name = std::find_if(order.terms_.begin(), order.terms_.end(), [](const Term& t) {
    return t.path.size() == 1 && t.path[0]->name() == "name" &&
           t.direction == Term::Direction::kAscending;
  });
  order.terms_.erase(by_name, order.terms_.end());
  return order;
}

std::string OrderBy::sort_key(const Message& resource) const {
  std::string key;
  std::string scratch;
  for (const Term& term : terms_) {
    const size_t start = key.size();
    const std::optional<ValueView> value = ReadPath(resource, term.path, scratch);
    key += value.has_value() ? kPresent : kAbsent;
    if (value.has_value()) std::visit(KeyEncoder{.out = key}, *value);
    if (term.direction == Term::Direction::kAscending) continue;
    for (size_t i = start; i < key.size(); ++i) key[i] = static_cast<char>(~key[i]);
  }
  return key;
}

}  // namespace holdfast::filter
