// What a body must be before protobuf sees it.
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "holdfast/base/error.h"
#include "holdfast/base/strings.h"
#include "holdfast/real/json_codec.h"

namespace holdfast::real {
namespace {

using Json = nlohmann::json;

// The callbacks of nlohmann's parser, which keeps no recursion of its own; false ends the parse.
class Checker {
 public:
  bool null() { return on_value(); }
  bool boolean(bool /*value*/) { return on_value(); }
  bool number_integer(Json::number_integer_t /*value*/) { return on_value(); }
  bool number_unsigned(Json::number_unsigned_t /*value*/) { return on_value(); }
  bool number_float(Json::number_float_t /*value*/, const std::string& /*text*/) {
    return on_value();
  }
  bool string(const std::string& /*value*/) { return on_value(); }
  bool binary(const Json::binary_t& /*value*/) { return on_value(); }
  bool start_object(std::size_t /*size*/) {
    top_is_object_ = true;
    keys_.emplace_back();
    return enter();
  }
  bool end_object() {
    keys_.pop_back();
    return leave();
  }
  bool start_array(std::size_t /*size*/) { return on_value() && enter(); }
  bool end_array() { return leave(); }
  bool key(const std::string& name) {
    if (keys_.back().insert(name).second) return true;
    return fail(absl::StrCat("has the key \"", ForMessage(name), "\" twice in one object"));
  }
  bool parse_error(std::size_t at, const std::string& /*token*/, const Json::exception& error) {
    return fail(absl::StrCat("isn't JSON, at byte ", at, ": ", Reason(error.what())));
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …"
  static std::string Reason(std::string_view text) {
    const size_t colon = text.find(": ");
    if (colon != std::string_view::npos) text = text.substr(colon + 2);
    return ForMessage(text, 200);
  }
  bool fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool on_value() { return top_is_object_ || fail("must be a JSON object"); }
  bool enter() {
    if (++depth_ <= kMaxJsonDepth) return true;
    return fail(absl::StrCat("is nested more than ", kMaxJsonDepth, " deep"));
  }
  bool leave() {
    --depth_;
    return true;
  }

  bool top_is_object_ = false;
  size_t depth_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
  std::string problem_;
};

}  // namespace

absl::Status CheckJson(std::string_view text, std::string_view field) {
  Checker checker;
  const bool fine = Json::sax_parse(text.begin(), text.end(), &checker);
  if (fine && checker.problem().empty()) return absl::OkStatus();
  return FieldError(Reason::kMalformedRequest, field, checker.problem());
}

}  // namespace holdfast::real
