#pragma once

#include <optional>
#include <string>
#include <vector>

#include "native/core/base/status.h"

namespace spdk_nvme::spdk {

/** Why a connect failed. */
struct ConnectFailure {
  enum class Reason {
    /** SPDK's log has no reason. */
    unknown,
    /** The controller responded and rejected the connection. */
    rejected,
    /** The controller asks for authentication, and this host has no key for it. */
    key_missing,
    /** Host and controller do not have the same keys, or find no hash function or group in common. */
    not_authenticated,
    /** The TLS handshake failed. */
    not_encrypted,
    /** Nothing listens at the address, or no route leads there. */
    unreachable,
    /** SPDK ended its wait for a connection manager event, which may still have arrived. */
    too_slow,
    /** The target accepted the TCP connection and did not respond on it. */
    no_response,
    /** The RDMA device did not register memory: usually RLIMIT_MEMLOCK. */
    memory_not_registered,
    /** No epoll descriptor for the sockets of a poll group. */
    no_descriptors,
    out_of_memory
  };

  Reason reason = Reason::unknown;
  /** rejected: the status of the Connect command; old releases do not log it. */
  std::optional<NvmeStatus> status;
};

/**
 * Finds the reason in SPDK's log lines of a connect: its API returns only that there is no controller. Knows
 * the texts of v20.07 to v26.05. Thread: any.
 * @param names of subsystem and host (NQNs). SPDK has them in many lines, and any words may be in them
 */
ConnectFailure connect_failure(std::vector<std::string> lines, std::vector<std::string> names = {});

}  // namespace spdk_nvme::spdk
