#include "native/core/connection/connect_status.h"

#include <algorithm>
#include <cerrno>

#include "native/core/connection/descriptors.h"
#include "native/spdk/connect_failure.h"

namespace spdk_nvme {

namespace {

/** How much of SPDK's log goes into an error's message; all of it goes to the log's listener. */
constexpr size_t kQuotedLines = 3;

using Reason = spdk::ConnectFailure::Reason;

Status status_of(const spdk::ConnectFailure& failure) {
  switch (failure.reason) {
    case Reason::rejected: {
      Status status =
          Status::failure("ERR_SPDK_CONNECT_REJECTED",
                          failure.status ? "the target rejected the connection"
                                         : "the target rejected the connection, and this SPDK release "
                                           "does not say why");
      status.nvme = failure.status;
      if (failure.status && failure.status->dnr) status.message += ", and would do so again (Do Not Retry)";
      return status;
    }
    case Reason::key_missing:
      return Status::failure("ERR_SPDK_AUTHENTICATION_FAILED",
                             "the controller asks for authentication: attach with a dhchap key");
    case Reason::not_authenticated:
      return Status::failure("ERR_SPDK_AUTHENTICATION_FAILED",
                             "host and controller could not authenticate each other");
    case Reason::not_encrypted:
      return Status::failure(
          "ERR_SPDK_AUTHENTICATION_FAILED",
          "the TLS handshake with the target failed: the key is wrong, or the port does not use TLS");
    case Reason::unreachable:
      return Status::failure("ERR_SPDK_UNREACHABLE", "there is no response from the controller's address");
    case Reason::no_response:
    case Reason::too_slow:
      return Status::failure("ERR_SPDK_UNREACHABLE",
                             "the target did not respond within the time that SPDK allows it",
                             failure.reason == Reason::too_slow ? EADDRNOTAVAIL : ETIMEDOUT);
    case Reason::memory_not_registered:
      return Status::failure("ERR_SPDK_MEMLOCK_LIMIT", "memory could not be registered with the RDMA device");
    case Reason::no_descriptors:
      return no_descriptors();
    case Reason::out_of_memory:
      return Status::failure("ERR_SPDK_NO_MEMORY", "SPDK ran out of DMA memory while connecting", ENOMEM);
    case Reason::unknown:
      break;
  }
  return Status::failure("ERR_SPDK_ATTACH_FAILED", "SPDK could not attach the controller");
}

/** Whether SPDK may have logged this because the target closed the connection: what it logs then differs between releases. */
bool may_be_an_end(const spdk::ConnectFailure& failure) {
  return failure.reason == Reason::unknown || failure.reason == Reason::no_response ||
         (failure.reason == Reason::rejected && !failure.status);
}

Status status_of_end(const ConnectSigns& signs) {
  if (signs.target_responded) {
    return Status::failure("ERR_SPDK_ATTACH_FAILED",
                           "the target closed the connection before the controller was initialised",
                           ECONNRESET);
  }
  return Status::failure("ERR_SPDK_UNREACHABLE",
                         "the target closed the connection instead of responding to its first message",
                         ECONNRESET);
}

/** The first lines name the cause; what follows is SPDK cleaning up. */
std::string beginning_of(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < std::min(lines.size(), kQuotedLines); i++) text += (i == 0 ? "" : "; ") + lines[i];
  return text;
}

}  // namespace

Status connect_status(const std::vector<std::string>& log_lines, const std::vector<std::string>& names,
                      const ConnectSigns& signs) {
  spdk::ConnectFailure failure = spdk::connect_failure(log_lines, names);
  // SPDK logs nothing of the handshake itself; the target only ends the connection.
  if (signs.encrypted && !signs.target_responded && failure.reason == Reason::unknown) {
    failure.reason = Reason::not_encrypted;
  }
  const bool is_end = signs.target_ended && may_be_an_end(failure);
  Status status = is_end ? status_of_end(signs) : status_of(failure);
  if (!log_lines.empty()) status.message += " (SPDK: " + beginning_of(log_lines) + ")";
  return status;
}

}  // namespace spdk_nvme
