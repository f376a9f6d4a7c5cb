#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace spdk_nvme {

/**
 * Describes where a thread of this process is: its name, its state in the kernel, and its stack, innermost
 * function first. For threads to which SPDK does not return.
 *
 * The thread itself reports its stack, in the handler of a real-time signal that the program does not use. A
 * thread that does not respond within `patience` is blocked in the kernel; then only its state is known.
 * Thread: any other.
 */
std::string describe_thread(pid_t thread, std::chrono::milliseconds patience);

/**
 * Loads the library that walks stacks, which a signal handler must not do. Call it before the first
 * describe_thread(). Thread: any.
 */
void prepare_thread_stacks();

}  // namespace spdk_nvme
