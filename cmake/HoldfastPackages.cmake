# Every library we didn't write, found once. All are Debian packages; tools/setup names them.

# What the batch library stands on.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
if(HOLDFAST_BATCH_ONLY)
  return()
endif()

find_package(ZLIB REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
set(Python3_ROOT_DIR /usr)  # Debian's, not what a user put first in PATH
set(Python3_FIND_STRATEGY LOCATION)
find_package(Python3 COMPONENTS Interpreter REQUIRED)
if(NOT HF_FUZZ)
  find_package(GTest REQUIRED)
  find_package(rapidcheck CONFIG REQUIRED)
  find_package(benchmark CONFIG)
endif()

# Short names for what many modules link.
add_library(hf_absl INTERFACE)
target_link_libraries(hf_absl INTERFACE
  absl::base absl::core_headers absl::strings absl::str_format absl::cord absl::span absl::time
  absl::status absl::statusor absl::optional absl::flat_hash_map absl::flat_hash_set absl::btree
  absl::inlined_vector absl::any_invocable absl::function_ref absl::bind_front absl::cleanup
  absl::synchronization absl::hash absl::int128)
add_library(hf_asio INTERFACE)
target_link_libraries(hf_asio INTERFACE Boost::headers Threads::Threads)

# Debian's CMake files for gRPC insist on code generator plugins that we don't use.
add_library(hf_grpc INTERFACE)
foreach(library grpc++ grpc gpr)
  find_library(HF_LIB_${library} ${library} REQUIRED)
  target_link_libraries(hf_grpc INTERFACE ${HF_LIB_${library}})
endforeach()
target_link_libraries(hf_grpc INTERFACE protobuf::libprotobuf hf_absl Threads::Threads)

# What serves allocates from several threads all the time. Sanitizers bring an allocator of their own.
add_library(hf_allocator INTERFACE)
if(NOT HF_SANITIZE AND NOT HF_FUZZ)
  find_library(HF_LIB_jemalloc jemalloc REQUIRED)
  target_link_libraries(hf_allocator INTERFACE ${HF_LIB_jemalloc})
endif()
