// A region that a command uses outlives everything that JavaScript does with it, and what happens to it when a
// worker is terminated. JavaScript's half, that each region of a command is pinned, is checked by the fake of
// the unit tests (lib/testing/regions.ts). The sanitizers see what is freed too early, and what never is.

#include "native/core/io/dma_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "fake_spdk/fake_target.h"

namespace spdk_nvme {
namespace {

constexpr size_t kBytes = 4096;

uint32_t allocated(DmaMemory& memory) {
  uint32_t id = UINT32_MAX;
  EXPECT_TRUE(memory.allocate(kBytes, id));
  return id;
}

/** As a controller does with memory that it was given. */
void write_into(uint8_t* base) {
  memset(base, 0x5a, kBytes);
}

TEST(DmaMemory, FreesADroppedRegionAtOnceWhenNothingUsesIt) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  memory.drop(id);
  EXPECT_EQ(memory.at(id, 0, 1), nullptr);
  EXPECT_EQ(allocated(memory), id);
}

TEST(DmaMemory, LeavesSomeToSpdk) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  memory.drop(id);
  fake::target().largest_free = 2 * kBytes;
  uint32_t none = UINT32_MAX;
  EXPECT_FALSE(memory.allocate(kBytes, none));
  EXPECT_EQ(memory.allocated_bytes(), 0U);
  fake::target().largest_free = SIZE_MAX;
  EXPECT_EQ(allocated(memory), id);
}

// The garbage collector comes after a release, when the number may be another region's.
TEST(DmaMemory, LeavesTheNextRegionOfANumberToItsOwnCollection) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  const uint64_t first = memory.region(id).serial;
  memory.drop(id);
  memory.drop(id, first);
  ASSERT_EQ(allocated(memory), id);
  memory.drop(id, first);
  EXPECT_NE(memory.at(id, 0, kBytes), nullptr);
  memory.drop(id, memory.region(id).serial);
  EXPECT_EQ(memory.at(id, 0, 1), nullptr);
}

TEST(DmaMemory, KeepsADroppedRegionUntilItsLastCommandHasCompleted) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  memory.pins()[id] = 2;
  uint8_t* const base = memory.at(id, 0, kBytes);
  memory.drop(id);
  memory.pins()[id]--;
  memory.free_unpinned(id);
  ASSERT_EQ(memory.at(id, 0, kBytes), base);
  EXPECT_NE(allocated(memory), id);
  write_into(base);
  memory.pins()[id]--;
  memory.free_unpinned(id);
  EXPECT_EQ(memory.at(id, 0, 1), nullptr);
}

// JavaScript has ended: its pins stay as they were, and a poller still completes what it sent.
TEST(DmaMemory, KeepsWhatCommandsUseAfterJavaScriptHasEnded) {
  uint8_t* base = nullptr;
  {
    DmaMemory memory;
    const uint32_t used = allocated(memory);
    const uint32_t idle = allocated(memory);
    memory.pins()[used] = 1;
    base = memory.at(used, 0, kBytes);
    memory.drop(used);
    memory.drop(idle);
    ASSERT_EQ(memory.at(used, 0, kBytes), base);
    write_into(base);
  }
}

TEST(DmaMemory, KeepsDroppedRegionsWhileACloseIsUnderWay) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  memory.keep_dropped(true);
  uint8_t* const base = memory.at(id, 0, kBytes);
  memory.drop(id);
  memory.free_unpinned(id);
  ASSERT_EQ(memory.at(id, 0, kBytes), base);
  write_into(base);
  memory.keep_dropped(false);
  memory.free_unpinned(id);
  EXPECT_EQ(memory.at(id, 0, 1), nullptr);
}

TEST(DmaMemory, HandsOutNothingOutsideOfARegion) {
  DmaMemory memory;
  const uint32_t id = allocated(memory);
  EXPECT_EQ(memory.at(id, kBytes, 1), nullptr);
  EXPECT_EQ(memory.at(id, UINT64_MAX, 2), nullptr);
  EXPECT_EQ(memory.at(id, 1, UINT64_MAX), nullptr);
  EXPECT_EQ(memory.at(id + 1, 0, 1), nullptr);
  EXPECT_EQ(memory.at(DmaMemory::kMaxRegions, 0, 1), nullptr);
}

}  // namespace
}  // namespace spdk_nvme
