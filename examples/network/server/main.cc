// holdfastd with the hooks of examples/network linked in; otherwise the same server.
#include "examples/network/hooks/hooks.h"
#include "holdfast/app/holdfastd/run.h"

int main(int argc, char** argv) {
  return holdfast::app::RunHoldfastd(
      argc, argv, [](const holdfast::schema::Schema&, holdfast::store::HookRegistry& hooks) {
        holdfast::network::RegisterHooks(hooks);
      });
}
