# The benchmark's yardstick, built with SPDK's own flags. Plain C: that is what SPDK's examples are.
enable_language(C)
add_executable(attach_loop ${ROOT}/scripts/bench/attach_loop.c)
set_target_properties(attach_loop PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
target_compile_options(attach_loop PRIVATE -Wall -Wextra -Werror)
target_link_libraries(attach_loop PRIVATE spdk)
