#include "native/spdk/env.h"

#include <sched.h>
#include <spdk/env.h>
#include <spdk/log.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>

#include "native/spdk/interpose/close_on_exec.h"
#include "native/spdk/interpose/nested_polls.h"
#include "native/spdk/release.h"

// From DPDK's rte_log.h and rte_malloc.h; declared here because an installed SPDK may not
// include DPDK's header files.
extern "C" {
int rte_openlog_stream(FILE* stream);

struct rte_malloc_socket_stats {
  size_t heap_totalsz_bytes;
  size_t heap_freesz_bytes;
  size_t greatest_free_size;
  unsigned free_count;
  unsigned alloc_count;
  size_t heap_allocsz_bytes;
};

enum rte_mem_event { RTE_MEM_EVENT_ALLOC = 0, RTE_MEM_EVENT_FREE };
using rte_mem_event_callback_t = void (*)(rte_mem_event event, const void* address, size_t length,
                                          void* context);
int rte_mem_event_callback_register(const char* name, rte_mem_event_callback_t callback, void* context);
int rte_malloc_get_socket_stats(int socket, struct rte_malloc_socket_stats* stats);
}

namespace spdk_nvme::spdk {

namespace {

LogSink g_sink = nullptr;
/** A stdio stream whose lines go to the sink. */
FILE* g_stream = nullptr;

constexpr size_t kLongestLine = 1024;

void deliver(int level, const char* file, int line, const char* function, char* text) {
  size_t length = strlen(text);
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) text[--length] = '\0';
  if (length > 0 && g_sink != nullptr) g_sink(level, file, line, function, text);
}

void on_spdk_log(int level, const char* file, const int line, const char* function, const char* format,
                 va_list arguments) {
  if (level > spdk_log_get_print_level()) return;
  char text[kLongestLine];
  vsnprintf(text, sizeof(text), format, arguments);
  deliver(level, file, line, function, text);
}

/** Called when DPDK writes to the stream. Its lines have no level, so they count as notices. */
ssize_t on_dpdk_log(void* /*cookie*/, const char* data, size_t size) {
  char text[kLongestLine];
  const size_t length = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
  memcpy(text, data, length);
  text[length] = '\0';
  deliver(SPDK_LOG_NOTICE, "dpdk", 0, "", text);
  return static_cast<ssize_t>(size);
}

/** Called when DPDK has reserved or returned hugepages. */
void on_memory_event(rte_mem_event event, const void* /*address*/, size_t /*length*/, void* /*context*/) {
  if (event == RTE_MEM_EVENT_ALLOC) mark_memory_files();
}

/** Old releases print to stdout while they start, where the user's program may be writing JSON. */
class StdoutToLog {
 public:
  StdoutToLog() : stdout_(stdout) {
    if (g_stream != nullptr) stdout = g_stream;
  }
  ~StdoutToLog() { stdout = stdout_; }
  StdoutToLog(const StdoutToLog&) = delete;
  StdoutToLog& operator=(const StdoutToLog&) = delete;

 private:
  FILE* stdout_;
};

/**
 * The one CPU that DPDK gets, as a list of cores for SPDK: the first that this process may run on. DPDK pins the thread that starts
 * it there, and ends the process where it may not: SPDK's default is CPU 0, which a container with some of the CPUs may not have.
 */
std::string core_list() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  int cpu = 0;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
    while (cpu < CPU_SETSIZE && !CPU_ISSET(cpu, &allowed)) cpu++;
  }
  return "[" + std::to_string(cpu < CPU_SETSIZE ? cpu : 0) + "]";
}

}  // namespace

int env_init(const EnvSettings& settings) {
  spdk_env_opts options{};
#if SPDK_NVME_RELEASE >= 2409
  options.opts_size = sizeof(options);
#endif
  spdk_env_opts_init(&options);
  options.name = settings.name.c_str();
  options.shm_id = -1;
  const std::string cores = core_list();
  options.core_mask = cores.c_str();
  options.mem_size = static_cast<int>(settings.memory_mb);
  options.no_pci = true;
  // No device reads this memory by physical addresses. SPDK would ask for them on machines without an IOMMU, such as most virtual
  // ones, and there only root can see them.
  options.iova_mode = "va";
  // No hugetlbfs is mounted there: DPDK would lock one and delete files in it, which needs rights, and would use none of it.
  options.hugedir = "/dev/null";
  // Hugepages without files: nothing remains, however the process ends. Without telemetry (interpose/telemetry.cc), also where
  // DPDK is a shared library; older releases take one option only, and newer ones turn it off.
#if SPDK_NVME_RELEASE >= 2110 && SPDK_NVME_RELEASE < 2401
  static char dpdk_options[] = "--in-memory --no-telemetry";
#else
  static char dpdk_options[] = "--in-memory";
#endif
  options.env_context = dpdk_options;
#if SPDK_NVME_RELEASE >= 2601
  // Otherwise SPDK adds --huge-unlink, which DPDK accepts together with --in-memory only before v25.11.
  options.hugepage_single_segments = true;
#endif
  const StdoutToLog redirected;
  defer_nested_disconnects();
  const NewDescriptors opened;
  const int result = spdk_env_init(&options);
  if (result == 0 && !kStaticDpdk) {
    rte_mem_event_callback_register("spdk-nvme", on_memory_event, nullptr);
  }
  return result;
}

MemoryUse memory_use() {
  // More than the NUMA nodes of any machine; DPDK returns an error for those that do not exist.
  constexpr int kMostNodes = 32;
  MemoryUse use;
  for (int node = 0; node < kMostNodes; node++) {
    rte_malloc_socket_stats stats{};
    if (rte_malloc_get_socket_stats(node, &stats) != 0) continue;
    use.total += stats.heap_totalsz_bytes;
    use.used += stats.heap_allocsz_bytes;
    use.largest_free = std::max(use.largest_free, stats.greatest_free_size);
  }
  return use;
}

void log_to(LogSink sink) {
  g_sink = sink;
  spdk_log_open(on_spdk_log);
  cookie_io_functions_t functions{};
  functions.write = on_dpdk_log;
  g_stream = fopencookie(nullptr, "w", functions);
  if (g_stream == nullptr) return;
  setlinebuf(g_stream);
  rte_openlog_stream(g_stream);
}

void set_log_level(int level) {
  spdk_log_set_print_level(static_cast<spdk_log_level>(level));
}

}  // namespace spdk_nvme::spdk
