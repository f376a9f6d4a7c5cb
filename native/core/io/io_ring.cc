// Longer than other files: it is the state machine of a command, each step of which runs for every command.

#include "native/core/io/io_ring.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "native/core/base/ticks.h"
#include "native/spdk/completion.h"
#include "native/spdk/interpose/last_answer.h"

namespace spdk_nvme {

namespace {

/** This many pieces of one command keep a controller busy; more would only delay other commands. */
constexpr uint32_t kMaxShare = 16;
/** For this many completions in one turn the time is read once: that takes longer than all other counting. */
constexpr uint32_t kSameTime = 8;

uint32_t load(uint32_t& shared_word) {
  return std::atomic_ref<uint32_t>(shared_word).load(std::memory_order_acquire);
}

/** The status field of a completion as lib/errors/command-status.ts reads it. */
uint32_t status_word(const spdk_nvme_status& status) {
  // The Command Retry Delay has no name in the headers of every release.
  uint16_t raw = 0;
  std::memcpy(&raw, &status, sizeof(raw));
  const uint32_t retry_delay = raw >> 12U & 3U;
  return status.sc | static_cast<uint32_t>(status.sct) << 8 | static_cast<uint32_t>(status.dnr) << 11 |
         retry_delay << 12;
}

uint32_t host_error(int error_number) {
  return RingLayout::kHostError | static_cast<uint32_t>(error_number);
}

uint32_t aborted_word() {
  return SPDK_NVME_SC_ABORTED_SQ_DELETION;
}

/** The status that SPDK itself gives to aborted commands; which of the two depends on the release. */
bool is_aborted(uint32_t status) {
  constexpr uint32_t kTypeAndCode = 0x7ff;
  const uint32_t what = status & kTypeAndCode;
  return what == SPDK_NVME_SC_ABORTED_SQ_DELETION || what == SPDK_NVME_SC_ABORTED_BY_REQUEST;
}

bool is_aborted_by_request(uint32_t status) {
  return (status & 0x7ffU) == SPDK_NVME_SC_ABORTED_BY_REQUEST;
}

/** Transient Transport Error without do-not-retry: SPDK from v21.07 on ends a read like this whose data has a wrong digest. */
bool is_damaged(uint32_t status) {
  constexpr uint32_t kTypeCodeAndDoNotRetry = 0xfff;
  return (status & kTypeCodeAndDoNotRetry) == 0x22;
}

}  // namespace

IoRing::IoRing(std::shared_ptr<const DmaMemory> memory, uint32_t capacity)
    : memory_(std::move(memory)),
      capacity_(capacity),
      word_count_(Parts(capacity).end),
      words_(new (std::align_val_t(kCacheLine)) uint32_t[word_count_]()),
      submission_queue_(words_.get() + Parts(capacity).submission_queue),
      completion_queue_(words_.get() + Parts(capacity).completion_queue),
      statuses_(words_.get() + Parts(capacity).statuses),
      results_(words_.get() + Parts(capacity).results),
      commands_(words_.get() + Parts(capacity).commands),
      segments_(words_.get() + Parts(capacity).segments),
      slots_(capacity) {
  assert(std::has_single_bit(capacity));
}

uint32_t IoRing::pending() {
  return load(words_[kPendingWord]);
}

bool IoRing::wake_requested() {
  return load(words_[kWakeWord]) != 0;
}

void IoRing::set_namespaces(std::shared_ptr<const NamespaceTable> namespaces) {
  const std::lock_guard<std::mutex> guard(namespaces_mutex_);
  fresh_namespaces_ = std::move(namespaces);
  namespaces_version_.fetch_add(1, std::memory_order_release);
}

void IoRing::take_namespaces() {
  if (namespaces_version_.load(std::memory_order_acquire) == taken_version_) return;
  const std::lock_guard<std::mutex> guard(namespaces_mutex_);
  namespaces_ = fresh_namespaces_;
  last_namespace_ = nullptr;
  taken_version_ = namespaces_version_.load(std::memory_order_relaxed);
}

void IoRing::bind(spdk_nvme_ctrlr* controller, uint32_t queue_depth) {
  controller_ = controller;
  pieces_.assign(queue_depth, Piece{});
  torn_pairs_.clear();
  free_pieces_.clear();
  for (uint32_t i = 0; i < queue_depth; i++) free_pieces_.push_back(i);
  share_ = std::clamp(queue_depth / 2, 1U, kMaxShare);
}

void IoRing::submit(spdk_nvme_qpair* queue_pair) {
  same_time_ = 0;
  take_namespaces();
  if (!requeued_.empty()) {
    // Requeued commands were sent before those that still wait.
    ready_.insert(ready_.begin(), requeued_.begin(), requeued_.end());
    for (const uint32_t index : requeued_) slots_[index].ready = true;
    requeued_.clear();
  }
  take_new();
  settle_cancelled();
  if (!torn_pairs_.empty()) torn_pairs_.end_late(controller_, queue_pair);
  std::vector<uint32_t> held;
  while (!ready_.empty() && !free_pieces_.empty()) {
    const uint32_t index = ready_.front();
    ready_.pop_front();
    if (waits_for_aborts(index)) {
      held.push_back(index);
    } else if (!send_next(queue_pair, index)) {
      ready_.push_front(index);
      break;
    }
  }
  if (!held.empty()) ready_.insert(ready_.begin(), held.begin(), held.end());
}

/** Whether a command could not be sent again if an Abort for another one ended it. Those behind it go on. */
bool IoRing::waits_for_aborts(uint32_t index) const {
  return aborts_answered_ < aborts_sent_ && slots_[index].command.only_once() && !is_cancelled(index);
}

void IoRing::take_new() {
  const uint32_t tail = submitted_.load(std::memory_order_seq_cst);
  if (head_ == tail) return;
  const uint64_t now = ticks_now();
  for (; head_ != tail; head_++) {
    const uint32_t index = submission_queue_[head_ & (capacity_ - 1)];
    // Both are faults in lib/; completing the slot would corrupt its real owner.
    if (index >= capacity_ || slots_[index].busy) continue;
    const uint32_t* segments = segments_ + static_cast<size_t>(index) * kMaxSegments * kSegmentWords;
    Slot& slot = slots_[index];
    slot.command.read_from(command_words(index), segments);
    slot.begin(now);
    ready_.push_back(index);
  }
}

/** Sends the next piece of a command that was removed from ready_. False if it has to wait there. */
bool IoRing::send_next(spdk_nvme_qpair* queue_pair, uint32_t index) {
  Slot& slot = slots_[index];
  if (is_cancelled(index)) end_cancelled(index);
  bool waits = false;
  if (slot.has_more()) {
    const uint32_t number = free_pieces_.back();
    free_pieces_.pop_back();
    Piece& piece = pieces_[number];
    piece.begin(this, index, slot.command, *memory_);
    // Counted before the call, and the slot once more during it: SPDK may notice a lost connection inside the
    // call and complete pieces of this and other commands.
    if (slot.pieces == 0) slot.aborts_answered = static_cast<uint32_t>(aborts_answered_);
    slot.pieces += 2;
    in_flight_++;
    const int result = start(queue_pair, slot, piece);
    slot.pieces--;
    if (result < 0) {
      slot.pieces--;
      in_flight_--;
      free_pieces_.push_back(number);
      waits = has_to_wait(result);
      if (!waits) end(index, host_error(-result));
    }
  }
  if (waits && slot.has_more()) return false;
  slot.ready = slot.has_more() && slot.pieces < share_;
  if (slot.ready) {
    ready_.push_back(index);
  } else {
    settle(index);
  }
  return true;
}

bool IoRing::has_to_wait(int result) const {
  // There is no room, and without pieces in flight there will be none.
  if (result == -ENOMEM || result == -EAGAIN) return in_flight_ > 0;
  // The queue pair has lost its connection.
  return result == -ENXIO && requeue_.load(std::memory_order_acquire);
}

const NamespaceEntry* IoRing::find_namespace(uint32_t id) {
  if (last_namespace_ != nullptr && last_namespace_id_ == id) return last_namespace_;
  last_namespace_ = namespaces_ ? namespaces_->find(id) : nullptr;
  last_namespace_id_ = id;
  return last_namespace_;
}

/** Checks the next piece of a command against the namespace and the memory, and passes it to SPDK. 0 or a negative errno. */
int IoRing::start(spdk_nvme_qpair* queue_pair, Slot& slot, Piece& piece) {
  const IoCommand& command = slot.command;
  const NamespaceEntry* entry = find_namespace(command.namespace_id);
  if (entry == nullptr) return -ENODEV;
  if (const int wrong = check_command(command, entry, namespaces_->limits(), *memory_); wrong != 0) {
    return wrong;
  }
  // SPDK may know of a change that the control thread has not passed on yet.
  const auto changed = [entry] {
    return !spdk_nvme_ns_is_active(entry->ns) || spdk_nvme_ns_get_sector_size(entry->ns) != entry->block_size;
  };
  if (changed()) return -ENODEV;
  next_piece(command, slot.sent, *entry, namespaces_->limits(), piece.range);
  const uint32_t sent = slot.sent;
  slot.sent += piece.range.count;
  const int result = send_piece(controller_, queue_pair, *entry, piece, on_complete);
  if (result >= 0) return 0;
  slot.sent = sent;
  // SPDK returns EINVAL for a namespace that vanished during the call.
  return result == -EINVAL && changed() ? -ENODEV : result;
}

void IoRing::on_complete(void* context, const spdk_nvme_cpl* completion) {
  auto* piece = static_cast<Piece*>(context);
  IoRing& ring = *piece->ring;
  const uint32_t index = piece->slot;
  if (piece->missing > 0) {
    piece->missing--;
    piece->first_status = status_word(completion->status);
    if (piece->first_status != 0 && !is_aborted(piece->first_status)) ring.torn_pairs_.add(*piece);
    return;
  }
  if (!ring.torn_pairs_.empty()) ring.torn_pairs_.remove(*piece);
  Slot& slot = ring.slots_[index];
  ring.free_pieces_.push_back(static_cast<uint32_t>(piece - ring.pieces_.data()));
  ring.in_flight_--;
  if (ring.in_flight_ == 0) spdk::LastAnswer::came();
  slot.pieces--;
  uint32_t status = status_word(completion->status);
  // Of a fused pair: why the first failed says more than that the second was not carried out.
  if (piece->first_status != 0 && !is_aborted(piece->first_status)) status = piece->first_status;
  // A controller that was asked to abort a command completes it with a status that SPDK gives for a lost connection.
  // What was damaged on its way is sent once more.
  const bool damaged = is_damaged(status) && !slot.repeated;
  const bool hit = status != 0 && ring.is_hit(slot, status);
  const bool requeues = ring.requeue_.load(std::memory_order_acquire);
  const bool again = hit || ((is_aborted(status) || damaged) && requeues);
  if (again && !slot.command.only_once() && !ring.is_cancelled(index)) {
    slot.hit |= hit;
    if (damaged) slot.damaged = true;
    // SPDK may have given the same status for a connection that is lost.
    if (!damaged && requeues) slot.was_lost = true;
    const uint32_t first = piece->range.first;
    slot.lost_from = slot.lost ? std::min(slot.lost_from, first) : first;
    slot.lost = true;
  } else if (status != 0) {
    ring.end(index, status);
  }
  if (!slot.ended) slot.result = completion->cdw0;
  if (slot.command.operation == raw) {
    ring.commands_[static_cast<size_t>(index) * kCommandWords + kResultHigh] =
        spdk::second_dword(*completion);
  }
  if (!slot.ready && slot.has_more()) {
    slot.ready = true;
    ring.ready_.push_back(index);
  }
  ring.settle(index);
}

/** Whether an Abort for another command may have ended a piece of this one: the controller received it when their identifier was used again. */
bool IoRing::is_hit(const Slot& slot, uint32_t status) const {
  return is_aborted_by_request(status) && slot.aborts_answered != static_cast<uint32_t>(aborts_sent_);
}

/** Stops sending a command, which completes with this status unless it has an earlier one. */
void IoRing::end(uint32_t index, uint32_t status) {
  Slot& slot = slots_[index];
  if (std::exchange(slot.ended, true)) return;
  slot.status = status;
}

/** Completes or requeues a command if SPDK has no piece of it any more and none remains to be sent. */
void IoRing::settle(uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.pieces > 0 || slot.has_more()) return;
  if (std::exchange(slot.ready, false)) std::erase(ready_, index);
  if (slot.ended || !slot.lost) {
    complete(index, slot.status, slot.result);
  } else if (slot.hit || requeue_.load(std::memory_order_acquire)) {
    slot.sent = slot.lost_from;
    slot.lost = slot.hit = false;
    slot.repeated |= std::exchange(slot.damaged, false);
    requeued_.push_back(index);
  } else {
    complete(index, aborted_word(), 0);
  }
}

