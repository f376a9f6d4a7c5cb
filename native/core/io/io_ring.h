#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "native/core/base/counter.h"
#include "native/core/io/dma_memory.h"
#include "native/core/io/io_command.h"
#include "native/core/io/latency_histogram.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/piece.h"
#include "native/core/io/ring_layout.h"
#include "native/core/io/torn_pairs.h"

namespace spdk_nvme {

/**
 * The commands of one queue pair and their completions, in memory shared with JavaScript, so that no command
 * needs a call or an allocation. The JavaScript thread fills a command into a slot and appends the slot's
 * number to the submission queue. The polling thread sends the command, and appends the number to the
 * completion queue when the command has completed.
 *
 * A command may have any length. It is sent in pieces that the controller accepts, and completes once: after
 * all of its pieces, with the first error of any of them. After an error no further piece is sent. Commands
 * take turns piece by piece, in the order of submission. A command may use only a part of the queue pair's
 * requests, so that small commands pass a large one.
 *
 * The protocol between the two threads (RingLayout has the words):
 *
 * 1. A slot belongs to JavaScript until publish(), and again from its completion on. In between it belongs to
 *    the polling thread. Only the owner writes a slot's words and its entries in the two queues.
 * 2. publish() stores submitted_ after the words of the commands, and the polling thread loads it before them: it sees
 *    the words of every published command. Both are sequentially consistent, as is the flag `watching` of a poller
 *    (Poller::watch()): either a poller that stops watching sees the command, or JavaScript sees that it has to wake it.
 * 3. complete() stores kCompletedWord with release order after the status and the result, JavaScript loads it with
 *    acquire order: it sees both for every completion. Before its last look JavaScript sets kWakeWord; notify()
 *    stores kCompletedWord again and then loads kWakeWord. All four are sequentially consistent: either JavaScript
 *    sees the completion, or it gets a message.
 * 4. Two kinds of words are exceptions to rule 1, and atomic. To cancel a command, JavaScript sets its
 *    kCancel or kRawCancel and then changes kCancelsWord; the polling thread loads both with acquire order, so it sees the
 *    former after the latter. kPendingWord is a number that other threads only report.
 * 5. Which thread polls may change. That happens under the linger lock's exclusive side or the queue set's
 *    try-lock only, which order the fields that are "the polling thread's own".
 * 6. The control thread passes a new namespace table under namespaces_mutex_. Its version, stored with
 *    release and loaded with acquire order, only saves the polling thread the mutex while it is the same.
 */
class IoRing : public RingLayout {
 public:
  IoRing(std::shared_ptr<const DmaMemory> memory, uint32_t capacity);
  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;
  ~IoRing() = default;

  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] uint32_t* words() { return words_.get(); }
  [[nodiscard]] size_t bytes() const { return word_count_ * sizeof(uint32_t); }

  /**
   * Publishes the submission queue up to `tail`. False for an impossible tail: there are not more commands
   * than slots. Thread: JavaScript.
   */
  [[nodiscard]] bool publish(uint32_t tail) {
    if (tail - seen_completed_ > capacity_) seen_completed_ = completed_.load(std::memory_order_relaxed);
    const bool possible =
        tail - submitted_.load(std::memory_order_relaxed) <= capacity_ && tail - seen_completed_ <= capacity_;
    // Rule 2.
    if (possible) submitted_.store(tail, std::memory_order_seq_cst);
    return possible;
  }
  struct Counts {
    /** Commands that the controller completed, those of them with an error, and those that were aborted. */
    Counter completed;
    Counter failed;
    Counter aborted;
    /** Reads and writes that succeeded, and their bytes. */
    Counter reads;
    Counter writes;
    Counter bytes_read;
    Counter bytes_written;
    /**
     * Times from when the polling thread took a command to when it found that the controller had completed it. Completions
     * that are found together, up to kSameTime, have the same.
     */
    LatencyHistogram latency;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /** Pieces that SPDK has. Thread: any. */
  [[nodiscard]] uint64_t in_flight() const { return in_flight_; }
  /** Operations that JavaScript has accepted and not settled. Thread: any. */
  [[nodiscard]] uint32_t pending();
  /** Whether JavaScript waits for on_completions instead of looking. Thread: any. */
  [[nodiscard]] bool wake_requested();
  /** Whether the last poll left nothing to do, and nothing was published since. As rule 2 for a poller that comes to rest. Thread: any. */
  [[nodiscard]] bool at_rest() const {
    return submitted_.load(std::memory_order_seq_cst) == rested_.load(std::memory_order_relaxed);
  }

