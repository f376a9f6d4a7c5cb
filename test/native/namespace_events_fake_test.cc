// Namespaces of a controller whose connection ends while SPDK identifies them after a change.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "fake_spdk/fake_target.h"
#include "native/core/controller/controller.h"

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLimit = 10s;

template <typename Condition>
bool wait_for(Condition condition) {
  const auto limit = Clock::now() + kLimit;
  do {
    // Not asked again after that: it may be true for a moment only.
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  } while (Clock::now() < limit);
  return false;
}

/** A controller that is attached, with one queue pair that JavaScript polls. */
class NamespaceEvents : public testing::Test {
 protected:
  void attach() {
    Controller::Request request;
    request.transport_id.trtype = SPDK_NVME_TRANSPORT_TCP;
    strcpy(request.transport_id.trsvcid, "4420");
    strcpy(request.transport_id.subnqn, "nqn.2026-11.fake");
    request.connect.io_queues = 1;
    request.connect.queue_depth = 8;
    request.connect.timeout_ms = 10'000;
    request.polling = PollingMode::javascript;
    request.reconnect = {.delay = 1ms, .loss_timeout = ReconnectPolicy::kForever, .fast_io_fail = 0ms};
    ControllerEvents events{};
    events.namespaces_changed = [this] {
      changes_without_ += controller_->description().namespaces().empty();
    };
    controller_ = Controller::start(services_, threads_, request, events);
    ASSERT_TRUE(wait_for([&] { return controller_->state() == ControllerState::attached; }));
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
  ASSERT_TRUE(wait_for([&] { return fake::target().connected > connected; })) << "it has not reconnected";
  ASSERT_TRUE(wait_for([&] { return controller_->state() == ControllerState::attached; }));
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
  EXPECT_TRUE(wait_for([&] { return (without = is_polled() ? 0 : without + 1) == 10; }));
  for (int i = 0; i < 50; i++) {
    EXPECT_FALSE(is_polled());
    std::this_thread::sleep_for(1ms);
  }
  fake::target().silent = false;
  EXPECT_TRUE(wait_for(is_polled));
}

}  // namespace
}  // namespace spdk_nvme
