// What a controller says of the limits of commands on ranges of blocks.

#include "native/core/connection/range_limits.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

namespace spdk_nvme {
namespace {

RangeLimits read(std::vector<uint8_t> data) {
  RangeLimits limits;
  const AdminCommand command = ask_range_limits([&limits](const RangeLimits& found, bool unknown) {
    limits = found;
    EXPECT_FALSE(unknown);
  });
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
  std::vector<bool> found;
  const AdminCommand command = ask_range_limits([&found](const RangeLimits& limits, bool unknown) {
    EXPECT_EQ(limits, RangeLimits{});
    found.push_back(unknown);
  });
  Status failed = Status::failure("ERR_SPDK_IO_FAILED", "rejected");
  const auto end = [&](std::optional<NvmeStatus> status, bool completed) {
    failed.nvme = status;
    command.done({.status = failed, .completed = completed, .cdw0 = 0, .data = {}});
  };
  end(std::nullopt, false);
  EXPECT_EQ(found, std::vector<bool>{});
  // Invalid Field and Invalid Opcode; Internal Error, and a status of another type.
  end(NvmeStatus{.sct = 0, .sc = 0x02}, true);
  end(NvmeStatus{.sct = 0, .sc = 0x01}, true);
  end(NvmeStatus{.sct = 0, .sc = 0x06}, true);
  end(NvmeStatus{.sct = 1, .sc = 0x02}, true);
  EXPECT_EQ(found, (std::vector<bool>{true, true, false, false}));
}

}  // namespace
}  // namespace spdk_nvme
