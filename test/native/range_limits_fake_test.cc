// What a controller says of the limits of commands on ranges of blocks.

#include "native/core/connection/range_limits.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace spdk_nvme {
namespace {

RangeLimits read(std::vector<uint8_t> data) {
  RangeLimits limits;
  const AdminCommand command = ask_range_limits([&limits](const RangeLimits& found) { limits = found; });
  EXPECT_EQ(command.opcode, SPDK_NVME_OPC_IDENTIFY);
  EXPECT_EQ(command.cdw[0], 6U);
  data.resize(command.data.size());
  command.done({.status = {}, .completed = true, .cdw0 = 0, .data = std::move(data)});
  return limits;
}

TEST(RangeLimits, AreReadFromTheirFields) {
  const RangeLimits limits =
      read({/* VSL */ 1, /* WZSL */ 5, /* WUSL */ 0, /* DMRL */ 1, /* DMRSL */ 0, 0, 1, 0, /* DMSL */ 0, 1});
  EXPECT_EQ(limits.verify_bytes, 8192U);
  EXPECT_EQ(limits.write_zeroes_bytes, 128U << 10);
  EXPECT_EQ(limits.write_uncorrectable_bytes, 0U);
  EXPECT_EQ(limits.deallocate_blocks, 256U);
  EXPECT_EQ(read({0, 0, 0, 0, 7}).deallocate_blocks, 7U);
  EXPECT_EQ(read({}), RangeLimits{});
  // More than 64 bits have.
  EXPECT_EQ(read({255, 52, 51}).verify_bytes, 0U);
  EXPECT_EQ(read({255, 52, 51}).write_zeroes_bytes, 0U);
  EXPECT_EQ(read({255, 52, 51}).write_uncorrectable_bytes, 1ULL << 63);
}

TEST(RangeLimits, AreNoneWhereTheControllerDoesNotSayAndUnknownWhereItIsLost) {
  int found = 0;
  const AdminCommand command = ask_range_limits([&found](const RangeLimits& limits) {
    EXPECT_EQ(limits, RangeLimits{});
    found++;
  });
  const Status failed = Status::failure("ERR_SPDK_IO_FAILED", "rejected");
  command.done({.status = failed, .completed = true, .cdw0 = 0, .data = {}});
  EXPECT_EQ(found, 1);
  command.done({.status = failed, .completed = false, .cdw0 = 0, .data = {}});
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace spdk_nvme
