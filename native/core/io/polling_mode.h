#pragma once

namespace spdk_nvme {

/** Which threads poll a controller's queue pairs (docs/internals/polling.md). */
enum class PollingMode {
  /** Pollers alone. */
  threads,
  /** The JavaScript thread alone. */
  javascript,
  /** The JavaScript thread, and a poller while that does not look. */
  adaptive
};

}  // namespace spdk_nvme
