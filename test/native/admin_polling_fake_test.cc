// What polls of the admin queue show, and how often it is polled while a command is outstanding.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"
#include "thread_sleeps.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLimit = 10s;

class AdminPolling : public testing::Test {
 protected:
  void SetUp() override { services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{})); }

  std::shared_ptr<Controller> attach(const Controller::Request& request = fake::request(1'000)) {
    auto controller = Controller::start(services_, threads_, request, {});
    EXPECT_TRUE(comes_true([&] { return controller->state() == ControllerState::attached; }, kLimit));
    return controller;
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
};

TEST_F(AdminPolling, NoticesALossInThePollThatBeginsToDisconnect) {
  const auto controller = attach();
  fake::begin_to_disconnect_admin_queues();
  EXPECT_TRUE(comes_true([&] { return controller->state() == ControllerState::failed; }, kLimit));
  controller->detach({.drain = 0ms, .timeout = 300ms}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
  EXPECT_TRUE(threads_.join_for(kLimit));
}

TEST_F(AdminPolling, IsOnceForAKeepAliveThatIsCompletedAtOnce) {
  constexpr uint32_t kKeepAliveMs = 200;
  auto request = fake::request(1'000);
  request.connect.keep_alive_ms = kKeepAliveMs;
  const auto controller = attach(request);
  std::this_thread::sleep_for(50ms);
  const uint64_t before = fake::target().admin_polls;
  const auto began = Clock::now();
  std::this_thread::sleep_for(600ms);
  const auto keep_alives = (Clock::now() - began) / (kKeepAliveMs / 4 * 1ms) + 1;
  const auto polls = static_cast<int64_t>(fake::target().admin_polls - before);
  EXPECT_GT(polls, 0);
  EXPECT_LE(polls, keep_alives * 3 / 2);
  EXPECT_EQ(controller->state(), ControllerState::attached);
  controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
}

TEST_F(AdminPolling, TakesTurnsThatATargetWithoutPatienceCannotMakeEndless) {
  fake::target().granted_keep_alive_ms = 1;
  auto request = fake::request(1'000);
  request.connect.keep_alive_ms = 10'000;
  const auto controller = attach(request);
  fake::target().granted_keep_alive_ms = 0;
  std::this_thread::sleep_for(50ms);
  const uint64_t before = fake::target().admin_polls;
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(fake::target().admin_polls - before, 150U);
  controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
}

TEST_F(AdminPolling, OfManyControllersTakesPlaceTogether) {
  constexpr int kControllers = 24;
  auto request = fake::request(1'000);
  request.connect.keep_alive_ms = 10'000;
  std::vector<std::shared_ptr<Controller>> controllers;
  for (int i = 0; i < kControllers; i++) {
    controllers.push_back(attach(request));
    // So that neither their polls nor their Keep Alives begin together.
    std::this_thread::sleep_for(7ms);
  }
  std::this_thread::sleep_for(1s);
  // Several tries: other programs hold the thread up, which parts what is together.
  int64_t fewest = kControllers * 10;
  for (int tries = 0; tries < 5 && fewest > 15; tries++) {
    const int64_t before = thread_sleeps("spdk-control");
    std::this_thread::sleep_for(1s);
    fewest = std::min(fewest, thread_sleeps("spdk-control") - before);
  }
  // Nine rounds of polls of a tenth of a second, or a little longer.
  EXPECT_LE(fewest, 15);
  for (const auto& one : controllers) one->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  for (const auto& one : controllers) EXPECT_TRUE(one->wait_for_end(kLimit));
  EXPECT_TRUE(threads_.join_for(kLimit));
}

TEST_F(AdminPolling, IsSeldomForACommandThatTakesLong) {
  const auto controller = attach();
  const auto limit = Clock::now() + kLimit;

  // Such as an Asynchronous Event Request, which completes with the next event, or never.
  fake::target().silent = true;
  std::atomic<bool> ended{false};
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_ASYNC_EVENT_REQUEST;
  command.done = [&ended](const AdminResult& /*result*/) { ended = true; };
  const uint64_t before = fake::target().admin_polls;
  controller->admin(std::move(command));
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(ended);
  // At first every 50 us, then after each sixteenth of the time that it has taken.
  const uint64_t polls = fake::target().admin_polls - before;
  EXPECT_GT(polls, 0U);
  EXPECT_LT(polls, 400U);

  fake::target().silent = false;
  while (!ended && Clock::now() < limit) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(ended);
  controller->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
  EXPECT_TRUE(controller->wait_for_end(kLimit));
  for (const auto& poller : services_->pollers) {
    poller->stop();
    EXPECT_TRUE(poller->join_for(kLimit));
  }
}

}  // namespace
}  // namespace spdk_nvme
