#pragma once

// What to attach: a controller of the fake target.

#include <cstdint>
#include <cstring>

#include "native/core/controller/controller.h"

namespace fake {

inline spdk_nvme_transport_id transport_id() {
  spdk_nvme_transport_id id{};
  id.trtype = SPDK_NVME_TRANSPORT_TCP;
  strcpy(id.trsvcid, "4420");
  strcpy(id.subnqn, "nqn.2026-11.fake");
  return id;
}

inline spdk_nvme::Controller::Request request(uint32_t timeout_ms) {
  spdk_nvme::Controller::Request wanted;
  wanted.transport_id = transport_id();
  wanted.connect.io_queues = 1;
  wanted.connect.queue_depth = 8;
  wanted.connect.timeout_ms = timeout_ms;
  return wanted;
}

}  // namespace fake
