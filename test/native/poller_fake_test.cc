// Rings, a queue set, a poller and who ends them, on threads of their own; made for ThreadSanitizer.

#include "native/core/io/poller.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/ring_driver.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kDepth = 8;
constexpr size_t kSlots = 2;

TEST(Poller, EndsEveryCommandOnceWhileItsConnectionsComeAndGo) {
  std::mt19937_64 random(7);
  spdk_nvme_ctrlr controller;
  controller.data.mdts = 1;
  controller.max_transfer = 4096;
  controller.add(1, 512, 4096);
  fake::complete_at_random(controller, random);
  const auto memory = std::make_shared<DmaMemory>();
  uint32_t region = 0;
  ASSERT_TRUE(memory->allocate(1 << 20, region));
  const auto ring = std::make_shared<IoRing>(memory, kDepth);
  const auto linger = std::make_shared<LingerLock>(kSlots);
  const auto stats = std::make_shared<IoStats>(kSlots);
  const auto history = std::make_shared<History>(1, "fake");
  ring->set_requeue(true);
  NamespaceTags tags;
  Poller poller(0, {});

  std::atomic<bool> done{false};
  std::atomic<uint64_t> lost{0};
  std::shared_ptr<QueueSet> set;
  const auto connect = [&] {
    ring->set_namespaces(read_namespace_table(&controller, tags));
    set = std::make_shared<QueueSet>(&controller, linger, 0, std::vector{ring}, history, stats);
    {
      const LingerLock::ExclusiveGuard alone(*linger);
      ASSERT_TRUE(set->connect(kDepth, std::chrono::steady_clock::now() + 10s));
    }
    set->on_failure = [&lost] { lost++; };
    poller.add(set);
  };
  connect();
  const uint32_t tag = tags.of(1);

  std::thread control([&] {
    for (int i = 0; !done; i++) {
      std::this_thread::sleep_for(1ms);
      ring->set_namespaces(read_namespace_table(&controller, tags));
      if (i % 3 == 0) controller.drop = true;
      {
        const LingerLock::ExclusiveGuard alone(*linger);
        set->disconnect_and_free();
        ring->settle_cancelled();
      }
      connect();
    }
  });

  RingDriver js(*ring, tag);
  uint64_t pushed = 0;
  uint64_t completed = 0;
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while ((pushed < 3'000 || js.busy() > 0) && std::chrono::steady_clock::now() < limit) {
    while (pushed < 3'000 && js.has_free()) {
      const uint32_t blocks = pushed % 17 == 0 ? 500 : 1;
      const uint32_t slot = js.push({.first = pushed % 1000, .blocks = blocks, .region = region});
      ASSERT_TRUE(js.publish());
      if (pushed++ % 29 == 0) js.cancel(slot);
    }
    poller.wake();
    completed += js.reap().size();
    std::this_thread::yield();
  }
  EXPECT_EQ(completed, 3'000U);
  done = true;
  control.join();
  {
    const LingerLock::ExclusiveGuard alone(*linger);
    set->disconnect_and_free();
  }
  poller.stop();
  EXPECT_TRUE(poller.join_for(5s));
  EXPECT_TRUE(fake::queue_pairs().empty());
}

}  // namespace
}  // namespace spdk_nvme
