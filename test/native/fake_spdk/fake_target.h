#pragma once

// A target for the fake of SPDK, and the functions that connect a controller, poll its admin queue and destroy it.
// It waits where SPDK v20.07 waits: for a target that says nothing, until the package breaks the connection.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fake {

/** What the one target does now. Any thread. */
struct Target {
  /** Rejects connections. */
  std::atomic<bool> rejects{false};
  /** Accepts connections, and completes nothing any more. */
  std::atomic<bool> silent{false};
  /** Completes no admin command with this opcode. */
  std::atomic<int> held_opcode{-1};
  /** No DMA memory is left. */
  std::atomic<bool> out_of_memory{false};
  /** The largest piece of DMA memory that is left. */
  std::atomic<size_t> largest_free{SIZE_MAX};
  /** For so many polls a connect whose connection was broken goes on, as it may before SPDK v22.05. */
  std::atomic<int> polls_in_vain{0};
  /** How many of the queue pairs that are made next cannot be. */
  std::atomic<int> rejected_queue_pairs{0};
  /** Controllers of SPDK that were connected, and those of them that have been destroyed. */
  std::atomic<uint64_t> connected{0};
  std::atomic<uint64_t> destroyed{0};
  /** What the latest connect allows each admin command. */
  std::atomic<uint32_t> admin_timeout_ms{0};
  /** How long it waits for a Keep Alive; 0: as long as it was asked to. */
  std::atomic<uint32_t> granted_keep_alive_ms{0};
  /** Queue pairs in a poll group do not get connected. */
  std::atomic<bool> holds_queue_pairs{false};
  /** How often admin queues were polled. */
  std::atomic<uint64_t> admin_polls{0};
  /** The most admin commands that it had at a time. */
  std::atomic<size_t> most_admin_commands{0};
  /** The connection ends while SPDK identifies the namespaces that have changed, and it takes them for gone. */
  std::atomic<bool> ends_while_identifying{false};
  /** Polls of queue pairs. */
  std::atomic<uint64_t> queue_pair_polls{0};
  /** Those of them while SPDK polled the admin queue without its lock. */
  std::atomic<uint64_t> polled_beside_unlocked{0};
  /** Calls that wait for the target while they disconnect a queue pair, by another thread than a control thread. */
  std::atomic<uint64_t> waits_outside_control{0};
  /** Commands that completed because their queue pair was freed while the target could still reach their memory. */
  std::atomic<uint64_t> completed_while_connected{0};
};

Target& target();

/** The connections that there are lose their I/O queue pairs... */
void lose_queue_pairs();
/** ... or their admin queue... */
void lose_admin_queues();
/** ... and SPDK needs more polls for its disconnect than there will be. */
void begin_to_disconnect_admin_queues();
/** Their controllers report that a namespace has changed... */
void report_namespace_change();
/** ... or its ANA state, with a log that they do not give. */
void report_ana_change();

/** The connects that have begun and not ended. */
size_t connects();

}  // namespace fake
