// An environment that is closed past its time limit stops its pollers, while controllers are still at their end.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

class StoppedPollers : public testing::TestWithParam<PollingMode> {
 protected:
  StoppedPollers() {
    for (size_t i = 0; i < 2; i++) services_->pollers.push_back(std::make_unique<Poller>(i, PollerOptions{}));
  }

  void attach() {
    auto request = fake::request(1'000);
    request.connect.io_queues = 3;
    request.polling = GetParam();
    controller_ = Controller::start(services_, threads_, request, {});
    ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
  }

  void stop_pollers() {
    for (const auto& poller : services_->pollers) poller->stop();
    for (const auto& poller : services_->pollers) ASSERT_TRUE(poller->join_for(kLimit));
  }

  void expect_end() {
    ASSERT_TRUE(controller_->wait_for_end(kLimit)) << controller_->stacks(1s);
    EXPECT_EQ(fake::target().connected, fake::target().destroyed);
    EXPECT_TRUE(fake::queue_pairs().empty());
    EXPECT_TRUE(threads_.join_for(kLimit));
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
  std::shared_ptr<Controller> controller_;
};

TEST_P(StoppedPollers, LeaveTheControlThreadNothingToWaitForWhenItDetaches) {
  attach();
  stop_pollers();
  controller_->detach({.drain = 0ms, .timeout = 300ms}, [](const DetachReport&) {});
  controller_->abandon();
  expect_end();
}

TEST_P(StoppedPollers, LeaveTheControlThreadNothingToWaitForWhenTheConnectionIsLost) {
  attach();
  stop_pollers();
  fake::lose_admin_queues();
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::failed; }, kLimit));
  ASSERT_TRUE(comes_true([&] { return fake::target().connected == fake::target().destroyed; }, kLimit));
  controller_->detach({.drain = 0ms, .timeout = 300ms}, [](const DetachReport&) {});
  controller_->abandon();
  expect_end();
}

INSTANTIATE_TEST_SUITE_P(Polling, StoppedPollers,
                         testing::Values(PollingMode::threads, PollingMode::adaptive,
                                         PollingMode::javascript));

}  // namespace
}  // namespace spdk_nvme
