// Namespaces of a controller whose connection ends while SPDK identifies them after a change.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "comes_true.h"
#include "fake_spdk/fake_request.h"
#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 10s;

/** A controller that is attached, with one queue pair that JavaScript polls. */
class NamespaceEvents : public testing::Test {
 protected:
  void attach() {
    auto request = fake::request(10'000);
    request.polling = PollingMode::javascript;
    request.reconnect = {.delay = 1ms, .loss_timeout = ReconnectPolicy::kForever, .fast_io_fail = 0ms};
    ControllerEvents events{};
    events.namespaces_changed = [this] {
      changes_without_ += controller_->description().namespaces().empty();
    };
    controller_ = Controller::start(services_, threads_, request, events);
    ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
  }
  void TearDown() override {
    fake::target().silent = false;
    controller_->detach({.timeout = kLimit}, [](const DetachReport& /*report*/) {});
    EXPECT_TRUE(controller_->wait_for_end(kLimit));
  }

  const std::shared_ptr<ControllerServices> services_ = std::make_shared<ControllerServices>(1, 0);
  ControlThreads threads_;
  /** Changes that were reported while there was no namespace. */
  std::atomic<int> changes_without_{0};
  std::shared_ptr<Controller> controller_;
};

TEST_F(NamespaceEvents, DoNotLoseANamespaceWithTheConnection) {
  attach();
  const auto before = controller_->description().namespaces();
  ASSERT_EQ(before.size(), 1U);
  const uint64_t connected = fake::target().connected;

  fake::target().ends_while_identifying = true;
  fake::report_namespace_change();
  ASSERT_TRUE(comes_true([&] { return fake::target().connected > connected; }, kLimit))
      << "it has not reconnected";
  ASSERT_TRUE(comes_true([&] { return controller_->state() == ControllerState::attached; }, kLimit));
  const auto after = controller_->description().namespaces();
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].tag, before[0].tag) << "commands for it would reject";
  EXPECT_EQ(changes_without_, 0);
}

TEST_F(NamespaceEvents, LetNobodyPollBesideACallThatWaitsForASilentTarget) {
  attach();
  fake::target().silent = true;
  fake::report_namespace_change();
  const auto& pair = controller_->queue_pairs().at(0);
  // The control thread is in a call that waits for the target. A poll beside it could wait as well.
  const auto is_polled = [&] {
    const uint64_t polls = fake::target().queue_pair_polls;
    pair.js_set->poll();
    return fake::target().queue_pair_polls > polls;
  };
  // For the moment of another holder there is no poll either.
  int without = 0;
  EXPECT_TRUE(comes_true([&] { return (without = is_polled() ? 0 : without + 1) == 10; }, kLimit));
  for (int i = 0; i < 50; i++) {
    EXPECT_FALSE(is_polled());
    std::this_thread::sleep_for(1ms);
  }
  fake::target().silent = false;
  EXPECT_TRUE(comes_true(is_polled, kLimit));
}

}  // namespace
}  // namespace spdk_nvme
