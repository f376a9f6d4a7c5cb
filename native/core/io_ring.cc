#include "io_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "../spdk/namespaces.h"

namespace spdk_nvme {

namespace {

/** Words of a command's slot. */
enum Word : uint32_t {
  kOperation = 0,
  kNamespace = 1,
  kBlockLow = 2,
  kBlockHigh = 3,
  kBlocks = 4,
  kRegion = 5,
  kOffset = 6,
  kLength = 7,     // of a raw command's data
  kBlockSize = 7,  // that any other command was described with
  kFlags = 8,
  kSegments = 9,
  kOpcode = 9,  // raw commands have no segments
  kCdw10 = 10,
};

constexpr uint32_t kRawDwords = 6;  // CDW10 to CDW15

uint64_t first_block(const uint32_t* command) {
  return static_cast<uint64_t>(command[kBlockHigh]) << 32 | command[kBlockLow];
}

/** The status field of a completion as lib/ring.ts reads it. */
uint32_t status_word(const spdk_nvme_status& status) {
  return status.sc | static_cast<uint32_t>(status.sct) << 8 | static_cast<uint32_t>(status.dnr) << 11;
}

uint32_t aborted_word() {
  return SPDK_NVME_SC_ABORTED_SQ_DELETION;
}

/** How SPDK answers for a controller that cannot any more; which of the two depends on the release. */
bool is_aborted(uint32_t status) {
  constexpr uint32_t kTypeAndCode = 0x7ff;
  const uint32_t what = status & kTypeAndCode;
  return what == SPDK_NVME_SC_ABORTED_SQ_DELETION || what == SPDK_NVME_SC_ABORTED_BY_REQUEST;
}

}  // namespace

IoRing::IoRing(std::shared_ptr<const DmaMemory> memory, uint32_t capacity)
    : memory_(std::move(memory)),
      capacity_(capacity),
      words_(kHeaderWords +
             static_cast<size_t>(capacity) * (4 + kCommandWords + kMaxSegments * kSegmentWords)),
      submission_queue_(words_.data() + kHeaderWords),
      completion_queue_(submission_queue_ + capacity),
      statuses_(completion_queue_ + capacity),
      results_(statuses_ + capacity),
      commands_(results_ + capacity),
      segments_(commands_ + static_cast<size_t>(capacity) * kCommandWords),
      slots_(capacity) {
  for (Slot& slot : slots_) slot.ring = this;
}

uint32_t IoRing::pending() {
  return std::atomic_ref<uint32_t>(words_[kPendingWord]).load(std::memory_order_relaxed);
}

void IoRing::bind(spdk_nvme_ctrlr* controller) {
  controller_ = controller;
  last_namespace_id_ = 0;
  last_namespace_ = nullptr;
}

void IoRing::submit(spdk_nvme_qpair* queue_pair) {
  while (!held_.empty()) {
    if (!try_start(queue_pair, held_.front())) return;
    held_.pop_front();
  }
  const uint32_t tail = submitted_.load(std::memory_order_acquire);
  while (head_ != tail) {
    const uint32_t index = submission_queue_[head_ % capacity_];
    // Both can only be a fault in lib/; answering would corrupt the slot's real owner.
    if (index < capacity_ && !slots_[index].busy && !try_start(queue_pair, index)) return;
    head_++;
  }
}

/** False when the command has to wait: the order is kept, and it is tried again. */
bool IoRing::try_start(spdk_nvme_qpair* queue_pair, uint32_t index) {
  const int result = start(queue_pair, slots_[index]);
  if (result == -ENOMEM) return false;  // the queue is full
  // The queue pair has lost its connection.
  if (result == -ENXIO && holding_.load(std::memory_order_acquire)) return false;
  if (result < 0) {
    complete(index, kHostError | static_cast<uint32_t>(-result), 0);
  } else {
    slots_[index].busy = true;
    in_flight_++;
  }
  return true;
}

spdk_nvme_ns* IoRing::find_namespace(uint32_t id) {
  if (id != last_namespace_id_ || last_namespace_ == nullptr) {
    last_namespace_id_ = id;
    last_namespace_ = id == 0 ? nullptr : spdk_nvme_ctrlr_get_ns(controller_, id);
  }
  return last_namespace_;
}

/** Checks a command against what the controller and the memory are, and hands it to SPDK. 0 or a negative
 * errno. */
int IoRing::start(spdk_nvme_qpair* queue_pair, Slot& slot) {
  const uint32_t* words = command(index_of(slot));
  if (words[kOperation] == raw) return start_raw(queue_pair, slot);
  spdk_nvme_ns* space = find_namespace(words[kNamespace]);
  if (space == nullptr || !spdk_nvme_ns_is_active(space)) return -ENODEV;
  // It has vanished and come back as another: what the command calls a block is not what SPDK would transfer.
  if (words[kBlockSize] != spdk_nvme_ns_get_sector_size(space)) return -ENODEV;
  const uint64_t size = spdk_nvme_ns_get_num_sectors(space);
  const uint64_t lba = first_block(words);
  if (words[kOperation] != flush && (lba > size || words[kBlocks] > size - lba)) return -ERANGE;
  const int result = start_on(space, queue_pair, slot);
  // SPDK's answer for a namespace that vanished while it looked at it.
  return result == -EINVAL && !spdk_nvme_ns_is_active(space) ? -ENODEV : result;
}

int IoRing::start_on(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot) {
  const uint32_t* words = command(index_of(slot));
  const uint64_t lba = first_block(words);
  switch (words[kOperation]) {
    case flush:
      return spdk_nvme_ns_cmd_flush(space, queue_pair, on_complete, &slot);
    case write_zeroes:
      return spdk_nvme_ns_cmd_write_zeroes(space, queue_pair, lba, words[kBlocks], on_complete, &slot,
                                           words[kFlags]);
    case deallocate:
      return start_deallocate(space, queue_pair, slot);
    case verify:
      return spdk::verify(space, queue_pair, lba, words[kBlocks], on_complete, &slot);
    default:
      return start_transfer(space, queue_pair, slot);
  }
}

int IoRing::start_transfer(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot) {
  const uint32_t* words = command(index_of(slot));
  const uint64_t lba = first_block(words);
  const uint32_t blocks = words[kBlocks];
  const uint32_t flags = words[kFlags];
  // SPDK would transfer metadata as well, to memory that was never meant for it.
  if (spdk_nvme_ns_get_md_size(space) != 0) return -ENOTSUP;
  const uint64_t bytes = static_cast<uint64_t>(blocks) * spdk_nvme_ns_get_sector_size(space);
  if (words[kSegments] > 0) {
    if (!segments_cover(slot, words[kSegments], bytes)) return -EFAULT;
    switch (words[kOperation]) {
      case read:
        return spdk_nvme_ns_cmd_readv(space, queue_pair, lba, blocks, on_complete, &slot, flags, rewind,
                                      next_segment);
      case write:
        return spdk_nvme_ns_cmd_writev(space, queue_pair, lba, blocks, on_complete, &slot, flags, rewind,
                                       next_segment);
      default:
        return -EINVAL;
    }
  }
  uint8_t* data = memory_->at(words[kRegion], words[kOffset], bytes);
  if (data == nullptr) return -EFAULT;
  switch (words[kOperation]) {
    case read:
      return spdk_nvme_ns_cmd_read(space, queue_pair, data, lba, blocks, on_complete, &slot, flags);
    case write:
      return spdk_nvme_ns_cmd_write(space, queue_pair, data, lba, blocks, on_complete, &slot, flags);
    case compare:
      return spdk_nvme_ns_cmd_compare(space, queue_pair, data, lba, blocks, on_complete, &slot, flags);
    default:
      return -EINVAL;
  }
}

int IoRing::start_deallocate(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot) {
  const uint32_t* words = command(index_of(slot));
  spdk_nvme_dsm_range range{};
  range.starting_lba = first_block(words);
  range.length = words[kBlocks];
  return spdk_nvme_ns_cmd_dataset_management(space, queue_pair, SPDK_NVME_DSM_ATTR_DEALLOCATE, &range, 1,
                                             on_complete, &slot);
}

int IoRing::start_raw(spdk_nvme_qpair* queue_pair, Slot& slot) {
  const uint32_t* words = command(index_of(slot));
  spdk_nvme_cmd raw_command{};
  raw_command.opc = words[kOpcode] & 0xff;
  raw_command.nsid = words[kNamespace];
  memcpy(&raw_command.cdw10, words + kCdw10, kRawDwords * sizeof(uint32_t));
  const uint32_t length = words[kLength];
  uint8_t* data = length == 0 ? nullptr : memory_->at(words[kRegion], words[kOffset], length);
  if (length > 0 && data == nullptr) return -EFAULT;
  return spdk_nvme_ctrlr_cmd_io_raw(controller_, queue_pair, &raw_command, data, length, on_complete, &slot);
}

bool IoRing::segments_cover(const Slot& slot, uint32_t count, uint64_t bytes) const {
  if (count > kMaxSegments) return false;
  uint64_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t* part = segment(slot, i);
    if (memory_->at(part[0], part[1], part[2]) == nullptr) return false;
    total += part[2];
  }
  return total == bytes;
}

