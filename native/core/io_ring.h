#pragma once

#include <spdk/nvme.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "counter.h"
#include "dma_memory.h"

namespace spdk_nvme {

/**
 * Commands to one queue pair and their completions, in memory that JavaScript shares: no call and no
 * allocation for each. The JavaScript thread fills a command in a slot it owns and appends the slot's number
 * to the submission queue; the thread that polls the queue pair takes it from there, and appends the number
 * to the completion queue when the controller has answered. lib/ring.ts is the other side of this layout.
 */
class IoRing {
 public:
  /** Words (32 bits) of the shared memory. */
  static constexpr uint32_t kHeaderWords = 16;
  static constexpr uint32_t kCommandWords = 16;
  static constexpr uint32_t kMaxSegments = 16;
  static constexpr uint32_t kSegmentWords = 3;
  /** Header word: operations accepted by JavaScript and not settled yet, waiting ones too. Written by it. */
  static constexpr uint32_t kPendingWord = 0;

  /** What a command does; the first word of its slot. */
  enum Operation : uint32_t {
    flush = 0,
    write = 1,
    read = 2,
    compare = 5,
    write_zeroes = 8,
    deallocate = 9,
    verify = 12,
    raw = 255
  };

  /** A status word with this bit carries an errno of this host instead of the controller's status. */
  static constexpr uint32_t kHostError = 1U << 31;

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
  /** How many commands ended with the controller's answer, with an error in it, or were aborted. */
  struct Counts {
    Counter completed;
    Counter failed;
    Counter aborted;
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /** Commands that SPDK has. Any thread. */
  [[nodiscard]] uint64_t in_flight() const { return in_flight_; }
  /** Operations that JavaScript has accepted and not settled. Any thread. */
  [[nodiscard]] uint32_t pending();

  /**
   * Whether commands that end because their connection does are kept, to be sent again over the next one,
   * rather than answered as aborted. Raw commands never are: what a second time would do is not known. Any
   * thread.
   */
  void hold(bool holding) { holding_.store(holding, std::memory_order_release); }

  // The following are for whoever polls the queue pair, under the linger lock; while there is no queue pair,
  // for the control thread.

  /** Commands go to a queue pair of this controller from now on. */
  void bind(spdk_nvme_ctrlr* controller);

  /** Hands new commands to SPDK, in order, as long as it takes them. */
  void submit(spdk_nvme_qpair* queue_pair);
  /** Whether commands are with the controller or wait for room in its queue. */
  [[nodiscard]] bool busy() const {
    return in_flight_ > 0 || !held_.empty() || head_ != submitted_.load(std::memory_order_acquire);
  }
  /** Tells JavaScript, once, if something has completed since the last call. */
  void notify();
  /** The queue pair is gone: everything that is not held is answered as aborted. */
  void lost_queue_pair();
  /** Answers everything that is held or not yet handed to SPDK: with this errno, or as aborted for 0. */
  void answer_rest(int error_number);

  /** Called by notify() on the polling thread; must not block. */
  std::function<void()> on_completions;

 private:
  struct Slot {
    IoRing* ring = nullptr;
    bool busy = false;
    /** Where SPDK's walk through the segments of a vectored command stands. */
    uint32_t segment = 0;
    uint32_t segment_offset = 0;
  };

  [[nodiscard]] uint32_t index_of(const Slot& slot) const {
    return static_cast<uint32_t>(&slot - slots_.data());
  }
  [[nodiscard]] const uint32_t* command(uint32_t index) const { return commands_ + index * kCommandWords; }
  [[nodiscard]] const uint32_t* segment(const Slot& slot, uint32_t number) const {
    return segments_ + (index_of(slot) * kMaxSegments + number) * kSegmentWords;
  }
  /** Not to be believed twice: JavaScript can change it while SPDK walks through the segments. */
  [[nodiscard]] uint32_t segment_count(const Slot& slot) const;
  spdk_nvme_ns* find_namespace(uint32_t id);
  bool try_start(spdk_nvme_qpair* queue_pair, uint32_t index);
  int start(spdk_nvme_qpair* queue_pair, Slot& slot);
  int start_on(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot);
  int start_transfer(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot);
  int start_deallocate(spdk_nvme_ns* space, spdk_nvme_qpair* queue_pair, Slot& slot);
  int start_raw(spdk_nvme_qpair* queue_pair, Slot& slot);
  [[nodiscard]] bool segments_cover(const Slot& slot, uint32_t count, uint64_t bytes) const;
  void complete(uint32_t index, uint32_t status, uint32_t result);

  static void on_complete(void* slot, const spdk_nvme_cpl* completion);
  static void rewind(void* slot, uint32_t offset);
  static int next_segment(void* slot, void** address, uint32_t* length);

  spdk_nvme_ctrlr* controller_ = nullptr;
  const std::shared_ptr<const DmaMemory> memory_;
  const uint32_t capacity_;
  std::vector<uint32_t> words_;
  uint32_t* const submission_queue_;
  uint32_t* const completion_queue_;
  uint32_t* const statuses_;
  uint32_t* const results_;
  uint32_t* const commands_;
  uint32_t* const segments_;
  std::vector<Slot> slots_;

  std::atomic<uint32_t> submitted_{0};
  std::atomic<uint32_t> completed_{0};
  std::atomic<bool> holding_{false};
  // The polling thread's own.
  uint32_t head_ = 0;
  Counter in_flight_;
  uint32_t notified_ = 0;
  Counts counts_;
  /** Commands to be sent again, in the order in which they came back. */
  std::deque<uint32_t> held_;
  /** The namespace of the last command: finding one takes SPDK's controller lock. SPDK frees none before the
   * end. */
  uint32_t last_namespace_id_ = 0;
  spdk_nvme_ns* last_namespace_ = nullptr;
};

}  // namespace spdk_nvme
