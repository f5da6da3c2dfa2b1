# Compiler, linker, cache and warnings: one place for every flag that all our code shares.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

# Most of what a file costs is what it includes: four tests of a store take about as long together
# as one and a half of them alone. Without it (preset `mutants`) each file stands alone.
option(HF_UNITY "Compile several files of a target at once" ON)
set(CMAKE_UNITY_BUILD ${HF_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 4)

# The sloppiness is what ccache's manual asks for with precompiled headers.
find_program(HF_CCACHE ccache)
if(HF_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${HF_CCACHE})
endif()

find_program(HF_MOLD mold)
if(HF_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(HF_SANITIZE)
  add_compile_options(-fsanitize=${HF_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HF_SANITIZE})
  if(HF_SANITIZE STREQUAL "thread")
    # Debian's libprotobuf was built without it: where protobuf's headers see this macro, maps in
    # messages have two members more than the library thinks. Asio's fences warn, and are harmless.
    add_compile_options(-U__SANITIZE_THREAD__ -Wno-tsan)
  endif()
endif()
if(HF_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_compile_definitions(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()

add_compile_definitions(BOOST_ASIO_NO_DEPRECATED)

# Warnings for our own code only; generated code and other people's headers are SYSTEM.
add_library(hf_warnings INTERFACE)
target_compile_options(hf_warnings INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wvla
  -Wimplicit-fallthrough -Wunused -Wextra-semi
  # Options structs are filled by designated initializers; what isn't named has its default.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 in std::string, std::variant and absl::StatusOr when optimizing.
  target_compile_options(hf_warnings INTERFACE
    -Wno-maybe-uninitialized -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
    -Wno-stringop-overread -Wno-mismatched-new-delete -Wlogical-op -Wduplicated-cond)
  if(HF_UNITY)
    # What is in an included .cc isn't in a header.
    target_compile_options(hf_warnings INTERFACE -Wno-subobject-linkage)
  endif()
  if(HF_SANITIZE)
    target_compile_options(hf_warnings INTERFACE -Wno-stringop-truncation -Wno-nonnull)
  endif()
else()
  # Who holds the lock that guards what (base/mutex.h). g++ doesn't know; tools/thread-safety asks
  # clang where g++ builds.
  target_compile_options(hf_warnings INTERFACE -Wthread-safety)
  # A precompiled header without its time stamp is what ccache can reuse.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()
