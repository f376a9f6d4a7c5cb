#pragma once

#include <infiniband/verbs.h>

#include <span>

namespace spdk_nvme::spdk {

/**
 * When a controller reports a changed namespace, SPDK before v21.04 waits for the response to Identify inside
 * the callback (nvme_ctrlr_async_event_cb): it polls the admin queue while it is already polling it. If the
 * connection is lost in that moment, the inner poll destroys the RDMA queue pair and the outer one continues
 * to use it: the process crashes. With this, the outermost poll destroys it at its end. Called once, before
 * the first controller. Does nothing where SPDK is a shared library, which hides the functions that it needs.
 */
void defer_nested_disconnects();

/** Notes the completions that the current poll of this thread has taken from a completion queue and will handle. */
void note_polled(std::span<ibv_wc> completions);

}  // namespace spdk_nvme::spdk
