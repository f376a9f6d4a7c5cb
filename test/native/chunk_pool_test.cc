// Memory for the chunks of read streams.

#include "native/core/io/chunk_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace spdk_nvme {
namespace {

constexpr size_t kChunk = size_t{1} << 20;

TEST(ChunkPool, HandsOutWhatCameBack) {
  ChunkPool pool(kChunk);
  std::set<uint8_t*> places;
  for (int round = 0; round < 100; round++) {
    ChunkPool::Chunk chunk = pool.take();
    ASSERT_NE(chunk, nullptr);
    std::memset(chunk.get(), round, kChunk);
    places.insert(chunk.get());
    pool.give(std::move(chunk));
  }
  EXPECT_EQ(places.size(), 1U);
}

TEST(ChunkPool, NeverHandsOutWhatIsInUse) {
  for (const size_t bytes : {size_t{300'000}, kChunk, 3 * kChunk}) {
    ChunkPool pool(bytes);
    std::vector<ChunkPool::Chunk> chunks;
    for (int i = 0; i < 20; i++) {
      chunks.push_back(pool.take());
      ASSERT_NE(chunks.back(), nullptr);
      std::memset(chunks.back().get(), i, bytes);
      if (i % 3 == 0) {
        pool.give(std::move(chunks.front()));
        chunks.erase(chunks.begin());
      }
    }
    std::set<int> contents;
    for (const ChunkPool::Chunk& chunk : chunks) {
      contents.insert(chunk.get()[0]);
      EXPECT_EQ(chunk.get()[0], chunk.get()[bytes - 1]);
    }
    EXPECT_EQ(contents.size(), chunks.size());
  }
}

TEST(ChunkPool, ItsChunksOutliveIt) {
  ChunkPool::Chunk chunk;
  {
    ChunkPool pool(kChunk);
    chunk = pool.take();
    pool.give(pool.take());
    pool.close();
    pool.give(pool.take());
  }
  std::memset(chunk.get(), 1, kChunk);
  EXPECT_EQ(chunk.get()[kChunk - 1], 1);
}

}  // namespace
}  // namespace spdk_nvme
