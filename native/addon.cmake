# The addon, with SPDK's flags from the script that binding.gyp asks too.
find_program(NODE_PROGRAM node REQUIRED)
execute_process(
  COMMAND ${NODE_PROGRAM} ${ROOT}/scripts/spdk-flags.cjs --json
  OUTPUT_VARIABLE FLAGS
  COMMAND_ERROR_IS_FATAL ANY)

function(read_flags FIELD RESULT)
  string(JSON COUNT LENGTH "${FLAGS}" ${FIELD})
  set(LIST)
  if(COUNT GREATER 0)
    math(EXPR LAST "${COUNT} - 1")
    foreach(INDEX RANGE ${LAST})
      string(JSON ITEM GET "${FLAGS}" ${FIELD} ${INDEX})
      list(APPEND LIST "${ITEM}")
    endforeach()
  endif()
  set(${RESULT} "${LIST}" PARENT_SCOPE)
endfunction()

read_flags(cflags SPDK_CFLAGS)
read_flags(ldflags SPDK_LDFLAGS)
read_flags(libraries SPDK_LIBRARIES)

add_library(spdk INTERFACE)
target_compile_options(spdk INTERFACE ${SPDK_CFLAGS})
target_link_options(spdk INTERFACE ${SPDK_LDFLAGS})
# One word for the linker: CMake would otherwise drop repeated options and lose the order.
list(JOIN SPDK_LIBRARIES " " SPDK_LIBRARIES)
target_link_libraries(spdk INTERFACE "${SPDK_LIBRARIES}")

file(GLOB CORE_SOURCES CONFIGURE_DEPENDS core/*.cc spdk/*.cc)
list(TRANSFORM PLAIN_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE PLAIN_PATHS)
list(REMOVE_ITEM CORE_SOURCES ${PLAIN_PATHS})
add_library(core OBJECT ${CORE_SOURCES})
target_link_libraries(core PUBLIC plain warnings spdk)

file(GLOB BINDING_SOURCES CONFIGURE_DEPENDS binding/*.cc)
add_library(addon MODULE ${BINDING_SOURCES} $<TARGET_OBJECTS:plain> $<TARGET_OBJECTS:core>)
set_target_properties(addon PROPERTIES PREFIX "" OUTPUT_NAME spdk_nvme SUFFIX .node)
target_compile_definitions(addon PRIVATE
  NAPI_VERSION=9 NODE_ADDON_API_CPP_EXCEPTIONS NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
  NODE_GYP_MODULE_NAME=spdk_nvme)
target_include_directories(addon SYSTEM PRIVATE ${CMAKE_JS_INC})
target_link_options(addon PRIVATE -Wl,-z,nodelete -Wl,-z,now)
target_link_libraries(addon PRIVATE warnings spdk Threads::Threads)
