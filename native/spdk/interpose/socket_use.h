#pragma once

#include <cstdint>

namespace spdk_nvme::spdk {

/**
 * What SPDK has done with sockets on one thread. A poll of a queue pair over TCP reads from its socket. If it does not, SPDK will
 * never read again, and what is outstanding never ends: from v23.05 on after each message that SPDK does not accept, and in all
 * releases after one that has no data where there should be some.
 */
struct SocketUse {
  uint64_t reads = 0;
  /** Each poll of a queue pair that is in no poll group begins with one. */
  uint64_t flushes = 0;
  /** The next one is to fail. */
  bool flush_fails = false;
};
inline thread_local SocketUse socket_use;

/**
 * Polls a queue pair. If SPDK reads no more from it, polls it once more with a flush that fails, which is a loss of the connection
 * for SPDK. Does nothing for a queue pair in a poll group, which is not flushed; GroupedQueuePairs looks after those.
 */
template <typename Poll>
int32_t poll_what_is_read(Poll poll) {
  SocketUse& use = socket_use;
  const SocketUse before = use;
  const int32_t result = poll();
  if (result != 0 || use.reads != before.reads || use.flushes == before.flushes) return result;
  use.flush_fails = true;
  const int32_t end = poll();
  use.flush_fails = false;
  return end;
}

}  // namespace spdk_nvme::spdk