  /**
   * Whether commands that end with their connection are requeued and sent again over the next one, instead of
   * being aborted. Raw commands are never requeued, because sending them twice may not be safe. Thread: any.
   */
  void set_requeue(bool requeue) { requeue_.store(requeue, std::memory_order_release); }

  /** The namespaces by which commands are checked and split from the next submit() on. Thread: control. */
  void set_namespaces(std::shared_ptr<const NamespaceTable> namespaces);

  // The following are for the polling thread, under the linger lock, or for the control thread
  // while there is no queue pair.

  /** Commands go to a queue pair of this controller from now on, at most `queue_depth` at the same time. */
  void bind(spdk_nvme_ctrlr* controller, uint32_t queue_depth);

  /** Passes new commands to SPDK, in order, as long as it accepts them. */
  void submit(spdk_nvme_qpair* queue_pair);
  /** Whether commands are outstanding or wait for room in the queue. */
  [[nodiscard]] bool busy() const {
    return in_flight_ > 0 || !ready_.empty() || !requeued_.empty() ||
           head_ != submitted_.load(std::memory_order_seq_cst);
  }
  /** Records whether nothing is left to do, for at_rest(). */
  void note_rest() {
    const uint64_t now = busy() ? kBusy : head_;
    if (rested_.load(std::memory_order_relaxed) != now) rested_.store(now, std::memory_order_relaxed);
  }
  /** Notifies JavaScript if it wants that and commands have completed since the last call. */
  void notify();
  /** Completes the commands that JavaScript has cancelled, unless SPDK has a piece of them. */
  void settle_cancelled();
  /** Whether a command is in this slot that has not ended. Holds: linger lock (exclusive). */
  [[nodiscard]] bool has_command(uint32_t index) const { return index < capacity_ && slots_[index].busy; }
  /**
   * Calls for each part of the command in this slot that SPDK has, with the context that SPDK has it by. Holds:
   * linger lock (exclusive).
   */
  void for_each_piece(uint32_t index, const std::function<void(void* context)>& call);
  /**
   * Counts the Abort commands for commands of this queue pair: SPDK uses the identifier of a command again as soon as it has completed, and
   * an Abort that the controller receives late then aborts another command. Thread: control.
   */
  void abort_sent() { aborts_sent_++; }
  /** The controller has responded to it, or it ended with the connection. Thread: control. */
  void abort_answered() { aborts_answered_++; }
  /** The queue pair no longer exists: aborts everything that is not requeued. */
  void lost_queue_pair();
  /** Completes everything that is requeued or not yet passed to SPDK: with this errno, or as aborted for 0. */
  void fail_pending(int error_number);

  /** Called by notify() on the polling thread; must not block. */
  std::function<void()> on_completions;

 private:
  static constexpr size_t kCacheLine = 64;
  /** Of rested_: no number of a command. */
  static constexpr uint64_t kBusy = UINT64_MAX;

  /**
   * A command from its submission to its completion. While it is not busy, JavaScript has the slot and the rest means
   * nothing. While it is busy and no function of the ring is at work on it, it is in one of these states:
   *
   * - ready, in ready_: has_more(), and any number of its pieces may be with SPDK;
   * - not ready, with pieces: more may remain to be sent when one of them completes; with `ended` or `lost` nothing does;
   * - requeued, in requeued_: not ready, no pieces, and neither `ended` nor `lost`; has_more() from the lost unit on.
   *
   * `ended` and `lost` may both be set: the command then completes and is not requeued. settle() is where a command
   * without pieces and with nothing to send leaves these states.
   */
  struct alignas(kCacheLine) Slot {
    bool busy = false;
    /** Whether it is in ready_ or being sent. */
    bool ready = false;
    /** Whether its status is known: nothing more of it is sent. */
    bool ended = false;
    /** Whether pieces of it were lost with the connection, damaged or hit, and are sent again from this unit on. */
    bool lost = false;
    uint32_t lost_from = 0;
    /**
     * Whether pieces of it were ever lost with a connection: a target may still carry out what it received.
     */
    bool was_lost = false;
    /** Whether pieces of it were damaged on their way, and whether it has been sent once more because of that. */
    bool damaged = false;
    bool repeated = false;
    /** Whether an Abort that was meant for another command has ended pieces of it. */
    bool hit = false;
    /** What aborts_answered_ was when the first of its pieces was sent that SPDK has, modulo 2^32. */
    uint32_t aborts_answered = 0;
    /** Units passed to SPDK so far, and all of them, see IoCommand::extent(). */
    uint32_t sent = 0;
    uint32_t extent = 0;
    /** Pieces that SPDK has. */
    uint32_t pieces = 0;
    uint32_t status = 0;
    uint32_t result = 0;
    /** When the polling thread took it, in ticks. */
    uint64_t begun = 0;
    /** Last: most commands have one segment of the many that it has room for. */
    IoCommand command;

