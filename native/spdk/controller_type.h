#pragma once

#include <spdk/nvme.h>

#include <cstdint>

namespace spdk_nvme::spdk {

/** What a controller is for (NVMe base specification, "Identify Controller", CNTRLTYPE). */
enum class ControllerType : uint8_t { io, discovery, administrative };

/**
 * The type of a controller that is connected. Only one for I/O has I/O queues: before v22.01 SPDK crashes
 * when it is asked for a queue pair of a discovery controller. Thread: control.
 */
ControllerType controller_type(spdk_nvme_ctrlr* controller);

/**
 * Whether SPDK keeps Asynchronous Event Requests at this controller. Before v22.01 it leaves them out of the
 * initialisation of the well-known discovery controller. Thread: control.
 */
bool requests_events(spdk_nvme_ctrlr* controller);

}  // namespace spdk_nvme::spdk
