// What an attach that failed says.

#include "native/core/connection/connect_status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace spdk_nvme {
namespace {

using Lines = std::vector<std::string>;

/** A target that closes the connection. */
constexpr ConnectSigns kEnded{.target_ended = true};
constexpr ConnectSigns kEndedLater{.target_responded = true, .target_ended = true};

Status status_of(const Lines& lines, const ConnectSigns& signs) {
  return connect_status(lines, {}, signs);
}

TEST(ConnectStatus, SaysThatTheTargetClosedTheConnectionInTheWordsOfAnyRelease) {
  for (const Lines& lines : {Lines{}, Lines{"Failed to construct the tqpair=0x1 via correct icresp"}}) {
    const Status status = status_of(lines, kEnded);
    EXPECT_STREQ(status.code, "ERR_SPDK_UNREACHABLE");
    EXPECT_EQ(status.error_number, ECONNRESET);
  }
}

TEST(ConnectStatus, SaysThatTheTargetClosedTheConnectionAfterResponding) {
  const Lines old = {"Connect command failed"};
  const Lines newer = {"Connect command failed, rc -5, trtype:TCP",
                       "Connect command completed with error: sct 0, sc 8"};
  const Lines identify = {"Failed to identify the controller"};
  const Lines queue_pair = {"Failed to construct the tqpair=0x1 via correct icresp"};
  for (const Lines& lines : {old, newer, identify, queue_pair, Lines{}}) {
    const Status status = status_of(lines, kEndedLater);
    EXPECT_STREQ(status.code, "ERR_SPDK_ATTACH_FAILED");
    EXPECT_NE(status.message.find("closed the connection"), std::string::npos);
    EXPECT_EQ(status.error_number, ECONNRESET);
  }
}

TEST(ConnectStatus, SaysWhatTheTargetSaidBeforeItClosedTheConnection) {
  const Status status = status_of(
      {"Connect command failed, rc -5, trtype:TCP", "Connect command completed with error: sct 1, sc 132"},
      kEndedLater);
  EXPECT_STREQ(status.code, "ERR_SPDK_CONNECT_REJECTED");
  ASSERT_TRUE(status.nvme);
  EXPECT_EQ(status.nvme->sc, 132);
}

TEST(ConnectStatus, BlamesNoTargetThatKeptTheConnection) {
  EXPECT_STREQ(status_of({}, {}).code, "ERR_SPDK_ATTACH_FAILED");
  EXPECT_STREQ(status_of({}, {.target_responded = true}).code, "ERR_SPDK_ATTACH_FAILED");
  EXPECT_EQ(status_of({"via correct icresp"}, {}).error_number, ETIMEDOUT);
}

TEST(ConnectStatus, BlamesTheKeyOnlyForAHandshake) {
  EXPECT_STREQ(status_of({}, {.encrypted = true}).code, "ERR_SPDK_AUTHENTICATION_FAILED");
  EXPECT_STREQ(status_of({}, {.encrypted = true, .target_ended = true}).code,
               "ERR_SPDK_AUTHENTICATION_FAILED");
  const ConnectSigns later{.encrypted = true, .target_responded = true, .target_ended = true};
  EXPECT_STREQ(status_of({}, later).code, "ERR_SPDK_ATTACH_FAILED");
}

}  // namespace
}  // namespace spdk_nvme