uint64_t IoRing::completion_ticks() {
  if (same_time_ == 0) {
    completed_at_ = ticks_now();
    same_time_ = kSameTime;
  }
  same_time_--;
  return completed_at_;
}

void IoRing::count(const Slot& slot, uint32_t status) {
  if (status != 0 && is_aborted(status)) {
    counts_.aborted++;
    return;
  }
  counts_.completed++;
  if (status != 0) counts_.failed++;
  if ((status & kHostError) != 0) return;
  const uint64_t now = completion_ticks();
  // The counters of two processors may differ by some ticks.
  counts_.latency.add(now > slot.begun ? now - slot.begun : 0);
  if (status != 0) return;
  const IoCommand& command = slot.command;
  const uint64_t bytes = static_cast<uint64_t>(command.blocks) * command.block_size;
  if (command.operation == read) {
    counts_.reads++;
    counts_.bytes_read.add(bytes);
  } else if (command.operation == write) {
    counts_.writes++;
    counts_.bytes_written.add(bytes);
  }
}

void IoRing::complete(uint32_t index, uint32_t status, uint32_t result) {
  slots_[index].busy = false;
  count(slots_[index], status);
  statuses_[index] = status;
  results_[index] = result;
  const uint32_t tail = completed_.load(std::memory_order_relaxed);
  completion_queue_[tail & (capacity_ - 1)] = index;
  completed_.store(tail + 1, std::memory_order_relaxed);
  std::atomic_ref<uint32_t>(words_[kCompletedWord]).store(tail + 1, std::memory_order_release);
}

