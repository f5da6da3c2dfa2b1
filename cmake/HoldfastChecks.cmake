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

# Does each header compile alone? Where x.cc is, which includes x.h first, its compiling is the answer
# (and tools/tidy knows what the precompiled header would bring). Here the others are compiled.
if(NOT HF_FUZZ)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/src
       ${PROJECT_SOURCE_DIR}/src/holdfast/*.h)
  set(units)
  foreach(header ${headers})
    string(REGEX REPLACE "\\.h$" ".cc" source ${PROJECT_SOURCE_DIR}/src/${header})
    if(EXISTS ${source})
      continue()
    endif()
    string(REPLACE "/" "_" unit ${header})
    set(unit ${HF_GENERATED}/headers/${unit}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND units ${unit})
  endforeach()
  add_library(headers OBJECT EXCLUDE_FROM_ALL ${units})
  set_target_properties(headers PROPERTIES UNITY_BUILD OFF)
  target_compile_options(headers PRIVATE -O0 -g0)
  get_property(modules GLOBAL PROPERTY HF_MODULES)
  target_link_libraries(headers PRIVATE hf_warnings ${modules} GTest::gtest hf_grpc
    nlohmann_json::nlohmann_json yaml-cpp CLI11::CLI11 spdlog::spdlog)
endif()

if(NOT HF_FUZZ)
  foreach(mode "" --self-test)
    add_test(NAME tidy${mode} COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tools/tidy ${mode})
    set_tests_properties(tidy${mode} PROPERTIES LABELS tidy TIMEOUT 60)
  endforeach()
  add_test(NAME tools COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/tools/tools_test.py)
  set_tests_properties(tools PROPERTIES LABELS tidy TIMEOUT 60)
endif()
