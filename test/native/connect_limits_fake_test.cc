// The time that SPDK may take for a connect, and a caller that does not wait so long.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;
/** Some days. */
constexpr uint32_t kLongMs = 1'000'000'000;

class ConnectLimits : public testing::Test {
 protected:
  ConnectLimits() { services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{})); }
  ~ConnectLimits() override { fake::target().holds_queue_pairs = false; }

  void attach() { controller_ = Controller::start(services_, threads_, fake::request(kLongMs), {}); }
  void expect_end() {
    EXPECT_TRUE(controller_->wait_for_end(kLimit)) << controller_->stacks(1s);
    EXPECT_EQ(fake::target().connected, fake::target().destroyed);
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(1, 0);
  ControlThreads threads_;
  std::shared_ptr<Controller> controller_;
};

TEST_F(ConnectLimits, AreNoMoreThanSpdkComputesWith) {
  attach();
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
  const uint64_t us = uint64_t{fake::target().admin_timeout_ms} * 1'000;
  EXPECT_GT(us, 0U);
  EXPECT_LE(us, UINT32_MAX) << "SPDK has microseconds in 32 bits";
  controller_->detach({}, [](const DetachReport& /*report*/) {});
  expect_end();
}

TEST_F(ConnectLimits, DoNotKeepAnAttachThatIsCancelledWhileItsQueuePairsConnect) {
  fake::target().holds_queue_pairs = true;
  attach();
  ASSERT_TRUE(comes_true([&] { return fake::target().connected > fake::target().destroyed; }, kLimit));
  controller_->cancel_attach();
  expect_end();
}

}  // namespace
}  // namespace spdk_nvme
