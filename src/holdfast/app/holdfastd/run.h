// The server as a function, so that a service's author can link C++ hooks into it:
//
//   int main(int argc, char** argv) {
//     return holdfast::app::RunHoldfastd(argc, argv, [](const auto& schema, auto& hooks) {
//       hooks.add(KindName("network.example.com/Project"), std::make_unique<ProjectHook>());
//     });
//   }
#pragma once

#include <functional>

#include "holdfast/schema/schema.h"
#include "holdfast/store/hooks.h"

namespace holdfast::app {

// Called once at start with everything that the configuration's deployments loaded. One registry
// for all of them: hooks are found by kind.
using RegisterHooks = std::function<void(const schema::Schema&, store::HookRegistry&)>;

// Runs `holdfastd` until SIGTERM or SIGINT. Returns the exit code: 0 after a graceful stop, 1 when
// it couldn't start or serve, 2 when the command line or the configuration is wrong.
[[nodiscard]] int RunHoldfastd(int argc, char** argv, const RegisterHooks& register_hooks);

}  // namespace holdfast::app
