#include "native/core/controller/event_sink.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace spdk_nvme {
namespace {

class EventSinkTest : public testing::Test {
 protected:
  ControllerEvents recording() {
    return {.attached = [this](const Status&) { heard_.emplace_back("attached"); },
            .state_changed = [this](ControllerState state) { heard_.emplace_back(to_string(state)); },
            .failed = [this](const Status& why) { heard_.emplace_back(why.code); },
            .reset = [this](const ResetStep&) { heard_.emplace_back("reset"); },
            .io_completed = [this] { heard_.emplace_back("completed"); },
            .namespaces_changed = [this] { heard_.emplace_back("namespaces"); },
            .log_changed = [this] { heard_.emplace_back("log"); },
            .reservations_changed = [this] { heard_.emplace_back("reservations"); }};
  }

  std::vector<std::string> heard_;
  const std::shared_ptr<History> history_ = std::make_shared<History>(1, "nqn");
};

TEST_F(EventSinkTest, FailedEmitsTheStateAndThenTheReason) {
  EventSink sink(recording(), history_);
  sink.failed(Status::failure("ERR_SPDK_IO_FAILED", "lost"));
  EXPECT_EQ(heard_, (std::vector<std::string>{"failed", "ERR_SPDK_IO_FAILED"}));
  const auto events = history_->events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].text, "lost");
  EXPECT_EQ(events[1].text, "failed");
}

TEST_F(EventSinkTest, CloseEndsWhatTheOwnerHearsButNotTheHistory) {
  EventSink sink(recording(), history_);
  sink.close();
  sink.attached(Status::success());
  sink.state_changed(ControllerState::detached);
  sink.reset({});
  sink.namespaces_changed();
  sink.log_changed();
  sink.reservations_changed();
  EXPECT_FALSE(sink.io_completed());
  EXPECT_TRUE(heard_.empty());
  EXPECT_EQ(history_->events().size(), 1U);
}

TEST_F(EventSinkTest, CloseDropsWhatTheFunctionsHold) {
  const auto listener = std::make_shared<int>(0);
  ControllerEvents events;
  events.namespaces_changed = [listener] {};
  EventSink sink(std::exchange(events, {}), history_);
  EXPECT_EQ(listener.use_count(), 2);
  sink.close();
  EXPECT_EQ(listener.use_count(), 1);
}

TEST_F(EventSinkTest, HoldsNoLockWhileItCallsTheOwner) {
  EventSink* reached = nullptr;
  ControllerEvents events;
  events.state_changed = [&reached](ControllerState) { reached->close(); };
  EventSink sink(std::move(events), history_);
  reached = &sink;
  sink.state_changed(ControllerState::wedged);
  EXPECT_EQ(history_->events().size(), 1U);
}

TEST_F(EventSinkTest, MayBeClosedWhileAnotherThreadReports) {
  std::atomic<int> calls{0};
  ControllerEvents events;
  events.state_changed = [&calls](ControllerState) { calls++; };
  EventSink sink(std::move(events), history_);
  std::thread other([&] {
    for (int i = 0; i < 1'000; i++) sink.state_changed(ControllerState::wedged);
  });
  sink.close();
  other.join();
  EXPECT_LE(calls.load(), 1'000);
}

}  // namespace
}  // namespace spdk_nvme
