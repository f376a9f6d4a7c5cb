#pragma once

// Included before all else by the tests that run a second time for SPDK v22.05: gives older headers what that release has beyond
// them, as far as native/ uses it, so that these tests need no other SPDK. Changes nothing where the headers are as new.

#include <spdk/version.h>

#if SPDK_VERSION_MAJOR * 100 + SPDK_VERSION_MINOR < 2205

#undef SPDK_VERSION_MAJOR
#undef SPDK_VERSION_MINOR
#define SPDK_VERSION_MAJOR 22
#define SPDK_VERSION_MINOR 5

// Members that came later stand beside older ones.
#define create_only \
  create_only;      \
  bool async_mode
#define transport_ack_timeout          \
  transport_ack_timeout;               \
  uint64_t fabrics_connect_timeout_us; \
  bool disable_read_ana_log_page
#include <spdk/nvme.h>
#undef create_only
#undef transport_ack_timeout

#include <cstdint>

struct spdk_nvme_rdma_device_stat {
  const char* name;
  uint64_t polls;
  uint64_t idle_polls;
  uint64_t completions;
  uint64_t queued_requests;
  uint64_t total_send_wrs;
  uint64_t send_doorbell_updates;
  uint64_t total_recv_wrs;
  uint64_t recv_doorbell_updates;
};

struct spdk_nvme_tcp_stat {
  uint64_t polls;
  uint64_t idle_polls;
  uint64_t socket_completions;
  uint64_t nvme_completions;
  uint64_t submitted_requests;
  uint64_t queued_requests;
};

struct spdk_nvme_transport_poll_group_stat {
  spdk_nvme_transport_type trtype;
  struct {
    uint32_t num_devices;
    spdk_nvme_rdma_device_stat* device_stats;
  } rdma;
  spdk_nvme_tcp_stat tcp;
};

struct spdk_nvme_poll_group_stat {
  uint32_t num_transports;
  spdk_nvme_transport_poll_group_stat** transport_stat;
};

struct spdk_nvme_accel_fn_table;
struct spdk_nvme_detach_ctx;

/** Beside the one with a single parameter, which has C linkage. */
spdk_nvme_poll_group* spdk_nvme_poll_group_create(void* context, spdk_nvme_accel_fn_table* table);

extern "C" {
int spdk_nvme_poll_group_get_stats(spdk_nvme_poll_group* group, spdk_nvme_poll_group_stat** stats);
void spdk_nvme_poll_group_free_stats(spdk_nvme_poll_group* group, spdk_nvme_poll_group_stat* stats);
int spdk_nvme_detach_async(spdk_nvme_ctrlr* controller, spdk_nvme_detach_ctx** context);
int spdk_nvme_detach_poll_async(spdk_nvme_detach_ctx* context);
}

#endif
