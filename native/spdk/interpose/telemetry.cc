// Wraps (see wrapped.txt) the start of DPDK's telemetry, which SPDK leaves on up to v23.09: a thread that listens on a socket.
// Without a folder of its own (--in-memory) that is /tmp/dpdk_telemetry.v2, one for the whole machine. When two processes start
// at the same time, or another user's process has left its socket there, DPDK does not start.

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives this name.

/** Its arguments differ from release to release, and none is read. */
extern "C" int __wrap_rte_telemetry_init() {
  return 0;
}

// NOLINTEND(bugprone-reserved-identifier)