void IoRing::on_complete(void* context, const spdk_nvme_cpl* completion) {
  auto* slot = static_cast<Slot*>(context);
  IoRing& ring = *slot->ring;
  const uint32_t index = ring.index_of(*slot);
  slot->busy = false;
  ring.in_flight_--;
  const uint32_t status = status_word(completion->status);
  if (ring.holding_.load(std::memory_order_acquire) && is_aborted(status) &&
      ring.command(index)[kOperation] != raw) {
    ring.held_.push_back(index);
  } else {
    ring.complete(index, status, completion->cdw0);
  }
}

void IoRing::complete(uint32_t index, uint32_t status, uint32_t result) {
  if (status != 0 && is_aborted(status)) {
    counts_.aborted++;
  } else {
    counts_.completed++;
    if (status != 0) counts_.failed++;
  }
  statuses_[index] = status;
  results_[index] = result;
  const uint32_t tail = completed_.load(std::memory_order_relaxed);
  completion_queue_[tail % capacity_] = index;
  completed_.store(tail + 1, std::memory_order_release);
}

void IoRing::notify() {
  const uint32_t tail = completed_.load(std::memory_order_relaxed);
  if (tail == notified_) return;
  notified_ = tail;
  if (on_completions) on_completions();
}

void IoRing::lost_queue_pair() {
  if (!holding_.load(std::memory_order_acquire)) answer_rest(0);
}

