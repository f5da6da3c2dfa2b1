#include "holdfast/filter/parser.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "holdfast/base/macros.h"
#include "holdfast/base/strings.h"
#include "holdfast/filter/comparison.h"
#include "holdfast/filter/path.h"
#include "holdfast/filter/scanner.h"

namespace holdfast::filter {
namespace {

using google::protobuf::Descriptor;
using Node = Filter::Node;

// What values in parentheses are compared with: a:(x OR y).
struct Target {
  PathBuilder path;
  Comparator comparator;
};

// Functions are named after AIP-160's productions:
//
//   expression  = sequence {AND sequence}
//   sequence    = factor {factor}            (each must match)
//   factor      = term {OR term}
//   term        = [NOT | -] simple
//   simple      = restriction | ( expression )
//   restriction = member comparator arg
//   arg         = value | ( expression )     (of values instead of restrictions)
//
// `target` is null outside of an arg.
class Parser {
 public:
  Parser(std::string_view text, const Descriptor* type) : scanner_(text), type_(type) {}

  absl::StatusOr<Node> parse() {
    HF_ASSIGN_OR_RETURN(Node node, expression(nullptr));
    scanner_.skip_space();
    if (scanner_.at_end()) return node;
    return scanner_.error_here(absl::StrCat("expected the end, found ", scanner_.found()));
  }

 private:
  absl::StatusOr<Node> expression(const Target* target) {
    std::vector<Node> all;
    do {
      HF_ASSIGN_OR_RETURN(Node next, sequence(target));
      all.push_back(std::move(next));
      scanner_.skip_space();
    } while (scanner_.take_keyword("AND"));
    return MakeJunction(Node::Kind::kAnd, std::move(all));
  }

  absl::StatusOr<Node> sequence(const Target* target) {
    std::vector<Node> all;
    do {
      HF_ASSIGN_OR_RETURN(Node next, factor(target));
      all.push_back(std::move(next));
      scanner_.skip_space();
    } while (!scanner_.at_end() && scanner_.peek() != ')' && !scanner_.at_keyword("AND"));
    return MakeJunction(Node::Kind::kAnd, std::move(all));
  }

  absl::StatusOr<Node> factor(const Target* target) {
    std::vector<Node> any;
    do {
      HF_ASSIGN_OR_RETURN(Node next, term(target));
      any.push_back(std::move(next));
      scanner_.skip_space();
    } while (scanner_.take_keyword("OR"));
    return MakeJunction(Node::Kind::kOr, std::move(any));
  }

  absl::StatusOr<Node> term(const Target* target) {
    scanner_.skip_space();
    if (scanner_.take_keyword("NOT")) {
      scanner_.skip_space();
    } else if (target != nullptr || !scanner_.take("-")) {
      // Before a value, a minus is its sign.
      return simple(target);
    }
    if (scanner_.at_keyword("NOT") || (target == nullptr && scanner_.peek() == '-')) {
      return scanner_.error_here("a second negation needs parentheses");
    }
    HF_ASSIGN_OR_RETURN(Node node, simple(target));
    return MakeNot(std::move(node));
  }

  absl::StatusOr<Node> simple(const Target* target) {
    if (scanner_.peek() == '(') return composite(target);
    return target == nullptr ? restriction() : value(*target);
  }

  absl::StatusOr<Node> composite(const Target* target) {
    const size_t start = scanner_.position();
    if (++depth_ > kMaxFilterDepth) {
      return scanner_.error(
          start, absl::StrCat("more than ", kMaxFilterDepth, " parentheses within each other"));
    }
    scanner_.take("(");
    HF_ASSIGN_OR_RETURN(Node node, expression(target));
    scanner_.skip_space();
    if (!scanner_.take(")")) {
      return scanner_.error(start, "the parenthesis isn't closed");
    }
    --depth_;
    return node;
  }

  absl::StatusOr<Node> restriction() {
    const size_t start = scanner_.position();
    HF_ASSIGN_OR_RETURN(const std::vector<Text> parts, member());
    scanner_.skip_space();
    HF_ASSIGN_OR_RETURN(const std::optional<Comparator> found, comparator());
    if (!found.has_value()) return scanner_.error(start, BareLiteral(parts));
    Target target{.path = PathBuilder(type_), .comparator = *found};
    for (const Text& part : parts) {
      HF_RETURN_IF_ERROR(at(part, target.path.add(part.str())));
    }
    return arg(target);
  }

