// What is asked of a controller while its detach waits for outstanding operations.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "attached_controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBytes = 4096;

class Draining : public AttachedController {
 protected:
  void TearDown() override {
    AttachedController::TearDown();
    EXPECT_TRUE(detached);
  }

  void detach(std::chrono::milliseconds drain) {
    controller->detach({.drain = drain, .timeout = 20 * kLimit},
                       [this](const DetachReport& /*report*/) { detached = true; });
  }

  std::atomic<bool> detached{false};
  /** Ended by the detach at the latest. */
  AdminCall first;
  AdminCall second;
  AdminCall event;
};

TEST_F(Draining, EndsTheCallsThatAreMadeMeanwhile) {
  // An operation that JavaScript has not settled.
  const std::atomic_ref<uint32_t> pending(
      controller->queue_pairs().at(0).ring->words()[RingLayout::kPendingWord]);
  pending = 1;
  detach(10 * kLimit);
  ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::draining; }, kLimit));
  std::atomic<bool> ended{false};
  controller->abort(0, 0, [&ended](AbortOutcome outcome) {
    EXPECT_EQ(outcome, AbortOutcome::not_found);
    ended = true;
  });
  first.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  EXPECT_TRUE(comes_true([&] { return first.ended && ended; }, kLimit));
  EXPECT_FALSE(first.result.completed);
  EXPECT_STREQ(first.result.status.code, "ERR_SPDK_CONTROLLER_DETACHED");
  EXPECT_FALSE(detached);
  pending = 0;
}

TEST_F(Draining, WaitsForAdminCommandsAsForIo) {
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  detach(10 * kLimit);
  second.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(first.ended);
  EXPECT_FALSE(detached);
  fake::target().held_opcode = -1;
  EXPECT_TRUE(comes_true([&] { return first.ended.load(); }, kLimit));
  EXPECT_TRUE(first.result.status.ok());
}

TEST_F(Draining, EndsAdminCommandsAtItsLimitAndSaysThatTheControllerWasDetached) {
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  event.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  // So the first has its memory, and the second has to wait for that.
  ASSERT_TRUE(comes_true([&] { return event.ended.load(); }, kLimit));
  fake::target().out_of_memory = true;
  second.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  detach(100ms);
  EXPECT_TRUE(comes_true([&] { return first.ended && second.ended; }, kLimit));
  EXPECT_STREQ(first.result.status.code, "ERR_SPDK_IO_FAILED");
  EXPECT_STREQ(second.result.status.code, "ERR_SPDK_CONTROLLER_DETACHED");
}

TEST_F(Draining, DoesNotWaitForAdminCommandsThatAreGivenUpBeforeOrMeanwhile) {
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  second.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  *first.given_up = true;
  detach(10 * kLimit);
  std::this_thread::sleep_for(100ms);
  EXPECT_FALSE(detached);
  *second.given_up = true;
  EXPECT_TRUE(comes_true([&] { return detached.load(); }, kLimit));
  // Their memory is SPDK's until then.
  EXPECT_TRUE(first.ended && second.ended);
  EXPECT_FALSE(first.result.completed || second.result.completed);
}

TEST_F(Draining, CountsFromTheCallThoughTheControllerWasAskedForItsNamespacesThen) {
  const std::atomic_ref<uint32_t> pending(
      controller->queue_pairs().at(0).ring->words()[RingLayout::kPendingWord]);
  pending = 1;
  fake::target().silent = true;
  fake::report_namespace_change();
  // The call waits for the target then, and so does the detach, less than it would for one that does not respond.
  std::this_thread::sleep_for(200ms);
  const auto called = std::chrono::steady_clock::now();
  controller->detach({.drain = 1'900ms, .timeout = 2'400ms},
                     [this](const DetachReport& /*report*/) { detached = true; });
  std::this_thread::sleep_for(600ms);
  EXPECT_EQ(controller->state(), ControllerState::attached);
  fake::target().silent = false;
  EXPECT_TRUE(comes_true([&] { return detached.load(); }, kLimit));
  EXPECT_LT(std::chrono::steady_clock::now() - called, 2'400ms);
}

TEST_F(Draining, DoesNotWaitForAnEvent) {
  fake::target().held_opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  event.send(*controller, SPDK_NVME_OPC_ASYNC_EVENT_REQUEST);
  detach(10 * kLimit);
  EXPECT_TRUE(comes_true([&] { return detached.load(); }, kLimit));
  EXPECT_FALSE(event.result.completed);
}

}  // namespace
}  // namespace spdk_nvme
