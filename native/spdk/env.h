#pragma once

#include <cstdarg>
#include <cstddef>
#include <string>

#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

struct EnvSettings {
  std::string name;
  size_t memory_mb = 0;
};

/**
 * spdk_env_init(). DPDK pins the calling thread to a core and keeps it as its main one; it may be called once
 * in a process. Returns 0 or a negative errno.
 */
int env_init(const EnvSettings& settings);

/** File descriptors that this many hugepages keep open: before v26.01 each is a file, open as long as it is used. */
constexpr size_t hugepage_descriptors(size_t pages) {
  return SPDK_NVME_RELEASE < 2601 ? pages : 0;
}

/** The memory that DPDK has reserved in hugepages, in bytes. */
struct MemoryUse {
  size_t total = 0;
  /** The part that SPDK and buffers use. */
  size_t used = 0;
  /** The largest free piece. DPDK takes more hugepages when nothing fits, as long as the machine has some. */
  size_t largest_free = 0;
};

/** Reads the use of DPDK's memory. Only after env_init(). Thread: any. */
MemoryUse memory_use();

/** Receives one log line of SPDK or DPDK without its newline; level as in spdk/log.h. Thread: any. */
using LogSink = void (*)(int level, const char* file, int line, const char* function, const char* text);

/** Sends the log of SPDK and DPDK to the sink instead of stderr and syslog, until the process ends. */
void log_to(LogSink sink);

/** The levels that pass, as in spdk/log.h: 0 errors, 1 warnings, 2 notices, 3 information, 4 debugging. */
void set_log_level(int level);

}  // namespace spdk_nvme::spdk
