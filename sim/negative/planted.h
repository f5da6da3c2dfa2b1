// Bugs that are planted into the product's code, to prove that the simulator sees them. See
// README.md.
#pragma once

#include <string_view>

namespace holdfast::sim {

// Is this one switched on? The environment variable HOLDFAST_PLANTED names it, and is read once;
// unset or empty: none is.
[[nodiscard]] bool Planted(std::string_view name);

}  // namespace holdfast::sim
