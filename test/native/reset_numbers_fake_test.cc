// Which reset answers a request: one that ends after it.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_spdk.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

class ResetNumbers : public testing::Test {
 protected:
  ResetNumbers() { services_->pollers.push_back(std::make_unique<Poller>(0, PollerOptions{})); }

  void attach(ReconnectPolicy policy = {}) {
    auto request = fake::request(1'000);
    request.reconnect = policy;
    ControllerEvents events;
    events.failed = [this](const Status& /*why*/) { note("lost"); };
    events.reset = [this](const ResetStep& step) {
      const char* const kinds[] = {"begun", nullptr, nullptr, "done", "failed"};
      const char* const kind = kinds[static_cast<size_t>(step.kind)];
      if (kind != nullptr) note(kind + std::string(" ") + std::to_string(step.number));
    };
    controller = Controller::start(services_, threads_, std::move(request), std::move(events));
    ASSERT_TRUE(comes_to(ControllerState::attached));
  }
  void TearDown() override {
    fake::target().rejects = false;
    fake::target().held_opcode = -1;
    controller->detach({}, [](const DetachReport& /*report*/) {});
    EXPECT_TRUE(controller->wait_for_end(kLimit));
    for (const auto& poller : services_->pollers) {
      poller->stop();
      EXPECT_TRUE(poller->join_for(kLimit));
    }
  }

  bool comes_to(ControllerState state) {
    return comes_true([&] { return controller->state() == state; }, kLimit);
  }
  /** Whether these steps are reported, and no others. */
  void expect_steps(const std::vector<std::string>& steps) {
    EXPECT_TRUE(comes_true([&] { return heard().size() >= steps.size(); }, kLimit));
    // A reset that should not be would follow at once.
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(heard(), steps);
  }

  std::shared_ptr<Controller> controller;

 private:
  void note(std::string step) {
    const std::lock_guard<std::mutex> guard(mutex_);
    steps_.push_back(std::move(step));
  }
  std::vector<std::string> heard() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return steps_;
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(2, 0);
  ControlThreads threads_;
  /** Guards steps_. */
  std::mutex mutex_;
  std::vector<std::string> steps_;
};

TEST_F(ResetNumbers, AReconnectThatIsOverAnswersNoLaterRequest) {
  attach({.delay = 5ms, .loss_timeout = ReconnectPolicy::kForever});
  fake::lose_admin_queues();
  expect_steps({"begun 1", "done 1"});
  EXPECT_EQ(controller->reset(), 2U);
  expect_steps({"begun 1", "done 1", "begun 2", "done 2"});
}

TEST_F(ResetNumbers, RequestsDuringAResetAreAnsweredByItAlone) {
  attach({.delay = 5ms, .loss_timeout = ReconnectPolicy::kForever});
  fake::target().rejects = true;
  EXPECT_EQ(controller->reset(), 1U);
  ASSERT_TRUE(comes_to(ControllerState::resetting));
  EXPECT_EQ(controller->reset(), 1U);
  fake::target().rejects = false;
  EXPECT_EQ(controller->reset(), 1U);
  expect_steps({"begun 1", "done 1"});
}

TEST_F(ResetNumbers, AlsoByOneThatDoesNotLookAtThemBeforeItsEnd) {
  attach();
  // Otherwise the controller counts as one that responds, and is not asked.
  std::this_thread::sleep_for(20ms);
  fake::target().held_opcode = SPDK_NVME_OPC_KEEP_ALIVE;
  EXPECT_EQ(controller->reset(), 1U);
  ASSERT_TRUE(comes_to(ControllerState::resetting));
  EXPECT_EQ(controller->reset(), 1U);
  fake::target().held_opcode = -1;
  expect_steps({"begun 1", "done 1"});
}

TEST_F(ResetNumbers, AResetThatFailsAnswersWhatWasRequestedBefore) {
  attach();
  fake::target().rejects = true;
  EXPECT_EQ(controller->reset(), 1U);
  ASSERT_TRUE(comes_to(ControllerState::failed));
  fake::target().rejects = false;
  EXPECT_EQ(controller->reset(), 2U);
  expect_steps({"begun 1", "lost", "failed 1", "begun 2", "done 2"});
}

TEST_F(ResetNumbers, AConnectionThatIsLostAtOnceIsFollowedByAnother) {
  attach({.delay = 5ms, .loss_timeout = ReconnectPolicy::kForever});
  // So that the new connection is asked for its limits when it is lost.
  fake::target().held_opcode = SPDK_NVME_OPC_IDENTIFY;
  const uint64_t before = fake::target().connected;
  fake::lose_admin_queues();
  while (fake::target().connected == before) std::this_thread::yield();
  fake::lose_admin_queues();
  expect_steps({"begun 1", "done 1", "begun 2", "done 2"});
}

TEST_F(ResetNumbers, ALossIsNoEndOfAReset) {
  attach();
  fake::lose_admin_queues();
  ASSERT_TRUE(comes_to(ControllerState::failed));
  EXPECT_EQ(controller->reset(), 1U);
  expect_steps({"lost", "begun 1", "done 1"});
}

}  // namespace
}  // namespace spdk_nvme
