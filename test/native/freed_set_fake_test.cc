// A queue set whose queue pairs are freed. JavaScript polls it until it takes the next one, while that connects.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

#include "fake_spdk/fake_spdk.h"
#include "native/core/io/queue_set.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kDepth = 8;

TEST(FreedSet, IsPolledWithoutALookAtTheLock) {
  spdk_nvme_ctrlr controller;
  controller.add(1, 512, 4096);
  const auto linger = std::make_shared<LingerLock>(1);
  const auto ring = std::make_shared<IoRing>(std::make_shared<DmaMemory>(), kDepth);
  QueueSet set(&controller, linger, 0, {ring}, std::make_shared<History>(1, "fake"),
               std::make_shared<IoStats>(1));
  {
    const LingerLock::ExclusiveGuard alone(*linger);
    ASSERT_TRUE(set.connect(kDepth, QueueSet::Clock::now() + 10s));
  }
  controller.drop = true;
  set.poll();
  ASSERT_FALSE(set.open_to_visits());
  set.request_disconnect();
  while (set.disconnect_pending()) set.poll();
  if (set.serving()) {
    const LingerLock::ExclusiveGuard alone(*linger);
    set.free();
  }
  while (!set.freed()) set.poll();

  const LingerLock::ExclusiveGuard connecting(*linger);
  QueueSet::Turn turn{.hot = true};
  std::thread([&] { turn = set.poll(); }).join();
  EXPECT_FALSE(turn.hot) << "it waited for the lock, and is to be polled again soon";
}

}  // namespace
}  // namespace spdk_nvme
