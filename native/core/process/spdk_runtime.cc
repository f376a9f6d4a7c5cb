#include "native/core/process/spdk_runtime.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "native/core/base/owned_thread.h"
#include "native/core/base/thread_name.h"
#include "native/core/connection/descriptors.h"
#include "native/core/diagnostics/log.h"
#include "native/core/process/hugepages.h"
#include "native/spdk/env.h"
#include "native/spdk/interpose/close_on_exec.h"

namespace spdk_nvme {

namespace {

enum class Phase { unused, starting, running, broken };

/** Guards the phase and the settings SPDK was started with. */
std::mutex g_mutex;
/** Notified when the phase is no longer `starting`. */
std::condition_variable g_settled;
Phase g_phase = Phase::unused;
SpdkRuntime::Settings g_started_with;

Status check_hugepages(size_t memory_mb) {
  const Hugepages pages = read_hugepages();
  const size_t needed = memory_mb << 20;
  if (pages.free_bytes + pages.addable_bytes >= needed) return Status::success();
  const size_t used = pages.total_bytes - pages.free_bytes;
  const size_t total = pages.page_bytes == 0 ? 0 : (used + needed + pages.page_bytes - 1) / pages.page_bytes;
  return Status::failure("ERR_SPDK_NO_HUGEPAGES",
                         "memoryMb is " + std::to_string(memory_mb) + ", but only " +
                             std::to_string(pages.free_bytes >> 20) +
                             " MiB of hugepages are free; as root: echo " + std::to_string(total) +
                             " > /proc/sys/vm/nr_hugepages",
                         ENOMEM);
}

/** Checks the limit of the process's cgroup, which may be less than the free hugepages. */
Status check_hugepage_limit(size_t memory_mb) {
  const size_t needed = memory_mb << 20;
  const size_t obtained = obtainable_hugepage_bytes(needed, read_hugepages().page_bytes);
  if (obtained >= needed) return Status::success();
  return Status::failure(
      "ERR_SPDK_NO_HUGEPAGES",
      "memoryMb is " + std::to_string(memory_mb) + ", but this process gets only " +
          std::to_string(obtained >> 20) +
          " MiB of the free hugepages; its cgroup has a hugetlb limit, which must be raised",
      ENOMEM);
}

/** DPDK starts one or two threads of its own, and cannot be started again after that failed. */
constexpr size_t kDpdkThreads = 2;
/** The files that it opens besides those of hugepages. */
constexpr size_t kDpdkDescriptors = 32;

/** @throws std::system_error if the limit of threads leaves no room for DPDK's threads and the one that starts it. */
void check_threads() {
  std::promise<void> counted;
  const auto released = counted.get_future().share();
  std::vector<std::jthread> threads;
  threads.reserve(kDpdkThreads + 1);
  try {
    while (threads.size() <= kDpdkThreads) threads.emplace_back([released] { released.wait(); });
  } catch (...) {
    counted.set_value();
    throw;
  }
  counted.set_value();
}

/** Checks the limit of the size of files, which hugepages are to the kernel. */
Status check_file_size(size_t memory_mb) {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= memory_mb << 20) return Status::success();
  return Status::failure("ERR_SPDK_ENV_INIT_FAILED",
                         "memoryMb is " + std::to_string(memory_mb) +
                             ", but this process may have files of " + std::to_string(limit.rlim_cur >> 20) +
                             " MiB only, and hugepages are files to the kernel; raise `ulimit -f` "
                             "(`LimitFSIZE=` in a systemd unit)",
                         EFBIG);
}

/** Whether a seccomp filter forbids what DPDK calls to choose the NUMA node of its memory. */
bool memory_policy_forbidden() {
  return syscall(SYS_get_mempolicy, nullptr, nullptr, 0, nullptr, 0) != 0 && errno == EPERM;
}

Status check_descriptors(size_t memory_mb) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return Status::success();
  const size_t page_mb = std::max<size_t>(read_hugepages().page_bytes >> 20, 1);
  const size_t needed =
      spdk::count_descriptors() + kDpdkDescriptors + spdk::hugepage_descriptors(memory_mb / page_mb);
  if (needed <= limit.rlim_cur) return Status::success();
  return Status::failure("ERR_SPDK_NO_DESCRIPTORS",
                         "SPDK with memoryMb " + std::to_string(memory_mb) + " needs room for " +
                             std::to_string(needed) + " open files in this process, which may have " +
                             std::to_string(limit.rlim_cur) + "; see `ulimit -n`",
                         EMFILE);
}

/** What DPDK reserves for each NUMA node and each size of hugepages (`RTE_MAX_MEM_MB_PER_TYPE`). */
constexpr size_t kAddressSpacePerType = 64ULL << 30;
/** The most that it reserves in all (`RTE_MAX_MEM_MB`). */
constexpr size_t kMostAddressSpace = 512ULL << 30;
/** What its lists of pages take besides. */
constexpr size_t kMoreAddressSpace = 1ULL << 30;

/**
 * Checks that DPDK can reserve its address space: if mmap() fails, DPDK repeats it indefinitely, whatever the
 * error.
 */
