// The end of a run, when nothing is broken and nobody else is there: a deletion that nothing stands
// against is done.
#pragma once

#include "sim/clients/actor.h"

namespace holdfast::sim {

// Deletes some of what is left.
Task<void> Sweep(Actor& actor);

}  // namespace holdfast::sim
