#include "native/spdk/connect_failure.h"

#include <gtest/gtest.h>

namespace spdk_nvme::spdk {
namespace {

using Reason = ConnectFailure::Reason;

Reason reason_of(std::vector<std::string> lines) {
  return connect_failure(lines).reason;
}

TEST(ConnectFailure, IsUnknownWhenTheLogSaysNothing) {
  EXPECT_EQ(reason_of({}), Reason::unknown);
  EXPECT_EQ(reason_of({"Failed to initialize the controller"}), Reason::unknown);
}

TEST(ConnectFailure, HasTheStatusOfARejectedConnect) {
  // From v22.05 on in decimal digits, and in hexadecimal ones where SPDK prints a completion.
  const auto decimal = connect_failure({"Connect command failed, rc -5, trtype:RDMA adrfam:IPv4",
                                        "Connect command completed with error: sct 1, sc 132"});
  EXPECT_EQ(decimal.reason, Reason::rejected);
  ASSERT_TRUE(decimal.status);
  EXPECT_EQ(decimal.status->sct, 1);
  EXPECT_EQ(decimal.status->sc, 132);
  EXPECT_TRUE(decimal.status->dnr);
  const auto printed =
      connect_failure({"nqn=(none) COMMAND SPECIFIC (01/82) qid:0 cid:0 cdw0:0 sqhd:0000 p:0"});
  EXPECT_EQ(printed.reason, Reason::rejected);
  ASSERT_TRUE(printed.status);
  EXPECT_EQ(printed.status->sc, 0x82);
}

TEST(ConnectFailure, IsNotReadFromTheNameOfTheSubsystem) {
  const std::string name = "nqn.2026-11.com.example:TLS-pool";
  const auto before = connect_failure({"Connect command failed, rc -5, trtype:TCP subnqn:" + name}, {name});
  EXPECT_EQ(before.reason, Reason::rejected);
  const auto since =
      connect_failure({"[" + name + "] in failed state.", "connect() failed, errno = 111"}, {name});
  EXPECT_EQ(since.reason, Reason::unreachable);
}

TEST(ConnectFailure, IsNotReadFromTheNameOfTheHost) {
  // As in v26.05. The name of the host begins with that of the subsystem.
  const std::string subsystem = "nqn.2026-11.com.example:a";
  const std::string host = subsystem + "-SSL";
  const std::vector<std::string> lines = {
      "[" + host + "," + subsystem + ",127.0.0.1,cntlid:0] in failed state.",
      "connect() failed, errno = 111"};
  EXPECT_EQ(connect_failure(lines, {subsystem, host}).reason, Reason::unreachable);
  EXPECT_EQ(connect_failure(lines, {host, subsystem}).reason, Reason::unreachable);
}

TEST(ConnectFailure, MayBeTriedAgainWhenTheControllerWasBusy) {
  const auto busy =
      connect_failure({"The command completed with error: sct 1, sc 129", "Connect command failed"});
  EXPECT_EQ(busy.reason, Reason::rejected);
  ASSERT_TRUE(busy.status);
  EXPECT_FALSE(busy.status->dnr);
}

TEST(ConnectFailure, HasNoStatusWhereOldReleasesLogNone) {
  const auto failure = connect_failure({"Connect command failed", "Failed to connect to the controller"});
  EXPECT_EQ(failure.reason, Reason::rejected);
  EXPECT_FALSE(failure.status);
}

TEST(ConnectFailure, TellsARejectedConnectFromOneThatEnded) {
  const std::string failed = "Connect command failed, rc -5, trtype:TCP adrfam:IPv4";
  EXPECT_EQ(reason_of({failed, "Connect command completed with error: sct 0, sc 8"}), Reason::unknown);
  EXPECT_EQ(reason_of({failed, "Connect command completed with error: sct 0, sc 6"}), Reason::rejected);
  EXPECT_EQ(reason_of({"Connect command failed, rc -125, trtype:TCP"}), Reason::no_response);
}

TEST(ConnectFailure, TakesNoOtherStatusForARejection) {
  // The commands that SPDK aborts itself have a generic status.
  EXPECT_EQ(reason_of({"ABORTED - SQ DELETION (00/08) qid:0 cid:0"}), Reason::unknown);
  EXPECT_EQ(reason_of({"error: sct 0, sc 8"}), Reason::unknown);
  EXPECT_EQ(reason_of({"odd (", "(01/", "sct ", "(01/8"}), Reason::unknown);
}

TEST(ConnectFailure, KnowsAnAddressAtWhichNothingListens) {
  EXPECT_EQ(reason_of({"RDMA route resolution error"}), Reason::unreachable);
  EXPECT_EQ(reason_of({"rdma_resolve_addr, 101"}), Reason::unreachable);
  EXPECT_EQ(reason_of({"RDMA connect error -111"}), Reason::unreachable);
  EXPECT_EQ(reason_of({"connect() failed, errno = 111"}), Reason::unreachable);
  EXPECT_EQ(reason_of({"sock connection error of tqpair=0x1 with addr=127.0.0.1, port=4420"}),
            Reason::unreachable);
}

TEST(ConnectFailure, TellsAMissingKeyFromAWrongOne) {
  const std::string who = "[nqn.2026-01.a:nqn.2026-01.host:0] ";
  EXPECT_EQ(reason_of({who + "missing DH-HMAC-CHAP key"}), Reason::key_missing);
  EXPECT_EQ(reason_of({who + "received AUTH_failure1: rc=1, rce=1 (authentication failed)"}),
            Reason::not_authenticated);
  EXPECT_EQ(reason_of({who + "controller challenge mismatch"}), Reason::not_authenticated);
  EXPECT_EQ(reason_of({who + "received disallowed digest: 1 (sha256)"}), Reason::not_authenticated);
  EXPECT_EQ(reason_of({"SSL_new() failed, msg = error"}), Reason::not_encrypted);
}

TEST(ConnectFailure, TellsWhatWasTooSlowFromWhatIsNotThere) {
  EXPECT_EQ(reason_of({"RDMA connect error -99"}), Reason::too_slow);
  EXPECT_EQ(reason_of({"RDMA address resolution error"}), Reason::too_slow);
  EXPECT_EQ(reason_of({"RDMA route resolution error", "RDMA connect error -99"}), Reason::too_slow);
  EXPECT_EQ(reason_of({"Failed to construct the tqpair=0x1 via correct icresp"}), Reason::no_response);
  EXPECT_EQ(reason_of({"Failed to construct qpair via correct icresp"}), Reason::no_response);
}

TEST(ConnectFailure, TellsMemoryThatIsNotRegisteredFromMemoryThatIsNotThere) {
  EXPECT_EQ(reason_of({"ibv_reg_mr() failed"}), Reason::memory_not_registered);
  EXPECT_EQ(reason_of({"register: Cannot allocate memory"}), Reason::memory_not_registered);
  EXPECT_EQ(reason_of({"Unable to allocate rqpair RDMA requests"}), Reason::out_of_memory);
}

TEST(ConnectFailure, TellsMissingDescriptorsFromMissingMemory) {
  EXPECT_EQ(reason_of({"Unable to allocate sock group."}), Reason::no_descriptors);
}

}  // namespace
}  // namespace spdk_nvme::spdk