  // The parts of a path, or a text alone, which is then refused.
  absl::StatusOr<std::vector<Text>> member() {
    std::vector<Text> parts;
    do {
      if (scanner_.at_quote()) {
        HF_ASSIGN_OR_RETURN(Text part, scanner_.take_quoted());
        parts.push_back(std::move(part));
        continue;
      }
      Text part = scanner_.take_name();
      if (part.str().empty()) {
        const std::string_view what = parts.empty() ? "a comparison" : "a field name after the dot";
        return scanner_.error_here(
            absl::StrCat("expected ", ToAbsl(what), ", found ", scanner_.found()));
      }
      HF_RETURN_IF_ERROR(check_name(part, parts.empty()));
      parts.push_back(std::move(part));
    } while (scanner_.take("."));
    if (scanner_.peek() == '(') {
      return scanner_.error(parts.front().position, "functions aren't supported");
    }
    return parts;
  }

  absl::Status check_name(const Text& part, bool first) const {
    const std::string name = part.str();
    if (first && (name == "AND" || name == "OR" || name == "NOT") && scanner_.peek() != '.') {
      return scanner_.error(part.position, absl::StrCat("expected a comparison, found ", name));
    }
    if (part.segments.size() == 1) return absl::OkStatus();
    return scanner_.error(part.position,
                          "* doesn't work in a path: put a map key that has one in quotes");
  }

  absl::StatusOr<std::optional<Comparator>> comparator() {
    static constexpr std::pair<std::string_view, Comparator> kComparators[] = {
        {"<=", Comparator::kLessOrEqual},
        {"<", Comparator::kLess},
        {">=", Comparator::kGreaterOrEqual},
        {">", Comparator::kGreater},
        {"!=", Comparator::kNotEqual},
        {"=", Comparator::kEqual},
        {":", Comparator::kHas},
    };
    for (const auto& [symbol, comparator] : kComparators) {
      const size_t start = scanner_.position();
      if (!scanner_.take(symbol)) continue;
      if (comparator == Comparator::kEqual && scanner_.peek() == '=') {
        return scanner_.error(start, "for equality write = and not ==");
      }
      return std::optional(comparator);
    }
    if (scanner_.peek() == '!') return scanner_.error_here("expected !=, found \"!\"");
    return std::optional<Comparator>();
  }

  absl::StatusOr<Node> arg(const Target& target) {
    scanner_.skip_space();
    if (scanner_.peek() != '(') return value(target);
    if (target.comparator != Comparator::kEqual && target.comparator != Comparator::kHas) {
      return scanner_.error_here("only = and : take values in parentheses");
    }
    return composite(&target);
  }

  absl::StatusOr<Node> value(const Target& target) {
    HF_ASSIGN_OR_RETURN(const Text text, value_text(target.comparator));
    absl::StatusOr<Node> node = MakeComparison(target.path, target.comparator, text);
    if (!node.ok()) return at(text, node.status());
    return node;
  }

  absl::StatusOr<Text> value_text(Comparator comparator) {
    if (scanner_.at_quote()) return scanner_.take_quoted();
    Text text = scanner_.take_value();
    const std::string plain = text.str();
    const std::string expected =
        absl::StrCat("expected a value after ", ToAbsl(ComparatorText(comparator)), ", found ");
    if (plain.empty()) return scanner_.error_here(absl::StrCat(expected, scanner_.found()));
    if (plain == "AND" || plain == "OR" || plain == "NOT") {
      return scanner_.error(text.position,
                            absl::StrCat(expected, plain, "; if it is a text, quote it"));
    }
    if (scanner_.peek() == '(') {
      return scanner_.error(text.position, "functions aren't supported");
    }
    return text;
  }

  // A plain error, as one of the filter at this place.
  [[nodiscard]] absl::Status at(const Text& place, const absl::Status& status) const {
    if (status.ok()) return status;
    return scanner_.error(place.position, ToStd(status.message()));
  }

  // AIP-160 lets a text alone search all fields. Fields have different indexes, and a search that
  // silently looked at some would be worse than none.
  static std::string BareLiteral(const std::vector<Text>& parts) {
    const std::string first = parts.front().str();
    const std::string upper = absl::AsciiStrToUpper(first);
    if (parts.size() == 1 && (upper == "AND" || upper == "OR" || upper == "NOT")) {
      return absl::StrCat("write ", upper, " in capitals");
    }
    return absl::StrCat(
        "\"", ForMessage(first),
        "\" stands alone, and searching all fields isn't supported: compare a field, "
        "as in display_name = \"",
        ForMessage(first), "\"");
  }

  Scanner scanner_;
  const Descriptor* type_;
  int depth_ = 0;
};

}  // namespace

absl::StatusOr<Node> ParseFilter(std::string_view text, const Descriptor* type) {
  return Parser(text, type).parse();
}

}  // namespace holdfast::filter
