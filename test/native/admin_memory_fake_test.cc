// Admin commands while no DMA memory is left.

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
constexpr size_t kBytes = 4096;

/** A call of Controller::admin(). */
struct Call {
  std::atomic<bool> ended{false};
  AdminResult result;

  void send(Controller& controller, uint8_t opcode, size_t bytes = 0) {
    AdminCommand command;
    command.opcode = opcode;
    command.data.resize(bytes);
    command.done = [this](AdminResult got) {
      result = std::move(got);
      ended = true;
    };
    controller.admin(std::move(command));
  }
};

class AdminMemory : public testing::Test {
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
    controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
    EXPECT_TRUE(controller->wait_for_end(kLimit));
    for (const auto& poller : services_->pollers) {
      poller->stop();
      EXPECT_TRUE(poller->join_for(kLimit));
    }
  }

  std::shared_ptr<Controller> controller;
  /** Ended by the detach at the latest. */
  Call event;
  Call identify;
  Call keep_alive;

 private:
  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
};

TEST_F(AdminMemory, DoesNotComeFromACommandThatHasNone) {
  fake::target().held_opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  event.send(*controller, SPDK_NVME_OPC_ASYNC_EVENT_REQUEST);
  fake::target().out_of_memory = true;
  identify.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  EXPECT_TRUE(comes_true([&] { return identify.ended.load(); }, kLimit));
  EXPECT_STREQ(identify.result.status.code, "ERR_SPDK_NO_MEMORY");
  EXPECT_FALSE(event.ended);
}

TEST_F(AdminMemory, IsAwaitedWhileOtherCommandsPass) {
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  Call first;
  first.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  Call sent;
  sent.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  // So the one before has its memory.
  EXPECT_TRUE(comes_true([&] { return sent.ended.load(); }, kLimit));
  fake::target().out_of_memory = true;
  identify.send(*controller, SPDK_NVME_OPC_IDENTIFY, kBytes);
  keep_alive.send(*controller, SPDK_NVME_OPC_KEEP_ALIVE);
  EXPECT_TRUE(comes_true([&] { return keep_alive.ended.load(); }, kLimit));
  EXPECT_FALSE(identify.ended);
  EXPECT_FALSE(first.ended);
  fake::target().out_of_memory = false;
  fake::target().held_opcode = -1;
  EXPECT_TRUE(comes_true([&] { return first.ended && identify.ended; }, kLimit));
  EXPECT_TRUE(first.result.status.ok() && identify.result.status.ok() && keep_alive.result.status.ok());
}

}  // namespace
}  // namespace spdk_nvme
