// What is kept of a controller's past.

#include "native/core/diagnostics/history.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace spdk_nvme {
namespace {

using Kind = HistoryEvent::Kind;

TEST(History, GivesEventsInTheirOrderWithTheirTimes) {
  History history(7, "a subsystem");
  const std::chrono::duration<double, std::milli> before =
      std::chrono::system_clock::now().time_since_epoch();
  history.add(Kind::state, "attaching");
  history.add_log(0, "nvme.c:1:connect", "a line");
  history.add(Kind::failure, "the link died", "ERR_SPDK_CONTROLLER_FAILED");
  const auto events = history.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, Kind::state);
  EXPECT_EQ(events[1].kind, Kind::log);
  EXPECT_EQ(events[1].source, "nvme.c:1:connect");
  EXPECT_EQ(events[2].text, "the link died");
  EXPECT_STREQ(events[2].code, "ERR_SPDK_CONTROLLER_FAILED");
  double last = 0;
  for (const auto& event : events) {
    EXPECT_GE(event.monotonic_ms, last);
    last = event.monotonic_ms;
    EXPECT_GE(event.wall_ms, before.count());
  }
}

TEST(History, IsBoundedAndAFloodOfLinesLeavesTheOtherEvents) {
  History history(1, "");
  history.add(Kind::state, "attached");
  for (size_t i = 0; i < 10 * History::kKept; i++) history.add_log(0, "", std::to_string(i));
  auto events = history.events();
  ASSERT_EQ(events.size(), History::kKept + 1);
  EXPECT_EQ(events.front().text, "attached");
  EXPECT_EQ(events.back().text, std::to_string(10 * History::kKept - 1));

  for (size_t i = 0; i < 2 * History::kKept; i++) history.add(Kind::reset, std::to_string(i));
  events = history.events();
  EXPECT_EQ(events.size(), 2 * History::kKept);
  EXPECT_EQ(events.back().text, std::to_string(2 * History::kKept - 1));
}

TEST(History, TakesEventsFromManyThreads) {
  History history(1, "");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; n++) {
        history.add(Kind::state, "attached");
        history.add_log(1, "", "line");
        if (n % 100 == 0) {
          EXPECT_LE(history.events().size(), 2 * History::kKept);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(history.events().size(), 2 * History::kKept);
}

}  // namespace
}  // namespace spdk_nvme
