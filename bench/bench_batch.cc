// bench_batch: our batch and our engine beside what one would write by hand with libpq.
#include "bench/main.h"

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  return RunGroups(argc, argv, "batch",
                   {{"project", CompareProjectCreate},
                    {"many", CompareProjectCreateManyClients},
                    {"delayed", CompareProjectCreateDelayed},
                    {"engine", CompareEngineProject},
                    {"checked", CompareCheckedCreate},
                    {"deletion", CompareDuringLargeDelete}});
}
