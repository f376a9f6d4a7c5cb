// When a socket is worth a read.

#include "native/spdk/interpose/empty_reads.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace spdk_nvme::spdk {
namespace {

class EmptyReadsTest : public testing::Test {
 protected:
  EmptyReadsTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_.data()), 0); }
  ~EmptyReadsTest() override {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }

  void note_large_and_empty(int socket) {
    reads_.note(socket, 64 << 10);
    reads_.note(socket, -1);
  }

  std::array<int, 2> ends_{-1, -1};
  EmptyReads reads_;
};

TEST_F(EmptyReadsTest, ASocketThatWasNotReadIsWorthIt) {
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, AfterAReadInVainItTakesData) {
  note_large_and_empty(ends_[0]);
  EXPECT_FALSE(reads_.worth_reading(ends_[0]));
  ASSERT_EQ(write(ends_[1], "x", 1), 1);
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, AfterAReadThatFoundDataItTakesNone) {
  note_large_and_empty(ends_[0]);
  reads_.note(ends_[0], 10);
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, SmallTransfersAreReadWithoutALook) {
  reads_.note(ends_[0], 32 << 10);
  reads_.note(ends_[0], -1);
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, LargeTransfersAreForgottenAfterManySmallOnes) {
  reads_.note(ends_[0], 64 << 10);
  reads_.note(ends_[0], 4096);
  reads_.note(ends_[0], -1);
  EXPECT_FALSE(reads_.worth_reading(ends_[0]));
  for (int i = 0; i < 10; i++) reads_.note(ends_[0], 4096);
  reads_.note(ends_[0], -1);
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, TheEndOfTheConnectionIsWorthARead) {
  note_large_and_empty(ends_[0]);
  close(ends_[1]);
  ends_[1] = -1;
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, SocketsDoNotDisturbEachOther) {
  note_large_and_empty(ends_[0]);
  EXPECT_TRUE(reads_.worth_reading(ends_[1]));
  EXPECT_FALSE(reads_.worth_reading(ends_[0]));
}

TEST_F(EmptyReadsTest, ASocketThatIsClosedIsForTheReadToReport) {
  note_large_and_empty(ends_[0]);
  close(ends_[0]);
  EXPECT_TRUE(reads_.worth_reading(ends_[0]));
  ends_[0] = -1;
}

}  // namespace
}  // namespace spdk_nvme::spdk
