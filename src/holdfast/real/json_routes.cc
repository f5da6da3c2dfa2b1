#include "holdfast/real/json_routes.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"

namespace holdfast::real {
namespace {

constexpr size_t kToTheEnd = std::string::npos;

struct Template {
  std::vector<std::string> segments;  // literals, "*", "**"
  std::vector<RouteVariable> variables;
  std::string verb;
};

// Path templates as in google/api/http.proto.
class TemplateParser {
 public:
  explicit TemplateParser(std::string_view text) : text_(text) {}

  Template parse() {
    HF_CHECK(take('/')) << "a path template without / at its begin: " << text_;
    do {
      if (take('{')) {
        variable();
      } else {
        segment("/:");
      }
    } while (take('/'));
    if (take(':')) out_.verb = std::string(text_.substr(at_));
    HF_CHECK(at_ == text_.size() || !out_.verb.empty()) << "a malformed path template: " << text_;
    return std::move(out_);
  }

 private:
  bool take(char c) {
    const bool there = at_ < text_.size() && text_[at_] == c;
    if (there) ++at_;
    return there;
  }
  std::string_view until(std::string_view ends) {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(ends, begin), text_.size());
    HF_CHECK(at_ > begin) << "an empty part in the path template " << text_;
    return text_.substr(begin, at_ - begin);
  }
  void segment(std::string_view ends) { out_.segments.emplace_back(until(ends)); }
  void variable() {
    RouteVariable variable;
    variable.field_path = std::string(until("=}"));
    variable.begin = out_.segments.size();
    if (take('=')) {
      do {
        segment("/}");
      } while (take('/'));
    } else {
      out_.segments.emplace_back("*");
    }
    HF_CHECK(take('}')) << "a variable without end in the path template " << text_;
    variable.end = out_.segments.back() == "**" ? kToTheEnd : out_.segments.size();
    out_.variables.push_back(std::move(variable));
  }

  const std::string_view text_;
  size_t at_ = 0;
  Template out_;
};

absl::StatusOr<std::string> ValueOf(const RouteVariable& variable,
                                    const std::vector<std::string>& segments) {
  std::string value;
  const size_t end = std::min(variable.end, segments.size());
  for (size_t i = variable.begin; i < end; ++i) {
    // Joined, it would pass for two segments.
    if (segments[i].find('/') != std::string::npos) {
      return FieldError(Reason::kInvalidName, variable.field_path,
                        absl::StrCat("an id can't hold a /: \"", ForMessage(segments[i]), "\""));
    }
    absl::StrAppend(&value, i == variable.begin ? "" : "/", segments[i]);
  }
  return value;
}

}  // namespace

// What ends at one place of the tree, by verb: the routes by HTTP method.
struct Routes::Leaf {
  std::map<std::string, Route, std::less<>> by_method;
};

struct Routes::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> star;
  std::unique_ptr<Node> rest;  // `**`; has leaves only
  std::map<std::string, Leaf, std::less<>> leaves;

  Node& child(const std::string& segment) {
    std::unique_ptr<Node>& slot = segment == "*"    ? star
                                  : segment == "**" ? rest
                                                    : literals[segment];
    if (slot == nullptr) slot = std::make_unique<Node>();
    return *slot;
  }
};

Routes::Routes(const std::vector<const server::MethodInfo*>& methods)
    : root_(std::make_unique<Node>()) {
  for (const server::MethodInfo* method : methods) {
    for (const schema::HttpRule& rule : method->http) add(*method, rule);
  }
}

Routes::~Routes() = default;

void Routes::add(const server::MethodInfo& method, const schema::HttpRule& rule) {
  Template parsed = TemplateParser(rule.path).parse();
  Node* node = root_.get();
  for (const std::string& segment : parsed.segments) {
    node = &node->child(segment);
  }
  auto& slot = node->leaves[parsed.verb].by_method;
  const auto [at, added] =
      slot.emplace(rule.http_method, Route{&method, &rule, std::move(parsed.variables)});
  if (!added) {
    conflicts_.push_back(absl::StrCat(rule.http_method, " ", rule.path, ": both ",
                                      at->second.method->full_name, " and ", method.full_name));
  }
}

// Each node of the tree is looked at once at most: what segment it stands for is its depth.
void Routes::find(const Node& node, const std::vector<std::string>& segments, size_t at,
                  std::string_view verb, std::vector<const Leaf*>& found) const {
  const auto take_leaf = [&](const Node& end) {
    const auto leaf = end.leaves.find(verb);
    if (leaf != end.leaves.end()) found.push_back(&leaf->second);
  };
  if (at == segments.size()) return take_leaf(node);
  const auto literal = node.literals.find(segments[at]);
  if (literal != node.literals.end()) find(*literal->second, segments, at + 1, verb, found);
  if (node.star != nullptr && !segments[at].empty()) {
    find(*node.star, segments, at + 1, verb, found);
  }
  if (node.rest != nullptr) take_leaf(*node.rest);
}

absl::StatusOr<Routes::Match> Routes::match(std::string_view http_method,
                                            const Target& target) const {
  std::vector<std::string> segments = target.segments;
  std::vector<const Leaf*> found;
  if (!target.verb.empty() && !target.last_before_verb.empty()) {
    segments.back() = target.last_before_verb;
    find(*root_, segments, 0, target.verb, found);
  }
  if (found.empty()) {
    segments.back() = target.segments.back();
    find(*root_, segments, 0, "", found);
  }
  Match out;
  std::set<std::string> allowed;
  const std::string_view wanted = http_method == "HEAD" ? "GET" : http_method;
  for (const Leaf* leaf : found) {
    for (const auto& [method, route] : leaf->by_method) {
      allowed.insert(method);
      if (method == "GET") allowed.insert("HEAD");
      if (method == wanted && out.route == nullptr) out.route = &route;
    }
  }
  out.allowed.assign(allowed.begin(), allowed.end());
  if (out.route == nullptr) return out;
  for (const RouteVariable& variable : out.route->variables) {
    absl::StatusOr<std::string> value = ValueOf(variable, segments);
    if (!value.ok()) return value.status();
    out.values.push_back(*std::move(value));
  }
  return out;
}

}  // namespace holdfast::real
