#include "native/core/io/io_command.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>

namespace spdk_nvme {

namespace {

/** The number of blocks is a field of 16 bits, of which 0 means one. */
constexpr uint64_t kMaxBlocks = 65'536;

/** Whether the segments are usable memory, change at block boundaries, and are as long as the blocks. */
bool segments_cover(const IoCommand& command, const DmaMemory& memory) {
  if (command.segment_count > RingLayout::kMaxSegments) return false;
  // The only segment must be as long as all blocks, which needs no division.
  const bool change = command.segment_count > 1;
  uint64_t total = 0;
  for (const auto& [region, offset, length] : command.data()) {
    if (length == 0 || (change && length % command.block_size != 0)) return false;
    if (memory.at(region, offset, length) == nullptr) return false;
    total += length;
  }
  return total == command.blocks * command.block_bytes();
}

/** Whether a command that transfers is sent as one without looking where. */
bool fits(const IoCommand& command, const NamespaceEntry& entry, const CommandLimits& limits) {
  return command.segment_count == 1 && entry.boundary == 0 && command.blocks <= kMaxBlocks &&
         static_cast<uint64_t>(command.blocks) * command.block_size <= limits.bytes;
}

uint64_t max_blocks(const IoCommand& command, const CommandLimits& limits) {
  const RangeLimits& ranges = limits.ranges;
  const auto blocks_in = [&](uint64_t bytes) {
    return bytes == 0 ? kMaxBlocks : std::clamp<uint64_t>(bytes / command.block_size, 1, kMaxBlocks);
  };
  switch (command.operation) {
    case RingLayout::deallocate: {
      constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
      return ranges.deallocate_blocks == 0 ? kMost : std::min(ranges.deallocate_blocks, kMost);
    }
    case RingLayout::write_zeroes:
      return blocks_in(ranges.write_zeroes_bytes);
    case RingLayout::verify:
      return blocks_in(ranges.verify_bytes);
    case RingLayout::write_uncorrectable:
      return blocks_in(ranges.write_uncorrectable_bytes);
    default:
      return std::clamp<uint64_t>(limits.bytes / command.block_size, 1, kMaxBlocks);
  }
}

}  // namespace

void IoCommand::read_from(const uint32_t* words, const uint32_t* segment_words) {
  operation = words[kOperation];
  namespace_id = words[kNamespace];
  segment_count = 0;
  tag = words[operation == raw ? kRawTag : kTag];
  if (operation == raw) {
    opcode = words[kOpcode] & 0xff;
    std::copy_n(words + kCdw10, kRawDwords, dwords.begin());
    segment_count = words[kLength] == 0 ? 0 : 1;
    segments[0] = {.region = words[kRegion], .offset = words[kOffset], .length = words[kLength]};
    return;
  }
  first_block = static_cast<uint64_t>(words[kBlockHigh]) << 32 | words[kBlockLow];
  blocks = words[kBlocks];
  block_size = words[kBlockSize];
  flags = words[kFlags];
  if (has_protection()) {
    reference_tag = words[kReferenceTag];
    application_tag = words[kApplicationTag];
  }
  if (!transfers()) return;
  segment_count = words[kSegments];
  if (segment_count == 0) {
    segment_count = 1;
    const uint64_t length = blocks * block_bytes();
    segments[0] = {.region = words[kRegion], .offset = words[kOffset], .length = length};
    return;
  }
  for (uint32_t i = 0; i < std::min(segment_count, kMaxSegments); i++) {
    const uint32_t* part = segment_words + i * kSegmentWords;
    segments[i] = {.region = part[0], .offset = part[1], .length = part[2]};
  }
}

uint32_t transferred_block_bytes(const IoCommand& command, const NamespaceEntry& entry) {
  constexpr uint32_t kProtectionBytes = 8;
  if (entry.metadata_size == 0 || !command.transfers()) return entry.block_size;
  const bool controller_acts = entry.protection_type != 0 && (command.flags & SPDK_NVME_IO_FLAGS_PRACT) != 0;
  return controller_acts && entry.metadata_size == kProtectionBytes ? entry.block_size
                                                                    : entry.block_size + entry.metadata_size;
}

int check_command(const IoCommand& command, const NamespaceEntry* entry, const CommandLimits& limits,
                  const DmaMemory& memory) {
  // The namespace has vanished or another one has its id: the command may be from before a reset.
  if (entry == nullptr || command.tag != entry->tag) return -ENODEV;
  if (command.operation == RingLayout::raw) {
    if (command.segment_count == 0) return 0;
    const auto& [region, offset, length] = command.segments[0];
    // A target would end the connection.
    if (length > limits.bytes) return -EMSGSIZE;
    return memory.at(region, offset, length) == nullptr ? -EFAULT : 0;
  }
  if (command.block_size != transferred_block_bytes(command, *entry)) {
    // The block size has changed since the command was described, or it was described without the metadata: SPDK and the
    // controller would transfer that too, past the end of the data.
    return entry->metadata_size == 0 ? -ENODEV : -ENOTSUP;
  }
  if (!command.has_blocks()) return 0;
  // Otherwise the controller would read 0 as 65,536.
  if (command.blocks == 0) return -EINVAL;
  if ((command.flags & ~SPDK_NVME_IO_FLAGS_CDW12_MASK) != 0) return -EINVAL;
  if (command.first_block > entry->blocks || command.blocks > entry->blocks - command.first_block)
    return -ERANGE;
  if (!command.transfers()) return 0;
  if (command.operation == RingLayout::compare_and_write &&
      (command.blocks > entry->compare_and_write_blocks || command.segment_count != 1)) {
    return -ENOTSUP;
  }
  // Fabrics have no buffer of its own for metadata.
  if (entry->metadata_size != 0 && !entry->metadata_interleaved) return -ENOTSUP;
  return segments_cover(command, memory) ? 0 : -EFAULT;
}

void next_piece(const IoCommand& command, uint32_t sent, const NamespaceEntry& entry,
                const CommandLimits& limits, PieceRange& piece) {
  piece.first = sent;
  piece.segment = 0;
  piece.segment_offset = 0;
  piece.segments = 0;
  if (!command.has_blocks()) {
    piece.count = 1;
    piece.segments = command.segment_count;
    return;
  }
  // A fused command is sent as a whole, or it would not be atomic; most others fit, and need no further look.
  if (command.operation == RingLayout::compare_and_write ||
      (sent == 0 && command.transfers() && fits(command, entry, limits))) {
    piece.count = command.blocks;
    piece.segments = 1;
    return;
  }
  uint64_t most = std::min<uint64_t>(max_blocks(command, limits), command.blocks - sent);
  if (command.transfers()) {
    if (entry.boundary != 0) {
      most = std::min<uint64_t>(most, entry.boundary - (command.first_block + sent) % entry.boundary);
    }
    uint64_t skip = static_cast<uint64_t>(sent) * command.block_size;
    while (skip >= command.segments[piece.segment].length) skip -= command.segments[piece.segment++].length;
    piece.segment_offset = skip;
    // SPDK itself must not split: it splits at the limit in whole blocks, and computes the position within a
    // boundary with a mask, which is right for powers of two only. Its own functions also set the tags.
    const bool several = command.operation != RingLayout::compare && entry.metadata_size == 0 &&
                         command.block_size <= limits.bytes &&
                         (entry.boundary == 0 || std::has_single_bit(entry.boundary));
    const uint32_t max_segments = several ? limits.segments : 1;
    uint64_t bytes = 0;
    for (uint32_t i = piece.segment; i < command.segment_count && piece.segments < max_segments; i++) {
      if (bytes >= most * command.block_size) break;
      bytes += command.segments[i].length - (piece.segments == 0 ? skip : 0);
      piece.segments++;
    }
    most = std::min(most, bytes / command.block_size);
  }
  piece.count = static_cast<uint32_t>(most);
}

}  // namespace spdk_nvme
