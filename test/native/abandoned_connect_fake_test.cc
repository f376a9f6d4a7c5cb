// A detach in the middle of an attempt to reconnect, to a target that accepts connections and does not respond.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

class AbandonedConnect : public testing::Test {
 protected:
  AbandonedConnect() {
    fake::target().silent = false;
    services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{}));
    // Much longer than the test.
    auto request = fake::request(600'000);
    request.reconnect = {.delay = 10ms, .loss_timeout = ReconnectPolicy::kForever};
    controller_ = Controller::start(services_, threads_, request, {});
  }
  ~AbandonedConnect() override {
    fake::target().silent = false;
    fake::target().polls_in_vain = 0;
  }

  void lose_connection_to_silent_target() {
    ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
    fake::target().silent = true;
    fake::lose_admin_queues();
    ASSERT_TRUE(comes_true([&] { return fake::connects() > 0; }, kLimit));
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(1, 0);
  ControlThreads threads_;
  std::shared_ptr<Controller> controller_;
};

TEST_F(AbandonedConnect, IsDisconnectedByWhoAbandonsIt) {
  lose_connection_to_silent_target();
  // Without Connector::cancel(), which may also come too late: the control thread abandons the attempt when it sees the request.
  controller_->cancel_attach();
  EXPECT_TRUE(controller_->wait_for_end(kLimit)) << controller_->stacks(1s);
  EXPECT_EQ(fake::connects(), 0U);
}

TEST_F(AbandonedConnect, IsPolledToItsEndWhereSpdkEndsItSoon) {
  // More than the control thread makes before it abandons it.
  fake::target().polls_in_vain = 30;
  lose_connection_to_silent_target();
  controller_->cancel_attach();
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::detached; }, kLimit));
  controller_->abandon();
  EXPECT_TRUE(controller_->wait_for_end(kLimit)) << controller_->stacks(1s);
  if (!spdk::ConnectAttempt::may_outlast_its_connections()) {
    EXPECT_EQ(fake::connects(), 0U);
  }
}

}  // namespace
}  // namespace spdk_nvme
