// bench_api: a holdfastd process, called through gRPC by another process, beside what one would
// write by hand with libpq.
#include "bench/main.h"

int main(int argc, char** argv) {
  using namespace holdfast::bench;
  return RunGroups(argc, argv, "api",
                   {{"create", CompareCreateVpc},
                    {"limit", CompareHotLimit},
                    {"latency", MeasureHalfLoad},
                    {"import", CompareImport}});
}
