# Modules: one folder, one static library, one test binary, and a rank that says who may link whom.
#
#   hf_module(<name> RANK <n> [DEPS <modules>...] [LIBS <libraries>...]
#             [TEST_DEPS <modules>...] [TEST_LIBS <libraries>...] [TEST_TIMEOUT <seconds>])
#   hf_program(<name> [TOOL] [DEPS <modules>...] [LIBS <libraries>...])   TOOL: for us, not part of `demo`
#   hf_test(<name> [DEPS <modules>...] [LIBS <libraries>...] [LABEL <label>] [TIMEOUT <seconds>])
#   hf_script_test(<name> [PARALLEL] COMMAND <words>... [LABEL <label>] [TIMEOUT <seconds>])
#                                                PARALLEL: measures nothing, runs beside others
#
# All of them take the files of the folder they are called from, by name: x_test.cc is a test,
# x_fuzz.cc a libFuzzer target, x_bench.cc a benchmark, any other x.cc product code.

set(HF_REQUIREMENTS_DIR ${PROJECT_BINARY_DIR}/requirements)
set(HF_RESULTS_DIR ${PROJECT_BINARY_DIR}/results)
file(MAKE_DIRECTORY ${HF_REQUIREMENTS_DIR} ${HF_RESULTS_DIR})
set(HF_TEST_FLAGS $<$<CONFIG:RelWithDebInfo>:-O1>)

# Two precompiled headers, each compiled once and shared: one with product flags, one with tests'.
file(WRITE ${HF_GENERATED}/pch_anchor.cc.in "// Carries a precompiled header.\n")
configure_file(${HF_GENERATED}/pch_anchor.cc.in ${HF_GENERATED}/pch_anchor.cc COPYONLY)
configure_file(${HF_GENERATED}/pch_anchor.cc.in ${HF_GENERATED}/test_pch_anchor.cc COPYONLY)
add_library(hf_pch OBJECT ${HF_GENERATED}/pch_anchor.cc)
target_link_libraries(hf_pch PRIVATE hf_warnings hf_absl hf_asio)
target_precompile_headers(hf_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
if(NOT HF_FUZZ)
  add_library(hf_test_pch OBJECT ${HF_GENERATED}/test_pch_anchor.cc)
  target_link_libraries(hf_test_pch PRIVATE hf_warnings hf_absl hf_asio GTest::gtest GTest::gmock)
  target_compile_options(hf_test_pch PRIVATE ${HF_TEST_FLAGS})
  target_precompile_headers(hf_test_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/test_pch.h)
endif()

# Sorts the folder's sources into the caller's `product`, `tests`, `fuzzers` and `benches`.
macro(hf_sort_sources)
  file(GLOB_RECURSE product CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(kind test fuzz bench)
    set(${kind}_files ${product})
    list(FILTER ${kind}_files INCLUDE REGEX "_${kind}\\.cc$")
    list(FILTER product EXCLUDE REGEX "_${kind}\\.cc$")
  endforeach()
endmacro()

# Links modules, each of which must have a rank below `rank`.
function(hf_link target visibility rank)
  foreach(dep ${ARGN})
    get_property(dep_rank GLOBAL PROPERTY HF_RANK_${dep})
    if(dep_rank STREQUAL "")
      message(FATAL_ERROR "${target}: no module '${dep}' (or not of a lower rank)")
    elseif(NOT dep_rank LESS rank)
      message(FATAL_ERROR "${target} (rank ${rank}) may not use ${dep} (rank ${dep_rank})")
    endif()
    target_link_libraries(${target} ${visibility} hf_${dep})
  endforeach()
endfunction()

function(hf_product_library target)
  if(ARGN)
    add_library(${target} STATIC ${ARGN})
    target_link_libraries(${target} PRIVATE hf_warnings)
    target_precompile_headers(${target} REUSE_FROM hf_pch)
    set(visibility PUBLIC)
  else()
    # A header-only module. Naming a source makes it a target that can be built by name.
    add_library(${target} INTERFACE CMakeLists.txt)
    set(visibility INTERFACE)
  endif()
  target_include_directories(${target} ${visibility} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} ${visibility} hf_absl hf_asio)
  set(visibility ${visibility} PARENT_SCOPE)
endfunction()

function(hf_test_environment name label timeout)
  if(HF_SANITIZE)
    math(EXPR timeout "${timeout} * 4")  # as much slower are sanitized programs
  endif()
  set(environment
    HOLDFAST_REQUIREMENTS_DIR=${HF_REQUIREMENTS_DIR}
    HOLDFAST_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    HOLDFAST_SOURCE=${PROJECT_SOURCE_DIR}
    HOLDFAST_PROTOS=${HF_STAGED_PROTOS}
    NODE_PATH=${HF_NODE_MODULES}
    GTEST_OUTPUT=json:${HF_RESULTS_DIR}/
    ASAN_OPTIONS=detect_stack_use_after_return=1
    TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/sanitizers/tsan.supp)
  set_tests_properties(${name} PROPERTIES
    LABELS "${label}" TIMEOUT ${timeout} ENVIRONMENT "${environment}")
endfunction()

function(hf_test_binary name sources deps libs label timeout)
  add_executable(${name} ${sources})
  target_compile_options(${name} PRIVATE ${HF_TEST_FLAGS})
  target_precompile_headers(${name} REUSE_FROM hf_test_pch)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE hf_warnings ${deps} ${libs} hf_testing hf_absl hf_asio
    rapidcheck rapidcheck_gtest GTest::gtest GTest::gmock)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  hf_test_environment(${name} ${label} ${timeout})
