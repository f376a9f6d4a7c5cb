#pragma once

#include <infiniband/verbs.h>

#include <span>

namespace spdk_nvme::spdk {

/**
 * When a controller reports that a namespace has changed, SPDK before v21.04 waits for the answer to Identify
 * inside the callback (nvme_ctrlr_async_event_cb): it polls the admin queue in the middle of polling it. If
 * the connection is lost just then, the inner poll takes the RDMA queue pair apart, and the outer one goes on
 * with it: the process crashes. From here on the outermost poll does it, when it has come to its end.
 *
 * Once, before the first controller. Does nothing where SPDK is a shared library, which hides what it takes.
 */
void defer_nested_disconnects();

/** What the poll that runs on this thread has taken off a completion queue, and will now work through. */
void note_polled(std::span<ibv_wc> completions);

}  // namespace spdk_nvme::spdk
