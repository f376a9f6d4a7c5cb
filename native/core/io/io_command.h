#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "native/core/io/dma_memory.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/ring_layout.h"

namespace spdk_nvme {

/** A copy of a command, made when the polling thread took it: JavaScript can write to the shared words at any time. */
struct IoCommand : RingLayout {
  struct Segment {
    uint32_t region;
    uint32_t offset;
    uint64_t length;
  };

  /** PRACT and PRCHK in CDW12. */
  static constexpr uint32_t kProtectionFlags = SPDK_NVME_IO_FLAGS_PRACT | SPDK_NVME_IO_FLAGS_PRCHK_GUARD |
                                               SPDK_NVME_IO_FLAGS_PRCHK_APPTAG |
                                               SPDK_NVME_IO_FLAGS_PRCHK_REFTAG;

  // First the members that its completion reads, too: they share a cache line with the state of the slot.
  uint32_t operation = flush;
  uint32_t blocks = 0;
  uint32_t block_size = 0;
  uint32_t namespace_id = 0;
  uint32_t tag = 0;
  uint32_t flags = 0;
  uint64_t first_block = 0;
  /** CDW14, for the first block, and CDW15; only of commands with has_protection(). */
  uint32_t reference_tag = 0;
  uint32_t application_tag = 0;
  /** The opcode of a raw command. */
  uint32_t opcode = 0;
  std::array<uint32_t, kRawDwords> dwords{};
  /** The segments of its data; none for a command without data. More than kMaxSegments: the command is malformed. */
  uint32_t segment_count = 0;
  std::array<Segment, kMaxSegments> segments;

  /** Copies the command from the shared words. */
  void read_from(const uint32_t* words, const uint32_t* segment_words);

  /** Whether it moves data to or from blocks of the namespace. */
  [[nodiscard]] bool transfers() const {
    return operation == read || operation == write || operation == compare || operation == compare_and_write;
  }
  /** Whether it must not be sent twice, because what it did the first time would change its outcome. */
  [[nodiscard]] bool only_once() const { return operation == raw || operation == compare_and_write; }
  /** Bytes of data of one of its blocks. */
  [[nodiscard]] uint64_t block_bytes() const {
    return operation == compare_and_write ? 2 * static_cast<uint64_t>(block_size) : block_size;
  }
  /** Whether it says how protection information is made or checked. */
  [[nodiscard]] bool has_protection() const { return (flags & kProtectionFlags) != 0; }
  /** Whether it has a range of blocks. */
  [[nodiscard]] bool has_blocks() const { return operation != raw && operation != flush; }
  /**
   * The maximum of units in which it can be sent: its blocks, or 1 if there is nothing to split. Never 0,
   * because a command without blocks still has to be rejected.
   */
  [[nodiscard]] uint32_t extent() const { return has_blocks() && blocks > 0 ? blocks : 1; }
  [[nodiscard]] std::span<const Segment> data() const { return {segments.data(), segment_count}; }
};

/**
 * Bytes of each block that a command transfers to or from the namespace: over fabrics metadata is part of the block, unless the
 * controller makes and strips it (PRACT), which it does only if protection information is all of it.
 */
uint32_t transferred_block_bytes(const IoCommand& command, const NamespaceEntry& entry);

/** Returns 0, or the negative errno why the command cannot be sent to this namespace with this memory. */
int check_command(const IoCommand& command, const NamespaceEntry* entry, const CommandLimits& limits,
                  const DmaMemory& memory);

/** A part of a command that is sent as one NVMe command. */
struct PieceRange {
  /** Units of the command, see extent(). */
  uint32_t first = 0;
  uint32_t count = 0;
  /** The segment in which its data starts, the number of segments that it uses, and where in the first. */
  uint32_t segment = 0;
  uint32_t segments = 0;
  uint64_t segment_offset = 0;
};

/**
 * The next piece of a command of which `sent` units are sent: as much as the controller accepts in one
 * command, up to the I/O boundary of the namespace and the number of segments that it accepts.
 * @param piece gets it, field by field: a processor waits for what it reads wider than it was written
 */
void next_piece(const IoCommand& command, uint32_t sent, const NamespaceEntry& entry,
                const CommandLimits& limits, PieceRange& piece);

}  // namespace spdk_nvme
