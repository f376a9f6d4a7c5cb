// SPDK's maps of registered memory, of which each RDMA device has one while it has controllers (scripts/spdk-patches).

#include <gtest/gtest.h>
#include <spdk/env.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "native/spdk/release.h"

/** What spdk_env_init() calls once DPDK has started. A shared SPDK does not export it. */
extern "C" int mem_map_init(bool legacy_mem) __attribute__((weak));

namespace spdk_nvme {

namespace {

constexpr uint64_t kPage = 2ULL << 20U;
constexpr uint64_t kGiB = 1ULL << 30U;

using Region = std::pair<uint64_t, uint64_t>;

/** What the map is notified of. */
struct Notified {
  std::vector<Region> added;
  std::vector<Region> removed;
};

int notify(void* context, spdk_mem_map* map, spdk_mem_map_notify_action action, void* address, size_t size) {
  auto& notified = *static_cast<Notified*>(context);
  const auto start = reinterpret_cast<uint64_t>(address);
  if (action == SPDK_MEM_MAP_NOTIFY_REGISTER) {
    notified.added.emplace_back(start, size);
    return spdk_mem_map_set_translation(map, start, size, 1);
  }
  notified.removed.emplace_back(start, size);
  return spdk_mem_map_clear_translation(map, start, size);
}

/** Makes a map of what is registered, and frees it. */
Notified made_and_freed() {
  const spdk_mem_map_ops operations{.notify_cb = notify, .are_contiguous = nullptr};
  Notified notified;
  spdk_mem_map* map = spdk_mem_map_alloc(0, &operations, &notified);
  EXPECT_NE(map, nullptr);
  spdk_mem_map_free(&map);
  return notified;
}

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

void* pointer(uint64_t address) {
  return reinterpret_cast<void*>(address);
}  // NOLINT(performance-no-int-to-ptr)

class MemoryMaps : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (mem_map_init == nullptr) return;
    ASSERT_EQ(mem_map_init(true), 0);
  }
  void SetUp() override {
    if (mem_map_init == nullptr) GTEST_SKIP() << "SPDK is linked shared";
  }
};

TEST_F(MemoryMaps, KnowAllRegisteredMemoryWhereverItIs) {
  // In the middle, up to the end of a GiB, across two, then below and above all others.
  const std::vector<Region> regions = {{0x2000 * kGiB, kPage},
                                       {0x2000 * kGiB + kPage, 2 * kPage},
                                       {0x2001 * kGiB - 4 * kPage, 4 * kPage},
                                       {0x3001 * kGiB - kPage, 2 * kPage},
                                       {kPage, kPage},
                                       {0x1fffe * kGiB - kPage, kPage},
                                       {0x1fffe * kGiB + 511 * kPage, kPage}};
  std::vector<Region> registered;
  for (const auto& [start, size] : regions) {
    ASSERT_EQ(spdk_mem_register(pointer(start), size), 0);
    registered.emplace_back(start, size);
    std::sort(registered.begin(), registered.end());
    const Notified notified = made_and_freed();
    EXPECT_EQ(notified.added, registered);
    EXPECT_EQ(notified.removed, registered);
  }
  for (const auto& [start, size] : regions) {
    ASSERT_EQ(spdk_mem_unregister(pointer(start), size), 0);
    registered.erase(std::find(registered.begin(), registered.end(), Region{start, size}));
    EXPECT_EQ(made_and_freed().added, registered);
  }
}

TEST_F(MemoryMaps, TouchNoMoreThanIsInUse) {
  if (std::string(SPDK_NVME_PATCHES).find("tables-of-memory-maps") == std::string::npos) {
    GTEST_SKIP() << "this SPDK reads and clears the whole table";
  }
  ASSERT_EQ(spdk_mem_register(pointer(kGiB), kPage), 0);
  // As on a control thread, whose heap gives memory back to the kernel.
  std::thread([] {
    made_and_freed();
    const long before = page_faults();
    made_and_freed();
    EXPECT_LT(page_faults() - before, 16);
  }).join();
  ASSERT_EQ(spdk_mem_unregister(pointer(kGiB), kPage), 0);
}

}  // namespace

}  // namespace spdk_nvme
