# test/native/*_test.cc, one program each; *_spdk_test.cc are linked with SPDK and the sources that they test;
# *_fake_test.cc with the I/O path and a fake of what it calls of SPDK, so that these run under the sanitizers; *_binding_test.cc with
# sources of the binding that they test, and bring a fake of what these call of Node.js.
file(GLOB TEST_SOURCES CONFIGURE_DEPENDS ${ROOT}/test/native/*_test.cc)
if(NOT TEST_SOURCES)
  return()
endif()

find_package(GTest REQUIRED)
include(GoogleTest)

set(FAKED_SOURCES core/diagnostics/log.cc core/io/dma_memory.cc core/io/io_command.cc core/io/io_ring.cc
  core/io/io_stats.cc core/io/namespace_table.cc core/io/namespace_tags.cc core/io/piece.cc core/io/poller.cc
  core/io/queue_set.cc core/io/io_queues.cc
  core/connection/abort_calls.cc core/connection/admin_commands.cc core/connection/connect_status.cc core/connection/connection.cc core/connection/key_change.cc
  core/connection/connector.cc core/connection/controller_info.cc core/connection/hidden_namespaces.cc core/connection/range_limits.cc
  core/controller/control_loop.cc core/controller/controller.cc core/controller/description.cc
  core/controller/detach_sequence.cc
  spdk/command_limits.cc spdk/connect.cc spdk/controller_type.cc spdk/distinct_id.cc spdk/keys.cc spdk/namespaces.cc
  spdk/grouped_queue_pairs.cc spdk/queue_pair_list.cc spdk/release_info.cc spdk/single_queue_pairs.cc
  spdk/source_address.cc)
file(GLOB FAKE_SPDK CONFIGURE_DEPENDS ${ROOT}/test/native/fake_spdk/*.cc)
add_library(faked OBJECT ${FAKED_SOURCES} ${FAKE_SPDK})
# SPDK's headers alone.
target_compile_options(faked PUBLIC ${SPDK_CFLAGS})
target_link_libraries(faked PUBLIC plain warnings)

# The same for SPDK v22.05, which has poll groups, and queue pairs that connect and disconnect without waiting.
add_library(faked_newer OBJECT ${FAKED_SOURCES} ${FAKE_SPDK})
target_compile_options(faked_newer PUBLIC ${SPDK_CFLAGS} -include ${ROOT}/test/native/fake_spdk/newer_release.h)
target_link_libraries(faked_newer PUBLIC plain warnings)
# The tests that also run on that.
set(NEWER_TESTS abandoned_connect_fake_test ana_events_fake_test connect_limits_fake_test controller_life_fake_test
  freed_set_fake_test queue_pairs_fake_test stopped_pollers_fake_test)

set(SPDK_TESTED_SOURCES spdk/distinct_id.cc)

add_library(tested_binding OBJECT binding/js_channel.cc)
target_include_directories(tested_binding SYSTEM PUBLIC ${CMAKE_JS_INC})
target_compile_definitions(tested_binding PUBLIC ${NODE_API_DEFINITIONS})
# What these sources do not call of Node.js is not there. A procedure linkage table would have to have it.
target_compile_options(tested_binding PUBLIC -fno-plt)
target_link_libraries(tested_binding PUBLIC plain warnings)
target_link_options(tested_binding INTERFACE -Wl,--unresolved-symbols=ignore-in-object-files)

foreach(SOURCE IN LISTS TEST_SOURCES)
  get_filename_component(NAME ${SOURCE} NAME_WE)
  set(OBJECTS $<TARGET_OBJECTS:plain>)
  set(LIBRARIES plain)
  if(NAME MATCHES "_spdk_test$")
    if(SPDK_NVME_SANITIZE)
      continue()
    endif()
    list(APPEND OBJECTS ${SPDK_TESTED_SOURCES})
    list(APPEND LIBRARIES spdk)
  elseif(NAME MATCHES "_binding_test$")
    list(APPEND OBJECTS $<TARGET_OBJECTS:tested_binding>)
    list(APPEND LIBRARIES tested_binding)
  elseif(NAME MATCHES "_fake_test$")
    list(APPEND OBJECTS $<TARGET_OBJECTS:faked>)
    list(APPEND LIBRARIES faked)
  endif()
  add_executable(${NAME} ${SOURCE} ${OBJECTS})
  target_link_libraries(${NAME} PRIVATE ${LIBRARIES} warnings GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${NAME} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  if(NAME IN_LIST NEWER_TESTS)
    add_executable(newer_${NAME} ${SOURCE} $<TARGET_OBJECTS:plain> $<TARGET_OBJECTS:faked_newer>)
    target_link_libraries(newer_${NAME} PRIVATE plain faked_newer warnings GTest::gtest GTest::gtest_main)
    gtest_discover_tests(newer_${NAME} TEST_PREFIX newer. DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endforeach()

# Run by scripts/testing/instructions.ts.
if(NOT SPDK_NVME_SANITIZE)
  add_executable(instructions ${ROOT}/test/native/instructions.cc $<TARGET_OBJECTS:plain> $<TARGET_OBJECTS:faked>)
  target_link_libraries(instructions PRIVATE plain faked warnings)
endif()

# Run inside the fabric by test/integration/linger-lock.test.ts.
add_executable(cm_race ${ROOT}/test/native/cm_race.cc $<TARGET_OBJECTS:plain>)
target_link_libraries(cm_race PRIVATE plain warnings rdmacm ibverbs)

# Loaded by test/integration/faults/late-send.test.ts into a process of the fabric. It lies beside cm_race: cmake-js
# would put a library where the addon goes.
add_library(late_send SHARED ${ROOT}/test/native/late_send.cc)
set_target_properties(late_send PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
target_link_libraries(late_send PRIVATE warnings ${CMAKE_DL_LIBS})
