#include "native/core/io/piece.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "native/spdk/namespaces.h"

namespace spdk_nvme {

namespace {

/** Called when SPDK starts, again, at this offset into the data of a piece. */
void rewind(void* context, uint32_t offset) {
  auto* piece = static_cast<Piece*>(context);
  const auto segments = piece->command->data();
  piece->segment = piece->range.segment;
  piece->segment_offset = piece->range.segment_offset + offset;
  piece->left = piece->bytes() - std::min<uint64_t>(piece->bytes(), offset);
  while (piece->segment < segments.size() && piece->segment_offset >= segments[piece->segment].length) {
    piece->segment_offset -= segments[piece->segment].length;
    piece->segment++;
  }
}

int next_segment(void* context, void** address, uint32_t* length) {
  auto* piece = static_cast<Piece*>(context);
  const auto segments = piece->command->data();
  if (piece->left == 0 || piece->segment >= segments.size()) return -1;
  const IoCommand::Segment& part = segments[piece->segment];
  *length = static_cast<uint32_t>(std::min(part.length - piece->segment_offset, piece->left));
  piece->left -= *length;
  *address = piece->memory->at(part.region, part.offset + piece->segment_offset, *length);
  piece->segment++;
  piece->segment_offset = 0;
  return *address == nullptr ? -1 : 0;
}

int send_raw(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, Piece& piece, spdk_nvme_cmd_cb done) {
  const IoCommand& command = *piece.command;
  spdk_nvme_cmd raw{};
  raw.opc = command.opcode & 0xff;
  raw.nsid = command.namespace_id;
  memcpy(&raw.cdw10, command.dwords.data(), sizeof(command.dwords));
  const auto& [region, offset, length] = command.segments[0];
  void* data = command.segment_count == 0 ? nullptr : piece.memory->at(region, offset, length);
  return spdk_nvme_ctrlr_cmd_io_raw(controller, queue_pair, &raw, data,
                                    data == nullptr ? 0 : static_cast<uint32_t>(length), done, &piece);
}

int send_vectored(spdk_nvme_qpair* queue_pair, const NamespaceEntry& entry, Piece& piece,
                  spdk_nvme_cmd_cb done) {
  const IoCommand& command = *piece.command;
  const auto send = command.operation == RingLayout::read ? spdk_nvme_ns_cmd_readv : spdk_nvme_ns_cmd_writev;
  return send(entry.ns, queue_pair, command.first_block + piece.range.first, piece.range.count, done, &piece,
              command.flags, rewind, next_segment);
}

int send_deallocate(spdk_nvme_qpair* queue_pair, const NamespaceEntry& entry, Piece& piece,
                    spdk_nvme_cmd_cb done) {
  spdk_nvme_dsm_range range{};
  range.starting_lba = piece.command->first_block + piece.range.first;
  range.length = piece.range.count;
  return spdk_nvme_ns_cmd_dataset_management(entry.ns, queue_pair, SPDK_NVME_DSM_ATTR_DEALLOCATE, &range, 1,
                                             done, &piece);
}

/**
 * A command on blocks with its data in one place. SPDK's functions for this read the namespace again while the
 * control thread may be identifying it, and split by what they find; here everything comes from one snapshot.
 */
int send_blocks(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, const NamespaceEntry& entry,
                Piece& piece, spdk_nvme_cmd_cb done) {
  const IoCommand& command = *piece.command;
  const PieceRange& range = piece.range;
  spdk_nvme_cmd blocks{};
  blocks.opc = command.operation & 0xff;
  blocks.nsid = command.namespace_id;
  if (command.has_blocks()) {
    const uint64_t first = command.first_block + range.first;
    memcpy(&blocks.cdw10, &first, sizeof(first));
    blocks.cdw12 = (range.count - 1) | (command.flags & SPDK_NVME_IO_FLAGS_CDW12_MASK);
    if (command.has_protection()) {
      // The reference tag of type 3 is the same for all blocks.
      blocks.cdw14 = command.reference_tag + (entry.protection_type == 3 ? 0 : range.first);
      blocks.cdw15 = command.application_tag;
    }
  }
  void* data = nullptr;
  uint32_t length = 0;
  if (command.transfers()) {
    const IoCommand::Segment& part = command.segments[range.segment];
    length = static_cast<uint32_t>(piece.bytes());
    data = piece.memory->at(part.region, part.offset + range.segment_offset, length);
    if (data == nullptr) return -EFAULT;
  }
  return spdk_nvme_ctrlr_cmd_io_raw(controller, queue_pair, &blocks, data, length, done, &piece);
}

/**
 * A fused pair, one directly after the other on the queue. The piece completes with the second of its completions. The queue
 * pair has room for both (IoRing), so SPDK rejects the second only if the connection has ended, which ends the first as well.
 */
int send_compare_and_write(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, Piece& piece,
                           spdk_nvme_cmd_cb done) {
  const IoCommand& command = *piece.command;
  const IoCommand::Segment& part = command.segments[0];
  const auto length = static_cast<uint32_t>(piece.bytes());
  auto* data = static_cast<uint8_t*>(piece.memory->at(part.region, part.offset, 2ULL * length));
  if (data == nullptr) return -EFAULT;
  spdk_nvme_cmd pair{};
  pair.opc = SPDK_NVME_OPC_COMPARE;
  pair.fuse = SPDK_NVME_CMD_FUSE_FIRST;
  pair.nsid = command.namespace_id;
  memcpy(&pair.cdw10, &command.first_block, sizeof(command.first_block));
  pair.cdw12 = (command.blocks - 1) | (command.flags & SPDK_NVME_IO_FLAGS_CDW12_MASK);
  piece.missing = 1;
  const int first = spdk_nvme_ctrlr_cmd_io_raw(controller, queue_pair, &pair, data, length, done, &piece);
  if (first != 0) return first;
  pair.opc = SPDK_NVME_OPC_WRITE;
  pair.fuse = SPDK_NVME_CMD_FUSE_SECOND;
  const int second =
      spdk_nvme_ctrlr_cmd_io_raw(controller, queue_pair, &pair, data + length, length, done, &piece);
  if (second == 0) return 0;
  // Where it was rejected after the first had ended, nothing more completes, and the pair is not sent again.
  if (piece.missing == 0) return -EIO;
  piece.missing = 0;
  return 0;
}

}  // namespace

int send_piece(spdk_nvme_ctrlr* controller, spdk_nvme_qpair* queue_pair, const NamespaceEntry& entry,
               Piece& piece, spdk_nvme_cmd_cb done) {
  const IoCommand& command = *piece.command;
  switch (command.operation) {
    case RingLayout::raw:
      return send_raw(controller, queue_pair, piece, done);
    case RingLayout::deallocate:
      return send_deallocate(queue_pair, entry, piece, done);
    case RingLayout::verify:
      return spdk::can_verify() ? send_blocks(controller, queue_pair, entry, piece, done) : -ENOTSUP;
    case RingLayout::compare_and_write:
      return send_compare_and_write(controller, queue_pair, piece, done);
    case RingLayout::read:
    case RingLayout::write:
      if (piece.range.segments > 1) return send_vectored(queue_pair, entry, piece, done);
      [[fallthrough]];
    case RingLayout::compare:
    case RingLayout::write_uncorrectable:
    case RingLayout::flush:
    case RingLayout::write_zeroes:
      // These are the opcodes of the NVM command set.
      return send_blocks(controller, queue_pair, entry, piece, done);
    default:
      return -EINVAL;
  }
}

}  // namespace spdk_nvme
