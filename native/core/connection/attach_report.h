#pragma once

namespace spdk_nvme {

/** How long each phase of an attach took, in milliseconds. A repeated step adds to its phase. */
struct AttachReport {
  /** The time in no other phase: waiting for a thread, for a place among the connects, before another attempt. */
  double wait_ms = 0;
  double address_ms = 0;
  double controller_ms = 0;
  double queue_pairs_ms = 0;
  double describe_ms = 0;
  double total_ms = 0;
};

}  // namespace spdk_nvme
