# Targets that gather others: `demo`, `bench`, `fuzzers`, and the checks that ctest runs.

get_property(programs GLOBAL PROPERTY HF_PROGRAMS)
get_property(benches GLOBAL PROPERTY HF_BENCHES)
get_property(fuzzers GLOBAL PROPERTY HF_FUZZERS)

# All that `make run` and `make demo` start, and nothing else.
add_custom_target(demo)
if(programs)
  add_dependencies(demo ${programs})
endif()

add_custom_target(bench)
if(benches)
  add_dependencies(bench ${benches})
endif()
string(REPLACE ";" "\n" lines "${benches}")
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/benches.txt CONTENT "${lines}\n")

add_custom_target(fuzzers)
if(fuzzers)
  add_dependencies(fuzzers ${fuzzers})
endif()
string(REPLACE ";" "\n" lines "${fuzzers}")
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/fuzzers.txt CONTENT "${lines}\n")
