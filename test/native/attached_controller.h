#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {

/** A call of Controller::admin(). */
struct AdminCall {
  std::atomic<bool> ended{false};
  AdminResult result;
  /** Set when the caller stops waiting. */
  const std::shared_ptr<std::atomic<bool>> given_up = std::make_shared<std::atomic<bool>>(false);

  void send(Controller& controller, uint8_t opcode, size_t bytes = 0) {
    AdminCommand command;
    command.opcode = opcode;
    command.data.resize(bytes);
    command.given_up = given_up;
    command.done = [this](AdminResult got) {
      result = std::move(got);
      ended = true;
    };
    controller.admin(std::move(command));
  }
};

/** A controller of the fake target, which each test has detached at its end at the latest. */
class AttachedController : public testing::Test {
 protected:
  static constexpr std::chrono::seconds kLimit{10};

  void SetUp() override {
    services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{}));
    controller = Controller::start(services_, threads_, fake::request(1'000), {});
    ASSERT_TRUE(comes_true([&] { return controller->state() == ControllerState::attached; }, kLimit));
  }
  void TearDown() override {
    fake::target().held_opcode = -1;
    fake::target().out_of_memory = false;
    detach_at_end();
    EXPECT_TRUE(controller->wait_for_end(kLimit));
    for (const auto& poller : services_->pollers) {
      poller->stop();
      EXPECT_TRUE(poller->join_for(kLimit));
    }
  }
  /** For tests that do not detach it themselves. */
  virtual void detach_at_end() {}

  std::shared_ptr<Controller> controller;

 private:
  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
};

}  // namespace spdk_nvme
