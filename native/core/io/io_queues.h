#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "native/core/io/dma_memory.h"
#include "native/core/io/io_ring.h"
#include "native/core/io/js_queue_set.h"
#include "native/core/io/namespace_table.h"
#include "native/core/io/poller.h"
#include "native/core/io/polling_mode.h"
#include "native/core/io/queue_set.h"

namespace spdk_nvme {

/** What the I/O of all controllers of one environment shares. */
struct IoServices {
  std::vector<std::unique_ptr<Poller>> pollers;
  std::shared_ptr<DmaMemory> memory = std::make_shared<DmaMemory>();
  /** Where the next controller's first queue pair goes, so that small controllers spread over the pollers. */
  std::atomic<size_t> next_poller{0};

  // Numbers of threads in a controller's linger lock and its statistics: the pollers' indexes, then these two.
  [[nodiscard]] size_t control_thread() const { return pollers.size(); }
  [[nodiscard]] size_t javascript_thread() const { return pollers.size() + 1; }
  [[nodiscard]] size_t thread_count() const { return pollers.size() + 2; }
};

/**
 * The rings of one controller, and who polls each. Made for its first connection and kept over all that follow,
 * with the commands in them. Control thread, but for queue_pairs().
 */
class IoQueues {
 public:
  /** One queue pair as JavaScript sees it: its ring, and which threads poll it. */
  struct QueuePair {
    std::shared_ptr<IoRing> ring;
    /** Null when the JavaScript thread polls alone. */
    Poller* poller = nullptr;
    /** The set by which the JavaScript thread polls, one for several queue pairs; null when only pollers poll. */
    std::shared_ptr<JsQueueSet> js_set;

    /** Called when commands were published. Thread: JavaScript. */
    void submitted() const {
      if (js_set) {
        js_set->submitted(ring->in_flight() == 0);
      } else {
        poller->wake();
      }
    }
  };

  /**
   * @param services outlives this
   * @param on_completions called when commands have completed and JavaScript wants to know; must not block
   */
  IoQueues(IoServices& services, PollingMode polling, std::function<void()> on_completions)
      : services_(services), polling_(polling), on_completions_(std::move(on_completions)) {}
  IoQueues(const IoQueues&) = delete;
  IoQueues& operator=(const IoQueues&) = delete;

  /** The queue pairs, which do not change once the controller is attached. Any thread from then on. */
  [[nodiscard]] const std::vector<QueuePair>& queue_pairs() const { return queue_pairs_; }

  /** Makes a ring for each queue pair that the target grants. */
  void make(uint32_t count, uint32_t queue_depth);
  /** Undoes make(), after a first connect that failed: the next one may be granted other numbers. */
  void discard() { queue_pairs_.clear(); }

  /** The rings that one thread polls, and the number of that thread: what one queue set is made of. */
  struct Share {
    size_t thread;
    std::vector<std::shared_ptr<IoRing>> rings;
  };
  /** The rings, divided by the thread that polls them. */
  [[nodiscard]] std::vector<Share> shares() const;
  /** Hands a connection's queue sets, one for each share, to the threads that poll them. */
  void serve(const std::vector<std::shared_ptr<QueueSet>>& sets);
  /** Ends the pollers' sleep: they are to look at their sets. */
  void wake_pollers();
  /** Wakes those that poll: the pollers, or JavaScript. Thread: control. */
  void look();
  /**
   * Whether a poller serves the sets of the thread with this number. Not those of the JavaScript thread, which may be busy or gone,
   * nor those of a poller that has ended: an environment that is closed past its time limit ends them before its controllers.
   */
  [[nodiscard]] bool has_poller(size_t thread) const {
    return thread < services_.pollers.size() && !services_.pollers[thread]->ended();
  }

  // For all rings.

  void set_namespaces(const std::shared_ptr<const NamespaceTable>& namespaces);
  /** Whether commands that lose their connection wait for the next one. */
  void set_requeue(bool requeue);
  /** Completes what JavaScript has cancelled. Only while there is no connection. */
  void settle_cancelled();
  /** Completes all commands that no queue pair has: with this errno, or as aborted for 0. */
  void fail_pending(int error_number);
  /** Operations that JavaScript has accepted and not settled. */
  [[nodiscard]] uint64_t pending() const;
  /** Ends all reports, once the controller is gone: the functions that report are dropped. */
  void stop_reporting();

 private:
  IoServices& services_;
  const PollingMode polling_;
  std::function<void()> on_completions_;
  std::vector<QueuePair> queue_pairs_;
};

}  // namespace spdk_nvme
