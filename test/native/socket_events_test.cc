// What a watched socket reports, and that it reports nothing else.

#include "native/core/base/socket_events.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace spdk_nvme {
namespace {

using namespace std::chrono_literals;
using Kind = SocketEvents::Kind;

/** Two connected sockets. */
class Pair {
 public:
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0); }
  ~Pair() {
    close(mine());
    end();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  [[nodiscard]] int mine() const { return ends_[0]; }
  void send() const { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void end() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

class Sockets : public testing::Test {
 protected:
  bool add(const Pair& pair, Kind kind) {
    return events_.add(pair.mine(), kind, [this] { calls_++; });
  }
  /** Whether it comes to so many calls. */
  [[nodiscard]] bool called(int calls) const {
    for (int i = 0; i < 5'000 && calls_ < calls; i++) std::this_thread::sleep_for(1ms);
    return calls_ == calls;
  }
  [[nodiscard]] bool quiet(int calls) const {
    std::this_thread::sleep_for(50ms);
    return calls_ == calls;
  }

  std::atomic<int> calls_{0};
  SocketEvents events_;
};

TEST_F(Sockets, ReportDataOnceForEachArrival) {
  const Pair pair;
  ASSERT_TRUE(add(pair, Kind::data));
  pair.send();
  EXPECT_TRUE(called(1));
  // Unread data is no reason to call again.
  EXPECT_TRUE(quiet(1));
  pair.send();
  EXPECT_TRUE(called(2));
}

TEST_F(Sockets, ReportDataThatWasThereBefore) {
  const Pair pair;
  pair.send();
  ASSERT_TRUE(add(pair, Kind::data));
  EXPECT_TRUE(called(1));
}

TEST_F(Sockets, ReportTheEndOfAConnectionButNotItsData) {
  Pair pair;
  ASSERT_TRUE(add(pair, Kind::end));
  pair.send();
  EXPECT_TRUE(quiet(0));
  pair.end();
  EXPECT_TRUE(called(1));
  EXPECT_TRUE(quiet(1));
}

TEST_F(Sockets, ReportNothingAnyMoreOnceRemoved) {
  const Pair pair;
  ASSERT_TRUE(add(pair, Kind::data));
  events_.remove(pair.mine());
  pair.send();
  EXPECT_TRUE(quiet(0));
}

TEST_F(Sockets, CannotBeAddedOnceStopped) {
  const Pair pair;
  ASSERT_TRUE(add(pair, Kind::data));
  events_.stop();
  events_.remove(pair.mine());
  EXPECT_FALSE(add(pair, Kind::data));
}

TEST_F(Sockets, ThatAreNoneAreNotWatched) {
  EXPECT_FALSE(events_.add(-1, Kind::data, [] {}));
}

/** How often the calling thread has waited for something. */
int64_t waits() {
  rusage used{};
  EXPECT_EQ(getrusage(RUSAGE_THREAD, &used), 0);
  return used.ru_nvcsw;
}

TEST_F(Sockets, AreReportedTogetherWhileManyHaveEvents) {
  constexpr int kMany = 64;
  const std::array<Pair, kMany> pairs;
  std::atomic<int64_t> first{-1};
  std::atomic<int64_t> last{0};
  for (const Pair& pair : pairs) {
    ASSERT_TRUE(events_.add(pair.mine(), Kind::data, [&] {
      last = waits();
      if (first < 0) first = last.load();
      calls_++;
    }));
  }
  const auto begun = std::chrono::steady_clock::now();
  for (const Pair& pair : pairs) {
    pair.send();
    std::this_thread::sleep_for(100us);
  }
  ASSERT_TRUE(called(kMany));
  // A wait and a sleep of 2 ms for each time, and the waits for the first events.
  const auto times = (std::chrono::steady_clock::now() - begun) / 2ms;
  EXPECT_LE(last - first, 2 * times + 4);
}

}  // namespace
}  // namespace spdk_nvme
