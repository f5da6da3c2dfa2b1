#include "holdfast/app/holdfastd/run.h"

namespace holdfast::app {

int RunHoldfastd(int, char**, const RegisterHooks&) { return 1; }

}  // namespace holdfast::app
