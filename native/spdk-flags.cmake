# SPDK's flags, from the script that binding.gyp asks too.
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