Status check_address_space() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return Status::success();
  const size_t types = std::max<size_t>(count_hugepage_types(), 1);
  const size_t needed = std::min(types * kAddressSpacePerType, kMostAddressSpace) + kMoreAddressSpace;
  void* reserved = mmap(nullptr, needed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved != MAP_FAILED) {
    munmap(reserved, needed);
    return Status::success();
  }
  return Status::failure("ERR_SPDK_ENV_INIT_FAILED",
                         "SPDK reserves " + std::to_string(needed >> 30) +
                             " GiB of address space, of which this process may have " +
                             std::to_string(limit.rlim_cur >> 20) +
                             " MiB in all; raise `ulimit -v` (`LimitAS=` in a systemd unit)",
                         ENOMEM);
}

/**
 * Checks that /proc and /sys are mounted, and /proc as a whole: DPDK reads them, and so do the counts of descriptors and hugepages. A unit
 * of systemd can have a /proc of processes alone.
 */
Status check_mounts() {
  constexpr std::pair<const char*, const char*> kNeeded[] = {
      {"/proc/self/fd",
       "/proc is not mounted, but SPDK reads the machine's resources there; as root: mount -t proc proc "
       "/proc"},
      {"/proc/meminfo",
       "/proc has no meminfo, but SPDK reads the size of hugepages there; mount it without subset=pid "
       "(ProcSubset=all in a systemd unit)"},
      {"/sys/devices/system/cpu",
       "/sys is not mounted, but SPDK reads the list of CPUs there; as root: mount -t sysfs sysfs /sys"},
  };
  for (const auto& [path, problem] : kNeeded) {
    if (access(path, F_OK) != 0) return Status::failure("ERR_SPDK_ENV_INIT_FAILED", problem, errno);
  }
  return Status::success();
}

Status check_limits(const SpdkRuntime::Settings& settings) {
  if (Status mounted = check_mounts(); !mounted.ok()) return mounted;
  if (Status enough = check_one_descriptor(); !enough.ok()) return enough;
  if (Status enough = check_address_space(); !enough.ok()) return enough;
  if (Status enough = check_file_size(settings.memory_mb); !enough.ok()) return enough;
  if (Status enough = check_hugepages(settings.memory_mb); !enough.ok()) return enough;
  if (Status enough = check_descriptors(settings.memory_mb); !enough.ok()) return enough;
  return check_hugepage_limit(settings.memory_mb);
}

/** Holds: g_mutex. */
Status check_started(const SpdkRuntime::Settings& settings) {
  if (!settings.memory_required || settings.memory_mb <= g_started_with.memory_mb) return Status::success();
  return Status::failure("ERR_SPDK_ENV_NOT_REUSABLE", "memoryMb is " + std::to_string(settings.memory_mb) +
                                                          ", but this process started SPDK with " +
                                                          std::to_string(g_started_with.memory_mb) +
                                                          " MiB, and DPDK cannot be started again with more");
}

/** Runs spdk_env_init() on a thread that DPDK may pin. */
Status start(const SpdkRuntime::Settings& settings) {
  Log::capture();
  std::promise<Status> outcome;
  auto started = outcome.get_future();
  // Throws std::system_error at the limit of threads; SPDK has not started then.
  std::thread([&outcome, &settings] {
    name_this_thread("spdk-env");
    const LogCollector log;
    const int result = spdk::env_init({.name = settings.name, .memory_mb = settings.memory_mb});
    if (result == 0) {
      outcome.set_value(Status::success());
      return;
    }
    std::string message = "SPDK's environment could not be started";
    for (const auto& line : log.lines()) message += "; " + line;
    if (memory_policy_forbidden()) {
      message +=
          "; a seccomp filter forbids get_mempolicy(), and perhaps mbind() and set_mempolicy(): DPDK needs "
          "them. Start the container with --cap-add SYS_NICE, or allow them in its profile";
    }
    const bool forbidden = result == -EACCES || result == -EPERM;
    outcome.set_value(Status::failure(forbidden ? "ERR_SPDK_NO_PERMISSION" : "ERR_SPDK_ENV_INIT_FAILED",
                                      std::move(message), -result));
  }).join();
  return started.get();
}

}  // namespace

Status SpdkRuntime::ensure_started(const Settings& settings) {
  std::unique_lock<std::mutex> guard(g_mutex);
  g_settled.wait(guard, [] { return g_phase != Phase::starting; });
  if (g_phase == Phase::broken) {
    return Status::failure("ERR_SPDK_ENV_NOT_REUSABLE",
                           "an earlier start of SPDK failed in this process, and DPDK can be started "
                           "only once: start a new process");
  }
  if (g_phase == Phase::running) return check_started(settings);
  if (Status enough = check_limits(settings); !enough.ok()) return enough;
  g_phase = Phase::starting;
  g_started_with = settings;
  guard.unlock();

  Status started;
  Phase next = Phase::unused;
  try {
    check_threads();
    started = start(settings);
    next = started.ok() ? Phase::running : Phase::broken;
  } catch (const std::system_error& error) {
    started = no_threads(error);
  }
  guard.lock();
  g_phase = next;
  g_settled.notify_all();
  return started;
}

}  // namespace spdk_nvme
