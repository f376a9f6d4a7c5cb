// What is asked of a controller while its detach waits for outstanding operations.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

TEST(Draining, EndsTheCallsThatAreMadeMeanwhile) {
  const auto services = std::make_shared<ControllerServices>(2, 0);
  services->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{}));
  ControlThreads threads;
  auto request = fake::request(1'000);
  const auto controller = Controller::start(services, threads, request, {});
  ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::attached; }, kLimit));

  // An operation that JavaScript has not settled.
  const std::atomic_ref<uint32_t> pending(
      controller->queue_pairs().at(0).ring->words()[RingLayout::kPendingWord]);
  pending = 1;
  std::atomic<bool> detached{false};
  controller->detach({.drain = 10 * kLimit, .timeout = 20 * kLimit},
                     [&detached](const DetachReport& /*report*/) { detached = true; });
  ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::draining; }, kLimit));
  std::atomic<int> ended{0};
  controller->abort(0, 0, [&ended](AbortOutcome outcome) {
    EXPECT_EQ(outcome, AbortOutcome::not_found);
    ended++;
  });
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  command.done = [&ended](const AdminResult& result) {
    EXPECT_FALSE(result.completed);
    ended++;
  };
  controller->admin(std::move(command));
  EXPECT_TRUE(comes_true([&] { return ended == 2; }, kLimit));
  EXPECT_FALSE(detached);

  pending = 0;
  EXPECT_TRUE(controller->wait_for_end(kLimit));
  EXPECT_TRUE(detached);
  EXPECT_EQ(ended, 2);
  for (const auto& poller : services->pollers) {
    poller->stop();
    EXPECT_TRUE(poller->join_for(kLimit));
  }
}

}  // namespace
}  // namespace spdk_nvme