void IoRing::notify() {
  const uint32_t tail = completed_.load(std::memory_order_relaxed);
  if (tail == notified_) return;
  notified_ = tail;
  // Stored once more, for its order with the word that JavaScript writes.
  std::atomic_ref<uint32_t>(words_[kCompletedWord]).store(tail, std::memory_order_seq_cst);
  const std::atomic_ref<uint32_t> wake(words_[kWakeWord]);
  if (wake.load(std::memory_order_seq_cst) == 0) return;
  wake.store(0, std::memory_order_relaxed);
  if (on_completions) on_completions();
}

bool IoRing::is_cancelled(uint32_t index) const {
  const uint32_t word = slots_[index].command.operation == raw ? kRawCancel : kCancel;
  return load(commands_[static_cast<size_t>(index) * kCommandWords + word]) != 0;
}

void IoRing::settle_cancelled() {
  const uint32_t cancels = load(words_[kCancelsWord]);
  if (std::exchange(seen_cancels_, cancels) == cancels) return;
  take_new();
  for (uint32_t index = 0; index < capacity_; index++) {
    const Slot& slot = slots_[index];
    // A command that was sent completely ends with the controller's status.
    if (!slot.busy || !(slot.has_more() || slot.lost) || !is_cancelled(index)) continue;
    std::erase(requeued_, index);
    end_cancelled(index);
    settle(index);
  }
}

