// Which method an HTTP method and path mean: all google.api.http templates in one tree, a level a
// segment. A literal is preferred to `*`, and that to `**`.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "holdfast/real/json_target.h"
#include "holdfast/server/dispatcher.h"

namespace holdfast::real {

// "{vpc.name=projects/*/vpcs/*}": the segments [begin, end) are the value of a request field.
struct RouteVariable {
  std::string field_path;  // "vpc.name", names as in the .proto file
  size_t begin = 0;
  size_t end = 0;  // npos: to the end of the path (`**`)
};

struct Route {
  const server::MethodInfo* method = nullptr;
  const schema::HttpRule* rule = nullptr;
  std::vector<RouteVariable> variables;
};

class Routes {
 public:
  // Aborts on a template that isn't one: methods are derived, not written by users. Where two
  // methods have the same template, the earlier one has it, and conflicts() tells.
  explicit Routes(const std::vector<const server::MethodInfo*>& methods);
  ~Routes();
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  struct Match {
    const Route* route = nullptr;  // nullptr: none for this HTTP method
    // The value of each variable of the route.
    std::vector<std::string> values;
    // The HTTP methods that there are for this path: empty if it is unknown. In order of name, with
    // HEAD where there is GET.
    std::vector<std::string> allowed;
  };
  // HEAD is matched as GET. INVALID_NAME if an id in a variable holds a `/`.
  [[nodiscard]] absl::StatusOr<Match> match(std::string_view http_method,
                                            const Target& target) const;

  // "GET /v1/{name=projects/*}: both /a.v1.A/Get and /b.v1.B/Get", one a line.
  [[nodiscard]] const std::vector<std::string>& conflicts() const { return conflicts_; }

 private:
  struct Node;
  struct Leaf;
  void add(const server::MethodInfo& method, const schema::HttpRule& rule);
  void find(const Node& node, const std::vector<std::string>& segments, size_t at,
            std::string_view verb, std::vector<const Leaf*>& found) const;

  std::unique_ptr<Node> root_;
  std::vector<std::string> conflicts_;
};

}  // namespace holdfast::real
