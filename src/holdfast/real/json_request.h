// From an HTTP request to the method that it calls and that method's request message. No sockets
// in here, so that it can be tested and fuzzed by itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "holdfast/real/json_codec.h"
#include "holdfast/real/json_routes.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

struct JsonRequest {
  std::string_view http_method;  // "GET"
  std::string_view target;       // "/v1/projects/p1/vpcs?page_size=5", as it was sent
  std::string_view content_type;
  std::string_view body;
};

struct JsonCall {
  const server::MethodInfo* method = nullptr;
  std::unique_ptr<google::protobuf::Message> request;
};

// Why there is no call, in words of HTTP where it has its own.
struct JsonRefusal {
  absl::Status status;
  int http_code = 0;                 // 404, 405, 415; 0: the one that goes with the status
  std::vector<std::string> allowed;  // with 405: the HTTP methods that there are
};

using JsonTranslation = std::variant<JsonCall, JsonRefusal>;

// Thread-safe.
class JsonTranslator {
 public:
  using NewRequest =
      std::function<std::unique_ptr<google::protobuf::Message>(const server::MethodInfo&)>;

  // The methods outlive it. `new_request` makes an empty request message of a method.
  JsonTranslator(const std::vector<const server::MethodInfo*>& methods, NewRequest new_request);

  [[nodiscard]] JsonTranslation translate(const JsonRequest& request) const;

  [[nodiscard]] const JsonCodec& codec() const { return codec_; }
  [[nodiscard]] const Routes& routes() const { return routes_; }

 private:
  [[nodiscard]] absl::Status fill(const JsonRequest& http, const Target& target,
                                  const Routes::Match& match,
                                  google::protobuf::Message& request) const;
  [[nodiscard]] absl::Status read_body(const JsonRequest& http, const schema::HttpRule& rule,
                                       google::protobuf::Message& request) const;

  const Routes routes_;
  const JsonCodec codec_;
  const NewRequest new_request_;
};

}  // namespace holdfast::real
