# The addon and its core. Set-up builds it with node-gyp; here it is only built when asked for (`--target addon`), and
# compile_commands.json lists it for clang-tidy and clangd.
add_library(spdk INTERFACE)
target_compile_options(spdk INTERFACE ${SPDK_CFLAGS})
target_link_options(spdk INTERFACE ${SPDK_LDFLAGS})
# One word for the linker: CMake would otherwise drop repeated options and lose the order.
list(JOIN SPDK_LIBRARIES " " SPDK_LIBRARIES)
target_link_libraries(spdk INTERFACE "${SPDK_LIBRARIES}")

file(GLOB_RECURSE CORE_SOURCES CONFIGURE_DEPENDS core/*.cc spdk/*.cc)
list(TRANSFORM PLAIN_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE PLAIN_PATHS)
list(REMOVE_ITEM CORE_SOURCES ${PLAIN_PATHS})
add_library(core OBJECT EXCLUDE_FROM_ALL ${CORE_SOURCES})
target_link_libraries(core PUBLIC plain warnings spdk)
# SPDK's and DPDK's calls of these functions come to spdk/interpose.
set(WRAPPED_FUNCTIONS ${CMAKE_CURRENT_SOURCE_DIR}/spdk/interpose/wrapped.txt)
target_link_options(core INTERFACE -Wl,@${WRAPPED_FUNCTIONS})

file(GLOB_RECURSE BINDING_SOURCES CONFIGURE_DEPENDS binding/*.cc)
add_library(addon MODULE EXCLUDE_FROM_ALL ${BINDING_SOURCES} $<TARGET_OBJECTS:plain> $<TARGET_OBJECTS:core>)
set_target_properties(addon PROPERTIES PREFIX "" OUTPUT_NAME spdk_nvme SUFFIX .node)
target_compile_definitions(addon PRIVATE ${NODE_API_DEFINITIONS} NODE_GYP_MODULE_NAME=spdk_nvme)
target_include_directories(addon SYSTEM PRIVATE ${CMAKE_JS_INC})
target_link_options(addon PRIVATE -Wl,-z,nodelete -Wl,-z,now -Wl,@${WRAPPED_FUNCTIONS})
set_target_properties(addon PROPERTIES LINK_DEPENDS ${WRAPPED_FUNCTIONS})
target_link_libraries(addon PRIVATE warnings spdk Threads::Threads)
