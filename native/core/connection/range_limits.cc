#include "native/core/connection/range_limits.h"

#include <algorithm>
#include <utility>

namespace spdk_nvme {

namespace {

/** "I/O Command Set specific Identify Controller data structure", of the NVM command set if CDW11 is 0. */
constexpr uint8_t kStructure = 0x06;
constexpr size_t kBytes = 4096;
constexpr uint32_t kFirstVersion = 0x10200;
/** The least that CAP.MPSMIN can mean, which is the unit of the limits. */
constexpr uint32_t kPageShift = 12;
constexpr uint32_t kLargestShift = 63 - kPageShift;

/** The limit in bytes of a field that has the power of two of pages; 0 for none. */
uint64_t bytes_of(uint8_t shift) {
  return shift == 0 || shift > kLargestShift ? 0 : 1ULL << (kPageShift + shift);
}

uint64_t little_endian(const uint8_t* field, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value |= static_cast<uint64_t>(field[i]) << (8 * i);
  return value;
}

/** The least of the limits that are not 0. */
uint64_t least_of(uint64_t one, uint64_t other) {
  if (one == 0 || other == 0) return std::max(one, other);
  return std::min(one, other);
}

/** The limits of one range are those of the command, which has one. */
RangeLimits limits_in(const std::vector<uint8_t>& data) {
  return {.verify_bytes = bytes_of(data[0]),
          .write_zeroes_bytes = bytes_of(data[1]),
          .write_uncorrectable_bytes = bytes_of(data[2]),
          .deallocate_blocks = least_of(little_endian(&data[4], 4), little_endian(&data[8], 8))};
}

/** Whether this is the status of an opcode, or of a structure of Identify, that the controller does not have. */
bool is_unknown(const std::optional<NvmeStatus>& status) {
  return status && status->sct == SPDK_NVME_SCT_GENERIC &&
         (status->sc == SPDK_NVME_SC_INVALID_OPCODE || status->sc == SPDK_NVME_SC_INVALID_FIELD);
}

}  // namespace

bool may_limit_ranges(const ControllerInfo& info) {
  return info.version >= kFirstVersion;
}

AdminCommand ask_range_limits(std::function<void(RangeLimits, bool unknown)> found) {
  AdminCommand command;
  command.opcode = SPDK_NVME_OPC_IDENTIFY;
  command.cdw[0] = kStructure;
  command.data.resize(kBytes);
  command.awaited = false;
  command.done = [found = std::move(found)](const AdminResult& result) {
    if (result.status.ok()) return found(limits_in(result.data), false);
    if (result.completed) found({}, is_unknown(result.status.nvme));
  };
  return command;
}

}  // namespace spdk_nvme
