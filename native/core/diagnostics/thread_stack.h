#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace spdk_nvme {

/**
 * Where a thread of this process is: its name, what the kernel says of it, and the functions it is in, the
 * innermost first. For threads that SPDK does not return to.
 *
 * The thread itself has to tell, in the handler of a real-time signal that nobody else handles. One that does
 * not within `patience` is blocked in the kernel; then there is only what the kernel says. Any other thread.
 */
std::string describe_thread(pid_t thread, std::chrono::milliseconds patience);

/** What a signal handler must not do first: loads the library that walks stacks. Any thread, before the first
 * describe_thread(). */
void prepare_thread_stacks();

}  // namespace spdk_nvme
