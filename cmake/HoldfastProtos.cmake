# Protos: the ones we publish (proto/holdfast), and the few of Google's and gRPC's that they import
# or that the server speaks. The latter come from npm packages (tools/setup installs them) and are
# staged file by file: google-proto-files carries its own google/protobuf, newer than our protoc,
# and must never be on an include path as a whole.

set(HF_STAGED_PROTOS ${PROJECT_BINARY_DIR}/protos)
set(HF_GENERATED ${PROJECT_BINARY_DIR}/generated)
set(HF_NODE_MODULES ${PROJECT_SOURCE_DIR}/tools/node/node_modules)

function(hf_stage_proto from to)
  if(NOT EXISTS ${HF_NODE_MODULES}/${from})
    message(FATAL_ERROR "${from} is missing: run tools/setup (make does)")
  endif()
  configure_file(${HF_NODE_MODULES}/${from} ${HF_STAGED_PROTOS}/${to} COPYONLY)
  list(APPEND HF_STAGED ${to})
  set(HF_STAGED ${HF_STAGED} PARENT_SCOPE)
endfunction()

foreach(file api/annotations api/client api/field_behavior api/http api/launch_stage api/resource
             rpc/code rpc/error_details rpc/status)
  hf_stage_proto(google-proto-files/google/${file}.proto google/${file}.proto)
endforeach()
foreach(version v1 v1alpha)
  set(file grpc/reflection/${version}/reflection.proto)
  hf_stage_proto(@grpc/reflection/build/proto/${file} ${file})
endforeach()
hf_stage_proto(grpc-health-check/proto/health/v1/health.proto grpc/health/v1/health.proto)

# hf_proto_library(<target> ROOT <folder> FILES <paths below it>...): C++ messages of .proto files.
function(hf_proto_library target)
  cmake_parse_arguments(arg "" "ROOT" "FILES;DEPS" ${ARGN})
  set(sources)
  foreach(file ${arg_FILES})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(outputs ${HF_GENERATED}/${stem}.pb.cc ${HF_GENERATED}/${stem}.pb.h)
    add_custom_command(OUTPUT ${outputs}
      COMMAND protobuf::protoc --cpp_out=${HF_GENERATED} -I${arg_ROOT} -I${HF_STAGED_PROTOS}
              -I${PROJECT_SOURCE_DIR}/proto ${file}
      DEPENDS ${arg_ROOT}/${file} VERBATIM COMMENT "protoc ${file}")
    list(APPEND sources ${outputs})
  endforeach()
  add_library(${target} STATIC ${sources})
  target_compile_options(${target} PRIVATE -w)
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF)  # each has a static of the same name
  target_include_directories(${target} SYSTEM PUBLIC ${HF_GENERATED})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${arg_DEPS})
endfunction()

file(MAKE_DIRECTORY ${HF_GENERATED})
file(GLOB_RECURSE HF_OWN_PROTOS CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/proto
     ${PROJECT_SOURCE_DIR}/proto/*.proto)
hf_proto_library(hf_imported_protos ROOT ${HF_STAGED_PROTOS} FILES ${HF_STAGED})
if(HF_OWN_PROTOS)
  hf_proto_library(hf_own_protos ROOT ${PROJECT_SOURCE_DIR}/proto FILES ${HF_OWN_PROTOS}
                   DEPS hf_imported_protos)
endif()
add_library(hf_protos INTERFACE ${CMAKE_CURRENT_LIST_FILE})
target_link_libraries(hf_protos INTERFACE hf_imported_protos)
if(TARGET hf_own_protos)
  target_link_libraries(hf_protos INTERFACE hf_own_protos)
  add_dependencies(hf_protos hf_own_protos)
endif()

# The text of every proto a user may import, inside the program: an installed holdfastd compiles
# users' .proto files and has no build tree to read these from.
set(HF_WELL_KNOWN)
foreach(file any api descriptor duration empty field_mask source_context struct timestamp type
             wrappers)
  list(APPEND HF_WELL_KNOWN google/protobuf/${file}.proto)
endforeach()
list(TRANSFORM HF_WELL_KNOWN PREPEND ${Protobuf_INCLUDE_DIRS}/ OUTPUT_VARIABLE well_known_paths)
list(TRANSFORM HF_STAGED PREPEND ${HF_STAGED_PROTOS}/ OUTPUT_VARIABLE staged_paths)
list(TRANSFORM HF_OWN_PROTOS PREPEND ${PROJECT_SOURCE_DIR}/proto/ OUTPUT_VARIABLE own_paths)
set(embedded ${HF_GENERATED}/holdfast_protos/embedded)
add_custom_command(OUTPUT ${embedded}.cc ${embedded}.h
  COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/cmake/embed_protos.py ${embedded}
          ${Protobuf_INCLUDE_DIRS} ${HF_WELL_KNOWN} -- ${HF_STAGED_PROTOS} ${HF_STAGED} --
          ${PROJECT_SOURCE_DIR}/proto ${HF_OWN_PROTOS}
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/embed_protos.py ${well_known_paths} ${staged_paths}
          ${own_paths}
  VERBATIM COMMENT "embed protos")
add_library(hf_embedded_protos STATIC ${embedded}.cc ${embedded}.h)
target_include_directories(hf_embedded_protos SYSTEM PUBLIC ${HF_GENERATED})
