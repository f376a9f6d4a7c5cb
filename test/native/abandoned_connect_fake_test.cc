// The end of a controller in the middle of a connect, to a target that accepts connections and does not respond.

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
/** More polls than a test makes: as over RDMA from SPDK v22.05 on, where nothing ends a connect but its time limit. */
constexpr int kPollsWithoutEnd = 1'000'000'000;

class AbandonedConnect : public testing::Test {
 protected:
  AbandonedConnect() {
    fake::target().silent = false;
    services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{}));
  }
  ~AbandonedConnect() override {
    fake::target().silent = false;
    fake::target().polls_in_vain = 0;
  }

  void attach() {
    // Much longer than the test.
    auto request = fake::request(600'000);
    request.reconnect = {.delay = 10ms, .loss_timeout = ReconnectPolicy::kForever};
    controller_ = Controller::start(services_, threads_, request, {});
  }
  void attach_to_silent_target() {
    fake::target().silent = true;
    attach();
    ASSERT_TRUE(comes_true([&] { return connects() > 0; }, kLimit));
  }
  void lose_connection_to_silent_target() {
    attach();
    ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
    fake::target().silent = true;
    fake::lose_admin_queues();
    ASSERT_TRUE(comes_true([&] { return connects() > 0; }, kLimit));
  }

  void close_environment(std::chrono::milliseconds limit) {
    controller_->detach({.drain = 0ms, .timeout = limit}, [](const DetachReport& /*report*/) {});
    controller_->abandon();
  }
  void expect_end() { EXPECT_TRUE(controller_->wait_for_end(kLimit)) << controller_->stacks(1s); }

  /** Those of this test: others may have left some. */
  [[nodiscard]] size_t connects() const { return fake::connects() - connects_before_; }

  const size_t connects_before_ = fake::connects();
  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(1, 0);
  ControlThreads threads_;
  std::shared_ptr<Controller> controller_;
};

TEST_F(AbandonedConnect, IsDisconnectedByWhoAbandonsIt) {
  lose_connection_to_silent_target();
  // Without Connector::cancel(), which may also come too late: the control thread abandons the attempt when it sees the request.
  controller_->cancel_attach();
  expect_end();
  EXPECT_EQ(connects(), 0U);
}

TEST_F(AbandonedConnect, IsPolledToItsEndWhereSpdkEndsItSoon) {
  // More than the control thread makes before it abandons it.
  fake::target().polls_in_vain = 30;
  lose_connection_to_silent_target();
  controller_->cancel_attach();
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::detached; }, kLimit));
  controller_->abandon();
  expect_end();
  if (spdk::ConnectAttempt::last_polls() > 0ms) {
    EXPECT_EQ(connects(), 0U);
  }
}

TEST_F(AbandonedConnect, DoesNotKeepAnEnvironmentThatCloses) {
  fake::target().polls_in_vain = kPollsWithoutEnd;
  lose_connection_to_silent_target();
  close_environment(5s);
  expect_end();
}

TEST_F(AbandonedConnect, DoesNotKeepAnEnvironmentThatClosesDuringTheFirstAttach) {
  fake::target().polls_in_vain = kPollsWithoutEnd;
  attach_to_silent_target();
  close_environment(5s);
  expect_end();
}

TEST_F(AbandonedConnect, IsPolledNoLongerThanTheEnvironmentMayTakeToClose) {
  fake::target().polls_in_vain = kPollsWithoutEnd;
  lose_connection_to_silent_target();
  controller_->cancel_attach();
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::detached; }, kLimit));
  constexpr auto kClose = 2s;
  close_environment(kClose);
  EXPECT_TRUE(controller_->wait_for_end(kClose)) << controller_->stacks(1s);
}

}  // namespace
}  // namespace spdk_nvme
