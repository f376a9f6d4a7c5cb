#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "native/core/base/counter.h"
#include "native/core/io/dma_memory.h"
#include "native/core/io/io_command.h"
#include "native/core/io/latency_histogram.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/piece.h"
#include "native/core/io/ring_layout.h"

namespace spdk_nvme {

/**
 * Commands to one queue pair and their completions, in memory that JavaScript shares: no call and no
 * allocation for each. The JavaScript thread fills a command in a slot it owns and appends the slot's number
 * to the submission queue; the thread that polls the queue pair takes it from there, and appends the number
 * to the completion queue when the controller has answered.
 *
 * A command may be of any length. It is sent in pieces that the controller takes, and completes once: when
 * all of its pieces have, with the first error of any of them, after which no further piece is sent. Commands
 * take turns piece by piece, in the order in which they were submitted, and none of them has more than a part
 * of the queue pair's requests, so that small ones pass a large one.
 */
class IoRing : public RingLayout {
 public:
  IoRing(std::shared_ptr<const DmaMemory> memory, uint32_t capacity);
  IoRing(const IoRing&) = delete;
  IoRing& operator=(const IoRing&) = delete;
  ~IoRing() = default;

  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] uint32_t* words() { return words_.data(); }
  [[nodiscard]] size_t bytes() const { return words_.size() * sizeof(uint32_t); }

  /** Makes the submission queue up to `tail` visible to the polling thread. False for a tail that cannot be:
   * there are no more commands than slots. JavaScript thread. */
  [[nodiscard]] bool publish(uint32_t tail) {
    const bool possible = tail - submitted_.load(std::memory_order_relaxed) <= capacity_ &&
                          tail - completed_.load(std::memory_order_relaxed) <= capacity_;
    if (possible) submitted_.store(tail, std::memory_order_release);
    return possible;
  }
  /** How far the completion queue is filled. JavaScript thread. */
  [[nodiscard]] uint32_t completed() const { return completed_.load(std::memory_order_acquire); }
  struct Counts {
    /** Commands that ended with the controller's answer, those with an error in it, and those that were aborted. */
    Counter completed;
    Counter failed;
    Counter aborted;
    /** Reads and writes that succeeded, and their bytes. */
    Counter reads;
    Counter writes;
    Counter bytes_read;
    Counter bytes_written;
    /** From when the polling thread took a command to its completion, of those that the controller answered. */
    LatencyHistogram latency;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /** Pieces that SPDK has. Any thread. */
  [[nodiscard]] uint64_t in_flight() const { return in_flight_; }
  /** Operations that JavaScript has accepted and not settled. Any thread. */
  [[nodiscard]] uint32_t pending();

  /**
   * Whether commands that end because their connection does are kept, to be
   * sent again over the next one, rather than answered as aborted. Raw
   * commands never are: what a second time would do is not known. Any thread.
   */
  void hold(bool holding) { holding_.store(holding, std::memory_order_release); }

  /** What commands are checked against and cut by from the next submit() on. Control thread. */
  void set_namespaces(std::shared_ptr<const NamespaceTable> namespaces);

  // The following are for whoever polls the queue pair, under the linger lock; while there is no queue pair,
  // for the control thread.

  /** Commands go to a queue pair of this controller from now on, at most so many at a time. */
  void bind(spdk_nvme_ctrlr* controller, uint32_t queue_depth);

  /** Hands new commands to SPDK, in order, as long as it takes them. */
  void submit(spdk_nvme_qpair* queue_pair);
  /** Whether commands are with the controller or wait for room in its queue. */
  [[nodiscard]] bool busy() const {
    return in_flight_ > 0 || !ready_.empty() || !held_.empty() ||
           head_ != submitted_.load(std::memory_order_acquire);
  }
  /** Tells JavaScript, once, if something has completed since the last call. */
  void notify();
  /** Answers the commands that JavaScript has cancelled, as far as nothing of them is with SPDK. */
  void answer_cancelled();
  /** The queue pair is gone: everything that is not held is answered as aborted. */
  void lost_queue_pair();
  /** Answers everything that is held or not yet handed to SPDK: with this errno, or as aborted for 0. */
  void answer_rest(int error_number);

  /** Called by notify() on the polling thread; must not block. */
  std::function<void()> on_completions;

 private:
  /** A command from its submission to its completion. */
  struct Slot {
    IoCommand command;
    bool busy = false;
    /** It is in ready_, or just being sent. */
    bool ready = false;
    /** The status it will complete with is known: nothing more of it is sent. */
    bool ended = false;
    /** A connection was lost with pieces of it; all from this unit on are sent again. */
    bool lost = false;
    uint32_t lost_from = 0;
    /** Units handed to SPDK so far, see IoCommand::extent(). */
    uint32_t sent = 0;
    /** Pieces that SPDK has. */
    uint32_t pieces = 0;
    uint32_t status = 0;
    uint32_t result = 0;
    /** When the polling thread took it, in ticks. */
    uint64_t begun = 0;

    void begin(uint64_t now) {
      begun = now;
      busy = ready = true;
      ended = lost = false;
      sent = pieces = status = result = 0;
    }
    [[nodiscard]] bool has_more() const { return !ended && !lost && sent < command.extent(); }
  };

  [[nodiscard]] const uint32_t* command_words(uint32_t index) const {
    return commands_ + static_cast<size_t>(index) * kCommandWords;
  }
  [[nodiscard]] bool is_cancelled(uint32_t index) const;
  void take_namespaces();
  void take_new();
  bool send_next(spdk_nvme_qpair* queue_pair, uint32_t index);
  int start(spdk_nvme_qpair* queue_pair, Slot& slot, Piece& piece);
  [[nodiscard]] bool has_to_wait(int result) const;
  void end(uint32_t index, uint32_t status);
  void settle(uint32_t index);
  void complete(uint32_t index, uint32_t status, uint32_t result);
  void count(const Slot& slot, uint32_t status);
  static void on_complete(void* piece, const spdk_nvme_cpl* completion);

  const std::shared_ptr<const DmaMemory> memory_;
  const uint32_t capacity_;
  std::vector<uint32_t> words_;
  uint32_t* const submission_queue_;
  uint32_t* const completion_queue_;
  uint32_t* const statuses_;
  uint32_t* const results_;
  uint32_t* const commands_;
  uint32_t* const segments_;

  std::atomic<uint32_t> submitted_{0};
  std::atomic<uint32_t> completed_{0};
  std::atomic<bool> holding_{false};

  /** Guards fresh_namespaces_; the version is readable without it. */
  std::mutex namespaces_mutex_;
  std::shared_ptr<const NamespaceTable> fresh_namespaces_;
  std::atomic<uint32_t> namespaces_version_{0};

  // The polling thread's own.
  spdk_nvme_ctrlr* controller_ = nullptr;
  std::shared_ptr<const NamespaceTable> namespaces_;
  uint32_t taken_version_ = 0;
  std::vector<Slot> slots_;
  /** Commands with more to send, the next one first. */
  std::deque<uint32_t> ready_;
  /** Commands to be sent again, in the order in which they came back. */
  std::deque<uint32_t> held_;
  /** As many as the queue pair may have requests; the free ones by number. */
  std::vector<Piece> pieces_;
  std::vector<uint32_t> free_pieces_;
  /** How many of them one command may have. */
  uint32_t share_ = 1;
  uint32_t head_ = 0;
  uint32_t seen_cancels_ = 0;
  Counter in_flight_;
  uint32_t notified_ = 0;
  Counts counts_;
};

}  // namespace spdk_nvme