endfunction()

function(hf_fuzz_binaries name files library libs)
  foreach(file ${files})
    get_filename_component(stem ${file} NAME_WE)
    add_executable(${name}_${stem} ${file})
    target_link_libraries(${name}_${stem} PRIVATE hf_warnings ${library} ${libs})
    target_link_options(${name}_${stem} PRIVATE -fsanitize=fuzzer)
    set_property(GLOBAL APPEND PROPERTY HF_FUZZERS ${name}_${stem})
  endforeach()
endfunction()

function(hf_bench_binary name files library)
  add_executable(${name} EXCLUDE_FROM_ALL ${files})
  target_link_libraries(${name} PRIVATE hf_warnings ${library} benchmark::benchmark_main)
  set_property(GLOBAL APPEND PROPERTY HF_BENCHES ${name})
endfunction()

# Tests, fuzzers and benchmarks of one library, as far as this build tree has them.
macro(hf_companions name library rank)
  if(HF_FUZZ)
    hf_fuzz_binaries(${name} "${fuzz_files}" ${library} "${arg_TEST_LIBS}")
  else()
    if(test_files)
      hf_test_binary(${name}_test "${test_files}" ${library} "${arg_TEST_LIBS}" unit
                     ${arg_TEST_TIMEOUT})
      hf_link(${name}_test PRIVATE ${rank} ${arg_TEST_DEPS})
    endif()
    if(bench_files AND TARGET benchmark::benchmark_main)
      hf_bench_binary(${name}_bench "${bench_files}" ${library})
    endif()
  endif()
endmacro()

function(hf_module name)
  cmake_parse_arguments(arg "" "RANK;TEST_TIMEOUT" "DEPS;LIBS;TEST_DEPS;TEST_LIBS" ${ARGN})
  if(NOT arg_TEST_TIMEOUT)
    set(arg_TEST_TIMEOUT 120)
  endif()
  hf_sort_sources()
  hf_product_library(hf_${name} ${product})
  hf_link(hf_${name} ${visibility} ${arg_RANK} ${arg_DEPS})
  target_link_libraries(hf_${name} ${visibility} ${arg_LIBS})
  set_property(GLOBAL PROPERTY HF_RANK_${name} ${arg_RANK})
  set_property(GLOBAL APPEND PROPERTY HF_MODULES hf_${name})
  hf_companions(${name} hf_${name} ${arg_RANK})
endfunction()

# A program: main.cc, and a library of the folder's other files so that tests can link them.
function(hf_program name)
  cmake_parse_arguments(arg "TOOL" "TEST_TIMEOUT" "DEPS;LIBS;TEST_DEPS;TEST_LIBS" ${ARGN})
  if(NOT arg_TEST_TIMEOUT)
    set(arg_TEST_TIMEOUT 120)
  endif()
  hf_sort_sources()
  set(main ${CMAKE_CURRENT_SOURCE_DIR}/main.cc)
  list(REMOVE_ITEM product ${main})
  set(library hf_program_${name})
  hf_product_library(${library} ${product})
  target_include_directories(${library} ${visibility} ${PROJECT_SOURCE_DIR})
  hf_link(${library} ${visibility} 9 ${arg_DEPS})
  target_link_libraries(${library} ${visibility} ${arg_LIBS})
  if(EXISTS ${main})
    add_executable(${name} ${main})
    target_precompile_headers(${name} REUSE_FROM hf_pch)
    target_link_libraries(${name} PRIVATE hf_warnings ${library})
    if(NOT arg_TOOL)
      set_property(GLOBAL APPEND PROPERTY HF_PROGRAMS ${name})
    endif()
  endif()
  hf_companions(${name} ${library} 9)
endfunction()

# A test binary that belongs to no module: every *_test.cc of the folder.
function(hf_test name)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "DEPS;LIBS" ${ARGN})
  if(HF_FUZZ)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(sources)
    hf_test_binary(${name} "${sources}" "" "${arg_LIBS}" ${arg_LABEL} ${arg_TIMEOUT})
    hf_link(${name} PRIVATE 10 ${arg_DEPS})
  endif()
endfunction()

# A test in another language. It finds the programs in $HOLDFAST_BIN and npm packages through
# $NODE_PATH, and writes "R5<TAB>what it proved" lines to a file in $HOLDFAST_REQUIREMENTS_DIR.
function(hf_script_test name)
  cmake_parse_arguments(arg "PARALLEL" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
  if(HF_FUZZ)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL e2e)
  endif()
  add_test(NAME ${name} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  hf_test_environment(${name} ${arg_LABEL} ${arg_TIMEOUT})
  if(NOT arg_PARALLEL)
    # They start servers and measure: alone on the machine, or the figures mean nothing.
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()