void IoRing::answer_rest(int error_number) {
  const uint32_t status =
      error_number == 0 ? aborted_word() : kHostError | static_cast<uint32_t>(error_number);
  for (const uint32_t index : held_) complete(index, status, 0);
  held_.clear();
  const uint32_t tail = submitted_.load(std::memory_order_acquire);
  for (; head_ != tail; head_++) {
    const uint32_t index = submission_queue_[head_ % capacity_];
    if (index < capacity_ && !slots_[index].busy) complete(index, status, 0);
  }
}

uint32_t IoRing::segment_count(const Slot& slot) const {
  return std::min(command(index_of(slot))[kSegments], kMaxSegments);
}

/** SPDK starts (again) at this offset into the data of a vectored command. */
void IoRing::rewind(void* context, uint32_t offset) {
  auto* slot = static_cast<Slot*>(context);
  slot->segment = 0;
  slot->segment_offset = offset;
  const uint32_t count = slot->ring->segment_count(*slot);
  while (slot->segment < count && slot->segment_offset >= slot->ring->segment(*slot, slot->segment)[2]) {
    slot->segment_offset -= slot->ring->segment(*slot, slot->segment)[2];
    slot->segment++;
  }
}

int IoRing::next_segment(void* context, void** address, uint32_t* length) {
  auto* slot = static_cast<Slot*>(context);
  const uint32_t count = slot->ring->segment_count(*slot);
  if (slot->segment >= count) return -1;
  const uint32_t* part = slot->ring->segment(*slot, slot->segment);
  *length = part[2] - slot->segment_offset;
  *address = slot->ring->memory_->at(part[0], static_cast<uint64_t>(part[1]) + slot->segment_offset, *length);
  slot->segment++;
  slot->segment_offset = 0;
  return *address == nullptr ? -1 : 0;
}

}  // namespace spdk_nvme
