#pragma once

#include <spdk/nvme.h>

#include <cstdint>

namespace spdk_nvme::spdk {

/** The type of a controller (NVMe base specification, "Identify Controller", CNTRLTYPE). */
enum class ControllerType : uint8_t { io, discovery, administrative };

/**
 * The type of a connected controller. Only an I/O controller has I/O queues: before v22.01 SPDK crashes when
 * a queue pair of a discovery controller is requested. Thread: control.
 */
ControllerType controller_type(spdk_nvme_ctrlr* controller);

/**
 * Whether SPDK keeps Asynchronous Event Requests outstanding at this controller. Before v22.01 it skips them
 * for the well-known discovery controller. Thread: control.
 */
bool requests_events(spdk_nvme_ctrlr* controller);

}  // namespace spdk_nvme::spdk
