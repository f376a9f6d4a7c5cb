#pragma once

#include <spdk/nvme.h>

#include <cstdint>

#include "native/core/io/dma_memory.h"
#include "native/core/io/io_command.h"

namespace spdk_nvme {

class IoRing;

/** A piece of a command that SPDK has: the context of SPDK's callbacks. What most commands need is on one cache line. */
struct alignas(64) Piece {
  IoRing* ring = nullptr;
  uint32_t slot = 0;
  /** Of a fused pair: how many completions are missing besides the next one, and the status of the first. */
  uint32_t missing = 0;
  uint32_t first_status = 0;
  const IoCommand* command = nullptr;
  const DmaMemory* memory = nullptr;
  PieceRange range{};
  // SPDK's position in the segments.
  uint32_t segment = 0;
  uint64_t segment_offset = 0;
  uint64_t left = 0;

  /** Its range and SPDK's position are set when it is sent. */
  void begin(IoRing* in_ring, uint32_t in_slot, const IoCommand& of, const DmaMemory& from) {
    ring = in_ring;
    slot = in_slot;
    command = &of;
    memory = &from;
    missing = 0;
    first_status = 0;
  }
  [[nodiscard]] uint64_t bytes() const { return static_cast<uint64_t>(range.count) * command->block_size; }
};

/** Passes a checked piece to SPDK as exactly one NVMe command; `done` gets the piece as context. 0 or a negative errno. */
int send_piece(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, const NamespaceEntry& entry,
               Piece& piece, spdk_nvme_cmd_cb done);

}  // namespace spdk_nvme
