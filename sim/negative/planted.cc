#include "sim/negative/planted.h"

#include <cstdlib>
#include <string>

namespace holdfast::sim {

bool Planted(std::string_view name) {
  static const std::string switched_on = [] {
    const char* value = std::getenv("HOLDFAST_PLANTED");
    return std::string(value == nullptr ? "" : value);
  }();
  return !switched_on.empty() && name == switched_on;
}

}  // namespace holdfast::sim
