// A poll of a queue pair that reads nothing from its socket shows that SPDK never will.

#include "native/spdk/interpose/socket_use.h"

#include <gtest/gtest.h>

#include <utility>

namespace spdk_nvme::spdk {
namespace {

/** Polls as SPDK does: flushes, where the queue pair is in no group; ends the connection if that fails; reads. */
struct Spdk {
  bool grouped = false;
  bool reads = true;
  int32_t completions = 0;
  int polls = 0;

  int32_t operator()() {
    polls++;
    if (!grouped) {
      if (std::exchange(socket_use.flush_fails, false)) return -1;
      socket_use.flushes++;
    }
    if (reads) socket_use.reads++;
    return completions;
  }
};

int32_t poll(Spdk& spdk) {
  return poll_what_is_read([&] { return spdk(); });
}

TEST(SocketUse, EndsAConnectionThatIsNotRead) {
  Spdk spdk{.reads = false};
  EXPECT_EQ(poll(spdk), -1);
  EXPECT_EQ(spdk.polls, 2);
  EXPECT_FALSE(socket_use.flush_fails);
}

TEST(SocketUse, LeavesOneThatIsRead) {
  Spdk spdk;
  EXPECT_EQ(poll(spdk), 0);
  EXPECT_EQ(spdk.polls, 1);
}

TEST(SocketUse, LeavesOneWithCompletions) {
  Spdk spdk{.reads = false, .completions = 1};
  EXPECT_EQ(poll(spdk), 1);
  EXPECT_EQ(spdk.polls, 1);
}

TEST(SocketUse, LeavesThoseInAGroup) {
  Spdk spdk{.grouped = true, .reads = false};
  EXPECT_EQ(poll(spdk), 0);
  EXPECT_EQ(spdk.polls, 1);
}

}  // namespace
}  // namespace spdk_nvme::spdk
