// Buffers that are used again: only what was given back is, and nothing is kept without a user.

#include "native/core/base/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <thread>
#include <vector>

namespace spdk_nvme {
namespace {

constexpr size_t kBytes = 128 << 10;

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

TEST(BufferPool, HasNoBufferOfMoreThanAllMemory) {
  BufferPool pool(kBytes);
  EXPECT_EQ(pool.take(SIZE_MAX / 2), nullptr);
}

// Workers, each with streams of its own.
TEST(BufferPool, ServesManyThreads) {
  BufferPool pool(3 * kBytes);
  std::vector<std::thread> threads;
  for (uint8_t mark = 1; mark <= 4; mark++) {
    threads.emplace_back([&pool, mark] {
      for (int i = 0; i < 200; i++) {
        const BufferPool::Use use(pool);
        uint8_t* const one = pool.take(kBytes);
        uint8_t* const other = pool.take(kBytes);
        one[0] = other[0] = mark;
        std::this_thread::yield();
        EXPECT_EQ(one[0] + other[0], 2 * mark);
        pool.give(one, kBytes);
        pool.give(other, kBytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.idle_bytes(), 0U);
}

}  // namespace
}  // namespace spdk_nvme