void IoRing::end_cancelled(uint32_t index) {
  end(index, host_error(slots_[index].was_lost ? ECONNRESET : ECANCELED));
}

void IoRing::for_each_piece(uint32_t index, const std::function<void(void* context)>& call) {
  if (index >= capacity_ || !slots_[index].busy) return;
  std::vector<bool> is_free(pieces_.size());
  for (const uint32_t number : free_pieces_) is_free[number] = true;
  // A call may complete the piece, which changes free_pieces_.
  for (size_t number = 0; number < pieces_.size(); number++) {
    if (!is_free[number] && pieces_[number].slot == index) call(&pieces_[number]);
  }
}

void IoRing::lost_queue_pair() {
  if (!requeue_.load(std::memory_order_acquire)) fail_pending(0);
}

void IoRing::fail_pending(int error_number) {
  take_new();
  const uint32_t status = error_number == 0 ? aborted_word() : host_error(error_number);
  std::deque<uint32_t> rest = std::exchange(requeued_, {});
  rest.insert(rest.end(), ready_.begin(), ready_.end());
  ready_.clear();
  for (const uint32_t index : rest) {
    slots_[index].ready = false;
    end(index, status);
    settle(index);
  }
  // Commands of which SPDK still has a piece complete with that piece.
  for (uint32_t index = 0; index < capacity_; index++) {
    if (slots_[index].busy && slots_[index].has_more()) end(index, status);
  }
}

}  // namespace spdk_nvme
