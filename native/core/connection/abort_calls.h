#pragma once

#include <spdk/nvme.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "native/core/io/queue_set.h"

namespace spdk_nvme {

/** The outcome of a request to abort a command. */
enum class AbortOutcome {
  /** The controller aborted the command: it does not carry it out any more. */
  aborted,
  /** The controller did not abort it, or did not report that: the command completes by itself. */
  not_aborted,
  /** SPDK has no part of the command: it was not sent, or has completed. */
  not_found
};

/**
 * The Abort commands for I/O commands that the controller has not completed. A few are sent at a time: each takes two or more of the requests of
 * SPDK's admin queue, which has 32 for all of its purposes. And never more than the controller accepts: SPDK keeps further ones, and when
 * the connection ends it uses one that it has freed. Thread: control.
 */
class AbortCalls {
 public:
  using Done = std::function<void(AbortOutcome)>;

  AbortCalls() = default;
  AbortCalls(const AbortCalls&) = delete;
  AbortCalls& operator=(const AbortCalls&) = delete;
  /** Settles the rest. SPDK holds no call any more. */
  ~AbortCalls() { settle_all(); }

  /**
   * Asks the controller to abort the command in a slot of a queue pair, now or in a send_more(). The slot stays that command's until
   * `done` is called. Holds: linger lock (exclusive).
   * @param set exists as long as send_more() is called
   */
  void send(spdk_nvme_ctrlr* controller, QueueSet& set, size_t index, uint32_t slot, Done done);
  /** Whether Abort commands wait for others to complete. */
  [[nodiscard]] bool waiting() const { return !waiting_.empty(); }
  /** Sends those that wait, as far as they may be, and drops those whose commands have ended. Holds: linger lock (exclusive). */
  void send_more(spdk_nvme_ctrlr* controller);
  /** Whether Abort commands are outstanding, or wait. */
  [[nodiscard]] bool busy() const { return !calls_.empty(); }
  /** Settles the calls that SPDK did not complete, once the controller is destroyed. */
  void settle_all();

 private:
  static constexpr size_t kMostAtOnce = 4;
  static size_t most_at_once(spdk_nvme_ctrlr* controller);

  struct Call {
    AbortCalls* owner;
    Done done;
    /** Of the command. */
    std::shared_ptr<IoRing> ring;
    /** Parts of the command that are not settled, and one more until all are known. */
    size_t left = 1;
    /** The Abort commands that SPDK sends for each part: two for a fused pair. */
    size_t aborts_of_part = 1;
    /** Parts for which Aborts were sent that have not completed. */
    size_t unanswered = 0;
    bool aborted = true;
    bool found = false;
  };
  /** A part of a command that is to be aborted. */
  struct Part {
    Call* call;
    QueueSet* set;
    size_t index;
    uint32_t slot;
    /** That SPDK has the part by. */
    void* context;
  };
  bool send(spdk_nvme_ctrlr* controller, const Part& part);
  void begin(Call& call);
  void end(Call& call);
  void drop(const Part& part);
  static void on_complete(void* context, const spdk_nvme_cpl* completion);
  void leave(Call* call);

  std::deque<Part> waiting_;
  size_t in_flight_ = 0;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace spdk_nvme