    void begin(uint64_t now) {
      begun = now;
      busy = ready = true;
      ended = lost = was_lost = damaged = repeated = hit = false;
      sent = pieces = status = result = 0;
      extent = command.extent();
    }
    [[nodiscard]] bool has_more() const { return !ended && !lost && sent < extent; }
  };

  [[nodiscard]] const uint32_t* command_words(uint32_t index) const {
    return commands_ + static_cast<size_t>(index) * kCommandWords;
  }
  [[nodiscard]] bool is_cancelled(uint32_t index) const;
  void take_namespaces();
  void take_new();
  bool send_next(spdk_nvme_qpair* queue_pair, uint32_t index);
  [[nodiscard]] const NamespaceEntry* find_namespace(uint32_t id);
  int start(spdk_nvme_qpair* queue_pair, Slot& slot, Piece& piece);
  [[nodiscard]] bool has_to_wait(int result) const;
  [[nodiscard]] bool waits_for_aborts(uint32_t index) const;
  [[nodiscard]] bool is_hit(const Slot& slot, uint32_t status) const;
  void end(uint32_t index, uint32_t status);
  void settle(uint32_t index);
  void end_cancelled(uint32_t index);
  void complete(uint32_t index, uint32_t status, uint32_t result);
  void count(const Slot& slot, uint32_t status);
  [[nodiscard]] uint64_t completion_ticks();
  static void on_complete(void* piece, const spdk_nvme_cpl* completion);

  const std::shared_ptr<const DmaMemory> memory_;
  /** A power of two. */
  const uint32_t capacity_;
  const size_t word_count_;
  struct FreeLines {
    void operator()(uint32_t* words) const { operator delete[](words, std::align_val_t(kCacheLine)); }
  };
  const std::unique_ptr<uint32_t[], FreeLines> words_;
  uint32_t* const submission_queue_;
  uint32_t* const completion_queue_;
  uint32_t* const statuses_;
  uint32_t* const results_;
  uint32_t* const commands_;
  uint32_t* const segments_;

  /** On a cache line that the polling thread only reads. */
  alignas(kCacheLine) std::atomic<uint32_t> submitted_{0};
  /** A copy of completed_, so that publish() seldom reads what the polling thread writes. Thread: JavaScript. */
  uint32_t seen_completed_ = 0;

  /** Guards fresh_namespaces_; the version is readable without it. */
  std::mutex namespaces_mutex_;
  std::shared_ptr<const NamespaceTable> fresh_namespaces_;
  std::atomic<uint32_t> namespaces_version_{0};

  // The polling thread's own; JavaScript reads completed_ in publish().
  alignas(kCacheLine) std::atomic<uint32_t> completed_{0};
  std::atomic<bool> requeue_{false};
  spdk_nvme_ctrlr* controller_ = nullptr;
  std::shared_ptr<const NamespaceTable> namespaces_;
  uint32_t taken_version_ = 0;
  /** The entry of the last command's namespace, which most of the next are for, too. */
  const NamespaceEntry* last_namespace_ = nullptr;
  uint32_t last_namespace_id_ = 0;
  std::vector<Slot> slots_;
  /** Commands with more to send, the next one first. */
  std::deque<uint32_t> ready_;
  /** Commands to be sent again, in the order in which they were returned. */
  std::deque<uint32_t> requeued_;
  /** One for each request of the queue pair; the free ones by number. */
  std::vector<Piece> pieces_;
  std::vector<uint32_t> free_pieces_;
  TornPairs torn_pairs_;
  /** How many pieces one command may use. */
  uint32_t share_ = 1;
  uint32_t head_ = 0;
  /** What head_ was when the last poll left nothing to do, or kBusy. Read by any thread. */
  std::atomic<uint64_t> rested_{kBusy};
  uint32_t seen_cancels_ = 0;
  Counter in_flight_;
  Counter aborts_sent_;
  Counter aborts_answered_;
  uint32_t notified_ = 0;
  /**
   * When the latest completion was found, and how many further completions of this turn get the same time.
   */
  uint64_t completed_at_ = 0;
  uint32_t same_time_ = 0;
  Counts counts_;
};

}  // namespace spdk_nvme
