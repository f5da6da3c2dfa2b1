// In which order resources can be created when what is referred to must be there.
#pragma once

#include <cstddef>
#include <vector>

#include "holdfast/app/holdfast/manifest.h"

namespace holdfast::cli {

// In batches of at most `size` that can be created one after another: what is referred to first,
// parents before children, and what refers to each other together, even if that is more. Where
// nothing decides, the order of the file.
[[nodiscard]] std::vector<std::vector<Manifest>> BatchesForCreation(std::vector<Manifest> manifests,
                                                                    size_t size);

}  // namespace holdfast::cli
