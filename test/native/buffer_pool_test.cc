// Buffers that are used again: only what was given back is, and nothing is kept without a user.

#include "native/core/base/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

namespace spdk_nvme {
namespace {

constexpr size_t kHugePage = 2 << 20;
/** Nothing else is on its huge page. */
constexpr size_t kBytes = kHugePage;

TEST(BufferPool, UsesABufferAgainThatWasGivenBackAndNoOther) {
  BufferPool pool(8 * kBytes);
  const BufferPool::Use use(pool);
  uint8_t* const held = pool.take(kBytes);
  uint8_t* const given = pool.take(kBytes);
  ASSERT_NE(held, nullptr);
  ASSERT_NE(held, given);
  memset(held, 1, kBytes);
  memset(given, 2, kBytes);
  pool.give(given, kBytes);
  EXPECT_EQ(pool.idle_bytes(), kBytes);
  EXPECT_EQ(pool.take(kBytes), given);
  uint8_t* const fresh = pool.take(kBytes);
  EXPECT_NE(fresh, held);
  EXPECT_EQ(held[kBytes - 1], 1);
  for (uint8_t* const buffer : {held, given, fresh}) pool.give(buffer, kBytes);
}

TEST(BufferPool, UsesABufferAgainForTheSameSizeOnly) {
  BufferPool pool(8 * kBytes);
  const BufferPool::Use use(pool);
  uint8_t* const large = pool.take(2 * kBytes);
  uint8_t* const small = pool.take(kBytes);
  pool.give(large, 2 * kBytes);
  pool.give(small, kBytes);
  EXPECT_EQ(pool.take(2 * kBytes), large);
  EXPECT_EQ(pool.idle_bytes(), kBytes);
  pool.give(large, 2 * kBytes);
}

TEST(BufferPool, ReturnsTheOldestIdleBuffersBeyondItsLimit) {
  BufferPool pool(2 * kBytes);
  const BufferPool::Use use(pool);
  std::vector<uint8_t*> buffers;
  for (int i = 0; i < 3; i++) buffers.push_back(pool.take(kBytes));
  for (uint8_t* const buffer : buffers) pool.give(buffer, kBytes);
  EXPECT_EQ(pool.idle_bytes(), 2 * kBytes);
  EXPECT_EQ(pool.take(kBytes), buffers[2]);
  EXPECT_EQ(pool.take(kBytes), buffers[1]);
  EXPECT_EQ(pool.idle_bytes(), 0U);
  pool.give(buffers[1], kBytes);
  pool.give(buffers[2], kBytes);
}

TEST(BufferPool, TakesNewMemoryInWholeHugePagesWhichSmallBuffersShare) {
  constexpr size_t kSmall = 512 << 10;
  BufferPool pool(2 * kHugePage);
  std::optional<BufferPool::Use> use(pool);
  std::vector<uint8_t*> buffers;
  for (uint8_t mark = 0; mark < 4; mark++) {
    buffers.push_back(pool.take(kSmall));
    memset(buffers.back(), mark, kSmall);
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffers[0]) % kHugePage, 0U);
  for (uint8_t mark = 0; mark < 4; mark++) {
    EXPECT_EQ(buffers[mark], buffers[0] + mark * kSmall);
    EXPECT_EQ(buffers[mark][0] + buffers[mark][kSmall - 1], 2 * mark);
  }
  EXPECT_EQ(pool.idle_bytes(), 0U);
  // What is returned to the system takes nothing else of the huge page with it.
  use.reset();
  pool.give(buffers[1], kSmall);
  EXPECT_EQ(buffers[0][kSmall - 1], 0);
  EXPECT_EQ(buffers[2][0], 2);
  for (const size_t left : {0, 2, 3}) pool.give(buffers[left], kSmall);
}

TEST(BufferPool, TakesBuffersOfAnySizeOnPageBoundaries) {
  BufferPool pool(4 * kHugePage);
  for (const size_t bytes : {(128UL << 10) + 512, (700UL << 10) + 4096, (3UL << 20) + 1024, 64UL << 20}) {
    const BufferPool::Use use(pool);
    uint8_t* const one = pool.take(bytes);
    uint8_t* const other = pool.take(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(other) % 4096, 0U);
    memset(one, 1, bytes);
    memset(other, 2, bytes);
    EXPECT_EQ(one[0] + one[bytes - 1], 2);
    pool.give(one, bytes);
    pool.give(other, bytes);
  }
}

TEST(BufferPool, KeepsNothingOfAHugePageWithoutAUser) {
  BufferPool pool(kHugePage);
  uint8_t* const alone = pool.take(256 << 10);
  EXPECT_EQ(pool.idle_bytes(), 0U);
  pool.give(alone, 256 << 10);
}

TEST(BufferPool, KeepsNothingWithoutAUser) {
  BufferPool pool(8 * kBytes);
  std::optional<BufferPool::Use> first(pool);
  std::optional<BufferPool::Use> second(pool);
  uint8_t* const idle = pool.take(kBytes);
  uint8_t* const reachable = pool.take(kBytes);
  pool.give(idle, kBytes);
  first.reset();
  EXPECT_EQ(pool.idle_bytes(), kBytes);
  second.reset();
  EXPECT_EQ(pool.idle_bytes(), 0U);
  // Its consumer keeps it after the stream has ended.
  memset(reachable, 1, kBytes);
  pool.give(reachable, kBytes);
  EXPECT_EQ(pool.idle_bytes(), 0U);
}

TEST(BufferPool, HasNoBufferOfMoreThanItsLargest) {
  BufferPool pool(kBytes);
  EXPECT_EQ(pool.take(BufferPool::kMaxBytes + 1), nullptr);
  EXPECT_EQ(pool.take(SIZE_MAX), nullptr);
}

// Workers, each with streams of its own.
TEST(BufferPool, ServesManyThreads) {
  constexpr size_t kSmall = 128 << 10;
  BufferPool pool(3 * kSmall);
  std::vector<std::thread> threads;
  for (uint8_t mark = 1; mark <= 4; mark++) {
    threads.emplace_back([&pool, mark] {
      for (int i = 0; i < 200; i++) {
        const BufferPool::Use use(pool);
        uint8_t* const one = pool.take(kSmall);
        uint8_t* const other = pool.take(kSmall);
        one[0] = other[0] = mark;
        std::this_thread::yield();
        EXPECT_EQ(one[0] + other[0], 2 * mark);
        pool.give(one, kSmall);
        pool.give(other, kSmall);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.idle_bytes(), 0U);
}

}  // namespace
}  // namespace spdk_nvme
