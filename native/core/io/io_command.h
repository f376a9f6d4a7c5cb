#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "native/core/io/dma_memory.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/ring_layout.h"

namespace spdk_nvme {

/**
 * A command as it was when the polling thread took it: JavaScript can write to the shared words at any time.
 */
struct IoCommand : RingLayout {
  struct Segment {
    uint32_t region;
    uint32_t offset;
    uint64_t length;
  };

  uint32_t operation = flush;
  uint32_t namespace_id = 0;
  uint32_t tag = 0;
  uint64_t first_block = 0;
  uint32_t blocks = 0;
  uint32_t block_size = 0;
  uint32_t flags = 0;
  /** Of a raw command. */
  uint32_t opcode = 0;
  std::array<uint32_t, kRawDwords> dwords{};
  /** Where its data is; none for a command without. More than kMaxSegments: what was described makes no
   * sense.
   */
  uint32_t segment_count = 0;
  std::array<Segment, kMaxSegments> segments;

  /** Takes over what is described there. */
  void read_from(const uint32_t* words, const uint32_t* segment_words);

  /** Whether it moves data to or from blocks of the namespace. */
  [[nodiscard]] bool transfers() const {
    return operation == read || operation == write || operation == compare;
  }
  /** Whether it is about a range of blocks. */
  [[nodiscard]] bool has_blocks() const { return operation != raw && operation != flush; }
  /** In how many units it can be sent at most: blocks; or 1, where there is nothing to split. Never 0: what
   * has no blocks is still to be rejected. */
  [[nodiscard]] uint32_t extent() const { return has_blocks() && blocks > 0 ? blocks : 1; }
  [[nodiscard]] std::span<const Segment> data() const { return {segments.data(), segment_count}; }
};

/** 0, or the negative errno that says why the command cannot be sent to this namespace with this memory. */
int check_command(const IoCommand& command, const NamespaceEntry* space, const DmaMemory& memory);

/** A part of a command that is sent as one NVMe command. */
struct PieceRange {
  /** Units of the command, see extent(). */
  uint32_t first = 0;
  uint32_t count = 0;
  /** Where its data begins, and how many segments it touches. */
  uint32_t segment = 0;
  uint64_t segment_offset = 0;
  uint32_t segments = 0;
};

/**
 * The next piece of a command, of which so many units have been sent: as much as the controller takes in one
 * command, up to the namespace's I/O boundary, and from as many segments as it takes.
 */
PieceRange next_piece(const IoCommand& command, uint32_t sent, const NamespaceEntry& space,
                      const CommandLimits& limits);

}  // namespace spdk_nvme
