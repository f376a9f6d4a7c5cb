#pragma once

#include <spdk/nvme.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "native/spdk/interpose/connection_watch.h"
#include "native/spdk/keys.h"
#include "native/spdk/release.h"

namespace spdk_nvme::spdk {

/** The settings of a connection; lengths are checked before (see binding/arguments.cc). */
struct ConnectSettings {
  std::string host_nqn;        // empty: SPDK's default
  uint8_t host_id[16] = {};    // all zero: SPDK's default
  std::string source_address;  // empty: any
  std::string source_service;  // empty: any
  uint32_t io_queues = 1;
  uint32_t queue_depth = 128;
  uint32_t keep_alive_ms = 10'000;
  uint32_t timeout_ms = 5'000;
  bool header_digest = false;  // TCP only
  bool data_digest = false;    // TCP only
  /** Negative: SPDK's default. Of the other transport than these are for: lib/options/attach.ts rejects it. */
  int transport_ack_timeout = -1;  // as a power of two
  int transport_retry_count = -1;  // RDMA only
  int tos = -1;                    // RDMA only
  Keys keys;
};

/** Why this release cannot connect with these settings, for messages; empty if it can. */
std::string unsupported_setting(const spdk_nvme_transport_id& id, const ConnectSettings& settings);

/**
 * One attempt to connect to a controller (spdk_nvme_connect_async and spdk_nvme_probe_poll_async). Both calls
 * may wait inside SPDK and may destroy CM ids of the connection when it fails. Thread: one.
 */
class ConnectAttempt {
 public:
  enum class Progress { pending, connected, failed };

  ConnectAttempt(const spdk_nvme_transport_id& id, const ConnectSettings& settings);
  /** SPDK cannot cancel an attempt: poll it to its end before destroying it. */
  ~ConnectAttempt() = default;
  ConnectAttempt(const ConnectAttempt&) = delete;
  ConnectAttempt& operator=(const ConnectAttempt&) = delete;

  Progress poll();
  /** Lets other threads run between immediate polls, if a poll does not wait itself. */
  static void yield();
  /**
   * How to poll an attempt whose connections were disconnected because its call was cancelled: the pause
   * between polls, and how long it is polled at most when the environment ends. SPDK before v22.05 may keep
   * it pending for long, and logs an error in each poll. Later releases end most immediately; over RDMA, if
   * the target does not respond, only the time limit of the attach ends it.
   */
  static constexpr std::chrono::milliseconds abandoned_pause() {
    return std::chrono::milliseconds(kAsyncQueuePairs ? 5 : 250);
  }
  static constexpr std::chrono::milliseconds last_polls() {
    return std::chrono::milliseconds(kAsyncQueuePairs ? 1'000 : 0);
  }
  /** The controller, which the caller owns from now on; null until poll() returned connected. */
  [[nodiscard]] spdk_nvme_ctrlr* controller() const { return controller_; }
  /** How many I/O queues the target granted. */
  [[nodiscard]] uint32_t granted_io_queues() const { return granted_io_queues_; }
  /** The time limit of the target, which it may have rounded; 0 for none. */
  [[nodiscard]] uint32_t granted_keep_alive_ms() const { return granted_keep_alive_ms_; }
  /** The entries of an I/O queue: as requested, or fewer if the controller has smaller queues. */
  [[nodiscard]] uint32_t granted_queue_depth() const { return granted_queue_depth_; }

 private:
  static void on_attach(void* context, const spdk_nvme_transport_id* id, spdk_nvme_ctrlr* controller,
                        const spdk_nvme_ctrlr_opts* options);

  spdk_nvme_ctrlr_opts options_{};
  spdk_nvme_probe_ctx* probe_ = nullptr;
  spdk_nvme_ctrlr* controller_ = nullptr;
  uint32_t granted_io_queues_ = 0;
  uint32_t granted_queue_depth_ = 0;
  uint32_t granted_keep_alive_ms_ = 0;
};

/** One detach of a controller, polled to its end if the release can, otherwise done inside poll(). Thread: one. */
class DetachAttempt {
 public:
  explicit DetachAttempt(spdk_nvme_ctrlr* controller) : controller_(controller) {}
  /** Advances the detach. True once the controller is destroyed. */
  bool poll();
  /**
   * Ends, between two polls, the wait for the target. SPDK requests the shutdown (CC.SHN) and has
   * no limit for the response.
   */
  void stop_waiting();
  /** Ends the wait where it is inside a poll: disconnects the controller's connections. Thread: any. */
  static void interrupt(ConnectionWatch& watch);

 private:
  spdk_nvme_ctrlr* controller_;
  bool begun_ = false;
  bool waiting_ = true;
#if SPDK_NVME_RELEASE >= 2010
  spdk_nvme_detach_ctx* context_ = nullptr;
#endif
};

}  // namespace spdk_nvme::spdk
