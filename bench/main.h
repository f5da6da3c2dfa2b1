// What the benchmark programs' main() have in common: flags, server, report.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/groups.h"

namespace holdfast::bench {

using Group = std::pair<std::string, std::function<void(const Setting&)>>;

// Runs the groups (or those named by --only), and reports as `name`. The exit code says only
// whether all could be measured.
int RunGroups(int argc, char** argv, const std::string& name, const std::vector<Group>& groups);

}  // namespace holdfast::bench
