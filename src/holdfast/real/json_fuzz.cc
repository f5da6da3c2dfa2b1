// Whatever a client sends as path, query and body: no crash; what is refused is INVALID_ARGUMENT or
// an unknown method, with a reason; what is taken can be printed as JSON again, unless it holds
// what the dispatcher refuses.
//
// Input: HTTP method, target and body, each on a line of its own, the body to the end.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "holdfast/base/check.h"
#include "holdfast/base/error.h"
#include "holdfast/real/http_fake_dispatcher.h"
#include "holdfast/real/http_reply.h"
#include "holdfast/real/json_request.h"

namespace holdfast::real {
namespace {

std::string_view TakeLine(std::string_view& input) {
  const size_t end = input.find('\n');
  const std::string_view line = input.substr(0, end);
  input = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
  return line;
}

const JsonTranslator& Translator() {
  static const auto* dispatcher = new FakeDispatcher();
  static const auto* translator = new JsonTranslator(
      dispatcher->methods(),
      [](const server::MethodInfo& method) { return dispatcher->new_request(method); });
  return *translator;
}

void Translate(std::string_view input) {
  const std::string_view method = TakeLine(input);
  const std::string_view target = TakeLine(input);
  JsonTranslation result = Translator().translate({method, target, "application/json", input});
  if (const auto* refusal = std::get_if<JsonRefusal>(&result)) {
    HF_CHECK(ReasonOf(refusal->status).has_value()) << refusal->status;
    const absl::StatusCode code = refusal->status.code();
    HF_CHECK(code == absl::StatusCode::kInvalidArgument || code == absl::StatusCode::kUnimplemented)
        << refusal->status;
    HF_CHECK(ErrorReply(refusal->status, refusal->http_code).body.starts_with("{\"error\":"));
    return;
  }
  const JsonCall& call = std::get<JsonCall>(result);
  HF_CHECK(call.request->GetDescriptor() == call.method->request);
  (void)Translator().codec().print(*call.request);
}

}  // namespace
}  // namespace holdfast::real

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  holdfast::real::Translate({reinterpret_cast<const char*>(data), size});
  return 0;
}
