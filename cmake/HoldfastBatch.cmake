# libholdfast-batch: transactions as values, for programs that want nothing else of Holdfast. This is
# all that `cmake --install` installs; -DHOLDFAST_BATCH_ONLY=ON (preset `batch`) builds nothing else.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(source ${PROJECT_SOURCE_DIR}/src)

# What a program includes, and what that includes. tests/e2e/batch_library_test.py checks that it is
# complete.
set(headers
  base/types.h
  batch/batch.h batch/database.h
  batch/sqlite/connection.h batch/sqlite/constraint_names.h batch/sqlite/sqlite_database.h
  batch/postgres/options.h batch/postgres/postgres_database.h
  env/env.h env/task.h
  real_env/real_env.h)

file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${source}/holdfast/batch/*.cc)
list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")
list(APPEND sources
  ${source}/holdfast/base/check.cc ${source}/holdfast/base/reason.cc
  ${source}/holdfast/base/strings.cc
  ${source}/holdfast/env/env.cc ${source}/holdfast/env/event.cc ${source}/holdfast/env/waiter.cc
  ${source}/holdfast/real_env/real_env.cc)

add_library(holdfast-batch STATIC ${sources})
target_compile_features(holdfast-batch PUBLIC cxx_std_20)
# Asio's templates must be the same ones in the library and in what uses it.
target_compile_definitions(holdfast-batch PUBLIC BOOST_ASIO_NO_DEPRECATED)
target_include_directories(holdfast-batch PUBLIC
  $<BUILD_INTERFACE:${source}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(holdfast-batch
  PUBLIC absl::status absl::statusor absl::strings Boost::headers Threads::Threads
  PRIVATE absl::any_invocable absl::cord absl::inlined_vector OpenSSL::Crypto SQLite::SQLite3 PostgreSQL::PostgreSQL
          $<BUILD_INTERFACE:hf_warnings>)
target_precompile_headers(holdfast-batch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
if(HF_FUZZ OR HF_SANITIZE)
  set_target_properties(holdfast-batch PROPERTIES EXCLUDE_FROM_ALL TRUE)
  return()
endif()

# --- installing it ------------------------------------------------------------------------------

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast-batch)
set(pkgconfig ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set_target_properties(holdfast-batch PROPERTIES EXPORT_NAME batch)
install(TARGETS holdfast-batch EXPORT holdfast-batch COMPONENT batch)
install(EXPORT holdfast-batch NAMESPACE holdfast:: DESTINATION ${package}
  FILE holdfast-batch-targets.cmake COMPONENT batch)
foreach(header ${headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${source}/holdfast/${header} COMPONENT batch
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/holdfast/${folder})
endforeach()

write_basic_package_version_file(${PROJECT_BINARY_DIR}/holdfast-batch-config-version.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/holdfast-batch-config.cmake
  ${PROJECT_BINARY_DIR}/holdfast-batch-config-version.cmake DESTINATION ${package} COMPONENT batch)

# From the .pc file's own place, so that the tree may be moved.
file(RELATIVE_PATH HF_PREFIX_FROM_PC /${pkgconfig} /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/holdfast-batch.pc.in holdfast-batch.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/holdfast-batch.pc DESTINATION ${pkgconfig} COMPONENT batch)
