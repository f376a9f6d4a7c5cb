// What is asked of a controller while its detach waits for outstanding operations.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

/** A call of Controller::admin(). */
struct Call {
  std::atomic<bool> ended{false};
  AdminResult result;

  void send(Controller& controller, uint8_t opcode) {
    AdminCommand command;
    command.opcode = opcode;
    if (opcode == SPDK_NVME_OPC_IDENTIFY) command.data.resize(4096);
    command.done = [this](AdminResult got) {
      result = std::move(got);
      ended = true;
    };
    controller.admin(std::move(command));
  }
};

class Draining : public testing::Test {
 protected:
  void SetUp() override {
    services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{}));
    auto request = fake::request(1'000);
    controller = Controller::start(services_, threads_, request, {});
    ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::attached; }, kLimit));
  }
  void TearDown() override {
    fake::target().held_opcode = -1;
    fake::target().out_of_memory = false;
    EXPECT_TRUE(controller->wait_for_end(kLimit));
    EXPECT_TRUE(detached);
    for (const auto& poller : services_->pollers) {
      poller->stop();
      EXPECT_TRUE(poller->join_for(kLimit));
    }
  }

  void detach(std::chrono::milliseconds drain) {
    controller->detach({.drain = drain, .timeout = 20 * kLimit},
                       [this](const DetachReport& /*report*/) { detached = true; });
  }

  std::shared_ptr<Controller> controller;
  std::atomic<bool> detached{false};
  /** Ended by the detach at the latest. */
  Call first;
  Call second;
  Call event;

 private:
  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
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
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY);
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
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY);
  event.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  // So the first has its memory, and the second has to wait for that.
  ASSERT_TRUE(comes_true([&] { return event.ended.load(); }, kLimit));
  fake::target().out_of_memory = true;
  second.send(*controller, SPDK_NVME_OPC_IDENTIFY);
  detach(100ms);
  EXPECT_TRUE(comes_true([&] { return first.ended && second.ended; }, kLimit));
  EXPECT_STREQ(first.result.status.code, "ERR_SPDK_IO_FAILED");
  EXPECT_STREQ(second.result.status.code, "ERR_SPDK_CONTROLLER_DETACHED");
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
